/* exec_onednn_context.c - running a compiled network: primitives for one number of threads, bound to one arena. */
#include <string.h>

#include "exec/exec_onednn_build.h"
#include "kernels/kernels.h"

typedef struct bound_step {
    dnnl_primitive_t primitive; /* NULL for a kernel of our own */
    dnnl_memory_t scratchpad;   /* NULL where none is needed */
    dnnl_memory_t weights;      /* of the context's own, see repack; else NULL */
    void *packed;               /* behind weights */
    dnnl_exec_arg_t args[MAX_ARGS + 1];
    int32_t num_args;
} bound_step;

typedef struct context {
    rtvi_exec_context base;
    const net *net;
    dnnl_stream_t stream;
    dnnl_memory_t *memories; /* [num_tensors] */
    bound_step *steps;       /* [num_steps] */
    uint8_t *arena;
    uint8_t *scratchpad; /* shared by all steps: they run one after the other */
    size_t scratchpad_size;
    uint8_t *shown; /* a step's result in plain form, for an observer */
    size_t shown_size;
} context;

static void *tensor_data(const context *c, int32_t tensor) {
    const net_tensor *t = &c->net->tensors[tensor];
    return t->constant ? t->constant : c->arena + c->net->buffers[t->buffer].offset;
}

void rtvi_onednn_context_destroy(rtvi_exec_context *base) {
    context *c = (context *)base;
    const rtvi_env *env = c->net->env;
    for (size_t i = 0; c->steps && i < c->net->num_steps; i++) {
        if (c->steps[i].primitive) dnnl_primitive_destroy(c->steps[i].primitive);
        if (c->steps[i].scratchpad) dnnl_memory_destroy(c->steps[i].scratchpad);
        if (c->steps[i].weights) dnnl_memory_destroy(c->steps[i].weights);
        rtvi_free(env, c->steps[i].packed);
    }
    for (size_t i = 0; c->memories && i < c->net->num_tensors; i++)
        if (c->memories[i]) dnnl_memory_destroy(c->memories[i]);
    if (c->stream) dnnl_stream_destroy(c->stream);
    rtvi_free(env, c->memories);
    rtvi_free(env, c->steps);
    rtvi_free(env, c->arena);
    rtvi_free(env, c->scratchpad);
    rtvi_free(env, c->shown);
    rtvi_free(env, c);
}

/* Makes the primitive and remembers the largest scratchpad; the scratchpad's memory object is bound later. */
static dnnl_status_t bind_primitive(context *c, const net_step *step, bound_step *bound, dnnl_primitive_desc_t descriptor) {
    const_dnnl_memory_desc_t scratchpad = dnnl_primitive_desc_query_md(descriptor, dnnl_query_scratchpad_md, 0);
    size_t size = scratchpad ? dnnl_memory_desc_get_size(scratchpad) : 0;
    dnnl_status_t answer = dnnl_primitive_create(&bound->primitive, descriptor);
    if (answer == dnnl_success && size > 0) answer = dnnl_memory_create(&bound->scratchpad, scratchpad, c->net->engine, DNNL_MEMORY_NONE);
    if (size > c->scratchpad_size) c->scratchpad_size = size;
    for (int32_t i = 0; i < step->num_args; i++)
        bound->args[bound->num_args++] = (dnnl_exec_arg_t){
            step->ids[i], step->ids[i] == DNNL_ARG_WEIGHTS && bound->weights ? bound->weights : c->memories[step->tensors[i]]};
    if (bound->scratchpad) bound->args[bound->num_args++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, bound->scratchpad};
    return answer;
}

/* The step's weights in the layout that descriptor asks for. */
static int32_t pack_again(context *c, const net_tensor *weights, const_dnnl_primitive_desc_t descriptor, bound_step *bound,
                          rtv_error *error) {
    const_dnnl_memory_desc_t wanted = dnnl_primitive_desc_query_md(descriptor, dnnl_query_weights_md, 0);
    const size_t size = dnnl_memory_desc_get_size(wanted);
    bound->packed = rtvi_alloc(c->net->env, size, 1);
    if (!bound->packed) return rtvi_error_out_of_memory(error, "exec", size);
    if (rtvi_onednn_reorder_now(c->net->engine, weights->md, weights->constant, wanted, bound->packed, error) != RTV_OK)
        return error->status;
    return rtvi_onednn_error(dnnl_memory_create(&bound->weights, wanted, c->net->engine, bound->packed), "memory of", "an array", error);
}

/* The layout of weights was chosen for all the team's threads. Where oneDNN has only a reference kernel for it on this lane (seen with AMX
 * and one thread: hundreds of times slower), the context gets those weights once more, in the layout that suits it. */
static int32_t repack(context *c, const net_step *step, dnnl_primitive_desc_t *descriptor, bound_step *bound, rtv_error *error) {
    const int32_t arg = rtvi_onednn_find_arg(step, DNNL_ARG_WEIGHTS);
    const net_tensor *weights = arg < 0 ? NULL : &c->net->tensors[step->tensors[arg]];
    const dnnl_dims_t *dims = NULL;
    dnnl_memory_desc_t any = NULL;
    dnnl_primitive_desc_t better = NULL;
    rtv_error ignored;
    int32_t rank = 0;
    if (!weights || !weights->constant || !rtvi_onednn_is_slow(*descriptor) || strncmp(step->kernel, "ref", 3) == 0) return RTV_OK;
    dnnl_memory_desc_query(weights->md, dnnl_query_ndims_s32, &rank);
    dnnl_memory_desc_query(weights->md, dnnl_query_dims, &dims);
    if (dnnl_memory_desc_create_with_tag(&any, rank, *dims, rtvi_onednn_md_type(weights->md), dnnl_format_tag_any) != dnnl_success)
        return RTV_OK;
    rtvi_onednn_step_descriptor(c->net, step, any, &better, &ignored);
    dnnl_memory_desc_destroy(any);
    if (!better || rtvi_onednn_is_slow(better)) {
        if (better) dnnl_primitive_desc_destroy(better);
        return RTV_OK;
    }
    dnnl_primitive_desc_destroy(*descriptor);
    *descriptor = better;
    return pack_again(c, weights, better, bound, error);
}

static int32_t bind_steps(context *c, rtv_error *error) {
    for (size_t s = 0; s < c->net->num_steps; s++) {
        const net_step *step = &c->net->steps[s];
        dnnl_primitive_desc_t descriptor = NULL;
        int32_t status;
        if (step->kind >= STEP_OWN) continue;
        status = rtvi_onednn_step_descriptor(c->net, step, NULL, &descriptor, error);
        if (status != RTV_OK) return status;
        status = repack(c, step, &descriptor, &c->steps[s], error);
        if (status == RTV_OK)
            status = rtvi_onednn_error(bind_primitive(c, step, &c->steps[s], descriptor), rtvi_onednn_step_op(step), step->name, error);
        dnnl_primitive_desc_destroy(descriptor);
        if (status != RTV_OK) return status;
    }
    return RTV_OK;
}

static int32_t bind_memories(context *c, rtv_error *error) {
    for (size_t i = 0; i < c->net->num_tensors; i++) {
        dnnl_status_t answer = dnnl_memory_create(&c->memories[i], c->net->tensors[i].md, c->net->engine, tensor_data(c, (int32_t)i));
        if (answer != dnnl_success) return rtvi_onednn_error(answer, "memory of", "an array", error);
    }
    return RTV_OK;
}

static int32_t bind_scratchpad(context *c, rtv_error *error) {
    if (c->scratchpad_size == 0) return RTV_OK;
    c->scratchpad = rtvi_alloc(c->net->env, c->scratchpad_size, 1);
    if (!c->scratchpad) return rtvi_error_out_of_memory(error, "exec", c->scratchpad_size);
    for (size_t i = 0; i < c->net->num_steps; i++)
        if (c->steps[i].scratchpad) dnnl_memory_set_data_handle(c->steps[i].scratchpad, c->scratchpad);
    return RTV_OK;
}

int32_t rtvi_onednn_context_create(rtvi_exec *exec, int32_t threads, rtvi_exec_context **out, rtv_error *error) {
    const net *n = (const net *)exec;
    context *c = rtvi_alloc_zero(n->env, 1, sizeof *c);
    int32_t status;
    (void)threads; /* oneDNN asks the lane's OpenMP how many there are */
    if (!c) return rtvi_error_out_of_memory(error, "exec", sizeof *c);
    c->net = n;
    c->memories = rtvi_alloc_zero(n->env, n->num_tensors, sizeof *c->memories);
    c->steps = rtvi_alloc_zero(n->env, n->num_steps, sizeof *c->steps);
    c->arena = rtvi_alloc(n->env, n->arena_size, 1);
    if (!c->memories || !c->steps || !c->arena) {
        status = rtvi_error_out_of_memory(error, "exec", n->arena_size);
    } else {
        status = rtvi_onednn_error(dnnl_stream_create(&c->stream, n->engine, dnnl_stream_default_flags), "stream", "cpu", error);
    }
    if (status == RTV_OK) status = bind_memories(c, error);
    if (status == RTV_OK) status = bind_steps(c, error);
    if (status == RTV_OK) status = bind_scratchpad(c, error);
    if (status == RTV_OK)
        *out = &c->base;
    else
        rtvi_onednn_context_destroy(&c->base);
    return status;
}

void *rtvi_onednn_context_input(rtvi_exec_context *base) {
    context *c = (context *)base;
    return tensor_data(c, c->net->input);
}

size_t rtvi_onednn_context_bytes(const rtvi_exec_context *base) {
    const context *c = (const context *)base;
    return c->net->arena_size + c->scratchpad_size;
}

static int64_t product(const net *n, int32_t tensor, int32_t from) {
    const dnnl_dims_t *dims = NULL;
    int32_t rank = 0;
    int64_t count = 1;
    dnnl_memory_desc_query(n->tensors[tensor].md, dnnl_query_ndims_s32, &rank);
    dnnl_memory_desc_query(n->tensors[tensor].md, dnnl_query_dims, &dims);
    for (int32_t i = from; i < rank; i++) count *= (*dims)[i];
    return count;
}

static void run_pool(const context *c, const net_step *step, const void *x, float *out) {
    const int64_t channels = step->dims[1], positions = product(c->net, step->tensors[0], 2);
    const int codes = step->type.dtype != RTVI_F32;
    switch (step->op) {
        case RTVI_OP_GLOBAL_AVG_POOL:
            codes ? rtvi_pool_codes_avg(x, &step->type, channels, positions, step->block, out)
                  : rtvi_pool_avg(x, channels, positions, step->block, out);
            break;
        case RTVI_OP_GLOBAL_MAX_POOL:
            codes ? rtvi_pool_codes_max(x, &step->type, channels, positions, step->block, out)
                  : rtvi_pool_max(x, channels, positions, step->block, out);
            break;
        default:
            codes ? rtvi_pool_codes_gem(x, &step->type, channels, positions, step->block, out)
                  : rtvi_pool_gem(x, channels, positions, step->block, out);
    }
}

static void join(const context *c, const net_step *step, float *out) {
    for (int32_t i = 0; i + 1 < step->num_args; i++) {
        const int64_t count = product(c->net, step->tensors[i], 0);
        memcpy(out, tensor_data(c, step->tensors[i]), (size_t)count * sizeof *out);
        out += count;
    }
}

/* How many elements a tensor has, with those that pad a blocked layout. */
static int64_t stored(const net *n, int32_t tensor) {
    const_dnnl_memory_desc_t md = n->tensors[tensor].md;
    return (int64_t)(dnnl_memory_desc_get_size(md) / dnnl_data_type_size(rtvi_onednn_md_type(md)));
}

static void run_own(const context *c, const net_step *step) {
    const int32_t first = step->tensors[0];
    const void *x = tensor_data(c, first);
    void *out = tensor_data(c, step->tensors[step->num_args - 1]);
    switch (step->kind) {
        case STEP_GLOBAL_POOL:
            run_pool(c, step, x, out);
            break;
        case STEP_L2_NORMALIZE:
            rtvi_l2_normalize(x, product(c->net, first, 0), step->attr.epsilon, out);
            break;
        case STEP_QUANTIZE:
            rtvi_quantize(x, stored(c->net, first), &step->type, out);
            break;
        case STEP_DEQUANTIZE:
            rtvi_dequantize(x, stored(c->net, first), &step->type, out);
            break;
        default:
            join(c, step, out);
    }
}

static int32_t run_step(const context *c, size_t s, rtv_error *error) {
    const net_step *step = &c->net->steps[s];
    const bound_step *bound = &c->steps[s];
    if (bound->primitive) {
        dnnl_status_t answer = dnnl_primitive_execute(bound->primitive, c->stream, bound->num_args, bound->args);
        return rtvi_onednn_error(answer, rtvi_onednn_step_op(step), step->name, error);
    }
    run_own(c, step);
    return RTV_OK;
}

static void find_outputs(const context *c, const float **outputs) {
    for (int32_t i = 0; i < c->net->num_outputs; i++) outputs[i] = tensor_data(c, c->net->outputs[i]);
}

int32_t rtvi_onednn_context_run(rtvi_exec_context *base, const float **outputs, double *step_ms, rtv_error *error) {
    context *c = (context *)base;
    double before = step_ms ? rtvi_exec_clock_ms() : 0;
    for (size_t s = 0; s < c->net->num_steps; s++) {
        int32_t status = run_step(c, s, error);
        if (status != RTV_OK) return status;
        if (step_ms) {
            double now = rtvi_exec_clock_ms();
            step_ms[s] = now - before;
            before = now;
        }
    }
    dnnl_stream_wait(c->stream);
    find_outputs(c, outputs);
    return RTV_OK;
}

/* The values of a tensor in row-major order: itself, or a copy that lasts until the next one. */
static const void *make_plain(context *c, int32_t tensor, rtv_error *error) {
    const_dnnl_memory_desc_t md = c->net->tensors[tensor].md;
    dnnl_memory_desc_t plain = rtvi_onednn_plain_md(md);
    const size_t size = plain ? dnnl_memory_desc_get_size(plain) : 0;
    const void *values = NULL;
    if (plain && dnnl_memory_desc_equal(md, plain))
        values = tensor_data(c, tensor);
    else if (!plain || !rtvi_grow(c->net->env, (void **)&c->shown, &c->shown_size, 0, size, 1))
        rtvi_error_out_of_memory(error, "exec", size);
    else if (rtvi_onednn_reorder_now(c->net->engine, md, tensor_data(c, tensor), plain, c->shown, error) == RTV_OK)
        values = c->shown;
    if (plain) dnnl_memory_desc_destroy(plain);
    return values;
}

/* Shows what a step has just written. */
static int32_t show(context *c, const net_step *step, rtvi_exec_observer observer, void *user, rtv_error *error) {
    const int32_t written = step->tensors[rtvi_onednn_find_arg(step, DNNL_ARG_DST)];
    const dnnl_data_type_t type = rtvi_onednn_md_type(c->net->tensors[written].md);
    const rtvi_dtype dtype = type == dnnl_u8 ? RTVI_U8 : type == dnnl_s8 ? RTVI_I8 : RTVI_F32;
    const rtvi_tensor tensor = rtvi_tensor_contiguous(dtype, step->rank, step->dims, make_plain(c, written, error));
    if (!tensor.data) return error->status;
    observer(user, step->name, &tensor);
    return RTV_OK;
}

int32_t rtvi_onednn_context_run_observed(rtvi_exec_context *base, const float **outputs, rtvi_exec_observer observer, void *user,
                                         rtv_error *error) {
    context *c = (context *)base;
    for (size_t s = 0; s < c->net->num_steps; s++) {
        const net_step *step = &c->net->steps[s];
        int32_t status = run_step(c, s, error);
        if (status == RTV_OK) dnnl_stream_wait(c->stream);
        if (status == RTV_OK && step->kind != STEP_REORDER) status = show(c, step, observer, user, error);
        if (status != RTV_OK) return status;
    }
    find_outputs(c, outputs);
    return RTV_OK;
}

int32_t rtvi_onednn_reorder_now(dnnl_engine_t engine, const_dnnl_memory_desc_t from_md, const void *from, const_dnnl_memory_desc_t to_md,
                                void *to, rtv_error *error) {
    dnnl_primitive_desc_t descriptor = NULL;
    dnnl_primitive_t reorder = NULL;
    dnnl_memory_t source = NULL, target = NULL;
    dnnl_stream_t stream = NULL;
    dnnl_status_t answer = dnnl_reorder_primitive_desc_create(&descriptor, from_md, engine, to_md, engine, NULL);
    if (answer == dnnl_success) answer = dnnl_primitive_create(&reorder, descriptor);
    if (answer == dnnl_success) answer = dnnl_memory_create(&source, from_md, engine, (void *)(uintptr_t)from);
    if (answer == dnnl_success) answer = dnnl_memory_create(&target, to_md, engine, to);
    if (answer == dnnl_success) answer = dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
    if (answer == dnnl_success) {
        const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, target}};
        answer = dnnl_primitive_execute(reorder, stream, 2, args);
        if (answer == dnnl_success) answer = dnnl_stream_wait(stream);
    }
    if (stream) dnnl_stream_destroy(stream);
    if (target) dnnl_memory_destroy(target);
    if (source) dnnl_memory_destroy(source);
    if (reorder) dnnl_primitive_destroy(reorder);
    if (descriptor) dnnl_primitive_desc_destroy(descriptor);
    return rtvi_onednn_error(answer, "reorder of", "an array", error);
}
