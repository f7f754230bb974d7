/* modelfile_json_graph.c - JSON to graph: names become values, and every name is used. */
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "modelfile/modelfile_field.h"
#include "modelfile/modelfile_json.h"

/* What a node may refer to. */
typedef struct symbol {
    const char *name;
    const rtvi_tensor *constant; /* of a tensor, else NULL */
    int32_t value;               /* in the graph, -1 while it is not there yet */
} symbol;

typedef struct reader {
    rtvi_graph *graph;
    symbol *symbols; /* by name */
    size_t num_symbols;
} reader;

static int by_name(const void *a, const void *b) { return strcmp(((const symbol *)a)->name, ((const symbol *)b)->name); }

static symbol *find_symbol(const reader *r, const char *name) {
    const symbol key = {name, NULL, -1};
    return bsearch(&key, r->symbols, r->num_symbols, sizeof key, by_name);
}

/* Every name of the file in one table, none of them twice. */
static int32_t collect_symbols(reader *r, const cJSON *input, const cJSON *nodes, const rtvi_safetensors_entry *entries, size_t num_entries,
                               rtv_error *error) {
    const cJSON *node;
    rtvi_quoted quoted;
    size_t most = num_entries + (size_t)cJSON_GetArraySize(nodes) + 1;
    symbol *next = r->symbols = rtvi_alloc_zero(r->graph->env, most, sizeof *r->symbols);
    int32_t status;
    if (!r->symbols) return rtvi_error_out_of_memory(error, "model", most * sizeof *r->symbols);
    status = rtvi_field_name("graph: input", input, "name", &next++->name, error);
    for (size_t i = 0; i < num_entries && status == RTV_OK; i++) {
        *next++ = (symbol){entries[i].name, &entries[i].tensor, -1};
        if (rtvi_text_is_name(entries[i].name)) continue;
        status = rtvi_error_set(error, RTV_E_FORMAT,
                                "model: tensor %zu: got name \"%s\", expected 1..512 bytes of UTF-8 without control characters", i,
                                rtvi_error_quote_string(&quoted, entries[i].name));
    }
    cJSON_ArrayForEach(node, nodes) {
        if (status == RTV_OK) status = rtvi_field_name("graph: node", node, "name", &next++->name, error);
    }
    if (status != RTV_OK) return status;
    r->num_symbols = most;
    qsort(r->symbols, most, sizeof *r->symbols, by_name);
    for (size_t i = 0; i < most; i++) {
        if (!r->symbols[i].constant) r->symbols[i].value = -1;
        if (i == 0 || by_name(&r->symbols[i - 1], &r->symbols[i]) != 0) continue;
        return rtvi_error_set(error, RTV_E_FORMAT, "model: graph: got name \"%s\" twice, expected it once",
                              rtvi_error_quote_string(&quoted, r->symbols[i].name));
    }
    return RTV_OK;
}

/* The value of a reference; a constant joins the graph with its first reader. */
static int32_t resolve(reader *r, const char *where, const cJSON *reference, int32_t *value, rtv_error *error) {
    const char *name = cJSON_GetStringValue(reference);
    symbol *found = name ? find_symbol(r, name) : NULL;
    rtvi_quoted quoted;
    if (found && found->constant && found->value < 0) {
        found->value = rtvi_graph_add_constant(r->graph, name, found->constant, error);
        if (found->value < 0) return error->status;
    }
    if (found && found->value >= 0) {
        *value = found->value;
        return RTV_OK;
    }
    return rtvi_error_set(error, RTV_E_FORMAT, "model: %s: got reference to \"%s\", expected the input, a tensor or an earlier node", where,
                          rtvi_error_quote_string(&quoted, name ? name : "?"));
}

static int32_t read_attribute(const char *where, const rtvi_attr_field *field, const cJSON *value, char *attr, rtv_error *error) {
    int32_t integers[RTVI_MAX_RANK], at = 0, status = RTV_OK;
    const cJSON *element;
    float number;
    if (field->kind == RTVI_ATTR_FLOAT) {
        status = rtvi_field_to_float(where, field->name, value, 0.0f, &number, error);
        if (status == RTV_OK) memcpy(attr + field->offset, &number, sizeof number);
        return status;
    }
    if (field->kind == RTVI_ATTR_INT) {
        status = rtvi_field_to_int(where, field->name, value, field->min, INT32_MAX, integers, error);
        if (status == RTV_OK) memcpy(attr + field->offset, integers, sizeof *integers);
        return status;
    }
    if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) != field->count) {
        return rtvi_error_set(error, RTV_E_FORMAT, "model: %s: \"%s\": got something else, expected an array of %d integers", where,
                              field->name, field->count);
    }
    cJSON_ArrayForEach(element, value) {
        if (status == RTV_OK) status = rtvi_field_to_int(where, field->name, element, field->min, INT32_MAX, &integers[at++], error);
    }
    if (status == RTV_OK) memcpy(attr + field->offset, integers, (size_t)field->count * sizeof *integers);
    return status;
}

static int32_t read_attributes(const char *where, rtvi_op op, const cJSON *object, rtvi_attr *attr, rtv_error *error) {
    const char *known[32] = {NULL};
    int32_t count, status;
    const rtvi_attr_field *fields = rtvi_op_attrs(op, &count);
    for (int32_t i = 0; i < count; i++) known[i] = fields[i].name;
    *attr = rtvi_attr_default();
    if (!object) return RTV_OK;
    status = rtvi_field_object(where, object, known, error);
    for (int32_t i = 0; i < count && status == RTV_OK; i++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, fields[i].name);
        if (value) status = read_attribute(where, &fields[i], value, (char *)attr, error);
    }
    return status;
}

static int32_t read_op(const char *where, const cJSON *node, rtvi_op *op, rtv_error *error) {
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(node, "op"));
    rtvi_quoted quoted;
    if (!name) return rtvi_field_wrong(where, "op", "the name of an operation", error);
    *op = rtvi_op_from_name(name);
    if (*op != RTVI_OP_COUNT) return RTV_OK;
    return rtvi_error_set(error, RTV_E_UNSUPPORTED, "model: %s: got unknown operation \"%s\", expected one of this release", where,
                          rtvi_error_quote_string(&quoted, name));
}

/* What the codes of the input or of a node's result mean. */
typedef struct code_fields {
    rtvi_dtype dtype;
    float scale;
    int32_t zero_point;
} code_fields;

static int32_t read_codes(const char *where, const cJSON *object, code_fields *codes, rtv_error *error) {
    static const char *const known[] = {"dtype", "scale", "zero_point", NULL};
    const char *dtype = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "dtype"));
    int32_t status;
    if (!object) return rtvi_field_wrong(where, "codes", "dtype, scale and zero point", error);
    status = rtvi_field_object(where, object, known, error);
    if (status != RTV_OK) return status;
    codes->dtype = dtype ? rtvi_dtype_from_name(dtype, strlen(dtype)) : (rtvi_dtype)0;
    if (codes->dtype != RTVI_U8 && codes->dtype != RTVI_I8) return rtvi_field_wrong(where, "dtype", "\"U8\" or \"I8\"", error);
    status = rtvi_field_to_float(where, "scale", cJSON_GetObjectItemCaseSensitive(object, "scale"), FLT_MIN, &codes->scale, error);
    if (status != RTV_OK) return status;
    return rtvi_field_int(where, object, "zero_point", 0, codes->dtype == RTVI_U8 ? 255 : 0, &codes->zero_point, error);
}

static int32_t read_node(reader *r, const cJSON *node, rtv_error *error) {
    static const char *const known[] = {"name", "op", "inputs", "codes", "attributes", NULL};
    const cJSON *codes = cJSON_GetObjectItemCaseSensitive(node, "codes");
    code_fields type = {RTVI_F32, 0, 0};
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(node, "name"));
    const cJSON *inputs, *reference;
    int32_t values[RTVI_MAX_INPUTS], count = 0, status;
    rtvi_quoted quoted;
    char where[RTVI_QUOTE_MAX + 16] = "node \"";
    rtvi_op op;
    rtvi_attr attr;
    strcat(strcat(where, rtvi_error_quote_string(&quoted, name)), "\"");
    status = rtvi_field_object(where, node, known, error);
    if (status == RTV_OK) status = read_op(where, node, &op, error);
    if (status == RTV_OK) status = read_attributes(where, op, cJSON_GetObjectItemCaseSensitive(node, "attributes"), &attr, error);
    if (status == RTV_OK && (codes || rtvi_op_has_own_scale(op))) status = read_codes(where, codes, &type, error);
    if (status == RTV_OK) status = rtvi_field_array(where, node, "inputs", 1, RTVI_MAX_INPUTS, &inputs, error);
    if (status != RTV_OK) return status;
    cJSON_ArrayForEach(reference, inputs) {
        status = resolve(r, where, reference, &values[count++], error);
        if (status != RTV_OK) return status;
    }
    if (codes)
        find_symbol(r, name)->value =
            rtvi_graph_add_quantized_node(r->graph, op, name, values, count, &attr, type.dtype, type.scale, type.zero_point, error);
    else
        find_symbol(r, name)->value = rtvi_graph_add_node(r->graph, op, name, values, count, &attr, error);
    return error->status;
}

static int32_t read_output(reader *r, const cJSON *output, rtv_error *error) {
    static const char *const known[] = {"value", "role", NULL};
    const char *role = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(output, "role"));
    rtvi_quoted quoted;
    int32_t value, status = rtvi_field_object("graph: output", output, known, error);
    if (status == RTV_OK && !role) status = rtvi_field_wrong("graph: output", "role", "the name of a role", error);
    if (status == RTV_OK && !rtvi_modelfile_role_from_name(role)) {
        status = rtvi_error_set(error, RTV_E_UNSUPPORTED, "model: graph: output: got unknown role \"%s\", expected one of this release",
                                rtvi_error_quote_string(&quoted, role));
    }
    if (status == RTV_OK) status = resolve(r, "graph: output", cJSON_GetObjectItemCaseSensitive(output, "value"), &value, error);
    if (status == RTV_OK) status = rtvi_graph_add_output(r->graph, value, rtvi_modelfile_role_from_name(role), error);
    return status;
}

static int32_t read_input(reader *r, const cJSON *input, rtv_error *error) {
    static const char where[] = "graph: input";
    const cJSON *codes = cJSON_GetObjectItemCaseSensitive(input, "codes");
    code_fields type;
    const char *name = cJSON_GetObjectItemCaseSensitive(input, "name")->valuestring;
    const cJSON *shape, *element;
    int64_t dims[RTVI_MAX_RANK];
    int32_t rank = 0, status = rtvi_field_array(where, input, "shape", 1, RTVI_MAX_RANK, &shape, error);
    if (status != RTV_OK) return status;
    cJSON_ArrayForEach(element, shape) {
        int32_t dim;
        status = rtvi_field_to_int(where, "shape", element, 1, INT32_MAX, &dim, error);
        if (status != RTV_OK) return status;
        dims[rank++] = dim;
    }
    find_symbol(r, name)->value = rtvi_graph_add_input(r->graph, name, rank, dims, error);
    if (error->status != RTV_OK || !codes) return error->status;
    status = read_codes(where, codes, &type, error);
    if (status == RTV_OK && type.dtype != RTVI_U8) status = rtvi_field_wrong(where, "dtype", "\"U8\"", error);
    return status == RTV_OK ? rtvi_graph_quantize_input(r->graph, type.scale, type.zero_point, error) : status;
}

static int32_t check_all_used(const reader *r, rtv_error *error) {
    rtvi_quoted quoted;
    for (size_t i = 0; i < r->num_symbols; i++) {
        if (r->symbols[i].value >= 0) continue;
        return rtvi_error_set(error, RTV_E_FORMAT, "model: tensor \"%s\": got no node that reads it, expected one",
                              rtvi_error_quote_string(&quoted, r->symbols[i].name));
    }
    return RTV_OK;
}

static int32_t read_graph(reader *r, const cJSON *root, const rtvi_safetensors_entry *entries, size_t num_entries, rtv_error *error) {
    static const char *const known[] = {"input", "nodes", "outputs", NULL}, *const known_input[] = {"name", "shape", "codes", NULL};
    const cJSON *input = cJSON_GetObjectItemCaseSensitive(root, "input"), *nodes, *outputs, *element;
    int32_t status = rtvi_field_object("graph", root, known, error);
    if (status == RTV_OK) status = rtvi_field_object("graph: input", input, known_input, error);
    if (status == RTV_OK) status = rtvi_field_array("graph", root, "nodes", 1, INT32_MAX, &nodes, error);
    if (status == RTV_OK) status = rtvi_field_array("graph", root, "outputs", 1, RTVI_MAX_OUTPUTS, &outputs, error);
    if (status == RTV_OK) status = collect_symbols(r, input, nodes, entries, num_entries, error);
    if (status == RTV_OK) status = read_input(r, input, error);
    if (status != RTV_OK) return status;
    cJSON_ArrayForEach(element, nodes) {
        status = read_node(r, element, error);
        if (status != RTV_OK) return status;
    }
    cJSON_ArrayForEach(element, outputs) {
        status = read_output(r, element, error);
        if (status != RTV_OK) return status;
    }
    return check_all_used(r, error);
}

int32_t rtvi_modelfile_graph_from_json(const char *json, const rtvi_safetensors_entry *entries, size_t num_entries, rtvi_graph *graph,
                                       rtv_error *error) {
    reader r = {graph, NULL, 0};
    cJSON *root;
    int32_t status = rtvi_field_parse("graph", json, &root, error);
    if (status == RTV_OK) status = read_graph(&r, root, entries, num_entries, error);
    rtvi_free(graph->env, r.symbols);
    cJSON_Delete(root);
    return status;
}
