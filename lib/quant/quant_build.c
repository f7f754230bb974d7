/* quant_build.c - what the rewriting of graphs shares. */
#include "quant/quant_build.h"

#include <stdio.h>
#include <string.h>

int rtvi_quant_build_begin(rtvi_quant_build *build, const rtvi_graph *from, rtv_error *error) {
    const rtvi_value *input = &from->values[from->input];
    *build = (rtvi_quant_build){from, rtvi_graph_create(from->env, from->name, error), error};
    if (!build->to) return 0;
    build->to->preprocess = from->preprocess;
    if (from->architecture) rtvi_graph_set_architecture(build->to, from->architecture, from->descriptors ? from->descriptors : "", error);
    rtvi_graph_set_class_names(build->to, (const char *const *)from->class_names, from->num_class_names, error);
    rtvi_graph_add_input(build->to, input->name, input->rank, input->dims, error);
    return 1;
}

rtvi_graph *rtvi_quant_build_end(rtvi_quant_build *build, const int32_t *outputs) {
    for (int32_t i = 0; i < build->from->num_outputs; i++)
        rtvi_graph_add_output(build->to, outputs[i], build->from->outputs[i].role, build->error);
    if (build->error->status == RTV_OK && rtvi_graph_verify(build->to, build->error) == RTV_OK) return build->to;
    rtvi_graph_destroy(build->to);
    build->to = NULL;
    return NULL;
}

const char *rtvi_quant_build_name(const rtvi_quant_build *build, const char *name, const char *ending, char *text) {
    int length = snprintf(text, 256, "%.200s%s", name, ending);
    while (length < 255 && (rtvi_graph_find_value(build->from, text) >= 0 || rtvi_graph_find_value(build->to, text) >= 0)) {
        text[length++] = '_';
        text[length] = 0;
    }
    return text;
}

int32_t rtvi_quant_build_copy(const rtvi_quant_build *build, const char *name, rtvi_dtype dtype, int32_t rank, const int64_t *dims,
                              const void *data) {
    rtvi_tensor tensor = rtvi_tensor_contiguous(dtype, rank, dims, data);
    const size_t count = (size_t)rtvi_tensor_count(&tensor), size = rtvi_dtype_size(dtype);
    void *block;
    if (build->error->status != RTV_OK) return -1;
    block = rtvi_alloc(build->to->env, count, size);
    if (!block) {
        rtvi_error_out_of_memory(build->error, "quantizer", count * size);
        return -1;
    }
    memcpy(block, data, count * size);
    tensor.data = block;
    return rtvi_graph_add_owned(build->to, name, &tensor, block, build->error);
}

int32_t rtvi_quant_build_share(const rtvi_quant_build *build, int32_t constant) {
    const rtvi_value *value = &build->from->values[constant];
    const int32_t there = rtvi_graph_find_value(build->to, value->name);
    return there >= 0 ? there : rtvi_graph_add_constant(build->to, value->name, &value->constant, build->error);
}

int32_t rtvi_quant_build_quantize(const rtvi_quant_build *build, int32_t value, const char *name, rtvi_code_type codes) {
    return rtvi_graph_add_quantized_node(build->to, RTVI_OP_QUANTIZE, name, &value, 1, NULL, codes.dtype, codes.scale, codes.zero_point,
                                         build->error);
}

int32_t rtvi_quant_build_dequantize(const rtvi_quant_build *build, int32_t value, const char *name) {
    return rtvi_graph_add_node(build->to, RTVI_OP_DEQUANTIZE, name, &value, 1, NULL, build->error);
}
