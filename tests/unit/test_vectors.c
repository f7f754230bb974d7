/* test_vectors.c - the cases of tests/vectors/vectors.json, through the public interface only. */
#include "support.h"

#include <cjson/cJSON.h>
#include <math.h>

#include <retrieve/retrieve.h>

#include "toy_models.h"

enum { MAX_ROWS = 64, MAX_PICTURES = 16 };

/* --- reading ------------------------------------------------------------------------------------------------------------------------- */

static const cJSON *field(const cJSON *object, const char *name) { return cJSON_GetObjectItemCaseSensitive(object, name); }

static int32_t integer(const cJSON *object, const char *name, int32_t otherwise) {
    const cJSON *value = field(object, name);
    return value ? value->valueint : otherwise;
}

static const char *text(const cJSON *object, const char *name) { return cJSON_GetStringValue(field(object, name)); }

static float as_float(const cJSON *value) { return value->valuestring ? strtof(value->valuestring, NULL) : (float)value->valuedouble; }

/* [rows][columns], malloc'ed; NULL where there is none. */
static float *matrix(const cJSON *rows) {
    size_t count = 0, at = 0;
    const cJSON *row, *value;
    float *out;
    cJSON_ArrayForEach(row, rows) count += (size_t)cJSON_GetArraySize(row);
    out = malloc((count + 1) * sizeof *out);
    assert_non_null(out);
    cJSON_ArrayForEach(row, rows) cJSON_ArrayForEach(value, row) out[at++] = as_float(value);
    return out;
}

static const int32_t *int32s(const cJSON *values, int32_t *out) {
    const cJSON *value;
    int32_t *at = out;
    cJSON_ArrayForEach(value, values) *at++ = value->valueint;
    return values ? out : NULL;
}

static const int64_t *int64s(const cJSON *values, int64_t *out) {
    const cJSON *value;
    int64_t *at = out;
    cJSON_ArrayForEach(value, values) *at++ = (int64_t)value->valuedouble;
    return values ? out : NULL;
}

static const char *tests_path(const char *name, char path[1024]) {
    snprintf(path, 1024, "%s/../%s", RTV_GOLDEN_DIR, name);
    return path;
}

/* A file of tests/, malloc'ed, damaged as the case says. */
static uint8_t *file_bytes(const cJSON *where, const char *name, size_t *size) {
    char path[1024];
    uint8_t *data;
    const int32_t flip = integer(where, "flip_byte", INT32_MAX);
    data = test_read_file(tests_path(text(where, name), path), size);
    if (field(where, "keep_bytes")) *size = (size_t)integer(where, "keep_bytes", 0);
    if (flip != INT32_MAX) data[flip < 0 ? *size - (size_t)-flip : (size_t)flip] ^= 1;
    return data;
}

static int is_damaged(const cJSON *where) { return field(where, "keep_bytes") || field(where, "flip_byte"); }

/* --- what was expected --------------------------------------------------------------------------------------------------------------- */

static void check_status(const cJSON *test, int32_t status, const rtv_error *error) {
    const cJSON *expect = field(test, "expect");
    const char *wanted = text(expect, "status") ? text(expect, "status") : "RTV_OK";
    if (strcmp(rtv_status_name(status), wanted) != 0)
        fail_msg("%s: got %s (%s), expected %s", text(test, "name"), rtv_status_name(status), error->message, wanted);
    assert_int_equal(error->status, status);
    if (text(expect, "says")) assert_contains(error->message, text(expect, "says"));
}

static void check_hits(const cJSON *test, rtv_index *index, const rtv_hit *hits, const int64_t *num_hits, int64_t k) {
    const cJSON *expect = field(test, "expect"), *ids = field(expect, "ids");
    const double tolerance = field(expect, "tolerance") ? field(expect, "tolerance")->valuedouble : 0;
    for (int q = 0; q < cJSON_GetArraySize(ids); q++) {
        assert_int_equal(num_hits[q], cJSON_GetArraySize(cJSON_GetArrayItem(ids, q)));
        for (int i = 0; i < num_hits[q]; i++) {
            const rtv_hit *hit = &hits[q * k + i];
            const float score = (float)cJSON_GetArrayItem(cJSON_GetArrayItem(field(expect, "scores"), q), i)->valuedouble;
            char key[256];
            uint64_t size;
            if (hit->id != (int64_t)cJSON_GetArrayItem(cJSON_GetArrayItem(ids, q), i)->valuedouble ||
                !(fabsf(hit->score - score) <= tolerance))
                fail_msg("%s: hit %d of query %d: got id %lld, score %.9g, expected score %.9g", text(test, "name"), i, q,
                         (long long)hit->id, (double)hit->score, (double)score);
            if (!field(expect, "keys")) continue;
            assert_int_equal(hit->class_id, cJSON_GetArrayItem(cJSON_GetArrayItem(field(expect, "classes"), q), i)->valueint);
            assert_int_equal(rtv_index_key(index, hit->id, key, sizeof key, &size, NULL), RTV_OK);
            assert_string_equal(key, cJSON_GetStringValue(cJSON_GetArrayItem(cJSON_GetArrayItem(field(expect, "keys"), q), i)));
        }
    }
}

static void check_descriptor(const cJSON *test, int row, const float *got) {
    const cJSON *expect = field(test, "expect"), *wanted = cJSON_GetArrayItem(field(expect, "descriptors"), row), *value;
    double largest = 0;
    if (cJSON_IsNull(wanted)) return;
    cJSON_ArrayForEach(value, wanted) largest = fmax(largest, fabs(value->valuedouble));
    cJSON_ArrayForEach(value, wanted) {
        if (!(fabs((double)*got - value->valuedouble) <= field(expect, "tolerance")->valuedouble * largest))
            fail_msg("%s: picture %d: got %.9g, expected %.9g", text(test, "name"), row, (double)*got, value->valuedouble);
        got++;
    }
}

/* --- search -------------------------------------------------------------------------------------------------------------------------- */

static int32_t add_items(rtv_index *index, const cJSON *add, rtv_error *error) {
    const cJSON *vectors = field(add, "vectors"), *keys = field(add, "keys"), *key;
    const char *key_texts[MAX_ROWS];
    int64_t ids[MAX_ROWS];
    int32_t classes[MAX_ROWS], predicted[MAX_ROWS], status, at = 0;
    float *values = matrix(vectors);
    rtv_items items = {.struct_size = sizeof items, .vectors = values};
    assert_in_range(cJSON_GetArraySize(vectors), 1, MAX_ROWS);
    cJSON_ArrayForEach(key, keys) key_texts[at++] = cJSON_GetStringValue(key);
    items.ids = int64s(field(add, "ids"), ids);
    items.classes = int32s(field(add, "classes"), classes);
    items.predicted = int32s(field(add, "predicted"), predicted);
    items.keys = keys ? key_texts : NULL;
    status = rtv_index_add(index, &items, cJSON_GetArraySize(vectors), error);
    free(values);
    return status;
}

static int32_t make_index(int32_t dim, const cJSON *adds, rtv_index **index, rtv_error *error) {
    const cJSON *add;
    int32_t status = rtv_index_create(dim, NULL, index, error);
    cJSON_ArrayForEach(add, adds) if (status == RTV_OK) status = add_items(*index, add, error);
    return status;
}

static int32_t search(const cJSON *test, rtv_index *index, rtv_hit *hits, int64_t *num_hits, rtv_error *error) {
    const cJSON *queries = field(test, "queries"), *given = field(test, "options");
    rtv_search_options options;
    int64_t exclude[MAX_ROWS];
    float *values = matrix(queries);
    int32_t status;
    rtv_search_options_init(&options);
    options.class_id = integer(given, "class_id", options.class_id);
    options.predicted_class = integer(given, "predicted_class", options.predicted_class);
    if (field(given, "min_score")) options.min_score = as_float(field(given, "min_score"));
    options.exclude_ids = int64s(field(given, "exclude_ids"), exclude);
    status = rtv_index_search(index, values, cJSON_GetArraySize(queries), integer(test, "k", 0), &options, hits, num_hits, error);
    free(values);
    return status;
}

static void run_search(const cJSON *test) {
    static rtv_hit hits[MAX_ROWS * MAX_ROWS];
    int64_t num_hits[MAX_ROWS];
    rtv_index *index = NULL;
    rtv_index_info info = {.struct_size = sizeof info};
    rtv_error error;
    int32_t status = make_index(integer(test, "dim", 0), field(test, "add"), &index, &error);
    assert_true(cJSON_GetArraySize(field(test, "queries")) * integer(test, "k", 0) <= MAX_ROWS * MAX_ROWS);
    if (status == RTV_OK) status = search(test, index, hits, num_hits, &error);
    check_status(test, status, &error);
    if (status == RTV_OK) {
        assert_int_equal(rtv_index_info_get(index, &info, NULL), RTV_OK);
        assert_int_equal(info.count, integer(field(test, "expect"), "count", -1));
        check_hits(test, index, hits, num_hits, integer(test, "k", 0));
    }
    rtv_index_free(index);
}

/* --- files --------------------------------------------------------------------------------------------------------------------------- */

static void run_open_index(const cJSON *test) {
    const cJSON *expect = field(test, "expect"), *pair;
    rtv_index *index = NULL;
    rtv_index_info info = {.struct_size = sizeof info};
    rtv_error error;
    int32_t status;
    if (is_damaged(test)) {
        size_t size;
        uint8_t *data = file_bytes(test, "file", &size);
        status = rtv_index_open_bytes(data, size, NULL, &index, &error);
        free(data);
    } else {
        char path[1024];
        status = rtv_index_open(tests_path(text(test, "file"), path), NULL, &index, &error);
    }
    check_status(test, status, &error);
    if (status != RTV_OK) return;
    assert_int_equal(rtv_index_info_get(index, &info, NULL), RTV_OK);
    assert_int_equal(info.dim, integer(expect, "dim", -1));
    assert_int_equal(info.count, integer(expect, "count", -1));
    cJSON_ArrayForEach(pair, field(expect, "keys")) {
        char key[256];
        uint64_t size;
        assert_int_equal(rtv_index_key(index, cJSON_GetArrayItem(pair, 0)->valueint, key, sizeof key, &size, NULL), RTV_OK);
        assert_string_equal(key, cJSON_GetStringValue(cJSON_GetArrayItem(pair, 1)));
    }
    rtv_index_free(index);
}

static int32_t open_model(const cJSON *test, rtv_model **model, rtv_error *error) {
    const cJSON *from = field(test, "model");
    rtv_import_options import;
    char path[1024];
    rtv_import_options_init(&import);
    import.architecture = text(from, "architecture");
    import.descriptors = text(from, "descriptors");
    import.input_width = integer(from, "input_width", import.input_width);
    import.input_height = integer(from, "input_height", import.input_height);
    if (text(from, "import")) return rtv_model_import(tests_path(text(from, "import"), path), &import, NULL, NULL, model, error);
    if (is_damaged(from)) {
        size_t size;
        uint8_t *data = file_bytes(from, "load", &size);
        int32_t status = rtv_model_load_bytes(data, size, NULL, NULL, model, error);
        free(data);
        return status;
    }
    return rtv_model_load(tests_path(text(from, "load"), path), NULL, NULL, model, error);
}

static void run_open_model(const cJSON *test) {
    const cJSON *expect = field(test, "expect");
    rtv_model *model = NULL;
    rtv_model_info info = {.struct_size = sizeof info};
    rtv_error error;
    int32_t status = open_model(test, &model, &error);
    check_status(test, status, &error);
    if (status != RTV_OK) return;
    assert_int_equal(rtv_model_info_get(model, &info, NULL), RTV_OK);
    assert_int_equal(info.descriptor_dim, integer(expect, "dim", -1));
    assert_int_equal(info.num_classes, integer(expect, "classes", -1));
    assert_int_equal(info.input_width, integer(expect, "input_width", -1));
    assert_int_equal(info.input_height, integer(expect, "input_height", -1));
    rtv_model_free(model);
}

/* --- pictures ------------------------------------------------------------------------------------------------------------------------ */

typedef struct pictures {
    rtv_picture list[MAX_PICTURES];
    void *owned[MAX_PICTURES];
    int count;
} pictures;

static int32_t pixel_format(const char *name) {
    static const char *const names[] = {"", "RGB8", "BGR8", "RGBA8", "BGRA8", "GRAY8"}; /* by RTV_PIXEL_* */
    for (int32_t i = 1; i < 6; i++)
        if (strcmp(name, names[i]) == 0) return i;
    fail_msg("unknown pixel format %s", name);
    return 0;
}

static void *read_pixels(const cJSON *from, rtv_picture *picture) {
    const int32_t stride = integer(from, "stride", 0), height = integer(from, "height", 0);
    uint8_t *bytes = malloc((size_t)stride * (size_t)height);
    assert_non_null(bytes);
    for (int32_t i = 0; i < stride * height; i++) bytes[i] = (uint8_t)(toy_hash_at((uint32_t)(integer(from, "first", 0) + i)) >> 24);
    rtv_picture_from_pixels(picture, bytes, pixel_format(text(from, "format")), integer(from, "width", 0), height, stride);
    return bytes;
}

static void *read_tensor(const cJSON *from, rtv_picture *picture) {
    const int32_t count = integer(from, "count", 0);
    float *values = malloc((size_t)count * sizeof *values);
    assert_non_null(values);
    for (int32_t i = 0; i < count; i++) values[i] = toy_noise_at((uint32_t)(integer(from, "first", 0) + i));
    rtv_picture_from_tensor(picture, values, (uint64_t)count);
    return values;
}

static void read_pictures(const cJSON *list, pictures *p) {
    const cJSON *from;
    p->count = 0;
    assert_in_range(cJSON_GetArraySize(list), 1, MAX_PICTURES);
    cJSON_ArrayForEach(from, list) {
        rtv_picture *picture = &p->list[p->count];
        void **owned = &p->owned[p->count++];
        size_t size;
        if (text(from, "path")) {
            rtv_picture_from_path(picture, tests_path(text(from, "path"), *owned = malloc(1024)));
        } else if (text(from, "encoded")) {
            *owned = file_bytes(from, "encoded", &size);
            rtv_picture_from_encoded(picture, *owned, size);
        } else if (field(from, "pixels")) {
            *owned = read_pixels(field(from, "pixels"), picture);
        } else {
            *owned = read_tensor(field(from, "tensor"), picture);
        }
    }
}

static void free_pictures(pictures *p) {
    for (int i = 0; i < p->count; i++) free(p->owned[i]);
}

static void run_embed(const cJSON *test) {
    const cJSON *expect = field(test, "expect");
    float descriptors[MAX_PICTURES][TOY_MAX_DIM];
    int32_t statuses[MAX_PICTURES], predicted[MAX_PICTURES];
    rtv_embedding result = {.struct_size = sizeof result, .descriptors = descriptors[0], .statuses = statuses, .classes = predicted};
    rtv_model_info info = {.struct_size = sizeof info};
    rtv_model *model = NULL;
    rtv_error error;
    pictures p;
    int32_t status = open_model(test, &model, &error);
    read_pictures(field(test, "pictures"), &p);
    if (status == RTV_OK) status = rtv_model_embed(model, p.list, p.count, NULL, &result, &error);
    check_status(test, status, &error);
    assert_int_equal(rtv_model_info_get(model, &info, NULL), RTV_OK);
    assert_in_range(info.descriptor_dim, 1, TOY_MAX_DIM);
    for (int i = 0; i < p.count; i++) {
        assert_string_equal(rtv_status_name(statuses[i]), cJSON_GetStringValue(cJSON_GetArrayItem(field(expect, "statuses"), i)));
        assert_int_equal(predicted[i], cJSON_GetArrayItem(field(expect, "predicted"), i)->valueint);
        check_descriptor(test, i, descriptors[0] + i * info.descriptor_dim);
    }
    free_pictures(&p);
    rtv_model_free(model);
}

static void run_similar(const cJSON *test) {
    const int64_t k = integer(test, "k", 0);
    rtv_hit hits[MAX_PICTURES * MAX_PICTURES];
    int64_t num_hits[MAX_PICTURES];
    rtv_model *model = NULL;
    rtv_index *index = NULL;
    rtv_searcher *searcher = NULL;
    rtv_error error;
    pictures gallery, queries;
    int32_t status = open_model(test, &model, &error);
    read_pictures(field(test, "pictures"), &gallery);
    read_pictures(field(test, "queries"), &queries);
    assert_in_range(k, 1, MAX_PICTURES);
    if (status == RTV_OK) status = rtv_index_create_for_model(model, NULL, &index, &error);
    if (status == RTV_OK) status = rtv_searcher_create(model, index, 0, &searcher, &error);
    if (status == RTV_OK) status = rtv_searcher_add(searcher, gallery.list, gallery.count, NULL, NULL, NULL, &error);
    if (status == RTV_OK) status = rtv_searcher_search(searcher, queries.list, queries.count, k, NULL, hits, num_hits, NULL, &error);
    check_status(test, status, &error);
    check_hits(test, index, hits, num_hits, k);
    free_pictures(&gallery);
    free_pictures(&queries);
    rtv_searcher_free(searcher);
    rtv_index_free(index);
    rtv_model_free(model);
}

/* --- evaluation ---------------------------------------------------------------------------------------------------------------------- */

/* The number of a word, as in an enumeration that begins with 1. */
static int32_t word(const char *name, const char *const *words) {
    for (int32_t i = 0; words[i]; i++)
        if (strcmp(name, words[i]) == 0) return i + 1;
    fail_msg("unknown word %s", name);
    return 0;
}

static void check_metrics(const cJSON *test, const rtv_evaluation *evaluation) {
    static const char *const names[] = {"recall", "precision", "r_precision", "map_at_r", "map", "mrr", NULL}; /* by RTV_METRIC_* */
    static const char *const rules[] = {"miss", "left_out", NULL};                                             /* by RTV_RULE_* */
    const cJSON *expect = field(test, "expect"), *wanted;
    assert_true(cJSON_GetArraySize(field(expect, "metrics")) > 0);
    cJSON_ArrayForEach(wanted, field(expect, "metrics")) {
        const int32_t metric = word(text(wanted, "metric"), names), rule = word(text(wanted, "rule"), rules);
        const double value = field(wanted, "value")->valuedouble;
        rtv_metric_value got;
        assert_int_equal(rtv_evaluation_metric(evaluation, metric, integer(wanted, "k", 0), rule, &got, NULL), RTV_OK);
        if (!(fabs(got.value - value) <= field(expect, "tolerance")->valuedouble))
            fail_msg("%s: %s: got %.17g, expected %.17g", text(test, "name"), text(wanted, "metric"), got.value, value);
    }
}

static void check_queries(const cJSON *test, const rtv_evaluation *evaluation) {
    const cJSON *expect = field(test, "expect");
    rtv_query_result results[MAX_ROWS];
    int64_t ids[MAX_ROWS], relevant[MAX_ROWS], first_ranks[MAX_ROWS], count;
    rtv_evaluation_info info = {.struct_size = sizeof info};
    assert_int_equal(rtv_evaluation_info_get(evaluation, &info, NULL), RTV_OK);
    assert_int_equal(info.num_queries, integer(expect, "queries", -1));
    assert_int_equal(info.num_answerable, integer(expect, "answerable", -1));
    assert_int_equal(rtv_evaluation_queries(evaluation, results, MAX_ROWS, &count, NULL), RTV_OK);
    assert_int_equal(count, cJSON_GetArraySize(field(expect, "ids")));
    int64s(field(expect, "ids"), ids);
    int64s(field(expect, "relevant"), relevant);
    int64s(field(expect, "first_ranks"), first_ranks);
    for (int64_t i = 0; i < count; i++) {
        assert_int_equal(results[i].id, ids[i]);
        assert_int_equal(results[i].num_relevant, relevant[i]);
        assert_int_equal(results[i].first_rank, first_ranks[i]);
    }
}

static void run_evaluate(const cJSON *test) {
    rtv_index *gallery = NULL, *queries = NULL;
    rtv_evaluation *evaluation = NULL;
    rtv_evaluation_options options;
    int64_t ks[MAX_ROWS];
    rtv_error error;
    int32_t status = make_index(integer(test, "dim", 0), field(test, "add"), &gallery, &error);
    if (status == RTV_OK && field(test, "queries"))
        status = make_index(integer(test, "queries_dim", 0), field(test, "queries"), &queries, &error);
    rtv_evaluation_options_init(&options);
    options.ks = int64s(field(test, "ks"), ks);
    options.num_ks = cJSON_GetArraySize(field(test, "ks"));
    options.predicted = cJSON_IsTrue(field(test, "predicted"));
    if (status == RTV_OK) status = rtv_evaluation_create(gallery, queries, &options, &evaluation, &error);
    check_status(test, status, &error);
    if (status == RTV_OK) {
        check_metrics(test, evaluation);
        check_queries(test, evaluation);
    }
    rtv_evaluation_free(evaluation);
    rtv_index_free(queries);
    rtv_index_free(gallery);
}

/* --- quantization -------------------------------------------------------------------------------------------------------------------- */

static void check_layers(const cJSON *test, const rtv_model *model) {
    rtv_quantized_layer layers[128] = {{.struct_size = sizeof layers[0]}};
    int64_t count;
    const cJSON *wanted;
    assert_int_equal(rtv_model_quantized_layers(model, layers, 128, &count, NULL), RTV_OK);
    assert_in_range(count, 1, 128);
    cJSON_ArrayForEach(wanted, field(field(test, "expect"), "layers")) {
        int64_t i = 0;
        while (i < count && strcmp(layers[i].name, wanted->string) != 0) i++;
        if (i == count) fail_msg("%s: no layer %s", text(test, "name"), wanted->string);
        assert_string_equal(layers[i].precision, cJSON_GetStringValue(wanted));
    }
}

static double cosine(const cJSON *wanted, const float *got) {
    const cJSON *value;
    double product = 0, own = 0, others = 0;
    cJSON_ArrayForEach(value, wanted) {
        product += value->valuedouble * (double)*got;
        own += (double)*got * (double)*got;
        others += value->valuedouble * value->valuedouble;
        got++;
    }
    return product / sqrt(own * others);
}

static void check_quantized(const cJSON *test, rtv_model *model) {
    const cJSON *expect = field(test, "expect");
    float descriptors[MAX_PICTURES * TOY_MAX_DIM];
    rtv_embedding result = {.struct_size = sizeof result, .descriptors = descriptors};
    pictures queries;
    rtv_error error;
    read_pictures(field(test, "queries"), &queries);
    check_layers(test, model);
    if (rtv_model_embed(model, queries.list, queries.count, NULL, &result, &error) != RTV_OK) fail_msg("%s", error.message);
    for (int i = 0; i < queries.count; i++) {
        const cJSON *wanted = cJSON_GetArrayItem(field(expect, "descriptors"), i);
        const double found = cosine(wanted, descriptors + i * cJSON_GetArraySize(wanted));
        if (!(found >= field(expect, "least_cosine")->valuedouble))
            fail_msg("%s: picture %d: got cosine %.9g", text(test, "name"), i, found);
    }
    free_pictures(&queries);
}

static void run_quantize(const cJSON *test) {
    rtv_model *model = NULL, *quantized = NULL;
    rtv_quantizer *quantizer = NULL;
    rtv_quantizer_options options;
    pictures given = {.count = 0};
    rtv_error error;
    char *json = cJSON_PrintUnformatted(field(test, "settings"));
    int32_t status = open_model(test, &model, &error);
    rtv_quantizer_options_init(&options);
    options.json = json;
    if (cJSON_GetArraySize(field(test, "pictures")) > 0) read_pictures(field(test, "pictures"), &given);
    if (status == RTV_OK) status = rtv_quantizer_create(model, &options, &quantizer, &error);
    if (status == RTV_OK) status = rtv_quantizer_add(quantizer, given.list, given.count, NULL, NULL, NULL, &error);
    if (status == RTV_OK) status = rtv_quantizer_finish(quantizer, NULL, &quantized, &error);
    check_status(test, status, &error);
    if (status == RTV_OK) check_quantized(test, quantized);
    cJSON_free(json);
    free_pictures(&given);
    rtv_model_free(quantized);
    rtv_quantizer_free(quantizer);
    rtv_model_free(model);
}

static void every_case(void **state) {
    static const struct {
        const char *op;
        void (*run)(const cJSON *test);
    } ops[] = {{"search", run_search},   {"open_index", run_open_index}, {"open_model", run_open_model}, {"embed", run_embed},
               {"similar", run_similar}, {"evaluate", run_evaluate},     {"quantize", run_quantize}};
    size_t size;
    uint8_t *json = test_read_file(test_golden("../vectors/vectors.json"), &size);
    cJSON *file = cJSON_ParseWithLength((const char *)json, size);
    const cJSON *test;
    (void)state;
    assert_int_equal(integer(file, "version", 0), 1);
    assert_true(cJSON_GetArraySize(field(file, "cases")) > 0);
    cJSON_ArrayForEach(test, field(file, "cases")) {
        size_t i = 0;
        while (i < sizeof ops / sizeof *ops && strcmp(ops[i].op, text(test, "op")) != 0) i++;
        if (i == sizeof ops / sizeof *ops) fail_msg("%s: unknown op %s", text(test, "name"), text(test, "op"));
        ops[i].run(test);
    }
    cJSON_Delete(file);
    free(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_case)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
