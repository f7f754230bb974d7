/* weights_torch.h - what torch.save puts into its pickles: finds the state_dict and reads its tensors. */
#ifndef RTVI_WEIGHTS_TORCH_H
#define RTVI_WEIGHTS_TORCH_H

#include "weights/weights_pickle.h"
#include "weights/weights_table.h"

/* The bytes of a storage by its key; writes the error when there is none. */
typedef struct rtvi_storage_bytes {
    const uint8_t *data;
    size_t size;
} rtvi_storage_bytes;
typedef int32_t (*rtvi_storage_find)(void *user, const char *key, size_t length, rtvi_storage_bytes *bytes, rtv_error *error);

/* Adds the tensors of the state_dict in a pickle that was loaded. Entries that are no tensors are left out. */
int32_t rtvi_torch_collect(rtvi_weights *weights, const rtvi_pickle *pickle, rtvi_storage_find find, void *user, rtv_error *error);
/* Adds the lists of its dict, if they are wanted. */
int32_t rtvi_weights_collect_lists(rtvi_weights *weights, const rtvi_pickle *pickle, rtv_error *error);

#endif
