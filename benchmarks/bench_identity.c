/* bench_identity.c - every kind of search against plain brute force in the canonical formula (docs/search.md), ids and bits of the scores:
 * galleries like real ones and such as are hard, capped to AVX2 and not, one and two threads. Ends with 1 when anything differs.
 * Usage: bench_identity [COUNT [DIM [SET]]], by default 60502 vectors of 1536 floats and all sets. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base_cpu.h"
#include "base/base_team.h"
#include "identity_sets.h"
#include "index/flat_ranks.h"

/* Queries that brute force answers: items, others, blends. In a batch of more, items that are not looked at stand between them. */
enum { ITEMS = 24, OTHERS = 12, BLENDS = 4, VECTORS = ITEMS + OTHERS, SAMPLES = VECTORS + BLENDS };
enum { K = 10, MOST_QUERIES = 1024, ROWS_PER_PIECE = 256, REMOVED_EVERY = 101, MOST_ANSWERS = 64, MOST_TOLD = 20 };

/* An item in the order of a query. */
typedef struct place {
    float score;
    uint32_t item;
    int64_t id;
} place;

/* What came back to a question the first time. */
typedef struct answer {
    const char *name;
    uint64_t hash;
} answer;

typedef struct world {
    rtvi_env env;
    rtvi_team *teams[2], *team;
    rtvi_flat *flat;
    size_t dim, count;             /* removed items included */
    float *vectors;                /* [count][dim] as they are kept */
    int64_t *ids;                  /* [count] */
    int32_t *classes, *predicted;  /* [count] */
    uint8_t *listed, *bits, *part; /* [count] by item; by id, as only_bits: two in three, and some 2,000 items */
    int64_t *list, num_list;       /* the ids of the listed */
    size_t sample_items[ITEMS];
    float *samples;           /* [SAMPLES][dim] */
    int64_t own_ids[SAMPLES]; /* of the items, -1 */
    place *order[SAMPLES];    /* [count], removed items left out */
    size_t num_live;          /* in each order */
    const char *now;          /* what is being asked */
    answer answers[MOST_ANSWERS];
    size_t num_answers;
    int64_t compared, different;         /* results, this turn */
    int64_t all_compared, all_different; /* results, all turns */
    float *batch;                        /* [MOST_QUERIES][dim] */
    int64_t batch_own[MOST_QUERIES];     /* ids */
    rtv_hit *hits;                       /* room for every use */
    int64_t *num_hits;
} world;

/* --- the definition ------------------------------------------------------------------------------------------------------------------- */

static float canonical(const float *a, const float *b, size_t dim) {
    double lane[8] = {0};
    for (size_t i = 0; i < dim; i += 8)
        for (size_t j = 0; j < 8 && i + j < dim; j++) lane[j] += (double)a[i + j] * (double)b[i + j];
    return (float)(((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7])));
}

static int is_live(size_t item) { return item % REMOVED_EVERY != REMOVED_EVERY - 1; }

static void score_piece(void *arg, int64_t piece, int32_t lane) {
    world *w = arg;
    const size_t first = (size_t)piece * ROWS_PER_PIECE, last = first + ROWS_PER_PIECE < w->count ? first + ROWS_PER_PIECE : w->count;
    (void)lane;
    for (size_t s = 0; s < SAMPLES; s++)
        for (size_t i = first; i < last; i++)
            w->order[s][i] = (place){canonical(w->samples + s * w->dim, w->vectors + i * w->dim, w->dim), (uint32_t)i, w->ids[i]};
}

static int by_place(const void *a, const void *b) {
    const place *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static void sort_sample(void *arg, int64_t sample, int32_t lane) {
    const world *w = arg;
    place *order = w->order[sample];
    size_t live = 0;
    (void)lane;
    for (size_t i = 0; i < w->count; i++)
        if (is_live(i)) order[live++] = order[i];
    qsort(order, live, sizeof *order, by_place);
}

/* --- telling -------------------------------------------------------------------------------------------------------------------------- */

static void tell(world *w, size_t sample, const char *what, double got, double expected) {
    if (w->different++ < MOST_TOLD)
        printf("  DIFFERS: %s, query %zu, %s: got %.17g, expected %.17g\n", w->now, sample, what, got, expected);
}

static void must(world *w, int32_t status, const rtv_error *error) {
    if (status == RTV_OK) return;
    printf("  FAILED: %s: %s\n", w->now, error->message);
    exit(1);
}

/* The whole answer, of queries that are no samples too, is the same in every turn. */
static void check_same(world *w, const void *data, size_t size) {
    const uint8_t *at = data;
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    size_t known = 0;
    for (size_t i = 0; i < size; i++) hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    while (known < w->num_answers && strcmp(w->answers[known].name, w->now) != 0) known++;
    if (known == MOST_ANSWERS) exit(1);
    if (known == w->num_answers) w->answers[w->num_answers++] = (answer){w->now, hash};
    if (w->answers[known].hash != hash) tell(w, 0, "is not as in the first turn", 0, 0);
}

/* --- what a filter takes -------------------------------------------------------------------------------------------------------------- */

static int has_bit(const uint8_t *bits, int64_t id) { return bits[id / 8] >> (id % 8) & 1; }

static int32_t ask_filter(void *user, int64_t query, const rtv_hit *hit) {
    (void)user, (void)query;
    return hit->id % 3 != 0;
}

static int takes(const world *w, const place *p, const rtv_search_options *o, int64_t exclude) {
    if (o->class_id >= 0 && w->classes[p->item] != o->class_id) return 0;
    if (o->predicted_class >= 0 && w->predicted[p->item] != o->predicted_class) return 0;
    if (o->only_ids && !w->listed[p->item]) return 0;
    if (o->only_bits && !has_bit(o->only_bits, p->id)) return 0;
    if (o->filter && !ask_filter(NULL, 0, &(rtv_hit){p->id, 0, 0})) return 0;
    return p->score >= o->min_score && p->id != exclude;
}

/* One query's hits; without[num_without] ids are left out, too. */
static void compare(world *w, size_t sample, const rtv_search_options *o, int64_t exclude, const int64_t *without, size_t num_without,
                    const rtv_hit *hits, int64_t num, size_t k) {
    size_t n = 0;
    for (size_t i = 0; i < w->num_live && n < k; i++) {
        const place *p = &w->order[sample][i];
        int named = 0;
        for (size_t j = 0; j < num_without; j++) named |= without[j] == p->id;
        if (named || !takes(w, p, o, exclude)) continue;
        if ((int64_t)n < num) {
            if (hits[n].id != p->id) tell(w, sample, "id", (double)hits[n].id, (double)p->id);
            if (memcmp(&hits[n].score, &p->score, sizeof p->score) != 0) tell(w, sample, "score", (double)hits[n].score, (double)p->score);
            if (hits[n].class_id != w->classes[p->item]) tell(w, sample, "class", hits[n].class_id, w->classes[p->item]);
        }
        n++;
    }
    if ((int64_t)n != num) tell(w, sample, "number of hits", (double)num, (double)n);
    w->compared += (int64_t)n;
}

/* --- searches ------------------------------------------------------------------------------------------------------------------------- */

static rtv_search_options all(void) {
    rtv_search_options o = {.struct_size = (uint32_t)sizeof o, .class_id = -1, .predicted_class = -1, .min_score = -INFINITY};
    return o;
}

static size_t place_in_batch(size_t sample, size_t num) { return num < SAMPLES ? sample : sample * num / VECTORS; }

/* Batches of num queries until each sample was asked. */
static void ask(world *w, const char *name, size_t num, size_t k, const rtv_search_options *given, int excludes) {
    w->now = name;
    for (size_t first = 0; first < VECTORS; first += num) {
        const size_t here = num < VECTORS - first ? num : VECTORS - first, count = num < VECTORS ? here : num;
        rtv_search_options o = *given;
        rtv_error error;
        for (size_t q = 0; q < count; q++) {
            const size_t item = q * 2677 % w->count;
            memcpy(w->batch + q * w->dim, w->vectors + item * w->dim, w->dim * sizeof(float));
            w->batch_own[q] = w->ids[item];
        }
        for (size_t s = 0; s < here; s++) {
            const size_t q = place_in_batch(s, count);
            memcpy(w->batch + q * w->dim, w->samples + (first + s) * w->dim, w->dim * sizeof(float));
            w->batch_own[q] = w->own_ids[first + s];
        }
        if (excludes) o.exclude_ids = w->batch_own;
        must(w, rtvi_flat_search(w->flat, w->team, w->batch, (int64_t)count, (int64_t)k, &o, NULL, w->hits, w->num_hits, &error), &error);
        for (size_t s = 0; s < here; s++) {
            const size_t q = place_in_batch(s, count);
            compare(w, first + s, &o, excludes ? w->batch_own[q] : -1, NULL, 0, w->hits + q * k, w->num_hits[q], k);
        }
        if (count > VECTORS) check_same(w, w->hits, count * k * sizeof *w->hits);
    }
}

static void ask_shapes(world *w) {
    const rtv_search_options o = all();
    ask(w, "1 query", 1, K, &o, 0);
    ask(w, "8 queries", 8, K, &o, 0);
    ask(w, "64 queries", 64, K, &o, 0);
    ask(w, "256 queries", 256, K, &o, 0);
    ask(w, "1024 queries", 1024, K, &o, 0);
    ask(w, "k 1000", 8, 1000, &o, 0);
    ask(w, "k beyond the set", VECTORS, w->count + 10, &o, 0);
}

static void ask_filters(world *w) {
    rtv_search_options o = all();
    o.class_id = w->classes[w->sample_items[0]];
    ask(w, "a class, k beyond it", 64, 3 * K, &o, 0);
    o = all();
    o.predicted_class = 1;
    ask(w, "a predicted class", 64, K, &o, 0);
    o = all();
    o.only_ids = w->list;
    o.num_only_ids = w->num_list;
    ask(w, "ids", 64, K, &o, 0);
    o = all();
    o.only_bits = w->bits;
    o.num_only_bits = 8 * (int64_t)(w->count);
    ask(w, "a bitmap", 64, K, &o, 0);
    o.only_ids = w->list;
    o.num_only_ids = w->num_list;
    o.predicted_class = 2;
    ask(w, "three filters", 8, K, &o, 1);
    o = all();
    ask(w, "exclude itself", 64, K, &o, 1);
    o.min_score = w->order[1][4].score;
    ask(w, "min score", 64, K, &o, 1);
    o.filter = ask_filter;
    ask(w, "a callback", 8, K, &o, 1);
}

typedef struct range {
    world *w;
    const rtv_search_options *o;
    size_t first;
} range;

static int32_t in_range(void *user, int64_t query, const rtv_hit *hits, int64_t count) {
    const range *r = user;
    compare(r->w, r->first + (size_t)query, r->o, -1, NULL, 0, hits, count, r->w->count);
    return 0;
}

static void ask_range(world *w) {
    rtv_search_options o = all();
    range r = {w, &o, 0};
    rtv_error error;
    o.min_score = w->order[0][w->num_live / 1000].score;
    w->now = "range";
    for (r.first = 0; r.first < VECTORS; r.first += 12)
        must(w, rtvi_flat_search_range(w->flat, w->team, w->samples + r.first * w->dim, 12, &o, in_range, &r, &error), &error);
}

static void ask_ids(world *w) {
    const rtv_search_options o = all();
    rtv_error error;
    w->now = "by id";
    must(w, rtvi_flat_search_ids(w->flat, w->team, w->own_ids, ITEMS, K, &o, w->hits, w->num_hits, &error), &error);
    for (size_t s = 0; s < ITEMS; s++) compare(w, s, &o, w->own_ids[s], NULL, 0, w->hits + s * K, w->num_hits[s], K);
}

/* --- blends: two vectors and three items ---------------------------------------------------------------------------------------------- */

static const float vector_weights[] = {1.5F, -0.5F}, id_weights[] = {-1.0F, 0.25F, 0.75F};

static rtv_blend blend_at(const world *w, size_t b) {
    rtv_blend blend = {.struct_size = sizeof blend, .keep_length = 1, .keep_items = (int32_t)(b % 2), .num_vectors = 2, .num_ids = 3};
    blend.vectors = w->samples + (ITEMS + b) * w->dim;
    blend.vector_weights = vector_weights;
    blend.ids = w->own_ids + 3 * b;
    blend.id_weights = id_weights;
    return blend;
}

/* The sum as rtv_blend tells it; one that does not fit float32 becomes zeros, and is not asked. */
static int make_blend(world *w, size_t b) {
    float *query = w->samples + (VECTORS + b) * w->dim;
    int fits = 1;
    for (size_t j = 0; j < w->dim; j++) {
        double sum = 0;
        for (size_t v = 0; v < 2; v++) sum += (double)vector_weights[v] * (double)w->samples[(ITEMS + b + v) * w->dim + j];
        for (size_t i = 0; i < 3; i++) sum += (double)id_weights[i] * (double)w->vectors[w->sample_items[3 * b + i] * w->dim + j];
        query[j] = (float)sum;
        fits = fits && isfinite(query[j]);
    }
    if (!fits) memset(query, 0, w->dim * sizeof *query);
    return fits;
}

static void ask_blends(world *w) {
    const rtv_search_options o = all();
    w->now = "a blend";
    for (size_t b = 0; b < BLENDS; b++) {
        const rtv_blend blend = blend_at(w, b);
        rtv_error error;
        if (!make_blend(w, b)) continue;
        must(w, rtvi_flat_search_blend(w->flat, w->team, &blend, K, &o, w->hits, w->num_hits, &error), &error);
        compare(w, VECTORS + b, &o, -1, blend.ids, blend.keep_items ? 0 : 3, w->hits, w->num_hits[0], K);
    }
}

/* --- a set against itself ------------------------------------------------------------------------------------------------------------- */

static int sample_of(const world *w, int64_t id) {
    for (int s = 0; s < ITEMS; s++)
        if (w->own_ids[s] == id) return s;
    return -1;
}

static void ask_neighbors(world *w, const rtv_search_options *o) {
    int64_t *ids = malloc(w->count * sizeof *ids), count = 0;
    rtv_error error;
    if (!ids) exit(1);
    w->now = o->only_bits ? "neighbours of some" : "neighbours of all";
    must(w, rtvi_flat_neighbors(w->flat, w->team, K, o, ids, w->hits, w->num_hits, (int64_t)w->count, &count, &error), &error);
    for (int64_t i = 0; i < count; i++) {
        const int s = sample_of(w, ids[i]);
        if (s >= 0) compare(w, (size_t)s, o, ids[i], NULL, 0, w->hits + i * K, w->num_hits[i], K);
    }
    check_same(w, w->hits, (size_t)count * K * sizeof *w->hits);
    free(ids);
}

/* The pairs of a sample's item, as hits: their order is not by score. */
typedef struct pairs {
    world *w;
    rtv_hit *of[ITEMS]; /* [count] */
    int64_t num[ITEMS], all;
    uint64_t hash;
} pairs;

static int32_t take_pairs(void *user, const rtv_pair *found, int64_t count) {
    pairs *p = user;
    for (int64_t i = 0; i < count; i++) {
        const int64_t sides[] = {found[i].a, found[i].b};
        for (int side = 0; side < 2; side++) {
            const int s = sample_of(p->w, sides[side]);
            if (s >= 0 && p->num[s] < (int64_t)p->w->count) p->of[s][p->num[s]++] = (rtv_hit){sides[!side], found[i].score, 0};
        }
        p->hash = (p->hash ^ (uint64_t)found[i].a * 31 ^ (uint64_t)found[i].b) * UINT64_C(1099511628211);
    }
    p->all += count;
    return 0;
}

static int by_hit(const void *a, const void *b) {
    const rtv_hit *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* The classes, which pairs do not tell. */
static void add_classes(const world *w, size_t sample, rtv_hit *hits, int64_t num, int32_t *class_of) {
    for (size_t i = 0; i < w->num_live; i++) class_of[w->order[sample][i].id] = w->classes[w->order[sample][i].item];
    for (int64_t i = 0; i < num; i++) hits[i].class_id = class_of[hits[i].id];
}

static void ask_pairs(world *w, const rtv_search_options *given) {
    rtv_search_options o = *given;
    pairs p = {.w = w};
    int32_t *class_of = malloc(8 * w->count * sizeof *class_of);
    rtv_error error;
    o.min_score = w->order[0][w->num_live / 2000 + 1].score;
    w->now = o.only_bits ? "pairs of some" : "pairs of all";
    for (size_t s = 0; s < ITEMS; s++) {
        p.of[s] = malloc(w->count * sizeof *p.of[s]);
        if (!p.of[s] || !class_of) exit(1);
    }
    must(w, rtvi_flat_pairs(w->flat, w->team, &o, take_pairs, &p, &error), &error);
    for (size_t s = 0; s < ITEMS; s++) {
        qsort(p.of[s], (size_t)p.num[s], sizeof *p.of[s], by_hit);
        add_classes(w, s, p.of[s], p.num[s], class_of);
        if (!o.only_bits || has_bit(o.only_bits, w->own_ids[s]))
            compare(w, s, &o, w->own_ids[s], NULL, 0, p.of[s], p.num[s], w->count);
        else if (p.num[s] > 0)
            tell(w, s, "pairs of an item that takes no part", (double)p.num[s], 0);
        free(p.of[s]);
    }
    check_same(w, &p.hash, sizeof p.hash);
    free(class_of);
}

/* --- ranks ---------------------------------------------------------------------------------------------------------------------------- */

static void compare_ranks(world *w, size_t sample, int32_t class_id, int64_t exclude, const int64_t *ranks, int64_t num) {
    int64_t rank = 0, n = 0;
    for (size_t i = 0; i < w->num_live; i++) {
        const place *p = &w->order[sample][i];
        if (p->id == exclude) continue;
        rank++;
        if (w->classes[p->item] != class_id) continue;
        if (n < num && ranks[n] != rank) tell(w, sample, "rank", (double)ranks[n], (double)rank);
        n++;
    }
    if (n != num) tell(w, sample, "number of ranks", (double)num, (double)n);
    w->compared += n;
}

static void ask_ranks(world *w) {
    int32_t classes[VECTORS];
    const rtvi_rank_queries q = {VECTORS, w->samples, classes, NULL, w->own_ids};
    rtvi_ranks ranks = {0};
    rtv_error error;
    w->now = "ranks";
    for (size_t s = 0; s < VECTORS; s++) classes[s] = w->classes[w->sample_items[s % ITEMS]];
    must(w, rtvi_flat_ranks(w->flat, w->team, &q, NULL, NULL, &ranks, &error), &error);
    for (size_t s = 0; s < VECTORS; s++)
        compare_ranks(w, s, classes[s], w->own_ids[s], ranks.ranks + ranks.offsets[s], ranks.offsets[s + 1] - ranks.offsets[s]);
    rtvi_ranks_destroy(w->flat, &ranks);
}

static void ask_all_ranks(world *w) {
    rtvi_ranks ranks = {0};
    rtv_error error;
    w->now = "ranks of all";
    must(w, rtvi_flat_ranks_among(w->flat, w->team, 0, NULL, NULL, &ranks, &error), &error);
    for (int64_t i = 0; i < ranks.count; i++) {
        const int s = sample_of(w, ranks.ids[i]);
        if (s < 0) continue;
        compare_ranks(w, (size_t)s, w->classes[w->sample_items[s]], ranks.ids[i], ranks.ranks + ranks.offsets[i],
                      ranks.offsets[i + 1] - ranks.offsets[i]);
    }
    check_same(w, ranks.ranks, (size_t)ranks.offsets[ranks.count] * sizeof *ranks.ranks);
    rtvi_ranks_destroy(w->flat, &ranks);
}

/* --- the world ------------------------------------------------------------------------------------------------------------------------ */

static void *room(size_t count, size_t size) {
    void *block = aligned_alloc(64, (count * size + 63) / 64 * 64);
    if (!block) exit(1);
    return block;
}

static void make_room(world *w) {
    const size_t most = MOST_QUERIES * 1000 > VECTORS * (w->count + 10) ? MOST_QUERIES * 1000 : VECTORS * (w->count + 10);
    w->vectors = room(w->count * w->dim, sizeof *w->vectors);
    w->ids = room(w->count, sizeof *w->ids);
    w->list = room(w->count, sizeof *w->list);
    w->classes = room(w->count, sizeof *w->classes);
    w->predicted = room(w->count, sizeof *w->predicted);
    w->listed = room(w->count, 1);
    w->bits = room(w->count, 1);
    w->part = room(w->count, 1);
    w->samples = room(SAMPLES * w->dim, sizeof *w->samples);
    w->batch = room(MOST_QUERIES * w->dim, sizeof *w->batch);
    w->hits = room(most > w->count * K ? most : w->count * K, sizeof *w->hits);
    w->num_hits = room(w->count > MOST_QUERIES ? w->count : MOST_QUERIES, sizeof *w->num_hits);
    for (size_t s = 0; s < SAMPLES; s++) w->order[s] = room(w->count, sizeof *w->order[s]);
}

/* Ids are in no order, and not dense. */
static void number_items(world *w) {
    w->num_list = 0;
    memset(w->part, 0, w->count);
    for (size_t i = 0; i < w->count; i++) {
        w->ids[i] = (int64_t)(i * 104729 % w->count * 7);
        w->predicted[i] = (int32_t)(identity_random() % 6) - 1;
        w->listed[i] = identity_random() % 20 == 0;
        w->bits[i] = (uint8_t)(identity_random() | identity_random());
        if (w->listed[i]) w->list[w->num_list++] = w->ids[i];
    }
    for (size_t i = 0; i < w->count; i += w->count / 2000 + 1) w->part[w->ids[i] / 8] |= (uint8_t)(1 << (w->ids[i] % 8));
}

static void add_items(world *w, const identity_set *set) {
    rtv_error error;
    if (rtvi_flat_create_with(&w->env, (int32_t)w->dim, set->storage, 0, &w->flat, &error) != RTV_OK) exit(1);
    w->now = "adding";
    for (size_t first = 0; first < w->count; first += 20000) {
        rtv_items items = {.struct_size = (uint32_t)sizeof items, .vectors = w->vectors + first * w->dim, .ids = w->ids + first};
        items.classes = w->classes + first;
        items.predicted = w->predicted + first;
        must(w, rtvi_flat_add(w->flat, &items, (int64_t)(w->count - first < 20000 ? w->count - first : 20000), &error), &error);
    }
    must(w, rtvi_flat_vectors(w->flat, w->ids, (int64_t)w->count, w->vectors, &error), &error); /* as they are kept */
    for (size_t i = 0; i < w->count; i++)
        if (!is_live(i)) must(w, rtvi_flat_remove(w->flat, &w->ids[i], 1, NULL, &error), &error);
}

/* Items; an item turned round, twice, half, with something more, one value alone; nothing at all. */
static void choose_samples(world *w) {
    for (size_t s = 0; s < VECTORS; s++) {
        const size_t item = (s * 7 + s % 3) * (w->count / 300) / REMOVED_EVERY * REMOVED_EVERY + s;
        const float *x = w->vectors + item * w->dim;
        float *query = w->samples + s * w->dim;
        memcpy(query, x, w->dim * sizeof *query);
        w->own_ids[s] = s < ITEMS ? w->ids[item] : -1;
        if (s < ITEMS) w->sample_items[s] = item;
        for (size_t j = 0; s >= ITEMS && j < w->dim; j++) {
            const float values[] = {-x[j], x[j] / 2, x[j] / 2 + x[j] / 1024 * identity_normal(), j == s ? x[j] : 0, 0, identity_normal()};
            query[j] = values[s % 6];
        }
    }
    for (size_t b = 0; b < BLENDS; b++) {
        w->own_ids[VECTORS + b] = -1;
        make_blend(w, b);
    }
}

static void prepare(world *w, const identity_set *set) {
    rtv_error error;
    identity_seed(7);
    w->env.isa = rtvi_cpu_isa();
    set->fill(w->vectors, w->count, w->dim, w->classes);
    number_items(w);
    add_items(w, set);
    choose_samples(w);
    w->num_live = 0;
    for (size_t i = 0; i < w->count; i++) w->num_live += (size_t)is_live(i);
    must(w, rtvi_team_run_many(w->teams[1], score_piece, w, (int64_t)(w->count / ROWS_PER_PIECE + 1), NULL, NULL, &error), &error);
    must(w, rtvi_team_run_many(w->teams[1], sort_sample, w, SAMPLES, NULL, NULL, &error), &error);
    w->num_answers = 0;
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* it may share the machine */
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void take_turn(world *w, const identity_set *set, int32_t isa, int32_t threads) {
    const double start = now_s();
    rtv_search_options o = all();
    w->env.isa = isa;
    w->team = w->teams[threads - 1];
    w->compared = w->different = 0;
    ask_shapes(w);
    ask_filters(w);
    ask_range(w);
    ask_ids(w);
    ask_blends(w);
    ask_ranks(w);
    if (set == identity_sets && threads == 2) {
        ask_all_ranks(w);
    } else { /* where codes do not tell, all of a set against all of it would take hours */
        o.only_bits = w->part;
        o.num_only_bits = 8 * (int64_t)w->count;
    }
    ask_neighbors(w, &o);
    ask_pairs(w, &o);
    printf("%-20s %-12s %7d %12lld %12lld %7.0f\n", set->name, rtv_isa_name(isa), (int)threads, (long long)w->compared,
           (long long)w->different, now_s() - start);
    fflush(stdout);
    w->all_compared += w->compared;
    w->all_different += w->different;
}

int main(int argc, char **argv) {
    const size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 60502;
    const int32_t isas[] = {RTV_ISA_AVX2, rtvi_cpu_isa()};
    static world w;
    w.count = count + count / (REMOVED_EVERY - 1);
    w.dim = argc > 2 ? strtoul(argv[2], NULL, 10) : 1536;
    rtvi_env_init(&w.env, NULL, RTV_ISA_ANY);
    for (int32_t t = 0; t < 2; t++)
        if (rtvi_team_create(&w.env, t + 1, &w.teams[t], NULL) != RTV_OK) return 1;
    make_room(&w);
    printf("%zu vectors of %zu floats and %zu that were removed, %d queries of each kind\n", count, w.dim, w.count - count, (int)VECTORS);
    printf("%-20s %-12s %7s %12s %12s %7s\n", "set", "instructions", "threads", "compared", "different", "CPU s");
    for (size_t s = 0; s < IDENTITY_SETS; s++) {
        if (argc > 3 && strcmp(argv[3], identity_sets[s].name) != 0) continue;
        prepare(&w, &identity_sets[s]);
        for (size_t turn = 0; turn < 4; turn++)
            if (isas[turn / 2] <= rtvi_cpu_isa()) take_turn(&w, &identity_sets[s], isas[turn / 2], (int32_t)(turn % 2) + 1);
        rtvi_flat_destroy(w.flat);
    }
    printf("%lld results compared, %lld differ\n", (long long)w.all_compared, (long long)w.all_different);
    return w.all_different != 0;
}
