/* test_api_evaluate.c - evaluate.h against golden values (tests/golden/make_evaluation.py) and against brute force on the same items, and
 * every status it can give. */
#include <math.h>

#include <retrieve/retrieve.h>

#include "api/api_handles.h"
#include "support_flat.h"

static test_heap heap;
static rtv_error error;

/* An item is added in the middle of the library's work, at this allocation, where no lock is held. */
static rtv_index *change_in_allocation;
static long change_at;
static void *allocate(void *user, size_t size, size_t alignment) {
    void *block = test_heap_allocate(user, size, alignment);
    if (change_in_allocation && heap.calls == change_at) {
        static const float vector[8] = {1};
        rtv_items items = test_items(vector);
        rtv_index *index = change_in_allocation;
        change_in_allocation = NULL;
        assert_int_equal(rtv_index_add(index, &items, 1, NULL), RTV_OK);
    }
    return block;
}

static rtv_runtime *make_runtime(void) {
    static rtv_allocator allocator = {&heap, allocate, test_heap_release};
    rtv_runtime_options options;
    rtv_runtime *runtime = NULL;
    rtv_runtime_options_init(&options);
    options.threads = 2;
    options.allocator = &allocator;
    assert_status(rtv_runtime_create(&options, &runtime, &error), RTV_OK);
    return runtime;
}

/* --- golden values ------------------------------------------------------------------------------------------------------------------ */

/* Items of a golden file; takes them off *data. */
static rtv_index *read_index(rtv_runtime *runtime, const uint8_t **data, int32_t count, int32_t dim) {
    const size_t labels = (size_t)count * sizeof(int32_t), vectors = (size_t)count * (size_t)dim * sizeof(float);
    rtv_items items = test_items((const float *)(const void *)(*data + 2 * labels));
    rtv_index *index = NULL;
    items.classes = (const int32_t *)(const void *)*data;
    items.predicted = (const int32_t *)(const void *)(*data + labels);
    assert_status(rtv_index_create(dim, runtime, &index, &error), RTV_OK);
    assert_status(rtv_index_add(index, &items, count, &error), RTV_OK);
    *data += 2 * labels + vectors;
    return index;
}

static void expect(double got, double expected, const char *line) {
    /* sums of a few hundred terms below 1, in another order than NumPy's */
    if (!(fabs(got - expected) <= 1e-13) && !(isnan(got) && isnan(expected))) fail_msg("got %.17g where %s", got, line);
}

static void compare_line(rtv_evaluation *const evaluations[2], const char *line) {
    int filter, rule, metric;
    long long k;
    double value, low, high;
    rtv_metric_value got;
    assert_int_equal(sscanf(line, "%d %d %d %lld %lf %lf %lf", &filter, &rule, &metric, &k, &value, &low, &high), 7);
    assert_status(rtv_evaluation_metric(evaluations[filter], metric, k, rule, &got, &error), RTV_OK);
    expect(got.value, value, line);
    expect(got.low, low, line);
    expect(got.high, high, line);
}

static void compare_golden(const char *name) {
    static const int64_t ks[] = {1, 2, 5, 10, 1000};
    rtv_runtime *runtime = make_runtime();
    rtv_evaluation *evaluations[2];
    rtv_index *gallery, *queries = NULL;
    rtv_evaluation_options options;
    char file[64], *line;
    size_t size, lines = 0;
    uint8_t *data;
    const uint8_t *at;
    int32_t counts[3];
    snprintf(file, sizeof file, "evaluation/%s.data", name);
    at = data = test_read_file(test_golden(file), &size);
    memcpy(counts, at, sizeof counts);
    at += sizeof counts;
    gallery = read_index(runtime, &at, counts[0], counts[2]);
    if (counts[1] > 0) queries = read_index(runtime, &at, counts[1], counts[2]);
    assert_ptr_equal(at, data + size);
    rtv_evaluation_options_init(&options);
    options.ks = ks;
    options.num_ks = 5;
    options.bootstrap_samples = 200;
    options.seed = 7;
    options.confidence = 0.9;
    for (int32_t i = 0; i < 2; i++) {
        options.predicted = i;
        assert_status(rtv_evaluation_create(gallery, queries, &options, &evaluations[i], &error), RTV_OK);
    }
    free(data);
    snprintf(file, sizeof file, "evaluation/%s.txt", name);
    data = test_read_file(test_golden(file), &size);
    for (line = strtok((char *)data, "\n"); line; line = strtok(NULL, "\n"), lines++) compare_line(evaluations, line);
    assert_int_equal(lines, 2 * 2 * (2 * 5 + 4));
    free(data);
    for (int i = 0; i < 2; i++) rtv_evaluation_free(evaluations[i]);
    rtv_index_free(gallery);
    rtv_index_free(queries);
    rtv_runtime_free(runtime);
    assert_int_equal(heap.live, 0);
}

static void golden_values(void **state) {
    (void)state;
    compare_golden("alone");
    compare_golden("alone_ties");
    compare_golden("gallery");
    compare_golden("gallery_ties");
}

/* --- brute force -------------------------------------------------------------------------------------------------------------------- */

enum { DIM = 5, MOST = 1400 };

typedef struct set {
    size_t count;
    float vectors[MOST * DIM];
    int64_t ids[MOST];
    int32_t classes[MOST], predicted[MOST];
} set;

static rtv_index *make_set(set *s, rtv_runtime *runtime, size_t count, int num_classes, int coarse, uint64_t seed) {
    rtv_items items = test_items(s->vectors);
    rtv_index *index = NULL;
    s->count = count;
    test_random_vectors(&seed, s->vectors, count * DIM, coarse);
    for (size_t i = 0; i < count; i++) {
        s->ids[i] = (int64_t)((i * 7919) % (2 * count + 1)); /* 7919 is prime: no id twice, and no order */
        s->classes[i] = (int32_t)(test_random(&seed) % (uint64_t)(num_classes + 1)) - 1;
        s->predicted[i] = (int32_t)(test_random(&seed) % 4) - 1;
    }
    s->classes[count / 2] = 1000; /* alone in its class */
    items.ids = s->ids;
    items.classes = s->classes;
    items.predicted = s->predicted;
    assert_status(rtv_index_create(DIM, runtime, &index, &error), RTV_OK);
    assert_status(rtv_index_add(index, &items, (int64_t)count, &error), RTV_OK);
    return index;
}

/* What brute force finds for one query. */
typedef struct answer {
    int64_t relevant, first_rank;
    double average_precision;
    float same, other; /* the best scores, NaN for none */
} answer;

static int by_rank(const void *a, const void *b) {
    const rtv_hit *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static answer ask(const set *gallery, const set *queries, size_t q, int predicted) {
    static rtv_hit hits[MOST];
    answer a = {.same = NAN, .other = NAN};
    int64_t found = 0;
    size_t n = 0;
    for (size_t i = 0; i < gallery->count; i++) {
        if (gallery == queries && i == q) continue;
        a.relevant += gallery->classes[i] == queries->classes[q];
        if (predicted && queries->predicted[q] >= 0 && gallery->predicted[i] != queries->predicted[q]) continue;
        hits[n++] = (rtv_hit){gallery->ids[i], test_canonical_dot(queries->vectors + q * DIM, gallery->vectors + i * DIM, DIM),
                              gallery->classes[i]};
    }
    qsort(hits, n, sizeof *hits, by_rank);
    for (size_t r = 0; r < n; r++) {
        const int same = hits[r].class_id == queries->classes[q];
        if (same && found == 0) a.first_rank = (int64_t)r + 1;
        if (same && isnan(a.same)) a.same = hits[r].score;
        if (!same && isnan(a.other)) a.other = hits[r].score;
        if (same) a.average_precision += (double)++found / (double)(r + 1);
    }
    if (a.relevant > 0) a.average_precision /= (double)a.relevant;
    return a;
}

static void compare_histogram(const rtv_evaluation *e, int32_t kind, const int64_t *expected, int64_t total) {
    int64_t counts[20], sum;
    assert_status(rtv_evaluation_histogram(e, kind, -2, 2, 20, counts, &sum, &error), RTV_OK);
    assert_int_equal(sum, total);
    assert_memory_equal(counts, expected, sizeof counts);
}

static void count_score(int64_t *counts, int64_t *total, float score) {
    double at = ((double)score + 2) * 5;
    if (isnan(score)) return;
    counts[at < 0 ? 0 : at >= 20 ? 19 : (int)at]++;
    ++*total;
}

static void compare_queries(const set *gallery, const set *queries, const rtv_evaluation *e, int predicted) {
    static rtv_query_result results[MOST];
    int64_t same[20] = {0}, other[20] = {0}, num_same = 0, num_other = 0, n = 0, count;
    assert_status(rtv_evaluation_queries(e, results, MOST, &count, &error), RTV_OK);
    for (size_t q = 0; q < queries->count; q++) {
        const rtv_query_result *got = &results[n];
        answer a;
        if (queries->classes[q] < 0) continue;
        n++;
        a = ask(gallery, queries, q, predicted);
        assert_int_equal(got->id, queries->ids[q]);
        assert_int_equal(got->class_id, queries->classes[q]);
        assert_int_equal(got->num_relevant, a.relevant);
        assert_int_equal(got->first_rank, a.first_rank);
        assert_true(fabs(got->average_precision - a.average_precision) < 1e-13);
        count_score(same, &num_same, a.same);
        count_score(other, &num_other, a.other);
    }
    compare_histogram(e, RTV_SCORES_NEAREST_SAME, same, num_same);
    compare_histogram(e, RTV_SCORES_NEAREST_OTHER, other, num_other);
}

static void compare_sets(size_t count, int num_classes, int coarse, uint64_t seed) {
    static set gallery, queries;
    rtv_runtime *runtime = make_runtime();
    rtv_index *g = make_set(&gallery, runtime, count, num_classes, coarse, seed);
    rtv_index *q = make_set(&queries, runtime, count / 2, num_classes + 2, coarse, seed + 1);
    rtv_evaluation_options options;
    rtv_evaluation_options_init(&options);
    options.score_queries = -1;
    for (int32_t predicted = 0; predicted < 2; predicted++) {
        rtv_evaluation *e;
        options.predicted = predicted;
        assert_status(rtv_evaluation_create(g, NULL, &options, &e, &error), RTV_OK);
        compare_queries(&gallery, &gallery, e, predicted);
        rtv_evaluation_free(e);
        assert_status(rtv_evaluation_create(g, q, &options, &e, &error), RTV_OK);
        compare_queries(&gallery, &queries, e, predicted);
        rtv_evaluation_free(e);
    }
    rtv_index_free(g);
    rtv_index_free(q);
    rtv_runtime_free(runtime);
    assert_int_equal(heap.live, 0);
}

static void brute_force(void **state) {
    (void)state;
    compare_sets(2, 1, 0, 1);
    compare_sets(90, 7, 0, 2);
    compare_sets(150, 3, 1, 3); /* ties, and other classes first at ranks beyond a short list */
    compare_sets(320, 1, 1, 4); /* more than 100 relevant items */
}

/* So many pairs of one class that they are ranked in parts, which changes nothing. */
static void big_classes(void **state) {
    enum { COUNT = 4100 };
    static float vectors[COUNT];
    static int32_t classes[COUNT];
    static rtv_query_result results[COUNT];
    rtv_runtime *runtime = make_runtime();
    rtv_items items = test_items(vectors);
    rtv_evaluation_options options;
    rtv_metric_value value;
    rtv_index *index = NULL;
    rtv_evaluation *e;
    int64_t count;
    (void)state;
    for (int i = 0; i < COUNT; i++) vectors[i] = (float)(i + 1); /* all see the largest first */
    for (int i = 1; i < COUNT; i++) classes[i] = i == 1;
    items.classes = classes;
    assert_status(rtv_index_create(1, runtime, &index, &error), RTV_OK);
    assert_status(rtv_index_add(index, &items, COUNT, &error), RTV_OK);
    rtv_evaluation_options_init(&options);
    options.bootstrap_samples = 0;
    options.score_queries = 1;
    assert_status(rtv_evaluation_create(index, NULL, &options, &e, &error), RTV_OK);
    assert_status(rtv_evaluation_queries(e, results, COUNT, &count, &error), RTV_OK);
    assert_int_equal(results[0].num_relevant, COUNT - 2);
    assert_int_equal(results[0].first_rank, 1);
    assert_int_equal(results[1].num_relevant, 0);
    assert_int_equal(results[COUNT - 1].first_rank, 1);
    assert_status(rtv_evaluation_metric(e, RTV_METRIC_R_PRECISION, 0, RTV_RULE_LEFT_OUT, &value, &error), RTV_OK);
    /* the item of class 1 comes last but for the query with the least vector, which it precedes: only that one has all R in front */
    assert_true(value.value > 0.9997 && value.value <= 1);
    rtv_evaluation_free(e);
    rtv_index_free(index);
    rtv_runtime_free(runtime);
    assert_int_equal(heap.live, 0);
}

/* --- a small world ------------------------------------------------------------------------------------------------------------------ */

static rtv_index *make_corners(rtv_runtime *runtime, const int32_t *classes, const char *const *names, int64_t num_names) {
    static const float vectors[] = {1, 0, 0.9F, 0.1F, 0, 1, 0.1F, 0.9F, 0.5F, 0.5F};
    rtv_items items = test_items(vectors);
    rtv_index *index = NULL;
    items.classes = classes;
    assert_status(rtv_index_create(2, runtime, &index, &error), RTV_OK);
    assert_status(rtv_index_add(index, &items, 5, &error), RTV_OK);
    assert_status(rtv_index_set_class_names(index, RTV_CLASSES_LABEL, names, num_names, &error), RTV_OK);
    return index;
}

static const int32_t corner_classes[] = {0, 0, 1, 1, -1};

static void small_world(void **state) {
    rtv_runtime *runtime = make_runtime();
    rtv_index *index = make_corners(runtime, corner_classes, NULL, 0);
    rtv_evaluation_info info = {.struct_size = sizeof info};
    rtv_class_count classes[2];
    rtv_query_result hardest[9];
    rtv_metric_value value;
    rtv_threshold threshold;
    rtv_evaluation *e;
    double values[2];
    int64_t found, counts[4];
    (void)state;
    assert_status(rtv_evaluation_create(index, NULL, NULL, &e, &error), RTV_OK);
    rtv_index_free(index); /* an evaluation stands alone */
    rtv_runtime_free(runtime);
    assert_status(rtv_evaluation_info_get(e, &info, &error), RTV_OK);
    assert_int_equal(info.leave_one_out, 1);
    assert_int_equal(info.num_gallery, 5);
    assert_int_equal(info.num_queries, 4);
    assert_int_equal(info.num_answerable, 4);
    assert_int_equal(info.num_unlabelled, 1);
    assert_int_equal(info.num_classes, 2);
    assert_int_equal(info.num_score_queries, 4);
    assert_int_equal(info.bootstrap_samples, 1000);
    assert_int_equal(info.num_ks, 4);
    assert_int_equal(info.ks[3], 1000);
    assert_status(rtv_evaluation_metric(e, RTV_METRIC_RECALL, 1, RTV_RULE_MISS, &value, &error), RTV_OK);
    assert_true(value.value == 1 && value.low == 1 && value.high == 1);
    assert_status(rtv_evaluation_classes(e, classes, 2, &found, &error), RTV_OK);
    assert_int_equal(classes[1].class_id, 1);
    assert_int_equal(classes[1].num_queries, 2);
    assert_int_equal(classes[1].num_answerable, 2);
    assert_status(rtv_evaluation_class_values(e, RTV_METRIC_PRECISION, 10, RTV_RULE_MISS, values, 2, &found, &error), RTV_OK);
    assert_true(values[0] == 0.1 && values[1] == 0.1);
    assert_status(rtv_evaluation_hardest(e, hardest, 4, &found, &error), RTV_OK);
    assert_int_equal(found, 4);
    for (int i = 0; i < 4; i++) assert_int_equal(hardest[i].id, i); /* all alike: by id */
    /* Best others: 0.5 (the item without class) for the corners, 0.5 for their neighbours; best relevant items: 0.9. */
    assert_status(rtv_evaluation_threshold(e, 0, &threshold, &error), RTV_OK);
    assert_true(threshold.min_score > 0.5F && threshold.min_score < 0.500001F);
    assert_true(threshold.false_accept_rate == 0 && threshold.false_reject_rate == 0);
    assert_status(rtv_evaluation_threshold(e, 1, &threshold, &error), RTV_OK);
    assert_true(threshold.min_score == -INFINITY && threshold.false_accept_rate == 1 && threshold.false_reject_rate == 0);
    assert_status(rtv_evaluation_histogram(e, RTV_SCORES_PAIRS_SAME, 0, 1, 4, counts, &found, &error), RTV_OK);
    assert_int_equal(found, 4);
    assert_int_equal(counts[3], 4);
    assert_status(rtv_evaluation_histogram(e, RTV_SCORES_PAIRS_OTHER, 0.6, 0.7, 4, counts, &found, &error), RTV_OK);
    assert_int_equal(counts[0], found); /* none is above 0.5 */
    assert_true(found > 100 && found < 400);
    rtv_evaluation_free(e);
    rtv_evaluation_free(NULL);
    assert_int_equal(heap.live, 0);
}

static void classes_by_name(void **state) {
    static const char *const names[] = {"ant", "bee"}, *const swapped[] = {"bee", "cat", "ant"};
    static const int32_t classes[] = {2, 2, 0, 1, -1};
    rtv_runtime *runtime = make_runtime();
    rtv_index *gallery = make_corners(runtime, corner_classes, names, 2), *queries = make_corners(runtime, classes, swapped, 3);
    rtv_class_count counts[3];
    rtv_metric_value value;
    rtv_evaluation *e;
    int64_t found;
    (void)state;
    assert_status(rtv_evaluation_create(gallery, queries, NULL, &e, &error), RTV_OK);
    assert_status(rtv_evaluation_classes(e, counts, 3, &found, &error), RTV_OK);
    assert_int_equal(counts[0].class_id, -3); /* "cat", number 1 there */
    assert_int_equal(counts[0].num_queries, 1);
    assert_int_equal(counts[0].num_answerable, 0);
    assert_int_equal(counts[1].class_id, 0);
    assert_int_equal(counts[1].num_queries, 2);
    assert_int_equal(counts[2].class_id, 1);
    assert_status(rtv_evaluation_metric(e, RTV_METRIC_RECALL, 1, RTV_RULE_MISS, &value, &error), RTV_OK);
    assert_true(value.value == 0.75); /* each finds itself: nothing is left out; the cat finds nothing */
    assert_status(rtv_evaluation_metric(e, RTV_METRIC_RECALL, 1, RTV_RULE_LEFT_OUT, &value, &error), RTV_OK);
    assert_true(value.value == 1);
    rtv_evaluation_free(e);
    assert_status(rtv_index_set_class_names(gallery, RTV_CLASSES_LABEL, NULL, 0, &error), RTV_OK);
    assert_status(rtv_evaluation_create(gallery, queries, NULL, &e, &error), RTV_OK); /* by number now: 2 is not there */
    assert_status(rtv_evaluation_metric(e, RTV_METRIC_RECALL, 1, RTV_RULE_MISS, &value, &error), RTV_OK);
    assert_true(value.value == 0.25);
    rtv_evaluation_free(e);
    rtv_index_free(gallery);
    rtv_index_free(queries);
    rtv_runtime_free(runtime);
    assert_int_equal(heap.live, 0);
}

/* --- statuses ----------------------------------------------------------------------------------------------------------------------- */

static void wrong_options(void **state) {
    static const int64_t falling[] = {5, 5}, none[] = {0};
    rtv_runtime *runtime = make_runtime();
    rtv_index *index = make_corners(runtime, corner_classes, NULL, 0);
    rtv_evaluation *e = NULL;
    rtv_evaluation_options o;
    (void)state;
#define refuse(change)                                                                             \
    do {                                                                                           \
        rtv_evaluation_options_init(&o);                                                           \
        change;                                                                                    \
        assert_status(rtv_evaluation_create(index, NULL, &o, &e, &error), RTV_E_INVALID_ARGUMENT); \
    } while (0)
    refuse(o.num_ks = 0);
    refuse(o.num_ks = RTV_EVALUATION_KS_MAX + 1);
    refuse((o.ks = NULL, o.num_ks = 3));
    refuse(o.accept = RTV_ACCEPT_PARENTS);
    refuse(o.accept = -1);
    refuse((o.ks = falling, o.num_ks = 2));
    refuse((o.ks = none, o.num_ks = 1));
    refuse(o.bootstrap_samples = -1);
    refuse(o.bootstrap_samples = 100001);
    refuse(o.score_queries = -2);
    refuse(o.confidence = 0);
    refuse(o.confidence = 1);
    refuse(o.confidence = NAN);
    refuse(o.struct_size = 3);
    assert_status(rtv_evaluation_create(NULL, NULL, NULL, &e, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_evaluation_create(index, NULL, NULL, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_null(e);
    rtv_index_free(index);
    rtv_runtime_free(runtime);
    assert_int_equal(heap.live, 0);
}

static void wrong_indexes(void **state) {
    static const int32_t none[] = {-1, -1, -1, -1, -1};
    rtv_runtime *runtime = make_runtime();
    rtv_index *index = make_corners(runtime, corner_classes, NULL, 0), *other = make_corners(runtime, none, NULL, 0), *wide = NULL;
    rtv_evaluation *e = NULL;
    rtv_evaluation_options o;
    (void)state;
    rtv_evaluation_options_init(&o);
    assert_status(rtv_evaluation_create(other, NULL, NULL, &e, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_evaluation_create(index, other, NULL, &e, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_create(3, runtime, &wide, &error), RTV_OK);
    assert_status(rtv_evaluation_create(index, wide, NULL, &e, &error), RTV_E_MISMATCH);
    assert_status(rtv_evaluation_create(wide, NULL, NULL, &e, &error), RTV_E_INVALID_ARGUMENT);
    rtvi_flat_set_model(other->flat, "0123456789abcdef", "another");
    assert_status(rtv_evaluation_create(other, index, NULL, &e, &error), RTV_E_MISMATCH);
    assert_contains(error.message, "RTV_ACCEPT_ANY");
    assert_null(e);
    o.accept = RTV_ACCEPT_ANY;
    assert_status(rtv_evaluation_create(other, index, &o, &e, &error), RTV_OK); /* a gallery without classes: all are misses */
    rtv_evaluation_free(e);
    rtv_index_free(index);
    rtv_index_free(other);
    rtv_index_free(wide);
    rtv_runtime_free(runtime);
    assert_int_equal(heap.live, 0);
}

static void an_empty_gallery(void **state) {
    rtv_runtime *runtime = make_runtime();
    rtv_index *queries = make_corners(runtime, corner_classes, NULL, 0), *gallery = NULL;
    rtv_metric_value value;
    rtv_evaluation *e = NULL;
    rtv_threshold threshold;
    (void)state;
    assert_status(rtv_index_create(2, runtime, &gallery, &error), RTV_OK);
    assert_status(rtv_evaluation_create(gallery, queries, NULL, &e, &error), RTV_OK);
    assert_status(rtv_evaluation_metric(e, RTV_METRIC_MRR, 0, RTV_RULE_MISS, &value, &error), RTV_OK);
    assert_true(value.value == 0 && value.low == 0 && value.high == 0);
    assert_status(rtv_evaluation_metric(e, RTV_METRIC_MRR, 0, RTV_RULE_LEFT_OUT, &value, &error), RTV_OK);
    assert_true(isnan(value.value) && isnan(value.low) && isnan(value.high));
    assert_status(rtv_evaluation_threshold(e, 0.1, &threshold, &error), RTV_E_STATE);
    rtv_evaluation_free(e);
    rtv_index_free(gallery);
    rtv_index_free(queries);
    rtv_runtime_free(runtime);
    assert_int_equal(heap.live, 0);
}

static void wrong_questions(void **state) {
    rtv_runtime *runtime = make_runtime();
    rtv_index *index = make_corners(runtime, corner_classes, NULL, 0);
    rtv_evaluation_options o;
    rtv_evaluation_info info = {.struct_size = 1};
    rtv_metric_value value;
    rtv_threshold threshold;
    rtv_class_count classes[2];
    rtv_query_result results[4];
    rtv_evaluation *e;
    double values[2];
    int64_t counts[2], found;
    (void)state;
    rtv_evaluation_options_init(&o);
    o.score_queries = 0;
    assert_status(rtv_evaluation_create(index, NULL, &o, &e, &error), RTV_OK);
    assert_status(rtv_evaluation_info_get(e, &info, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_evaluation_info_get(NULL, &info, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_evaluation_info_get(e, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_evaluation_metric(e, 0, 1, RTV_RULE_MISS, &value, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_evaluation_metric(e, 7, 1, RTV_RULE_MISS, &value, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_evaluation_metric(e, RTV_METRIC_RECALL, 1, 3, &value, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_evaluation_metric(e, RTV_METRIC_RECALL, 2, RTV_RULE_MISS, &value, &error), RTV_E_NOT_FOUND);
    assert_status(rtv_evaluation_metric(e, RTV_METRIC_RECALL, 1, RTV_RULE_MISS, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_evaluation_metric(NULL, RTV_METRIC_RECALL, 1, RTV_RULE_MISS, &value, &error), RTV_E_INVALID_ARGUMENT);
    classes[1].class_id = 77;
    assert_status(rtv_evaluation_classes(e, classes, 1, &found, &error), RTV_OK);
    assert_int_equal(found, 2);
    assert_int_equal(classes[0].class_id, 0);
    assert_int_equal(classes[1].class_id, 77); /* no room */
    assert_status(rtv_evaluation_classes(e, NULL, 0, &found, &error), RTV_OK);
    assert_int_equal(found, 2);
    assert_status(rtv_evaluation_classes(e, NULL, 1, &found, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_evaluation_classes(e, classes, 2, NULL, &error), RTV_E_INVALID_ARGUMENT);
    values[1] = 77;
    assert_status(rtv_evaluation_class_values(e, RTV_METRIC_MRR, 0, RTV_RULE_MISS, values, 1, &found, &error), RTV_OK);
    assert_int_equal(found, 2);
    assert_true(values[1] == 77);
    assert_status(rtv_evaluation_class_values(e, RTV_METRIC_RECALL, 3, RTV_RULE_MISS, values, 2, &found, &error), RTV_E_NOT_FOUND);
    assert_status(rtv_evaluation_class_values(e, RTV_METRIC_MRR, 0, RTV_RULE_MISS, NULL, 2, &found, &error), RTV_E_INVALID_ARGUMENT);
    results[3].id = 77;
    assert_status(rtv_evaluation_queries(e, results, 3, &found, &error), RTV_OK);
    assert_int_equal(found, 4);
    assert_int_equal(results[3].id, 77);
    assert_status(rtv_evaluation_queries(e, NULL, 4, &found, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_evaluation_hardest(e, results, -1, &found, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_evaluation_hardest(e, NULL, 1, &found, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_evaluation_hardest(e, results, 1, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_evaluation_hardest(e, NULL, 0, &found, &error), RTV_OK);
    assert_int_equal(found, 4);
    assert_status(rtv_evaluation_histogram(e, 0, 0, 1, 2, counts, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_evaluation_histogram(e, RTV_SCORES_PAIRS_SAME, 1, 1, 2, counts, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_evaluation_histogram(e, RTV_SCORES_PAIRS_SAME, 0, 1, 0, counts, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_evaluation_histogram(e, RTV_SCORES_PAIRS_SAME, 0, 1, 2, NULL, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_evaluation_histogram(e, RTV_SCORES_PAIRS_SAME, 0, 1, 2, counts, &found, &error), RTV_OK);
    assert_int_equal(found, 0);
    assert_status(rtv_evaluation_threshold(e, 1.5, &threshold, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_evaluation_threshold(e, NAN, &threshold, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_evaluation_threshold(e, 0.5, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_evaluation_threshold(e, 0.5, &threshold, &error), RTV_E_STATE);
    rtv_evaluation_free(e);
    rtv_index_free(index);
    rtv_runtime_free(runtime);
    assert_int_equal(heap.live, 0);
}

typedef struct watch {
    int64_t calls, stop_at, last, total;
} watch;

static int32_t watch_progress(void *user, int64_t done, int64_t total) {
    watch *w = user;
    assert_true(done >= w->last && done <= total);
    w->last = done;
    w->total = total;
    return ++w->calls == w->stop_at;
}

static void progress_and_cancelling(void **state) {
    rtv_runtime *runtime = make_runtime();
    rtv_index *index = make_corners(runtime, corner_classes, NULL, 0);
    rtv_evaluation_options o;
    rtv_evaluation *e = NULL;
    watch w = {0};
    (void)state;
    rtv_evaluation_options_init(&o);
    o.progress = watch_progress;
    o.progress_user = &w;
    for (int i = 0; i < 2; i++) {
        rtv_index *queries = i ? index : NULL;
        int64_t calls;
        w = (watch){0};
        assert_status(rtv_evaluation_create(index, queries, &o, &e, &error), RTV_OK);
        rtv_evaluation_free(e);
        assert_int_equal(w.total, 8);
        assert_int_equal(w.last, 8);
        calls = w.calls;
        e = NULL;
        for (int64_t stop = 1; stop <= calls; stop++) {
            w = (watch){.stop_at = stop};
            assert_status(rtv_evaluation_create(index, queries, &o, &e, &error), RTV_E_CANCELLED);
            assert_int_equal(w.calls, stop);
            assert_null(e);
        }
    }
    rtv_index_free(index);
    rtv_runtime_free(runtime);
    assert_int_equal(heap.live, 0);
}

static void no_memory(void **state) {
    static const char *const names[] = {"a class name that does not fit into the first buffer, which is empty", "b"};
    rtv_runtime *runtime = make_runtime();
    rtv_index *gallery = make_corners(runtime, corner_classes, names, 2), *queries = make_corners(runtime, corner_classes, names, 2);
    rtv_evaluation *e = NULL;
    rtv_evaluation_options o;
    (void)state;
    rtv_evaluation_options_init(&o);
    o.bootstrap_samples = 10;
    for (int i = 0; i < 2; i++) {
        rtv_query_result result;
        int64_t found;
        assert_status(rtv_evaluation_create(gallery, i ? queries : NULL, &o, &e, &error), RTV_OK); /* whatever is kept for later is there */
        heap.fail_at = heap.calls + 1;
        assert_status(rtv_evaluation_hardest(e, &result, 1, &found, &error), RTV_E_OUT_OF_MEMORY);
        heap.fail_at = 0;
        rtv_evaluation_free(e);
        for (long n = 1;; n++) {
            const long live = heap.live;
            int32_t status;
            e = NULL;
            heap.fail_at = heap.calls + n;
            status = rtv_evaluation_create(gallery, i ? queries : NULL, &o, &e, &error);
            heap.fail_at = 0;
            if (status == RTV_OK) break;
            assert_int_equal(status, RTV_E_OUT_OF_MEMORY);
            assert_int_equal(error.status, status);
            assert_null(e);
            assert_true(heap.live <= live + 1); /* a search may keep its workspace */
            assert_true(n < 200);
        }
        rtv_evaluation_free(e);
    }
    rtv_index_free(gallery);
    rtv_index_free(queries);
    rtv_runtime_free(runtime);
    assert_int_equal(heap.live, 0);
}

static double recall_at_1(const rtv_evaluation *e) {
    rtv_metric_value value;
    assert_status(rtv_evaluation_metric(e, RTV_METRIC_RECALL, 1, RTV_RULE_MISS, &value, &error), RTV_OK);
    return value.value;
}

typedef struct meddler {
    rtv_index *gallery, *queries;
    int32_t calls;
} meddler;

/* Removes, adds, and names classes while it is told how far the evaluation is. */
static int32_t meddle(void *user, int64_t done, int64_t total) {
    static const char *const names[] = {"x", "y", "z"};
    static const float vector[8] = {1, 1};
    meddler *m = user;
    rtv_index *const both[] = {m->gallery, m->queries};
    (void)done;
    (void)total;
    m->calls++;
    for (int i = 0; i < 2; i++) {
        rtv_items items = test_items(vector);
        const int32_t class_id = 1;
        int64_t ids[64], count;
        assert_int_equal(rtv_index_ids(both[i], ids, 64, &count, NULL), RTV_OK);
        assert_int_equal(rtv_index_remove(both[i], ids, 2, NULL, NULL), RTV_OK);
        items.classes = &class_id;
        assert_int_equal(rtv_index_add(both[i], &items, 1, NULL), RTV_OK);
        assert_int_equal(rtv_index_set_class_names(both[i], RTV_CLASSES_LABEL, names, 3, NULL), RTV_OK);
    }
    return 0;
}

/* One state is evaluated, whenever an index changes. */
static void changed_meanwhile(void **state) {
    (void)state;
    for (int pair = 0; pair < 2; pair++) {
        rtv_runtime *runtime = make_runtime();
        rtv_index *gallery = make_corners(runtime, corner_classes, NULL, 0);
        rtv_index *queries = pair ? make_corners(runtime, corner_classes, NULL, 0) : gallery;
        meddler m = {gallery, queries, 0};
        rtv_evaluation_options o;
        rtv_evaluation_info before = {.struct_size = sizeof before}, after = {.struct_size = sizeof after};
        rtv_evaluation *expected = NULL, *e = NULL;
        rtv_evaluation_options_init(&o);
        assert_status(rtv_evaluation_create(gallery, pair ? queries : NULL, &o, &expected, &error), RTV_OK);
        assert_status(rtv_evaluation_info_get(expected, &before, &error), RTV_OK);
        o.progress = meddle;
        o.progress_user = &m;
        change_in_allocation = gallery;
        change_at = heap.calls + 12; /* behind what the evaluation takes with the lock held */
        assert_status(rtv_evaluation_create(gallery, pair ? queries : NULL, &o, &e, &error), RTV_OK);
        assert_status(rtv_evaluation_info_get(e, &after, &error), RTV_OK);
        assert_null(change_in_allocation);
        assert_true(m.calls > 0);
        assert_int_equal(after.num_gallery, before.num_gallery);
        assert_int_equal(after.num_queries, before.num_queries);
        assert_int_equal(after.num_answerable, before.num_answerable);
        assert_int_equal(after.num_classes, before.num_classes);
        assert_true(recall_at_1(e) == recall_at_1(expected));
        rtv_evaluation_free(e);
        rtv_evaluation_free(expected);
        if (pair) rtv_index_free(queries);
        rtv_index_free(gallery);
        rtv_runtime_free(runtime);
        assert_int_equal(heap.live, 0);
    }
}

/* Queries as they were given, or reduced as the gallery is, meet the gallery's own form. */
static void reduced_indexes(void **state) {
    rtv_runtime *runtime = make_runtime();
    rtv_index *plain = make_corners(runtime, corner_classes, NULL, 0), *gallery, *queries, *other;
    rtv_reduce_options o;
    rtv_evaluation *e[3] = {NULL};
    (void)state;
    rtv_reduce_options_init(&o);
    o.method = RTV_REDUCE_TRUNCATE;
    o.kept_dim = 2;
    assert_status(rtv_index_reduce(plain, &o, NULL, &gallery, &error), RTV_OK);
    o.kept_dim = 1;
    assert_status(rtv_index_reduce(plain, &o, NULL, &other, &error), RTV_OK);
    o.like = gallery;
    assert_status(rtv_index_reduce(plain, &o, NULL, &queries, &error), RTV_OK);
    assert_status(rtv_evaluation_create(gallery, plain, NULL, &e[0], &error), RTV_OK);
    assert_status(rtv_evaluation_create(gallery, queries, NULL, &e[1], &error), RTV_OK);
    assert_status(rtv_evaluation_create(gallery, gallery, NULL, &e[2], &error), RTV_OK);
    for (int i = 1; i < 3; i++) assert_true(recall_at_1(e[i]) == recall_at_1(e[0]));
    for (int i = 0; i < 3; i++) rtv_evaluation_free(e[i]);
    assert_status(rtv_evaluation_create(gallery, other, NULL, &e[0], &error), RTV_E_MISMATCH);
    assert_contains(error.message, "the same reduction");
    assert_status(rtv_evaluation_create(plain, gallery, NULL, &e[0], &error), RTV_E_MISMATCH);
    rtv_index_free(plain);
    rtv_index_free(gallery);
    rtv_index_free(queries);
    rtv_index_free(other);
    rtv_runtime_free(runtime);
    assert_int_equal(heap.live, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_values),   cmocka_unit_test(brute_force),
        cmocka_unit_test(big_classes),     cmocka_unit_test(small_world),
        cmocka_unit_test(classes_by_name), cmocka_unit_test(wrong_options),
        cmocka_unit_test(wrong_indexes),   cmocka_unit_test(an_empty_gallery),
        cmocka_unit_test(wrong_questions), cmocka_unit_test(progress_and_cancelling),
        cmocka_unit_test(no_memory),       cmocka_unit_test(changed_meanwhile),
        cmocka_unit_test(reduced_indexes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
