/* retrieve.h - libretrieve: from a trained network and a folder of pictures to the most similar pictures.
 *
 *     #include <retrieve/retrieve.h>
 *     #include <stdio.h>
 *
 *     int main(int argc, char **argv) {                       // MODEL INDEX PICTURE
 *         rtv_error e;
 *         rtv_model *model = NULL;
 *         rtv_index *index = NULL;
 *         rtv_searcher *searcher = NULL;
 *         rtv_picture query;
 *         rtv_hit hits[10];
 *         int64_t num_hits = 0;
 *         if (argc != 4) return 2;
 *         rtv_picture_from_path(&query, argv[3]);
 *         if (rtv_model_load(argv[1], NULL, NULL, &model, &e) == RTV_OK &&
 *             rtv_index_open(argv[2], NULL, &index, &e) == RTV_OK &&
 *             rtv_searcher_create(model, index, 0, &searcher, &e) == RTV_OK &&
 *             rtv_searcher_search(searcher, &query, 1, 10, NULL, hits, &num_hits, NULL, &e) == RTV_OK) {
 *             for (int64_t i = 0; i < num_hits; i++) {
 *                 char key[1024] = "";
 *                 uint64_t size;
 *                 rtv_index_key(index, hits[i].id, key, sizeof key, &size, NULL);
 *                 printf("%.4f  %s\n", hits[i].score, key);
 *             }
 *         } else {
 *             fprintf(stderr, "%s\n", e.message);
 *         }
 *         rtv_searcher_free(searcher);
 *         rtv_index_free(index);
 *         rtv_model_free(model);
 *         return e.status == RTV_OK ? 0 : 1;
 *     }
 *
 * Conventions. Errors are listed with each function; NULL for what must be there is INVALID_ARGUMENT everywhere, and FORKED, BUSY and IO
 * for threads are explained once, with rtv_runtime. Functions return RTV_OK or a negative status, and on failure change nothing the caller
 * can see. The last parameter says why. Option structs are filled by their init macro; NULL options are the defaults. Sizes of the caller's
 * buffers are uint64_t, numbers of items int64_t; where rows are written, capacity 0 with NULL asks only how many there are. Paths and text
 * are UTF-8. Nothing is printed, no environment variable is read (oneDNN and OpenMP read theirs), and nothing needs to be initialised.
 * Handles may be freed in any order and from any thread, but none while a call with it runs; freeing NULL does nothing. */
#ifndef RETRIEVE_RETRIEVE_H
#define RETRIEVE_RETRIEVE_H

#include <retrieve/accuracy.h>
#include <retrieve/dataset.h>
#include <retrieve/drift.h>
#include <retrieve/evaluate.h>
#include <retrieve/export.h>
#include <retrieve/image.h>
#include <retrieve/index.h>
#include <retrieve/model.h>
#include <retrieve/quantizer.h>
#include <retrieve/reduce.h>
#include <retrieve/runtime.h>
#include <retrieve/searcher.h>
#include <retrieve/status.h>
#include <retrieve/vectors.h>
#include <retrieve/version.h>

#endif
