/* weights_torch.c - finds the state_dict in a pickle of torch.save and reads its tensors. Sources: torch/serialization.py (storages as
 * persistent ids), torch/_utils.py (_rebuild_tensor and its kin).
 *
 * A storage is the tuple ("storage", class, key, location, number of elements[, view]); the location ("cuda:0") does not matter here. A
 * view is None or (key, offset, size) in elements; only PyTorch before 0.4 writes it. */
#include "weights/weights_torch.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct reader {
    rtvi_weights *weights;
    const rtvi_pickle *p;
    rtvi_storage_find find;
    void *user;
    const char *name; /* of the tensor being read */
    size_t name_length;
    rtv_error *error;
} reader;

static int32_t refuse(const reader *r, int32_t status, const char *format, ...) RTVI_PRINTF(3, 4);
static int32_t refuse(const reader *r, int32_t status, const char *format, ...) {
    char what[200];
    rtvi_quoted quoted;
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return rtvi_error_set(r->error, status, "%s: tensor \"%s\": %s", r->weights->label, rtvi_error_quote(&quoted, r->name, r->name_length),
                          what);
}

static const rtvi_global *global_of(const reader *r, rtvi_pickle_id id) { return rtvi_pickle_global(rtvi_pickle_at(r->p, id)); }

/* A whole number that is not negative; -1 for anything else. */
static int64_t whole(const rtvi_pickle *p, rtvi_pickle_id id) {
    const rtvi_pickle_value *value = rtvi_pickle_at(p, id);
    return value->kind == RTVI_PICKLE_INT && value->as.number >= 0 ? value->as.number : -1;
}

/* The part of a storage's bytes that a view shows. */
static int32_t apply_view(const reader *r, rtvi_pickle_id view, size_t element, rtvi_storage_bytes *bytes) {
    int64_t offset = whole(r->p, rtvi_pickle_item(r->p, view, 1)), count = whole(r->p, rtvi_pickle_item(r->p, view, 2));
    size_t from, size, end;
    if (rtvi_pickle_is(r->p, view, RTVI_PICKLE_NONE)) return RTV_OK;
    if (offset < 0 || count < 0 || !rtvi_mul((size_t)offset, element, &from) || !rtvi_mul((size_t)count, element, &size) ||
        !rtvi_add(from, size, &end) || end > bytes->size)
        return refuse(r, RTV_E_FORMAT, "got a view that leaves its storage, expected one inside");
    bytes->data += from;
    bytes->size = size;
    return RTV_OK;
}

static int32_t read_storage(const reader *r, rtvi_pickle_id id, rtvi_dtype *dtype, rtvi_storage_bytes *bytes) {
    rtvi_pickle_id tuple = rtvi_pickle_is(r->p, id, RTVI_PICKLE_PERSISTENT) ? (rtvi_pickle_id)rtvi_pickle_at(r->p, id)->as.number : 0;
    rtvi_pickle_id class_id = rtvi_pickle_item(r->p, tuple, 1);
    const rtvi_pickle_value *key = rtvi_pickle_at(r->p, rtvi_pickle_item(r->p, tuple, 2));
    int64_t count = whole(r->p, rtvi_pickle_item(r->p, tuple, 4));
    size_t wanted;
    int32_t status;
    if (!rtvi_pickle_text_is(r->p, rtvi_pickle_item(r->p, tuple, 0), "storage") || key->kind != RTVI_PICKLE_TEXT || count < 0 ||
        !rtvi_pickle_has_role(r->p, class_id, RTVI_PICKLE_GLOBAL, RTVI_ROLE_STORAGE))
        return refuse(r, RTV_E_FORMAT, "got another value, expected a storage as torch.save describes it");
    *dtype = global_of(r, class_id)->dtype;
    if (*dtype == 0)
        return refuse(r, RTV_E_UNSUPPORTED, "got a torch.%s, expected a storage of plain numbers", global_of(r, class_id)->name);
    status = r->find(r->user, rtvi_pickle_text(r->p, key), key->size, bytes, r->error);
    if (status != RTV_OK) return status;
    if (!rtvi_mul((size_t)count, rtvi_dtype_size(*dtype), &wanted) || wanted > bytes->size)
        return refuse(r, RTV_E_FORMAT, "storage: got %zu bytes, expected %lld elements of %s", bytes->size, (long long)count,
                      rtvi_dtype_name(*dtype));
    bytes->size = wanted;
    return apply_view(r, rtvi_pickle_item(r->p, tuple, 5), rtvi_dtype_size(*dtype), bytes);
}

static int32_t read_shape(const reader *r, rtvi_pickle_id size, rtvi_pickle_id stride, rtvi_tensor *tensor) {
    const rtvi_pickle_value *dims = rtvi_pickle_at(r->p, size), *strides = rtvi_pickle_at(r->p, stride);
    if (dims->kind != RTVI_PICKLE_TUPLE || strides->kind != RTVI_PICKLE_TUPLE || dims->size != strides->size)
        return refuse(r, RTV_E_FORMAT, "got other values, expected a shape and as many strides");
    if (dims->size > RTVI_MAX_RANK) return refuse(r, RTV_E_UNSUPPORTED, "got more than 8 dimensions, expected at most 8");
    tensor->rank = (int32_t)dims->size;
    for (uint32_t i = 0; i < dims->size; i++) {
        tensor->dims[i] = whole(r->p, rtvi_pickle_item(r->p, size, i));
        tensor->strides[i] = whole(r->p, rtvi_pickle_item(r->p, stride, i));
        if (tensor->dims[i] < 0 || tensor->strides[i] < 0)
            return refuse(r, RTV_E_FORMAT, "got a dimension or stride that is no whole number, expected 0 or more");
    }
    return RTV_OK;
}

/* The place after the last element, counted from offset; -1 on overflow, 0 for a tensor without elements. */
static int64_t extent(const rtvi_tensor *tensor) {
    int64_t last = 0, step;
    if (rtvi_tensor_count(tensor) == 0) return 0;
    for (int32_t i = 0; i < tensor->rank; i++)
        if (__builtin_mul_overflow(tensor->dims[i] - 1, tensor->strides[i], &step) || __builtin_add_overflow(last, step, &last)) return -1;
    return last == INT64_MAX ? -1 : last + 1;
}

/* Stride 0 can repeat one element without end: no tensor may be larger than the file. */
static int32_t check_bounds(const reader *r, const rtvi_tensor *tensor, int64_t offset, const rtvi_storage_bytes *bytes) {
    size_t element = rtvi_dtype_size(tensor->dtype), total;
    int64_t count = rtvi_tensor_count(tensor), reach = extent(tensor), end;
    if (reach < 0 || offset < 0 || __builtin_add_overflow(offset, reach, &end) || (uint64_t)end > bytes->size / element)
        return refuse(r, RTV_E_FORMAT, "got elements outside of its storage, expected them inside");
    if (count < 0 || !rtvi_mul((size_t)count, element, &total) || total > r->weights->source.size)
        return refuse(r, RTV_E_FORMAT, "got more elements than the file has bytes for");
    return RTV_OK;
}

static int32_t read_tensor(const reader *r, rtvi_role role, rtvi_pickle_id arguments, rtvi_tensor *tensor) {
    rtvi_pickle_id dtype = rtvi_pickle_item(r->p, arguments, 6);
    rtvi_pickle_id bits = rtvi_pickle_item(r->p, arguments, role == RTVI_ROLE_TENSOR_V3 ? 7 : 6);
    int64_t offset = whole(r->p, rtvi_pickle_item(r->p, arguments, 1));
    rtvi_storage_bytes bytes = {NULL, 0};
    int32_t status;
    memset(tensor, 0, sizeof *tensor);
    if (rtvi_pickle_is(r->p, bits, RTVI_PICKLE_DICT) && rtvi_pickle_at(r->p, bits)->as.link.first)
        return refuse(r, RTV_E_UNSUPPORTED, "got a lazily negated or conjugated one, expected plain values");
    status = read_storage(r, rtvi_pickle_item(r->p, arguments, 0), &tensor->dtype, &bytes);
    if (status == RTV_OK && role == RTVI_ROLE_TENSOR_V3) {
        if (!rtvi_pickle_has_role(r->p, dtype, RTVI_PICKLE_GLOBAL, RTVI_ROLE_DTYPE))
            return refuse(r, RTV_E_FORMAT, "got no dtype, expected one");
        tensor->dtype = global_of(r, dtype)->dtype;
        if (tensor->dtype == 0)
            return refuse(r, RTV_E_UNSUPPORTED, "got dtype torch.%s, expected one of plain numbers", global_of(r, dtype)->name);
    }
    if (status == RTV_OK) status = read_shape(r, rtvi_pickle_item(r->p, arguments, 2), rtvi_pickle_item(r->p, arguments, 3), tensor);
    if (status == RTV_OK) status = check_bounds(r, tensor, offset, &bytes);
    if (status != RTV_OK) return status;
    tensor->data = bytes.data + (rtvi_tensor_count(tensor) ? (size_t)offset * rtvi_dtype_size(tensor->dtype) : 0);
    return RTV_OK;
}

static int is_tensor(const rtvi_pickle *p, rtvi_pickle_id id) {
    rtvi_role role = rtvi_pickle_is(p, id, RTVI_PICKLE_CALL) ? rtvi_pickle_global(rtvi_pickle_at(p, id))->role : RTVI_ROLE_OTHER;
    return role >= RTVI_ROLE_TENSOR && role <= RTVI_ROLE_STRANGE;
}

/* Goes through the wrappings (a parameter of a tensor, a class with attributes) down to the tensor itself. */
static int32_t read_value(const reader *r, rtvi_pickle_id id, rtvi_tensor *tensor) {
    for (int depth = 0; depth < 4 && is_tensor(r->p, id); depth++) {
        const rtvi_global *function = global_of(r, id);
        rtvi_pickle_id arguments = (rtvi_pickle_id)rtvi_pickle_at(r->p, id)->as.number;
        if (function->role == RTVI_ROLE_FROM_TYPE) {
            rtvi_pickle_id inner = rtvi_pickle_item(r->p, arguments, 0);
            arguments = rtvi_pickle_item(r->p, arguments, 2);
            if (!rtvi_pickle_is(r->p, inner, RTVI_PICKLE_GLOBAL)) break;
            function = global_of(r, inner);
        }
        if (function->role == RTVI_ROLE_TENSOR || function->role == RTVI_ROLE_TENSOR_V3)
            return read_tensor(r, function->role, arguments, tensor);
        if (function->role == RTVI_ROLE_STRANGE)
            return refuse(r, RTV_E_UNSUPPORTED, "got one made by %s.%s, expected a plain dense tensor", function->module, function->name);
        if (function->role != RTVI_ROLE_PARAMETER) break;
        id = rtvi_pickle_item(r->p, arguments, 0);
    }
    return refuse(r, RTV_E_FORMAT, "got another value, expected a tensor as torch.save describes it");
}

/* ---- where the tensors are ---- */

static int holds_tensors(const rtvi_pickle *p, rtvi_pickle_id id) {
    const rtvi_pickle_value *dict = rtvi_pickle_at(p, id);
    if (dict->kind != RTVI_PICKLE_DICT) return 0;
    for (uint32_t cell = dict->as.link.first; cell; cell = p->cells[cell].next)
        if (is_tensor(p, p->cells[cell].value)) return 1;
    return 0;
}

static rtvi_pickle_id find_wrapped(const rtvi_pickle *p, rtvi_pickle_id at, int depth) {
    static const char *const wrappers[] = {"state_dict", "model_state_dict", "model", "net"};
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers && depth < 3; i++) {
        rtvi_pickle_id inner = rtvi_pickle_lookup(p, at, wrappers[i]);
        rtvi_pickle_id found = rtvi_pickle_is(p, inner, RTVI_PICKLE_DICT) ? find_wrapped(p, inner, depth + 1) : 0;
        if (found) return found;
    }
    return holds_tensors(p, at) ? at : 0;
}

/* The state_dict: the root itself, or what a training checkpoint keeps under a customary name, or its only entry with tensors. */
static rtvi_pickle_id find_state_dict(const rtvi_pickle *p) {
    rtvi_pickle_id found = find_wrapped(p, p->root, 0);
    const rtvi_pickle_value *root = rtvi_pickle_at(p, p->root);
    uint32_t cell = !found && root->kind == RTVI_PICKLE_DICT ? root->as.link.first : 0;
    for (; cell; cell = p->cells[cell].next) {
        if (!holds_tensors(p, p->cells[cell].value)) continue;
        if (found) return 0;
        found = p->cells[cell].value;
    }
    return found;
}

int32_t rtvi_torch_collect(rtvi_weights *weights, const rtvi_pickle *pickle, rtvi_storage_find find, void *user, rtv_error *error) {
    reader r = {weights, pickle, find, user, NULL, 0, error};
    rtvi_pickle_id dict = find_state_dict(pickle);
    int32_t status = RTV_OK;
    if (!dict)
        return rtvi_error_set(error, RTV_E_FORMAT, "%s: tensors: got none, expected a state_dict, or one under \"state_dict\" or \"model\"",
                              weights->label);
    for (uint32_t cell = rtvi_pickle_at(pickle, dict)->as.link.first; cell && status == RTV_OK; cell = pickle->cells[cell].next) {
        const rtvi_pickle_value *key = rtvi_pickle_at(pickle, pickle->cells[cell].key);
        rtvi_tensor tensor;
        if (key->kind != RTVI_PICKLE_TEXT || !is_tensor(pickle, pickle->cells[cell].value)) continue;
        r.name = rtvi_pickle_text(pickle, key);
        r.name_length = key->size;
        status = read_value(&r, pickle->cells[cell].value, &tensor);
        if (status == RTV_OK) status = rtvi_weights_add(weights, r.name, r.name_length, &tensor, error);
    }
    return status;
}
