/* test_flat_threads.c - searches while items are added: each search sees one consistent state. */
#include <pthread.h>
#include <stdatomic.h>

#include "support_flat.h"

/* Batch b has BATCH items, all of them the unit vector along b % DIM, and class b. Because a batch is added whole, a search sees whole
 * batches only, and those that it sees are the first ones. */
enum { DIM = 1024, BATCH = 20, BATCHES = 150, READERS = 3 };

static rtvi_flat *flat;
static rtvi_team *team;
static atomic_int finished, searches;

static void *add_batches(void *arg) {
    (void)arg;
    for (int32_t b = 0; b < BATCHES; b++) {
        float vectors[BATCH * DIM] = {0};
        int32_t classes[BATCH];
        char keys[BATCH][16];
        const char *key_list[BATCH];
        rtv_items items = test_items(vectors);
        for (int i = 0; i < BATCH; i++) {
            vectors[i * DIM + b % DIM] = 1.0F;
            classes[i] = b;
            snprintf(keys[i], sizeof keys[i], "%d", b * BATCH + i);
            key_list[i] = keys[i];
        }
        items.classes = classes;
        items.keys = key_list;
        if (rtvi_flat_add(flat, &items, BATCH, NULL) != RTV_OK) abort();
        while (atomic_load(&searches) < b) usleep(10); /* or everything would be there before the first search */
    }
    atomic_store(&finished, 1);
    return NULL;
}

static void expect(int condition, const char *what) {
    if (condition) return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static void search_once(rtv_hit *hits, int64_t *seen) {
    const rtv_search_options o = test_search_options();
    float queries[2 * DIM] = {0};
    int64_t num[2], id;
    char key[24], expected[24];
    for (int j = 0; j < DIM; j++) queries[j] = queries[DIM + j] = 1.0F; /* every score is 1: hits come in the order of ids */
    expect(rtvi_flat_search(flat, team, queries, 2, BATCH * BATCHES, &o, NULL, hits, num, NULL) == RTV_OK, "search");
    atomic_fetch_add(&searches, 1);
    expect(num[0] == num[1] && num[0] % BATCH == 0, "a part of a batch was seen");
    expect(num[0] >= *seen, "an item was lost");
    *seen = num[0];
    for (int64_t i = 0; i < num[0]; i++) {
        const rtv_hit *hit = &hits[i];
        expect(hit->id == i && hit->score == 1.0F && hit->class_id == i / BATCH, "hits are not the first batches");
    }
    expect(memcmp(hits, hits + BATCH * BATCHES, (size_t)num[0] * sizeof *hits) == 0, "two queries of one call saw two states");
    if (num[0] == 0) return;
    id = num[0] - 1;
    snprintf(expected, sizeof expected, "%lld", (long long)id);
    expect(rtvi_flat_key(flat, id, key, sizeof key, NULL, NULL) == RTV_OK && strcmp(key, expected) == 0, "key");
}

static void *search_on(void *arg) {
    rtv_hit *hits = malloc(2 * BATCH * BATCHES * sizeof *hits);
    int64_t seen = 0;
    rtv_index_info info;
    (void)arg;
    do {
        search_once(hits, &seen);
        rtvi_flat_info(flat, &info);
        expect(info.count >= seen, "info went back");
    } while (!atomic_load(&finished));
    search_once(hits, &seen);
    expect(seen == BATCH * BATCHES, "not everything was there at the end");
    free(hits);
    return NULL;
}

static void *save_on(void *arg) {
    do {
        expect(rtvi_flat_write(flat, arg, NULL) == RTV_OK, "save");
    } while (!atomic_load(&finished));
    return NULL;
}

static void searches_while_items_are_added(void **state) {
    test_heap heap;
    rtvi_env env;
    rtvi_source source;
    rtvi_flat *saved = NULL;
    rtv_index_info info;
    pthread_t readers[READERS], writer, saver;
    char folder[64], path[96];
    (void)state;
    test_env_init(&env, &heap);
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/a.rtvi", folder);
    assert_int_equal(rtvi_flat_create(&env, DIM, &flat, NULL), RTV_OK);
    assert_int_equal(rtvi_team_create(&env, 2, &team, NULL), RTV_OK);
    for (int i = 0; i < READERS; i++) assert_int_equal(pthread_create(&readers[i], NULL, search_on, NULL), 0);
    assert_int_equal(pthread_create(&saver, NULL, save_on, path), 0);
    assert_int_equal(pthread_create(&writer, NULL, add_batches, NULL), 0);
    pthread_join(writer, NULL);
    for (int i = 0; i < READERS; i++) pthread_join(readers[i], NULL);
    pthread_join(saver, NULL);
    assert_int_equal(rtvi_source_open(&env, "index", path, &source, NULL), RTV_OK);
    assert_int_equal(rtvi_flat_read(&env, &source, &saved, NULL), RTV_OK);
    rtvi_flat_info(saved, &info);
    assert_int_equal(info.count % BATCH, 0);
    rtvi_source_close(&source);
    rtvi_flat_destroy(saved);
    rtvi_flat_destroy(flat);
    rtvi_team_destroy(team);
    rtvi_env_destroy(&env);
    assert_int_equal(heap.live, 0);
    test_folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(searches_while_items_are_added)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
