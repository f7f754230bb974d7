/* consumer.c - a program outside the tree: three vectors in an index, one query. */
#include <retrieve/retrieve.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    const float vectors[3][2] = {{1.0f, 0.0f}, {0.0f, 1.0f}, {0.6f, 0.8f}};
    const float query[2] = {0.8f, 0.6f};
    rtv_error e;
    rtv_index *index = NULL;
    rtv_items items;
    rtv_hit hits[2];
    int64_t num_hits = 0;

    memset(&items, 0, sizeof items);
    items.struct_size = sizeof items;
    items.vectors = vectors[0];
    if (rtv_version() != RTV_VERSION || rtv_index_create(2, NULL, &index, &e) != RTV_OK || rtv_index_add(index, &items, 3, &e) != RTV_OK ||
        rtv_index_search(index, query, 1, 2, NULL, hits, &num_hits, &e) != RTV_OK) {
        fprintf(stderr, "consumer: %s\n", e.message);
        return 1;
    }
    rtv_index_free(index);
    printf("best: %d, then %d\n", (int)hits[0].id, (int)hits[1].id);
    return num_hits == 2 && hits[0].id == 2 && hits[1].id == 0 ? 0 : 1;
}
