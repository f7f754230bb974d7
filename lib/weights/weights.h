/* weights.h - a checkpoint as a table of named tensors, whatever its container. */
#ifndef RTVI_WEIGHTS_H
#define RTVI_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/base_file.h"
#include "tensor/tensor.h"

typedef struct rtvi_weight {
    const char *name;   /* as in the file, after wrappers ("state_dict", "model") and prefixes ("module.") are taken off */
    rtvi_tensor tensor; /* data points into the source where it can, else into memory of the table */
    int used;           /* for whoever consumes the table: marks what it took */
} rtvi_weight;

/* In the order of the file. */
typedef struct rtvi_weights rtvi_weights;

typedef struct rtvi_weights_text {
    const char *text; /* [size] in the source */
    size_t size;
} rtvi_weights_text;

/* A list of a checkpoint's dict, all of texts or all of whole numbers. */
typedef struct rtvi_weights_list {
    char name[32];
    size_t count;
    rtvi_weights_text *texts; /* [count], or NULL */
    int64_t *numbers;         /* [count], or NULL */
} rtvi_weights_list;

/* Tells the container by its first bytes: PyTorch zip, PyTorch legacy pickle stream, safetensors. Takes the source over (also on failure,
 * when it is closed). Buffers that thop adds (total_ops, total_params) are left out. Two tensors of one name are an error. */
int32_t rtvi_weights_read(rtvi_source *source, rtvi_weights **weights, rtv_error *error);
/* The same with the lists beside the tensors of a PyTorch file; others have none. */
int32_t rtvi_weights_read_lists(rtvi_source *source, rtvi_weights **weights, rtv_error *error);
/* NULL when there is none, or nothing in it. */
const rtvi_weights_list *rtvi_weights_find_list(const rtvi_weights *weights, const char *name);
void rtvi_weights_close(rtvi_weights *weights);

size_t rtvi_weights_count(const rtvi_weights *weights);
rtvi_weight *rtvi_weights_at(rtvi_weights *weights, size_t i);
/* NULL when there is none. */
rtvi_weight *rtvi_weights_find(rtvi_weights *weights, const char *name);
const char *rtvi_weights_file(const rtvi_weights *weights); /* for messages */
const rtvi_source *rtvi_weights_source(const rtvi_weights *weights);

#endif
