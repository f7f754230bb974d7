/* nearest.c - the shortest useful program: the most similar pictures of an index. */
#include <retrieve/retrieve.h>
#include <stdio.h>

int main(int argc, char **argv) {  // MODEL INDEX PICTURE
    rtv_error e;
    rtv_model *model = NULL;
    rtv_index *index = NULL;
    rtv_searcher *searcher = NULL;
    rtv_picture query;
    rtv_hit hits[10];
    int64_t num_hits = 0;
    if (argc != 4) return 2;
    rtv_picture_from_path(&query, argv[3]);
    if (rtv_model_load(argv[1], NULL, NULL, &model, &e) == RTV_OK && rtv_index_open(argv[2], NULL, &index, &e) == RTV_OK &&
        rtv_searcher_create(model, index, 0, &searcher, &e) == RTV_OK &&
        rtv_searcher_search(searcher, &query, 1, 10, NULL, hits, &num_hits, NULL, &e) == RTV_OK) {
        for (int64_t i = 0; i < num_hits; i++) {
            char key[1024] = "";
            uint64_t size;
            rtv_index_key(index, hits[i].id, key, sizeof key, &size, NULL);
            printf("%.4f  %s\n", hits[i].score, key);
        }
    } else {
        fprintf(stderr, "%s\n", e.message);
    }
    rtv_searcher_free(searcher);
    rtv_index_free(index);
    rtv_model_free(model);
    return e.status == RTV_OK ? 0 : 1;
}
