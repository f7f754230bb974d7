/* exec_reference.c - runs a graph node by node in plain C: slow, readable, and the oracle for every other executor. */
#include <string.h>

#include <retrieve/model.h>

#include "exec/exec_backend.h"
#include "exec/exec_plan.h"
#include "exec/exec_reference_ops.h"

/* The graph is our copy; its constants are our arrays, of float32 or codes. */
typedef struct network {
    rtvi_exec head;
    rtvi_graph *graph;
    rtvi_array *arrays;        /* [num_values] of constants with their data, of the others without */
    int32_t *buffer_of;        /* [num_values] index into buffers, -1 for a constant */
    rtvi_plan_buffer *buffers; /* [num_buffers] */
    size_t num_buffers, arena_size, weights_bytes;
} network;

typedef struct context {
    rtvi_exec_context head;
    const network *net;
    int32_t threads;
    rtvi_array *arrays; /* [num_values] */
    uint8_t *arena;
    uint8_t *pixels; /* [height][width][3]: the input when it is codes, else NULL */
} context;

static void destroy(rtvi_exec *exec) {
    network *net = (network *)exec;
    const rtvi_env *env = net->head.env;
    rtvi_graph_destroy(net->graph);
    rtvi_free(env, net->arrays);
    rtvi_free(env, net->buffer_of);
    rtvi_free(env, net->buffers);
    rtvi_free(env, net);
}

/* Replaces a constant of the copied graph by an array that the copy owns: float32, but weights in codes stay codes. */
static int32_t take_constant(network *net, rtvi_value *value, rtv_error *error) {
    rtvi_dtype dtype = value->dtype == RTVI_I8 ? RTVI_I8 : RTVI_F32;
    size_t count = (size_t)rtvi_tensor_count(&value->constant), size = rtvi_dtype_size(dtype);
    void *data = rtvi_alloc(net->graph->env, count, size);
    if (!data) return rtvi_error_out_of_memory(error, "exec", count * size);
    if (dtype == RTVI_I8)
        rtvi_tensor_to_bytes(&value->constant, data);
    else
        rtvi_constant_to_f32(value, data);
    value->factor = NULL;
    value->owned = data;
    value->dtype = dtype;
    value->constant = rtvi_tensor_contiguous(dtype, value->rank, value->dims, data);
    net->weights_bytes += count * size;
    return RTV_OK;
}

static void put_data(rtvi_array *array, void *data) {
    array->data = array->type.dtype == RTVI_F32 ? data : NULL;
    array->codes = array->type.dtype == RTVI_F32 ? NULL : data;
}

/* Constants that no node reads (passes leave some behind) stay without data. */
static int32_t take_values(network *net, const int32_t *last, rtv_error *error) {
    for (size_t v = 0; v < net->graph->num_values; v++) {
        rtvi_value *value = &net->graph->values[v];
        rtvi_tensor shape = rtvi_tensor_contiguous(RTVI_F32, value->rank, value->dims, NULL);
        if (value->is_constant && last[v] >= 0) {
            int32_t status = take_constant(net, value, error);
            if (status != RTV_OK) return status;
        }
        net->arrays[v] = (rtvi_array){.rank = value->rank,
                                      .dims = value->dims,
                                      .count = rtvi_tensor_count(&shape),
                                      .type = {value->dtype, value->scale, value->zero_point}};
        put_data(&net->arrays[v], value->owned);
    }
    return RTV_OK;
}

/* The last step that reads each value; results of the network live to the end. */
static void find_last_reads(const rtvi_graph *graph, int32_t *last) {
    for (size_t v = 0; v < graph->num_values; v++) last[v] = graph->values[v].producer;
    for (size_t n = 0; n < graph->num_nodes; n++) {
        for (int32_t i = 0; i < graph->nodes[n].num_inputs; i++) last[graph->nodes[n].inputs[i]] = (int32_t)n;
    }
    for (int32_t i = 0; i < graph->num_outputs; i++) last[graph->outputs[i].value] = (int32_t)graph->num_nodes;
}

static size_t size_of(const rtvi_array *array) { return (size_t)array->count * rtvi_dtype_size(array->type.dtype); }

static int32_t new_buffer(network *net, int32_t value, int32_t first) {
    net->buffers[net->num_buffers] = (rtvi_plan_buffer){size_of(&net->arrays[value]), first, first, 0};
    return (int32_t)net->num_buffers++;
}

/* The buffer of an input that dies at node n and may be overwritten, else a new one. */
static int32_t choose_buffer(network *net, int32_t n, const int32_t *last) {
    const rtvi_node *node = &net->graph->nodes[n];
    for (int32_t i = 0; i < node->num_inputs; i++) {
        int32_t value = node->inputs[i];
        if (net->buffer_of[value] < 0 || last[value] != n || size_of(&net->arrays[value]) != size_of(&net->arrays[node->output])) continue;
        if (rtvi_exec_reference_may_overwrite(node, i)) return net->buffer_of[value];
    }
    return new_buffer(net, node->output, n);
}

static void plan_lives(network *net, const int32_t *last) {
    const rtvi_graph *graph = net->graph;
    for (size_t v = 0; v < graph->num_values; v++) net->buffer_of[v] = -1;
    net->buffer_of[graph->input] = new_buffer(net, graph->input, 0);
    for (size_t n = 0; n < graph->num_nodes; n++) {
        net->buffer_of[graph->nodes[n].output] = choose_buffer(net, (int32_t)n, last);
    }
    for (size_t v = 0; v < graph->num_values; v++) {
        rtvi_plan_buffer *buffer = net->buffer_of[v] < 0 ? NULL : &net->buffers[net->buffer_of[v]];
        if (buffer && last[v] > buffer->last) buffer->last = last[v];
    }
}

static int32_t build(network *net, const rtvi_graph *graph, rtv_error *error) {
    const rtvi_env *env = net->head.env;
    int32_t *last = rtvi_alloc(env, graph->num_values, sizeof *last), status = RTV_E_OUT_OF_MEMORY;
    net->arrays = rtvi_alloc_zero(env, graph->num_values, sizeof *net->arrays);
    net->buffer_of = rtvi_alloc(env, graph->num_values, sizeof *net->buffer_of);
    net->buffers = rtvi_alloc(env, graph->num_nodes + 1, sizeof *net->buffers);
    if (last && net->arrays && net->buffer_of && net->buffers) {
        net->graph = rtvi_graph_copy(graph, error);
        status = net->graph ? RTV_OK : error->status;
    } else {
        rtvi_error_out_of_memory(error, "exec", graph->num_values * sizeof *net->arrays);
    }
    if (status == RTV_OK) {
        find_last_reads(net->graph, last);
        status = take_values(net, last, error);
    }
    if (status == RTV_OK) {
        plan_lives(net, last);
        status = rtvi_plan_buffers(env, net->buffers, net->num_buffers, &net->arena_size, error);
    }
    rtvi_free(env, last);
    return status;
}

static int32_t compile(const rtvi_env *env, const rtvi_graph *graph, rtvi_exec **exec, rtv_error *error) {
    rtv_error own;
    network *net = rtvi_alloc_zero(env, 1, sizeof *net);
    int32_t status;
    if (!net) return rtvi_error_out_of_memory(error, "exec", sizeof *net);
    net->head.env = env;
    status = build(net, graph, error ? error : &own);
    if (status == RTV_OK) {
        *exec = &net->head;
    } else {
        destroy(&net->head);
    }
    return status;
}

static void context_destroy(rtvi_exec_context *head) {
    context *ctx = (context *)head;
    const rtvi_env *env = ctx->net->head.env;
    rtvi_free(env, ctx->arrays);
    rtvi_free(env, ctx->arena);
    rtvi_free(env, ctx->pixels);
    rtvi_free(env, ctx);
}

static int32_t context_create(rtvi_exec *exec, int32_t threads, rtvi_exec_context **head, rtv_error *error) {
    const network *net = (const network *)exec;
    const rtvi_array *input = &net->arrays[net->graph->input];
    context *ctx = rtvi_alloc_zero(exec->env, 1, sizeof *ctx);
    if (!ctx) return rtvi_error_out_of_memory(error, "exec", sizeof *ctx);
    ctx->net = net;
    ctx->threads = threads;
    ctx->arrays = rtvi_alloc(exec->env, net->graph->num_values, sizeof *ctx->arrays);
    ctx->arena = rtvi_alloc_zero(exec->env, net->arena_size, 1);
    if (input->type.dtype == RTVI_U8) ctx->pixels = rtvi_alloc_zero(exec->env, (size_t)input->count, 1);
    if (!ctx->arrays || !ctx->arena || (input->type.dtype == RTVI_U8 && !ctx->pixels)) {
        context_destroy(&ctx->head);
        return rtvi_error_out_of_memory(error, "exec", net->arena_size);
    }
    for (size_t v = 0; v < net->graph->num_values; v++) {
        ctx->arrays[v] = net->arrays[v];
        if (net->buffer_of[v] >= 0) put_data(&ctx->arrays[v], ctx->arena + net->buffers[net->buffer_of[v]].offset);
    }
    *head = &ctx->head;
    return RTV_OK;
}

static void *context_input(rtvi_exec_context *head) {
    const context *ctx = (const context *)head;
    return ctx->pixels ? (void *)ctx->pixels : ctx->arrays[ctx->net->graph->input].data;
}

/* From the picture's order to the planes that the operations read. */
static void take_pixels(const context *ctx) {
    const rtvi_array *input = &ctx->arrays[ctx->net->graph->input];
    int64_t plane = input->count / 3;
    for (int64_t i = 0; i < plane; i++) {
        for (int64_t c = 0; c < 3; c++) input->codes[c * plane + i] = ctx->pixels[3 * i + c];
    }
}

static void run_node(const context *ctx, const rtvi_node *node) {
    rtvi_array inputs[RTVI_MAX_INPUTS];
    for (int32_t i = 0; i < node->num_inputs; i++) inputs[i] = ctx->arrays[node->inputs[i]];
    rtvi_exec_reference_run_node(node, inputs, &ctx->arrays[node->output], ctx->threads);
}

static void show(const context *ctx, int32_t value, rtvi_exec_observer observer, void *user) {
    const rtvi_array *array = &ctx->arrays[value];
    rtvi_tensor tensor =
        rtvi_tensor_contiguous(array->type.dtype, array->rank, array->dims, array->codes ? (void *)array->codes : array->data);
    observer(user, ctx->net->graph->values[value].name, &tensor);
}

/* step_ms and observer may be NULL. */
static int32_t run_all(const context *ctx, const float **outputs, double *step_ms, rtvi_exec_observer observer, void *user) {
    const rtvi_graph *graph = ctx->net->graph;
    if (ctx->pixels) take_pixels(ctx);
    for (size_t n = 0; n < graph->num_nodes; n++) {
        double start = step_ms ? rtvi_exec_clock_ms() : 0.0;
        run_node(ctx, &graph->nodes[n]);
        if (step_ms) step_ms[n] = rtvi_exec_clock_ms() - start;
        if (observer) show(ctx, graph->nodes[n].output, observer, user);
    }
    for (int32_t i = 0; i < graph->num_outputs; i++) outputs[i] = ctx->arrays[graph->outputs[i].value].data;
    return RTV_OK;
}

static int32_t run(rtvi_exec_context *head, const float **outputs, double *step_ms, rtv_error *error) {
    (void)error;
    return run_all((const context *)head, outputs, step_ms, NULL, NULL);
}

static int32_t run_observed(rtvi_exec_context *head, const float **outputs, rtvi_exec_observer observer, void *user, rtv_error *error) {
    (void)error;
    return run_all((const context *)head, outputs, NULL, observer, user);
}

static size_t num_steps(const rtvi_exec *exec) { return ((const network *)exec)->graph->num_nodes; }

static rtvi_exec_step step_at(const rtvi_exec *exec, size_t i) {
    const network *net = (const network *)exec;
    const rtvi_node *node = &net->graph->nodes[i];
    const rtvi_value *out = &net->graph->values[node->output];
    return (rtvi_exec_step){
        .name = node->name,
        .op = rtvi_op_name(node->op),
        .kernel = "plain C",
        .precision = rtvi_exec_precision(net->graph, node),
        .rank = out->rank,
        .dims = out->dims,
        .macs = rtvi_graph_node_macs(net->graph, node),
        .dtype = out->dtype,
        .scale = out->scale,
        .zero_point = out->zero_point,
    };
}

static size_t weights_bytes(const rtvi_exec *exec) { return ((const network *)exec)->weights_bytes; }

static size_t activation_bytes(const rtvi_exec_context *head) { return ((const context *)head)->net->arena_size; }

const rtvi_backend *rtvi_exec_reference(void) {
    static const rtvi_backend backend = {
        .executor = RTV_EXECUTOR_REFERENCE,
        .compile = compile,
        .destroy = destroy,
        .context_create = context_create,
        .context_destroy = context_destroy,
        .context_input = context_input,
        .run = run,
        .run_observed = run_observed,
        .num_steps = num_steps,
        .step_at = step_at,
        .weights_bytes = weights_bytes,
        .activation_bytes = activation_bytes,
    };
    return &backend;
}
