/* test_flat_file.c - index files: golden files, damage of every byte, faults at every write and sync, and many random sequences of changes
 * against a simple model. RTV_TEST_FULL=1 in the environment runs 10,000 of these. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "index/flat_load.h"
#include "index/flat_ranks.h"
#include "support_flat.h"

enum { DIM = 4, IDS = 40, SMALL_BLOCK = 700 /* bytes: some ten rows a segment */ };

static test_heap heap;
static rtvi_env env;
static rtv_error error;

#define assert_ok(call)                                                 \
    do {                                                                \
        if ((call) != RTV_OK) fail_msg("%s: %s", #call, error.message); \
    } while (0)

/* ---- a model of what an index holds ---- */

typedef struct model_item {
    int live;
    float value; /* of all components */
    int32_t class_id;
    char key[16], payload[16];
} model_item;

typedef struct model {
    model_item items[IDS]; /* by id */
    float min_score;
} model;

static int count_items(const model *m) {
    int count = 0;
    for (int id = 0; id < IDS; id++) count += m->items[id].live;
    return count;
}

typedef struct comparison {
    const model *expected;
    int seen, same;
} comparison;

static int32_t compare_item(void *user, const rtv_item *item) {
    comparison *c = user;
    const model_item *m = item->id >= 0 && item->id < IDS ? &c->expected->items[item->id] : NULL;
    c->seen++;
    c->same = c->same && m && m->live && item->class_id == m->class_id && item->key_bytes == strlen(m->key) &&
              memcmp(item->key, m->key, (size_t)item->key_bytes) == 0 && item->payload.size_bytes == strlen(m->payload) &&
              memcmp(item->payload.data, m->payload, (size_t)item->payload.size_bytes) == 0 && item->vector[0] == m->value &&
              item->vector[DIM - 1] == m->value;
    return 0;
}

static int holds(rtvi_flat *flat, const model *expected) {
    comparison c = {expected, 0, 1};
    rtv_index_info info;
    rtvi_flat_info(flat, &info);
    if (rtvi_flat_visit(flat, compare_item, &c, NULL) != RTV_OK) return 0;
    for (int id = 0; id < IDS && c.same; id++) {
        const model_item *m = &expected->items[id];
        char key[16];
        int64_t found = -1;
        const int32_t status = rtvi_flat_key(flat, id, key, sizeof key, NULL, NULL);
        if (status != (m->live ? RTV_OK : RTV_E_NOT_FOUND) || (m->live && strcmp(key, m->key) != 0)) c.same = 0;
        if (m->live && *m->key && (rtvi_flat_find(flat, m->key, &found, NULL) != RTV_OK || found != id)) c.same = 0;
    }
    return c.same && c.seen == count_items(expected) && info.count == c.seen && info.min_score == expected->min_score;
}

/* Every item scores its value; they come in order, equal ones by id. */
static void check_search(rtvi_flat *flat, const model *expected) {
    const rtv_search_options o = test_search_options();
    const float query[DIM] = {1};
    rtv_hit hits[IDS];
    int64_t num = -1;
    assert_ok(rtvi_flat_search(flat, NULL, query, 1, IDS, &o, NULL, hits, &num, &error));
    assert_int_equal(num, count_items(expected));
    for (int64_t i = 0; i < num; i++) {
        assert_true(hits[i].score == expected->items[hits[i].id].value);
        assert_true(i == 0 || hits[i - 1].score > hits[i].score || (hits[i - 1].score == hits[i].score && hits[i - 1].id < hits[i].id));
    }
}

/* ---- changes, of an index and of the model ---- */

typedef struct draft_items {
    float vectors[8 * DIM];
    int64_t ids[8];
    int32_t classes[8];
    char keys[8][16], texts[8][16];
    const char *key_list[8];
    rtv_bytes payloads[8];
    int count;
} draft_items;

static void put_item(draft_items *d, int64_t id, uint64_t random) {
    const int i = d->count++;
    for (int j = 0; j < DIM; j++) d->vectors[i * DIM + j] = (float)(random % 1000) / 8;
    d->ids[i] = id;
    d->classes[i] = (int32_t)(random >> 10 & 0xff) % 5 - 1;
    snprintf(d->keys[i], sizeof d->keys[i], random >> 20 & 1 ? "k%d" : "", (int)id);
    snprintf(d->texts[i], sizeof d->texts[i], random >> 21 & 1 ? "%u" : "", (unsigned)(random >> 30 & 0xffff));
    d->key_list[i] = d->keys[i];
    d->payloads[i] = (rtv_bytes){d->texts[i], strlen(d->texts[i])};
}

static rtv_items items_of(const draft_items *d) {
    rtv_items items = test_items(d->vectors);
    items.ids = d->ids;
    items.classes = d->classes;
    items.keys = d->key_list;
    items.payloads = d->payloads;
    return items;
}

static void put_in_model(model *m, const draft_items *d) {
    for (int i = 0; i < d->count; i++) {
        model_item *item = &m->items[d->ids[i]];
        item->live = 1;
        item->value = d->vectors[i * DIM];
        item->class_id = d->classes[i];
        strcpy(item->key, d->keys[i]);
        strcpy(item->payload, d->texts[i]);
    }
}

/* Adds or replaces up to 8 items; the model follows when it succeeds. */
static int32_t change_some(rtvi_flat *flat, model *m, uint64_t *state, int replaces) {
    draft_items d = {.count = 0};
    const int wanted = 1 + (int)(test_random(state) % 8);
    uint64_t taken = 0;
    rtv_items items;
    int32_t status;
    for (int attempt = 0; attempt < 30 && d.count < wanted; attempt++) {
        const int id = (int)(test_random(state) % IDS);
        if (taken >> id & 1 || (!replaces && m->items[id].live)) continue;
        taken |= UINT64_C(1) << id;
        put_item(&d, id, test_random(state));
    }
    items = items_of(&d);
    status = replaces ? rtvi_flat_replace(flat, &items, d.count, &error) : rtvi_flat_add(flat, &items, d.count, &error);
    if (status == RTV_OK) put_in_model(m, &d);
    return status;
}

static int32_t remove_some(rtvi_flat *flat, model *m, uint64_t *state) {
    int64_t ids[6], removed = -1, expected = 0;
    int32_t status;
    uint64_t taken = 0;
    for (int i = 0; i < 6; i++) {
        ids[i] = (int64_t)(test_random(state) % IDS);
        expected += m->items[ids[i]].live && !(taken >> ids[i] & 1);
        taken |= UINT64_C(1) << ids[i];
    }
    status = rtvi_flat_remove(flat, ids, 6, &removed, &error);
    if (status != RTV_OK) return status;
    assert_int_equal(removed, expected);
    for (int i = 0; i < 6; i++) m->items[ids[i]].live = 0;
    return RTV_OK;
}

/* ---- calls that fail ---- */

typedef struct pending_write {
    uint64_t offset;
    size_t size;
    uint8_t *data;
} pending_write;

/* Counts calls; from call fail_at on, everything fails, the first write half done when it tears. What was written since the last sync is
 * kept, to try what a crash may leave of it. */
typedef struct faults {
    long calls, fail_at;
    int once; /* only that one call fails */
    int tears, records, renames;
    int fails_sync;
    pending_write pending[64];
    int num_pending;
    const char *path; /* with records: of the file */
    uint8_t *base;    /* [base_size] as it was at the last sync */
    size_t base_size;
} faults;

static int fails(faults *f) {
    if (f->fail_at == 0 || ++f->calls < f->fail_at || (f->once && f->calls > f->fail_at)) return 0;
    errno = EIO;
    return 1;
}

static void forget_pending(faults *f) {
    while (f->num_pending > 0) free(f->pending[--f->num_pending].data);
}

static void record(faults *f, const void *data, size_t size, uint64_t offset) {
    pending_write *w = &f->pending[f->num_pending++];
    assert_true(f->num_pending < 64);
    *w = (pending_write){offset, size, malloc(size)};
    memcpy(w->data, data, size);
}

static int64_t faulty_write(void *user, int file, const void *data, size_t size, uint64_t offset) {
    faults *f = user;
    if (fails(f)) {
        if (f->tears && f->calls == f->fail_at && pwrite(file, data, size / 2, (off_t)offset) < 0) abort();
        errno = EIO;
        return -1;
    }
    if (f->records) record(f, data, size, offset);
    return pwrite(file, data, size, (off_t)offset);
}

static int faulty_sync(void *user, int file) {
    faults *f = user;
    (void)file; /* nothing is really synced: that would take long, and nothing is lost by it here */
    if (f->fails_sync) errno = EIO;
    if (f->fails_sync || fails(f)) return -1;
    forget_pending(f);
    if (f->records) {
        free(f->base);
        f->base = test_read_file(f->path, &f->base_size);
    }
    return 0;
}

static int faulty_rename(void *user, const char *from, const char *to) {
    faults *f = user;
    if (fails(f)) return -1;
    f->renames++;
    return rename(from, to);
}

static rtvi_io io_with(faults *f) { return (rtvi_io){f, faulty_write, faulty_sync, faulty_rename}; }

/* ---- files ---- */

static char folder[64], path[96], other[96];

static int32_t open_read(const char *name, rtvi_flat **flat) {
    rtvi_source source;
    int32_t status = rtvi_source_open(&env, "index", name, &source, &error);
    return status == RTV_OK ? rtvi_flat_read(&env, &source, flat, &error) : status;
}

static rtvi_flat *open_writable(const rtvi_io *io) {
    rtvi_flat *flat = NULL;
    assert_ok(rtvi_flat_open(&env, io, path, &flat, &error));
    rtvi_flat_set_block_bytes(flat, SMALL_BLOCK);
    return flat;
}

static void make_empty(const rtvi_io *io) {
    rtvi_flat *flat = NULL;
    unlink(path);
    assert_ok(rtvi_flat_create(&env, DIM, &flat, &error));
    assert_ok(rtvi_flat_attach(flat, io, path, &error));
    rtvi_flat_destroy(flat);
}

static void assert_file_holds(const char *name, const model *a, const model *b) {
    rtvi_flat *flat = NULL;
    assert_ok(open_read(name, &flat));
    if (!holds(flat, a) && !(b && holds(flat, b))) fail_msg("%s holds neither the last commit nor the one on its way", name);
    rtvi_flat_destroy(flat);
}

/* ---- tests ---- */

static const model nothing = {.min_score = -INFINITY};

/* Two commits, three segments, removed rows, keys, payloads, names. */
static void make_small_file(model *m) {
    const rtvi_io *io = &rtvi_io_system;
    static const char *const names[] = {"ant", "bee"};
    uint64_t state = 5;
    rtvi_flat *flat;
    *m = nothing;
    make_empty(io);
    flat = open_writable(io);
    for (int i = 0; i < 4; i++) assert_ok(change_some(flat, m, &state, 0));
    assert_ok(rtvi_flat_commit(flat, &error));
    assert_ok(remove_some(flat, m, &state));
    assert_ok(change_some(flat, m, &state, 1));
    assert_ok(rtvi_flat_set_class_names(flat, RTV_CLASSES_LABEL, names, 2, &error));
    assert_ok(rtvi_flat_set_min_score(flat, 0.25F, &error));
    m->min_score = 0.25F;
    assert_ok(rtvi_flat_commit(flat, &error));
    assert_true(holds(flat, m));
    rtvi_flat_destroy(flat);
}

static void changes_are_durable(void **state) {
    model m;
    rtvi_flat *flat = NULL;
    rtv_index_info info;
    (void)state;
    make_small_file(&m);
    assert_file_holds(path, &m, NULL);
    assert_ok(rtvi_flat_verify(&env, path, NULL, NULL, &error));
    assert_ok(open_read(path, &flat));
    check_search(flat, &m);
    rtvi_flat_info(flat, &info);
    assert_int_equal(info.format, 1);
    assert_int_equal(info.writable, 0);
    assert_int_equal(info.commits, 3);
    assert_true(info.num_segments >= 2 && info.num_removed > 0 && info.file_bytes > 12288 && info.reclaim_bytes > 0);
    assert_int_equal(rtvi_flat_commit(flat, &error), RTV_E_STATE);
    rtvi_flat_destroy(flat);
}

static void empty_names(void **state) {
    static const char *const names[] = {"", "", ""};
    rtvi_flat *flat;
    rtv_index_info info;
    (void)state;
    make_empty(&rtvi_io_system);
    flat = open_writable(&rtvi_io_system);
    assert_ok(rtvi_flat_set_class_names(flat, RTV_CLASSES_LABEL, names, 3, &error));
    assert_ok(rtvi_flat_commit(flat, &error));
    rtvi_flat_destroy(flat);
    assert_ok(rtvi_flat_verify(&env, path, NULL, NULL, &error));
    assert_ok(open_read(path, &flat));
    rtvi_flat_info(flat, &info);
    assert_int_equal(info.num_classes, 3);
    rtvi_flat_destroy(flat);
}

static int32_t look_at_hits(void *user, int64_t query, const rtv_hit *hits, int64_t count) {
    (void)user, (void)query, (void)hits;
    return count < 0;
}
static int32_t look_at_pairs(void *user, const rtv_pair *pairs, int64_t count) { return look_at_hits(user, pairs[0].a, NULL, count); }

/* A search of damaged columns may find anything, but it comes back. */
static void use(rtvi_flat *flat) {
    static const uint8_t bits[IDS / 8] = {0xff, 0x55};
    rtv_search_options o = test_search_options();
    const float query[DIM] = {1, -1};
    rtv_hit hits[3], neighbors[3 * IDS];
    rtvi_ranks ranks = {0};
    char text[16];
    int64_t num = 0, id, ids[IDS], nums[IDS], count;
    rtvi_flat_search(flat, NULL, query, 1, 3, &o, NULL, hits, &num, NULL);
    assert_ok(rtvi_flat_pairs(flat, NULL, &o, look_at_pairs, NULL, &error));
    assert_ok(rtvi_flat_ranks_among(flat, NULL, 1, NULL, NULL, &ranks, &error));
    rtvi_ranks_destroy(flat, &ranks);
    o.only_bits = bits;
    o.num_only_bits = IDS;
    assert_ok(rtvi_flat_search_range(flat, NULL, query, 1, &o, look_at_hits, NULL, &error));
    o.only_bits = NULL;
    assert_ok(rtvi_flat_neighbors(flat, NULL, 3, &o, ids, neighbors, nums, IDS, &count, &error));
    for (int64_t i = 0; i < num; i++) rtvi_flat_key(flat, hits[i].id, text, sizeof text, NULL, NULL);
    rtvi_flat_find(flat, "k1", &id, NULL);
    rtvi_flat_key(flat, 3, text, sizeof text, NULL, NULL);
}

static int32_t verify_bytes(uint8_t *data, size_t size) {
    rtvi_source source;
    rtvi_loaded loaded;
    int32_t status;
    assert_ok(rtvi_source_from_memory(&env, "index", data, size, 0, &source, &error));
    status = rtvi_load(&source, &loaded, &error);
    if (status == RTV_OK) status = rtvi_verify(&loaded, NULL, NULL, &error);
    rtvi_loaded_destroy(&env, &loaded);
    return status;
}

static void use_bytes(uint8_t *data, size_t size) {
    rtvi_source source;
    rtvi_flat *flat = NULL;
    assert_ok(rtvi_source_from_memory(&env, "index", data, size, 0, &source, &error));
    if (rtvi_flat_read(&env, &source, &flat, &error) == RTV_OK) use(flat);
    rtvi_flat_destroy(flat);
}

static void every_byte_damaged(void **state) {
    static const uint8_t masks[] = {0x01, 0x80};
    model m;
    size_t size;
    uint8_t *data;
    (void)state;
    make_small_file(&m);
    data = test_read_file(path, &size);
    assert_ok(verify_bytes(data, size));
    for (size_t at = 0; at < size; at++) {
        for (size_t i = 0; i < 2; i++) {
            int32_t status;
            if (i > 0 && at % 4096 > 64 && at < 12288) continue; /* zeros all the way */
            data[at] ^= masks[i];
            status = verify_bytes(data, size);
            if (status != RTV_E_CHECKSUM && status != RTV_E_FORMAT && status != RTV_E_UNSUPPORTED)
                fail_msg("byte %zu: got %d, %s", at, (int)status, error.message);
            assert_contains(error.message, "index: ");
            if (at >= 12288) use_bytes(data, size);
            data[at] ^= masks[i];
        }
    }
    free(data);
}

/* Whole columns of what no writer leaves there: NaN, infinities, ids and classes below zero and far too large, codes that are none. */
static void columns_of_anything(void **state) {
    static const uint8_t fills[][4] = {
        {0xff, 0xff, 0xff, 0xff}, {0, 0, 0x80, 0x7f}, {0, 0, 0xc0, 0xff}, {0x80, 0x80, 0x80, 0x80}, {0xff, 0xff, 0xff, 0x7f}};
    model m;
    size_t size, blocks = 0;
    uint8_t *data, *damaged;
    (void)state;
    make_small_file(&m);
    data = test_read_file(path, &size);
    damaged = malloc(size);
    for (size_t at = RTVI_FORMAT_BLOCKS; at < size; blocks++) {
        uint64_t kind;
        rtvi_extent extent;
        assert_true(rtvi_block_get(data + at, &kind, &extent));
        for (size_t f = 0; f < sizeof fills / sizeof *fills && kind < RTVI_BLOCK_REMOVED; f++) { /* the rest has checksums */
            memcpy(damaged, data, size);
            for (size_t i = 0; i < extent.size; i++) damaged[extent.offset + i] = fills[f][i % 4];
            use_bytes(damaged, size);
            assert_int_equal(verify_bytes(damaged, size), memcmp(damaged, data, size) == 0 ? RTV_OK : RTV_E_CHECKSUM);
        }
        at = (size_t)rtvi_format_align(extent.offset + extent.size);
    }
    assert_true(blocks > 20);
    free(data);
    free(damaged);
}

static void truncated_at_every_byte(void **state) {
    model m;
    size_t size;
    uint8_t *data;
    (void)state;
    make_small_file(&m);
    data = test_read_file(path, &size);
    for (size_t cut = 0; cut < size; cut += cut < 200 || cut > 12200 ? 1 : 97) {
        uint8_t *exact = malloc(cut + 1);
        memcpy(exact, data, cut);
        assert_int_equal(verify_bytes(exact, cut), RTV_E_FORMAT);
        if (cut >= 8) assert_contains(error.message, "cut off");
        free(exact);
    }
    free(data);
}

static void foreign_files_are_named(void **state) {
    model m;
    size_t size;
    uint8_t *data;
    (void)state;
    make_small_file(&m);
    data = test_read_file(path, &size);
    data[8] = 2;
    assert_int_equal(verify_bytes(data, size), RTV_E_UNSUPPORTED);
    assert_contains(error.message, "got version 2, expected at most 1: it was written by a newer release");
    data[8] = 0;
    data[11] = 1;
    assert_int_equal(verify_bytes(data, size), RTV_E_UNSUPPORTED);
    assert_contains(error.message, "big-endian");
    memcpy(data, "\x93NUMPY\x01\x00", 8);
    assert_int_equal(verify_bytes(data, size), RTV_E_FORMAT);
    assert_contains(error.message, "are not those of an index file");
    free(data);
}

static void damage_is_named(void **state) {
    rtvi_flat *flat = NULL;
    model m;
    size_t size;
    uint8_t *data;
    (void)state;
    make_small_file(&m);
    assert_ok(open_read(path, &flat));
    assert_ok(rtvi_flat_write(flat, path, &error));
    rtvi_flat_destroy(flat);
    data = test_read_file(path, &size);
    data[12288 + 64] ^= 1; /* the first block's first byte */
    test_write_file(path, data, size);
    assert_int_equal(rtvi_flat_verify(&env, path, NULL, NULL, &error), RTV_E_CHECKSUM);
    assert_contains(error.message, "checksum of block \"vectors\" at 12352");
    assert_int_equal(error.byte_offset, 12352);
    free(data);
}

static void one_writer_at_a_time(void **state) {
    model m;
    rtvi_flat *flat, *second = NULL;
    int code;
    pid_t child;
    (void)state;
    make_small_file(&m);
    flat = open_writable(&rtvi_io_system);
    assert_int_equal(rtvi_flat_open(&env, &rtvi_io_system, path, &second, &error), RTV_E_BUSY);
    assert_contains(error.message, "is open for writing already");
    assert_ok(open_read(path, &second)); /* readers do not mind */
    assert_int_equal(rtvi_flat_write(second, path, &error), RTV_E_BUSY);
    rtvi_flat_destroy(second);
    assert_ok(rtvi_flat_compact(flat, &error)); /* the lock goes along with the file */
    assert_int_equal(rtvi_flat_open(&env, &rtvi_io_system, path, &second, &error), RTV_E_BUSY);
    assert_ok(rtvi_flat_write(flat, path, &error));
    rtvi_flat_destroy(flat);
    child = fork();
    if (child == 0) { /* dies with the lock */
        flat = open_writable(&rtvi_io_system);
        _exit(flat ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
    flat = open_writable(&rtvi_io_system);
    assert_true(holds(flat, &m));
    rtvi_flat_destroy(flat);
}

static void readers_keep_their_state(void **state) {
    model before, after;
    uint64_t random = 9;
    rtvi_flat *writer, *reader = NULL;
    (void)state;
    make_small_file(&before);
    after = before;
    assert_ok(open_read(path, &reader));
    writer = open_writable(&rtvi_io_system);
    assert_ok(remove_some(writer, &after, &random));
    assert_ok(change_some(writer, &after, &random, 1));
    assert_ok(rtvi_flat_commit(writer, &error));
    assert_true(holds(reader, &before) && holds(writer, &after));
    assert_ok(rtvi_flat_compact(writer, &error));
    assert_true(holds(reader, &before) && holds(writer, &after));
    assert_file_holds(path, &after, NULL);
    rtvi_flat_destroy(writer);
    assert_true(holds(reader, &before));
    /* What a reader changes stays its own, until it is saved. */
    assert_ok(remove_some(reader, &before, &random));
    assert_ok(change_some(reader, &before, &random, 1));
    assert_true(holds(reader, &before));
    check_search(reader, &before);
    assert_ok(rtvi_flat_write(reader, other, &error));
    rtvi_flat_destroy(reader);
    assert_file_holds(other, &before, NULL);
    assert_file_holds(path, &after, NULL);
}

static void compaction_gives_space_back(void **state) {
    model m = nothing;
    uint64_t random = 3;
    rtv_index_info full, less;
    rtvi_flat *flat;
    (void)state;
    make_empty(&rtvi_io_system);
    flat = open_writable(&rtvi_io_system);
    for (int i = 0; i < 60; i++) {
        assert_ok(change_some(flat, &m, &random, 1));
        assert_ok(rtvi_flat_commit(flat, &error));
    }
    assert_ok(remove_some(flat, &m, &random));
    assert_ok(rtvi_flat_commit(flat, &error));
    rtvi_flat_info(flat, &full);
    assert_ok(rtvi_flat_compact(flat, &error));
    rtvi_flat_info(flat, &less);
    assert_true(less.file_bytes < full.file_bytes / 4 && less.num_removed == 0 && less.commits == full.commits + 1);
    assert_true(holds(flat, &m));
    assert_ok(rtvi_flat_verify(&env, path, NULL, NULL, &error));
    rtvi_flat_destroy(flat);
}

/* Whoever commits one item at a time gets neither many segments nor a file without bound. */
static void small_appends_stay_few(void **state) {
    rtvi_flat *flat;
    rtv_index_info info;
    faults f = {0};
    const rtvi_io io = io_with(&f);
    const float vector[DIM] = {1};
    const rtv_items items = test_items(vector);
    (void)state;
    make_empty(&io);
    flat = NULL;
    assert_ok(rtvi_flat_open(&env, &io, path, &flat, &error));
    for (int i = 0; i < 3000; i++) {
        assert_ok(rtvi_flat_add(flat, &items, 1, &error));
        assert_ok(rtvi_flat_commit(flat, &error));
    }
    rtvi_flat_info(flat, &info);
    assert_int_equal(info.count, 3000);
    assert_true(info.num_segments <= 4 * 8);
    assert_true(info.file_bytes <= 6 << 20); /* 3000 manifests of some 30 segments and three-fold rewriting would be 20 MB */
    rtvi_flat_destroy(flat);
    assert_ok(rtvi_flat_verify(&env, path, NULL, NULL, &error));
}

/* What belongs to no item. */
static int32_t name_and_limit(rtvi_flat *flat, model *m) {
    static const char *const names[] = {"ant", "", "bee"};
    int32_t status = rtvi_flat_set_class_names(flat, RTV_CLASSES_LABEL, names, 3, &error);
    if (status == RTV_OK) status = rtvi_flat_set_min_score(flat, 0.5F, &error);
    if (status == RTV_OK) m->min_score = 0.5F;
    return status;
}

/* The scenario of the fault tests. *committed: what the last commit that came back left; *on_its_way: what the failing one would have. */
static int32_t scenario(const rtvi_io *io, model *committed, model *on_its_way) {
    uint64_t random = 11;
    rtvi_flat *flat = NULL;
    int32_t status = rtvi_flat_open(&env, io, path, &flat, &error);
    if (status != RTV_OK) return status;
    rtvi_flat_set_block_bytes(flat, SMALL_BLOCK);
    for (int step = 0; step < 5 && status == RTV_OK; step++) {
        status = change_some(flat, on_its_way, &random, step != 0);
        if (status != RTV_OK) break;
        if (step == 2) status = remove_some(flat, on_its_way, &random);
        if (step == 1) status = name_and_limit(flat, on_its_way);
        if (status != RTV_OK) break;
        status = step == 3 ? rtvi_flat_compact(flat, &error) : rtvi_flat_commit(flat, &error);
        if (status == RTV_OK) *committed = *on_its_way;
    }
    if (status != RTV_OK) assert_true(holds(flat, on_its_way)); /* nothing is lost for whoever goes on reading */
    rtvi_flat_destroy(flat);
    return status;
}

/* The same, but what failed is tried again, and is there in the end. */
static void what_failed_can_be_repeated(void **state) {
    (void)state;
    for (int tears = 0; tears < 2; tears++) {
        for (long n = 1, passed = 0; !passed; n++) {
            faults f = {.fail_at = 0, .tears = tears, .once = 1};
            const rtvi_io io = io_with(&f);
            model now = nothing;
            uint64_t random = 11;
            rtvi_flat *flat;
            make_empty(&io);
            flat = open_writable(&io);
            f.fail_at = n;
            for (int step = 0; step < 6; step++) {
                if (change_some(flat, &now, &random, step != 0) != RTV_OK) assert_ok(change_some(flat, &now, &random, step != 0));
                if (step > 1) assert_ok(remove_some(flat, &now, &random));
                if (step == 3) assert_ok(name_and_limit(flat, &now));
                if (rtvi_flat_commit(flat, &error) == RTV_OK) continue;
                if (rtvi_flat_commit(flat, &error) == RTV_E_STATE) assert_ok(rtvi_flat_compact(flat, &error)); /* it was a sync */
                assert_int_equal(error.status, RTV_OK);
            }
            passed = f.calls < n;
            assert_true(holds(flat, &now));
            rtvi_flat_destroy(flat);
            assert_file_holds(path, &now, NULL);
            assert_ok(rtvi_flat_verify(&env, path, NULL, NULL, &error));
            assert_true(n < 300);
        }
    }
}

static void every_call_fails_once(void **state) {
    int32_t status = RTV_E_IO;
    (void)state;
    for (int tears = 0; tears < 2; tears++) {
        status = RTV_E_IO;
        for (long n = 1; status != RTV_OK; n++) {
            faults f = {.fail_at = 0, .tears = tears};
            const rtvi_io io = io_with(&f);
            model committed = nothing, on_its_way = nothing;
            make_empty(&io);
            f.fail_at = n;
            status = scenario(&io, &committed, &on_its_way);
            assert_true(status == RTV_OK || status == RTV_E_IO);
            assert_file_holds(path, &committed, &on_its_way);
            assert_true(n < 200);
        }
    }
}

static void put_image(const faults *f, uint64_t kept, int torn) {
    int file;
    test_write_file(other, f->base, f->base_size);
    file = open(other, O_WRONLY);
    for (int i = 0; i < f->num_pending; i++) {
        const pending_write *w = &f->pending[i];
        const size_t part = i == torn ? w->size / 2 : w->size;
        if (kept >> i & 1 && pwrite(file, w->data, part, (off_t)w->offset) != (ssize_t)part) abort();
    }
    close(file);
}

/* The disk loses any one of the writes since the last sync, all of them, those from one on, or half of one. */
static void try_images(const faults *f, const model *committed, const model *on_its_way) {
    const uint64_t all = (UINT64_C(1) << f->num_pending) - 1;
    for (int i = 0; i <= f->num_pending; i++) {
        const uint64_t before = (UINT64_C(1) << i) - 1;
        put_image(f, before, -1);
        assert_file_holds(other, committed, on_its_way);
        if (i == f->num_pending) break;
        put_image(f, all & ~(UINT64_C(1) << i), -1);
        assert_file_holds(other, committed, on_its_way);
        put_image(f, UINT64_C(1) << i, -1);
        assert_file_holds(other, committed, on_its_way);
        put_image(f, before | UINT64_C(1) << i, i);
        assert_file_holds(other, committed, on_its_way);
    }
}

/* A crash behind each call, and then each thing that the disk may have made of what was not synced. */
static void unsynced_writes_may_be_lost(void **state) {
    const model none = nothing;
    int finished = 0;
    (void)state;
    for (long n = 1; !finished; n++) {
        faults f = {.path = path};
        const rtvi_io io = io_with(&f);
        model committed = none, on_its_way = none;
        uint64_t random = 21;
        rtvi_flat *flat;
        make_empty(&io);
        f.records = 1;
        f.base = test_read_file(path, &f.base_size);
        flat = open_writable(&io);
        finished = 1;
        for (int step = 0; step < 3 && finished; step++) {
            const long left = n - f.calls;
            int32_t status;
            assert_ok(change_some(flat, &on_its_way, &random, step != 0));
            if (step == 1) assert_ok(name_and_limit(flat, &on_its_way));
            f.fail_at = f.calls + (left > 0 ? left : 1);
            status = rtvi_flat_commit(flat, &error);
            if (status == RTV_OK)
                committed = on_its_way;
            else
                finished = 0;
            if (status != RTV_OK) try_images(&f, &committed, &on_its_way);
        }
        free(f.base);
        forget_pending(&f);
        rtvi_flat_destroy(flat);
        assert_true(n < 100);
    }
}

static void failed_commits_can_be_repeated(void **state) {
    faults f = {0};
    const rtvi_io io = io_with(&f);
    model m = nothing;
    uint64_t random = 4;
    rtvi_flat *flat;
    (void)state;
    make_empty(&io);
    flat = open_writable(&io);
    assert_ok(change_some(flat, &m, &random, 0));
    f.fail_at = f.calls + 1; /* the first write */
    assert_int_equal(rtvi_flat_commit(flat, &error), RTV_E_IO);
    assert_int_equal(error.os_error, EIO);
    f.fail_at = 0;
    assert_ok(rtvi_flat_commit(flat, &error));
    assert_file_holds(path, &m, NULL);
    /* A sync that failed cannot be repeated: the system has forgotten what it did not write. */
    assert_ok(change_some(flat, &m, &random, 0));
    f.fails_sync = 1;
    assert_int_equal(rtvi_flat_commit(flat, &error), RTV_E_IO);
    f.fails_sync = 0;
    assert_int_equal(rtvi_flat_commit(flat, &error), RTV_E_STATE);
    assert_ok(rtvi_flat_compact(flat, &error)); /* a new file is another matter */
    assert_file_holds(path, &m, NULL);
    rtvi_flat_destroy(flat);
}

/* ---- random sequences ---- */

typedef struct watcher {
    rtvi_flat *flat;
    atomic_int stop;
    int bad;
} watcher;

/* Searches while the index changes: every state has the canonical order, and no id twice. */
static void *watch(void *arg) {
    watcher *w = arg;
    const rtv_search_options o = test_search_options();
    const float query[DIM] = {1};
    while (!atomic_load(&w->stop)) {
        rtv_hit hits[IDS + 1];
        int64_t num = 0;
        uint64_t seen = 0;
        if (rtvi_flat_search(w->flat, NULL, query, 1, IDS + 1, &o, NULL, hits, &num, NULL) != RTV_OK) w->bad = 1;
        for (int64_t i = 0; i < num; i++) {
            if (hits[i].id < 0 || hits[i].id >= IDS || seen >> hits[i].id & 1) w->bad = 1;
            if (i > 0 && hits[i - 1].score < hits[i].score) w->bad = 1;
            seen |= UINT64_C(1) << (hits[i].id & 63);
        }
    }
    return NULL;
}

static void one_step(rtvi_flat **flat, const rtvi_io *io, faults *f, model *now, model *committed, uint64_t *random) {
    int32_t status;
    switch (test_random(random) % 12) {
        case 0:
        case 1:
        case 2:
            assert_ok(change_some(*flat, now, random, 0));
            break;
        case 3:
        case 4:
            assert_ok(change_some(*flat, now, random, 1));
            break;
        case 5:
        case 6:
            assert_ok(remove_some(*flat, now, random));
            break;
        case 7:
            assert_ok(rtvi_flat_compact(*flat, &error));
            *committed = *now;
            break;
        case 8:
            check_search(*flat, now);
            break;
        case 9: /* a crash in a commit or in the middle of adding */
            f->calls = 0;
            f->fail_at = 1 + (long)(test_random(random) % 6);
            f->tears = (int)(test_random(random) & 1);
            status = change_some(*flat, now, random, 1);
            if (status == RTV_OK) status = rtvi_flat_commit(*flat, &error);
            if (status == RTV_OK) *committed = *now;
            rtvi_flat_destroy(*flat);
            f->fail_at = 0;
            *flat = open_writable(io);
            if (holds(*flat, committed))
                *now = *committed;
            else if (holds(*flat, now))
                *committed = *now;
            else
                fail_msg("a crash left neither the last commit nor the one on its way");
            break;
        case 10: /* closed without a commit */
            rtvi_flat_destroy(*flat);
            *flat = open_writable(io);
            *now = *committed;
            break;
        default:
            assert_ok(rtvi_flat_commit(*flat, &error));
            *committed = *now;
            break;
    }
    assert_true(holds(*flat, now));
}

static void random_sequences(void **state) {
    const char *full = getenv("RTV_TEST_FULL");
    const int sequences = full && *full == '1' ? 10000 : 400;
    (void)state;
    for (int i = 0; i < sequences; i++) {
        faults f = {0};
        const rtvi_io io = io_with(&f);
        model now = nothing, committed = nothing;
        uint64_t random = (uint64_t)i * 7919 + 1;
        const int steps = 4 + (int)(test_random(&random) % 16);
        rtvi_flat *flat;
        make_empty(&io);
        flat = open_writable(&io);
        for (int step = 0; step < steps; step++) {
            one_step(&flat, &io, &f, &now, &committed, &random);
            if (step == steps / 2 && i % 8 == 0) { /* some with a search beside */
                watcher w = {.flat = flat};
                pthread_t thread;
                assert_int_equal(pthread_create(&thread, NULL, watch, &w), 0);
                for (int more = 0; more < 4; more++) {
                    assert_ok(change_some(flat, &now, &random, 1));
                    assert_ok(remove_some(flat, &now, &random));
                    assert_ok(more == 2 ? rtvi_flat_compact(flat, &error) : rtvi_flat_commit(flat, &error));
                }
                committed = now;
                atomic_store(&w.stop, 1);
                pthread_join(thread, NULL);
                assert_int_equal(w.bad, 0);
            }
        }
        rtvi_flat_destroy(flat);
        assert_file_holds(path, &committed, NULL);
        if (i % 16 == 0 && rtvi_flat_verify(&env, path, NULL, NULL, &error) != RTV_OK) assert_contains(error.message, "interrupted commit");
        if (heap.live != 0) fail_msg("sequence %d: %ld blocks are left", i, heap.live);
    }
}

static void failing_allocations(void **state) {
    (void)state;
    for (long n = 1, passed = 0; !passed; n++) {
        faults f = {0};
        const rtvi_io io = io_with(&f);
        model committed = nothing, on_its_way = nothing;
        int32_t status;
        make_empty(&io);
        heap.fail_at = heap.calls + n;
        status = scenario(&io, &committed, &on_its_way);
        passed = heap.fail_at > heap.calls;
        heap.fail_at = 0;
        assert_true(status == RTV_OK || status == RTV_E_OUT_OF_MEMORY);
        assert_int_equal(heap.live, 0);
        assert_file_holds(path, &committed, &on_its_way);
        assert_true(n < 2000);
    }
}

static int begin(void **state) {
    (void)state;
    test_env_init(&env, &heap);
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/a.rtvx", folder);
    snprintf(other, sizeof other, "%s/b.rtvx", folder);
    return 0;
}

static int end(void **state) {
    (void)state;
    test_folder_remove(folder);
    rtvi_env_destroy(&env);
    return heap.live == 0 ? 0 : -1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(changes_are_durable),
        TEST(empty_names),
        TEST(every_byte_damaged),
        TEST(columns_of_anything),
        TEST(truncated_at_every_byte),
        TEST(foreign_files_are_named),
        TEST(damage_is_named),
        TEST(one_writer_at_a_time),
        TEST(readers_keep_their_state),
        TEST(compaction_gives_space_back),
        TEST(small_appends_stay_few),
        TEST(every_call_fails_once),
        TEST(what_failed_can_be_repeated),
        TEST(unsynced_writes_may_be_lost),
        TEST(failed_commits_can_be_repeated),
        TEST(random_sequences),
        TEST(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
