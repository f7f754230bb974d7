/* fuzz_dataset.c - fuzzing the lists of data sets: the first byte says the format, the rest is the list. */
#include <stdlib.h>
#include <string.h>

#include "dataset/dataset_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int32_t formats[] = {RTV_DATASET_SOP, RTV_DATASET_CARS, RTV_DATASET_INSHOP, RTV_DATASET_CSV};
    rtvi_dataset *dataset = NULL;
    rtv_dataset_info info;
    rtvi_env env;
    rtv_error error;
    if (size == 0) return 0;
    rtvi_env_init(&env, NULL, RTV_ISA_ANY);
    if (rtvi_dataset_parse(&env, "Ebay_test.txt", data + 1, size - 1, formats[data[0] % 4], &dataset, &error) == RTV_OK) {
        rtvi_dataset_info(dataset, &info);
        for (int64_t i = 0; i < info.count; i++) {
            rtv_dataset_entry entry;
            if (!rtvi_dataset_entry(dataset, i, &entry) || strlen(entry.path) == 0) abort();
            if (entry.class_id >= 0 && !rtvi_dataset_class_name(dataset, entry.class_id)) abort();
        }
    }
    rtvi_dataset_destroy(dataset);
    rtvi_env_destroy(&env);
    return 0;
}
