/* exec_onednn.c - compiling a graph for oneDNN: every layout chosen, every weight packed, every array given its place in the arena. */
#include <string.h>

#include <retrieve/model.h>

#include "exec/exec_onednn_build.h"

static void destroy(rtvi_exec *exec) {
    net *n = (net *)exec;
    const rtvi_env *env = n->env;
    for (size_t i = 0; i < n->num_tensors; i++) dnnl_memory_desc_destroy(n->tensors[i].md);
    for (size_t i = 0; i < n->num_blocks; i++) rtvi_free(env, n->blocks[i]);
    for (size_t i = 0; i < n->num_steps; i++) rtvi_free(env, n->steps[i].name);
    if (n->engine) dnnl_engine_destroy(n->engine);
    rtvi_free(env, n->tensors);
    rtvi_free(env, n->steps);
    rtvi_free(env, n->buffers);
    rtvi_free(env, n->blocks);
    rtvi_free(env, n->scratch);
    rtvi_free(env, n);
}

static int32_t add_input(net *n, const rtvi_graph *graph, rtv_error *error) {
    const rtvi_value *input = &graph->values[graph->input];
    dnnl_memory_desc_t md = rtvi_onednn_md_of(input->dtype, input->rank, input->dims, input->dtype == RTVI_F32 ? dnnl_nchw : dnnl_nhwc);
    n->input = rtvi_onednn_add_activation(n, md, error);
    return n->input < 0 ? error->status : RTV_OK;
}

static int32_t add_outputs(net *n, const rtvi_graph *graph, const int32_t *values, rtv_error *error) {
    int32_t status = RTV_OK;
    for (int32_t i = 0; i < graph->num_outputs && status == RTV_OK; i++) {
        const int32_t value = graph->outputs[i].value;
        status = rtvi_onednn_emit_plain(n, values[value], graph->values[value].name, &n->outputs[i], error);
    }
    n->num_outputs = graph->num_outputs;
    return status;
}

/* A buffer lives from the first step that touches it to the last; the input from the start, outputs to the end. */
static int32_t plan_arena(net *n, rtv_error *error) {
    for (size_t b = 0; b < n->num_buffers; b++) n->buffers[b].first = -1;
    n->buffers[n->tensors[n->input].buffer].first = 0;
    for (size_t s = 0; s < n->num_steps; s++)
        for (int32_t i = 0; i < n->steps[s].num_args; i++) {
            const net_tensor *tensor = &n->tensors[n->steps[s].tensors[i]];
            if (tensor->constant) continue;
            if (n->buffers[tensor->buffer].first < 0) n->buffers[tensor->buffer].first = (int32_t)s;
            n->buffers[tensor->buffer].last = (int32_t)s;
        }
    for (int32_t i = 0; i < n->num_outputs; i++) n->buffers[n->tensors[n->outputs[i]].buffer].last = (int32_t)n->num_steps;
    return rtvi_plan_buffers(n->env, n->buffers, n->num_buffers, &n->arena_size, error);
}

static int32_t emit_all(net *n, const rtvi_graph *graph, int32_t *values, int32_t *uses, rtv_error *error) {
    int32_t status = add_input(n, graph, error);
    for (size_t i = 0; i < graph->num_values; i++) values[i] = -1;
    values[graph->input] = n->input;
    rtvi_graph_count_uses(graph, uses);
    for (size_t i = 0; i < graph->num_nodes && status == RTV_OK; i++)
        status = rtvi_onednn_emit_node(n, graph, &graph->nodes[i], values, uses, error);
    if (status == RTV_OK) status = add_outputs(n, graph, values, error);
    if (status == RTV_OK) status = plan_arena(n, error);
    return status;
}

int32_t rtvi_onednn_compile(const rtvi_env *env, const rtvi_graph *graph, rtvi_exec **exec, rtv_error *error) {
    net *n = rtvi_alloc_zero(env, 1, sizeof *n);
    int32_t *values = rtvi_alloc(env, graph->num_values, sizeof *values), *uses = rtvi_alloc(env, graph->num_values, sizeof *uses);
    int32_t status = RTV_OK;
    if (n && values && uses) {
        n->env = env;
        status = rtvi_onednn_error(dnnl_engine_create(&n->engine, dnnl_cpu, 0), "engine", "cpu", error);
        if (status == RTV_OK) status = emit_all(n, graph, values, uses, error);
    } else {
        status = rtvi_error_out_of_memory(error, "exec", 0);
    }
    rtvi_free(env, values);
    rtvi_free(env, uses);
    if (status == RTV_OK) {
        rtvi_free(env, n->scratch);
        n->scratch = NULL;
        *exec = &n->base;
    } else if (n && n->env) {
        destroy(&n->base);
    } else {
        rtvi_free(env, n);
    }
    return status;
}

static int has_codes(const rtvi_graph *graph) {
    for (size_t i = 0; i < graph->num_nodes; i++)
        if (graph->nodes[i].op == RTVI_OP_QCONV || graph->nodes[i].op == RTVI_OP_QLINEAR) return 1;
    return 0;
}

static int32_t compile(const rtvi_env *env, const rtvi_graph *graph, rtvi_exec **exec, rtv_error *error) {
    int32_t status = has_codes(graph) ? rtvi_onednn_check_answer(env, error) : RTV_OK;
    return status == RTV_OK ? rtvi_onednn_compile(env, graph, exec, error) : status;
}

static size_t num_steps(const rtvi_exec *exec) { return ((const net *)exec)->num_steps; }

/* Of a step's argument. */
static rtvi_dtype type_of(const net *n, const net_step *step, int32_t arg) {
    const dnnl_data_type_t type = rtvi_onednn_md_type(n->tensors[step->tensors[arg]].md);
    return type == dnnl_u8 ? RTVI_U8 : type == dnnl_s8 ? RTVI_I8 : RTVI_F32;
}

static rtvi_exec_step step_at(const rtvi_exec *exec, size_t i) {
    const net *n = (const net *)exec;
    const net_step *step = &n->steps[i];
    return (rtvi_exec_step){
        .name = step->name,
        .op = rtvi_onednn_step_op(step),
        .kernel = step->kernel,
        .precision = type_of(n, step, 0) == RTVI_F32 ? "f32" : "int8", /* the source is the first argument */
        .rank = step->rank,
        .dims = step->dims,
        .macs = step->macs,
        .dtype = type_of(n, step, rtvi_onednn_find_arg(step, DNNL_ARG_DST)),
        .scale = step->scale,
        .zero_point = step->zero_point,
    };
}

static size_t weights_bytes(const rtvi_exec *exec) { return ((const net *)exec)->weights_bytes; }

const rtvi_backend *rtvi_exec_onednn(void) {
    static const rtvi_backend backend = {
        .executor = RTV_EXECUTOR_ONEDNN,
        .compile = compile,
        .destroy = destroy,
        .context_create = rtvi_onednn_context_create,
        .context_destroy = rtvi_onednn_context_destroy,
        .context_input = rtvi_onednn_context_input,
        .run = rtvi_onednn_context_run,
        .run_observed = rtvi_onednn_context_run_observed,
        .num_steps = num_steps,
        .step_at = step_at,
        .weights_bytes = weights_bytes,
        .activation_bytes = rtvi_onednn_context_bytes,
    };
    return &backend;
}
