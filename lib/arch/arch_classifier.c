/* arch_classifier.c - the plain classifier: trunk, average pool, fc. Used for retrieval, its descriptor is the pooled feature. */
#include "arch/arch_builder.h"

int32_t rtvi_arch_classifier(rtvi_arch_builder *b, rtvi_arch_flow x) {
    const rtv_import_options *o = b->options;
    rtvi_quoted quoted;
    if (o->descriptors && o->descriptors[0])
        return rtvi_error_set(b->error, RTV_E_INVALID_ARGUMENT, "import: descriptors: got \"%s\", expected none for resnet_classifier",
                              rtvi_error_quote_string(&quoted, o->descriptors));
    rtvi_graph_set_architecture(b->graph, "resnet_classifier", "", b->error);
    x = rtvi_arch_resnet_trunk(b, x, o->layer3_stride ? o->layer3_stride : 2);
    x = rtvi_arch_node(b, RTVI_OP_GLOBAL_AVG_POOL, "avgpool", &x, 1, NULL);
    rtvi_arch_output(b, rtvi_arch_l2(b, x, "descriptor"), RTVI_ROLE_DESCRIPTOR);
    rtvi_arch_output(b, rtvi_arch_linear(b, x, "fc", "logits", 1), RTVI_ROLE_LOGITS);
    return b->error->status;
}
