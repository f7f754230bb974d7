/* arch_cgd.c - combination of multiple global descriptors (arXiv 1903.10663) on a ResNet trunk. Each letter of the configuration is a
 * branch: pool, linear without bias, L2; the branches joined and L2-normalised are the descriptor. */
#include <stdio.h>
#include <string.h>

#include "arch/arch_builder.h"

static const char *const configurations[] = {"S", "M", "G", "SM", "MS", "SG", "GS", "MG", "GM", "SMG", "MSG", "GSM"};
#define NUM_CONFIGURATIONS (sizeof configurations / sizeof *configurations)
#define MAX_BRANCHES 3

static const struct {
    char letter;
    rtvi_op op;
} pools[] = {{'S', RTVI_OP_GLOBAL_AVG_POOL}, {'M', RTVI_OP_GLOBAL_MAX_POOL}, {'G', RTVI_OP_GLOBAL_GEM_POOL}};

static rtvi_op pool_of(char letter) {
    size_t i = 0;
    while (pools[i].letter != letter) i++;
    return pools[i].op;
}

/* " S M G": the configurations of so many branches, or all for 0. */
static void list_configurations(char text[64], size_t branches) {
    text[0] = 0;
    for (size_t i = 0; i < NUM_CONFIGURATIONS; i++) {
        if (branches != 0 && strlen(configurations[i]) != branches) continue;
        strcat(strcat(text, " "), configurations[i]);
    }
}

static int32_t check_letters(const rtvi_arch_builder *b, const char *letters) {
    char all[64];
    rtvi_quoted quoted;
    for (size_t i = 0; i < NUM_CONFIGURATIONS; i++)
        if (strcmp(letters, configurations[i]) == 0) return RTV_OK;
    list_configurations(all, 0);
    return rtvi_error_set(b->error, RTV_E_INVALID_ARGUMENT, "import: descriptors: got \"%s\", expected one of%s",
                          rtvi_error_quote_string(&quoted, letters), all);
}

/* The letters are not in the checkpoint, but how many there are is. */
static int32_t check_branches(const rtvi_arch_builder *b, const char *letters) {
    char fitting[64], prefix[RTVI_ARCH_NAME_CHARS];
    size_t found = 0;
    for (;; found++) {
        snprintf(prefix, sizeof prefix, "main_modules.%zu.", found);
        if (!rtvi_arch_has_prefix(b, prefix)) break;
    }
    if (found == 0 || found == strlen(letters)) return RTV_OK; /* none: the tensors missing will be named */
    list_configurations(fitting, found);
    return rtvi_error_set(b->error, RTV_E_MISMATCH,
                          "weights: the checkpoint has %zu branches (main_modules), expected %zu for descriptors \"%s\"; %s%s", found,
                          strlen(letters), letters, fitting[0] ? "as many have:" : "no configuration has as many", fitting);
}

static rtvi_arch_flow add_pool(rtvi_arch_builder *b, rtvi_arch_flow x, int32_t branch, char letter) {
    char node[RTVI_ARCH_NAME_CHARS];
    snprintf(node, sizeof node, "branch%d.pool", branch);
    return rtvi_arch_node(b, pool_of(letter), node, &x, 1, NULL);
}

static rtvi_arch_flow add_branch(rtvi_arch_builder *b, rtvi_arch_flow pooled, int32_t branch) {
    char weights[RTVI_ARCH_NAME_CHARS], node[RTVI_ARCH_NAME_CHARS];
    rtvi_arch_flow x;
    snprintf(weights, sizeof weights, "main_modules.%d.0", branch);
    snprintf(node, sizeof node, "branch%d.linear", branch);
    x = rtvi_arch_linear(b, pooled, weights, node, 0);
    snprintf(node, sizeof node, "branch%d.normalize", branch);
    return rtvi_arch_l2(b, x, node);
}

/* One letter is joined with nothing, and normalised twice all the same. */
static void add_descriptor(rtvi_arch_builder *b, const rtvi_arch_flow *branches, int32_t count) {
    rtvi_arch_flow x = branches[0];
    if (count > 1) x = rtvi_arch_node(b, RTVI_OP_CONCAT, "concat", branches, count, NULL);
    rtvi_arch_output(b, rtvi_arch_l2(b, x, "descriptor"), RTVI_ROLE_DESCRIPTOR);
}

/* On the first branch's pooled vector, when the checkpoint has it. */
static void add_auxiliary(rtvi_arch_builder *b, rtvi_arch_flow pooled) {
    rtvi_arch_flow x;
    if (!rtvi_arch_has_prefix(b, "auxiliary_module.")) return;
    x = rtvi_arch_batch_norm(b, pooled, "auxiliary_module.0", "auxiliary.norm");
    rtvi_arch_output(b, rtvi_arch_linear(b, x, "auxiliary_module.1", "logits", 1), RTVI_ROLE_LOGITS);
}

int32_t rtvi_arch_cgd(rtvi_arch_builder *b, rtvi_arch_flow x) {
    const rtv_import_options *o = b->options;
    const char *letters = o->descriptors ? o->descriptors : "SG";
    rtvi_arch_flow pooled[MAX_BRANCHES], branches[MAX_BRANCHES];
    int32_t count = 0;
    if (check_letters(b, letters) != RTV_OK || check_branches(b, letters) != RTV_OK) return b->error->status;
    rtvi_graph_set_architecture(b->graph, "cgd_resnet", letters, b->error);
    x = rtvi_arch_resnet_trunk(b, x, o->layer3_stride ? o->layer3_stride : 1);
    for (; letters[count]; count++) {
        pooled[count] = add_pool(b, x, count, letters[count]);
        branches[count] = add_branch(b, pooled[count], count);
    }
    add_descriptor(b, branches, count);
    add_auxiliary(b, pooled[0]);
    return b->error->status;
}
