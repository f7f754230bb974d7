/* fuzz_modelfile.c - fuzzing the model file: whatever the bytes are, they are refused, or make a network that runs and can be written. */
#include <stdlib.h>
#include <string.h>

#include "exec/exec.h"
#include "modelfile/modelfile.h"
#include "modelfile/modelfile_checksum.h"

/* Makes the checksum right, or no mutation would come further than to it. */
static void seal(uint8_t *data, size_t size) {
    uint8_t *at = memmem(data, size, RTVI_CHECKSUM_PREFIX, strlen(RTVI_CHECKSUM_PREFIX));
    char digits[RTVI_CHECKSUM_DIGITS + 1];
    if (!at || (size_t)(data + size - at) < strlen(RTVI_CHECKSUM_ZERO)) return;
    memcpy(at, RTVI_CHECKSUM_ZERO, strlen(RTVI_CHECKSUM_ZERO));
    rtvi_checksum_digits(XXH3_64bits(data, size), digits);
    memcpy(at + strlen(RTVI_CHECKSUM_PREFIX), digits, RTVI_CHECKSUM_DIGITS);
}

/* Elements of all values and multiply-adds: a mutated shape may be right and still mean hours. */
static double work(const rtvi_graph *graph) {
    double sum = 0;
    for (size_t v = 0; v < graph->num_values; v++) {
        double count = 1;
        for (int32_t i = 0; i < graph->values[v].rank; i++) count *= (double)graph->values[v].dims[i];
        sum += count;
    }
    for (size_t n = 0; n < graph->num_nodes; n++) {
        const rtvi_node *node = &graph->nodes[n];
        sum += rtvi_graph_node_macs(graph, node);
        if (node->op == RTVI_OP_MAX_POOL) sum += 100.0 * node->attr.kernel[0] * node->attr.kernel[1];
    }
    return sum;
}

static void use(const rtvi_env *env, const rtvi_graph *graph) {
    rtvi_modelfile_info info;
    rtvi_exec *exec;
    rtvi_exec_context *context;
    const float *outputs[RTVI_MAX_OUTPUTS];
    if (work(graph) > 1e6) return;
    if (rtvi_modelfile_fingerprint(env, graph, RTV_STORE_FLOAT32, &info, NULL) != RTV_OK) abort();
    if (rtvi_exec_compile(env, graph, RTV_EXECUTOR_REFERENCE, &exec, NULL) != RTV_OK) abort();
    if (rtvi_exec_context_create(exec, 1, &context, NULL) != RTV_OK) abort();
    rtvi_exec_run(context, outputs, NULL, NULL);
    rtvi_exec_context_destroy(context);
    rtvi_exec_destroy(exec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size + 1);
    if (!copy) return 0;
    memcpy(copy, data, size);
    for (int sealed = 0; sealed < 2; sealed++) {
        rtvi_env env;
        rtvi_source source;
        rtvi_graph *graph;
        rtvi_modelfile_info info;
        rtv_error error;
        rtvi_env_init(&env, NULL, RTV_ISA_ANY);
        if (sealed) seal(copy, size);
        if (rtvi_source_from_memory(&env, "model", copy, size, 0, &source, &error) == RTV_OK) {
            if (rtvi_modelfile_read(&env, &source, &graph, &info, &error) == RTV_OK) use(&env, graph);
            rtvi_graph_destroy(graph);
            rtvi_source_close(&source);
        }
        rtvi_env_destroy(&env);
    }
    free(copy);
    return 0;
}
