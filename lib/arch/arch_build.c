/* arch_build.c - chooses the network and builds it. A new network is a new row of the table and a file of its own. */
#include "arch/arch.h"

#include <string.h>

#include "arch/arch_builder.h"
#include "arch/arch_options.h"

/* A checkpoint with a tensor whose name begins with one of the signs is taken for the network, the first row that fits. */
static const struct {
    const char *name;
    const char *signs[2];
    int32_t (*build)(rtvi_arch_builder *b, rtvi_arch_flow x);
} architectures[] = {
    {"cgd_resnet", {"main_modules.", "features.4.0.conv1."}, rtvi_arch_cgd},
    {"resnet_classifier", {"layer1.0.conv1.", "layer2.0.conv1."}, rtvi_arch_classifier},
};
#define NUM_ARCHITECTURES ((int)(sizeof architectures / sizeof *architectures))

/* A row of the table, or -1. */
static int find_by_name(const rtvi_arch_builder *b, const char *name) {
    rtvi_quoted quoted;
    for (int i = 0; i < NUM_ARCHITECTURES; i++)
        if (strcmp(architectures[i].name, name) == 0) return i;
    rtvi_error_set(b->error, RTV_E_INVALID_ARGUMENT, "import: architecture: got \"%s\", expected \"cgd_resnet\" or \"resnet_classifier\"",
                   rtvi_error_quote_string(&quoted, name));
    return -1;
}

static int find_by_tensors(const rtvi_arch_builder *b) {
    rtvi_quoted quoted;
    size_t count = rtvi_weights_count(b->weights);
    for (int i = 0; i < NUM_ARCHITECTURES; i++)
        for (int j = 0; j < 2; j++)
            if (rtvi_arch_has_prefix(b, architectures[i].signs[j])) return i;
    rtvi_error_set(b->error, RTV_E_UNSUPPORTED,
                   "weights: architecture: got %zu tensors%s%s%s of no known network, expected cgd_resnet or resnet_classifier", count,
                   count ? " (\"" : "", count ? rtvi_error_quote_string(&quoted, rtvi_weights_at(b->weights, 0)->name) : "",
                   count ? "\" is the first)" : "");
    return -1;
}

static void report_surplus(rtvi_arch_builder *b) {
    for (size_t i = 0; i < rtvi_weights_count(b->weights); i++) {
        const rtvi_weight *weight = rtvi_weights_at(b->weights, i);
        if (!weight->used) rtvi_arch_problems_add(&b->problems, RTVI_PROBLEM_SURPLUS, weight->name, &weight->tensor, 0, NULL);
    }
}

static int32_t set_class_names(rtvi_arch_builder *b) {
    const rtv_import_options *o = b->options;
    int32_t logits = rtvi_graph_output(b->graph, RTVI_ROLE_LOGITS);
    long long classes = logits < 0 ? 0 : b->graph->values[logits].dims[1];
    if (!o->class_names || o->num_class_names == 0) return RTV_OK;
    if (o->num_class_names != classes)
        return rtvi_error_set(b->error, RTV_E_MISMATCH, "import: num_class_names: got %lld, expected the classifier's %lld",
                              (long long)o->num_class_names, classes);
    return rtvi_graph_set_class_names(b->graph, o->class_names, o->num_class_names, b->error);
}

/* The whole network into b->graph. What the tensors lack counts for more than what the graph says about it, but for lack of memory. */
static int32_t build(rtvi_arch_builder *b, int architecture) {
    const int64_t dims[4] = {1, 3, b->options->input_height, b->options->input_width};
    rtvi_arch_flow x = {rtvi_graph_add_input(b->graph, "input", 4, dims, b->error), 3};
    int32_t status = architectures[architecture].build(b, x);
    if (status == RTV_OK || status == RTV_E_FORMAT) {
        report_surplus(b);
        if (rtvi_arch_problems_report(&b->problems, b->error) != RTV_OK) return RTV_E_MISMATCH;
    }
    if (status == RTV_OK) status = set_class_names(b);
    if (status != RTV_OK) return status;
    b->graph->preprocess = rtvi_arch_options_preprocess(b->options);
    return rtvi_graph_verify(b->graph, b->error);
}

int32_t rtvi_arch_build(const rtvi_env *env, rtvi_weights *weights, const rtv_import_options *options, rtvi_graph **graph,
                        rtv_error *error) {
    rtv_error own;
    rtvi_arch_builder b = {.env = env, .weights = weights, .options = options, .error = error ? error : &own};
    int architecture;
    int32_t status;
    *graph = NULL;
    rtvi_error_clear(b.error);
    status = rtvi_arch_options_check(options, b.error);
    if (status != RTV_OK) return status;
    architecture = options->architecture ? find_by_name(&b, options->architecture) : find_by_tensors(&b);
    if (architecture < 0) return b.error->status;
    for (size_t i = 0; i < rtvi_weights_count(weights); i++) rtvi_weights_at(weights, i)->used = 0;
    b.graph = rtvi_graph_create(env, options->name ? options->name : architectures[architecture].name, b.error);
    if (!b.graph) return b.error->status;
    status = build(&b, architecture);
    if (status == RTV_OK)
        *graph = b.graph;
    else
        rtvi_graph_destroy(b.graph);
    return status;
}
