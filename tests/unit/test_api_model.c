/* test_api_model.c - model.h: import, save, load, embed, ask; every toy network on every executor against PyTorch. */
#include "support.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <retrieve/retrieve.h>

#include "api/api_handles.h"
#include "toy_models.h"

#define TOY "models/cgd_sg.pth"

static const int32_t executors[] = {RTV_EXECUTOR_REFERENCE, RTV_EXECUTOR_AUTO};

static const char *toy_path(const char *name) {
    char file[128];
    snprintf(file, sizeof file, "models/%s", name);
    return test_golden(file);
}

static rtv_model *import_toy(const rtv_import_options *import, const rtv_model_options *options, rtv_runtime *runtime) {
    rtv_import_options small;
    rtv_model *model = NULL;
    rtv_error error;
    rtv_import_options_init(&small);
    small.input_width = small.input_height = 32;
    if (rtv_model_import(test_golden(TOY), import ? import : &small, runtime, options, &model, &error) != RTV_OK)
        fail_msg("%s", error.message);
    return model;
}

/* Pixels with something to see: [32][32][3]. */
static void draw(uint8_t *pixels, int shift) {
    for (int i = 0; i < 32 * 32 * 3; i++) pixels[i] = (uint8_t)((i * 7 + i / 96 * 31 + shift * 53) & 255);
}

static void every_toy_agrees_with_pytorch(void **state) {
    toy_case *cases = calloc(TOY_MAX_CASES, sizeof *cases);
    const int32_t count = toy_read_cases(cases);
    (void)state;
    for (int32_t c = 0; c < count; c++)
        for (size_t e = 0; e < 2; e++) {
            const size_t size = 3 * (size_t)cases[c].input_height * (size_t)cases[c].input_width;
            float *input = calloc(size, sizeof *input), descriptor[TOY_MAX_DIM];
            rtv_import_options import;
            rtv_model_options options;
            rtv_model *model = NULL;
            rtv_picture picture;
            rtv_embedding result = {.struct_size = sizeof result, .descriptors = descriptor};
            int32_t class_id = -1, best = 0;
            float score = 0;
            double sum = 0;
            rtv_error error;
            rtv_model_options_init(&options);
            options.executor = executors[e];
            toy_import_options(&cases[c], &import);
            if (rtv_model_import(toy_path(cases[c].model), &import, NULL, &options, &model, &error) != RTV_OK)
                fail_msg("%s", error.message);
            toy_noise(input, size);
            rtv_picture_from_tensor(&picture, input, size);
            result.classes = &class_id;
            result.class_scores = &score;
            assert_int_equal(rtv_model_embed(model, &picture, 1, NULL, &result, &error), RTV_OK);
            for (int32_t i = 0; i < cases[c].dim; i++)
                if (fabs((double)descriptor[i] - cases[c].descriptor[i]) > TOY_TOLERANCE) fail_msg("%s element %d", cases[c].model, i);
            for (int32_t i = 0; i < cases[c].classes; i++)
                if (cases[c].logits[i] > cases[c].logits[best]) best = i;
            for (int32_t i = 0; i < cases[c].classes; i++) sum += exp(cases[c].logits[i] - cases[c].logits[best]);
            assert_int_equal(class_id, best);
            assert_true(fabs((double)score - 1 / sum) < 1e-4); /* a softmax of logits that are 1e-5 off */
            rtv_model_free(model);
            free(input);
        }
    free(cases);
}

static void save_and_load_keep_everything(void **state) {
    char folder[64], path[128];
    rtv_import_options import;
    rtv_model_info before = {.struct_size = sizeof before}, after = {.struct_size = sizeof after};
    const char *names[] = {"a", "b", "c", "d", "é"};
    rtv_error error;
    (void)state;
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/model", folder);
    rtv_import_options_init(&import);
    import.input_width = 40;
    import.input_height = 32;
    import.apply_exif = 1;
    import.resize = RTV_RESIZE_LETTERBOX;
    import.name = "toy";
    import.class_names = names;
    import.num_class_names = 5;
    for (int32_t store = RTV_STORE_FLOAT32; store <= RTV_STORE_FLOAT16; store++) {
        rtv_model *model, *loaded = NULL, *borrowed = NULL;
        rtv_model_options options;
        rtv_picture picture;
        uint8_t pixels[32 * 32 * 3];
        float x[12], y[12], z[12];
        rtv_embedding result = {.struct_size = sizeof result, .descriptors = x};
        size_t size;
        uint8_t *bytes;
        import.store = store;
        model = import_toy(&import, NULL, NULL);
        assert_int_equal(rtv_model_save(model, path, &error), RTV_OK);
        assert_int_equal(rtv_model_import(path, &import, NULL, NULL, &loaded, &error), RTV_E_UNSUPPORTED); /* no checkpoint */
        if (rtv_model_load(path, NULL, NULL, &loaded, &error) != RTV_OK) fail_msg("%s", error.message);
        assert_int_equal(rtv_model_info_get(model, &before, &error), RTV_OK);
        assert_int_equal(rtv_model_info_get(loaded, &after, &error), RTV_OK);
        assert_memory_equal(&before, &after, sizeof before);
        assert_string_equal(rtv_model_class_name(loaded, 4), "é");
        assert_null(rtv_model_class_name(loaded, 5));
        assert_null(rtv_model_class_name(loaded, -1));
        draw(pixels, 1);
        rtv_picture_from_pixels(&picture, pixels, RTV_PIXEL_RGB8, 32, 32, 96);
        assert_int_equal(rtv_model_embed(loaded, &picture, 1, NULL, &result, &error), RTV_OK);
        result.descriptors = y;
        assert_int_equal(rtv_model_embed(model, &picture, 1, NULL, &result, &error), RTV_OK);
        assert_memory_equal(x, y, sizeof x); /* one fingerprint, one network: also when its weights were rounded on the way */
        bytes = test_read_file(path, &size);
        rtv_model_options_init(&options);
        options.borrow_bytes = 1;
        assert_int_equal(rtv_model_load_bytes(bytes, size, NULL, &options, &borrowed, &error), RTV_OK);
        result.descriptors = y;
        assert_int_equal(rtv_model_embed(borrowed, &picture, 1, NULL, &result, &error), RTV_OK);
        assert_memory_equal(x, y, sizeof x);
        rtv_model_free(borrowed);
        assert_int_equal(rtv_model_load_bytes(bytes, size, NULL, NULL, &borrowed, &error), RTV_OK);
        memset(bytes, 0, size); /* a copy was made */
        assert_int_equal(rtv_model_save(borrowed, path, &error), RTV_OK);
        rtv_model_free(borrowed);
        rtv_model_free(loaded);
        assert_int_equal(rtv_model_load(path, NULL, NULL, &loaded, &error), RTV_OK);
        result.descriptors = z;
        assert_int_equal(rtv_model_embed(loaded, &picture, 1, NULL, &result, &error), RTV_OK);
        assert_memory_equal(x, z, sizeof x);
        rtv_model_free(loaded);
        rtv_model_free(model);
        free(bytes);
    }
    test_folder_remove(folder);
}

static void import_from_bytes(void **state) {
    rtv_import_options import;
    rtv_model *model = NULL;
    rtv_error error;
    size_t size;
    uint8_t *bytes = test_read_file(test_golden(TOY), &size);
    (void)state;
    rtv_import_options_init(&import);
    import.input_width = import.input_height = 32;
    assert_int_equal(rtv_model_import_bytes(bytes, size, &import, NULL, NULL, &model, &error), RTV_OK);
    rtv_model_free(model);
    for (size_t cut = 0; cut < size; cut += 37) /* every byte is the weights layer's own test */
        assert_true(rtv_model_import_bytes(bytes, cut, &import, NULL, NULL, &model, &error) < 0);
    free(bytes);
}

/* A batch with broken pictures among good ones, in both modes; the same picture gives the same bits wherever it stands. */
static void batches_fail_picture_by_picture(void **state) {
    enum { COUNT = 7 };
    rtv_model *model = import_toy(NULL, NULL, NULL);
    uint8_t pixels[COUNT][32 * 32 * 3];
    float descriptors[COUNT][12], alone[12];
    int32_t statuses[COUNT], classes[COUNT];
    rtv_error errors[COUNT], error;
    rtv_picture pictures[COUNT];
    rtv_embed_options options;
    rtv_embedding result = {.struct_size = sizeof result, .descriptors = descriptors[0]};
    rtv_embedding single = {.struct_size = sizeof single, .descriptors = alone};
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        draw(pixels[i], i);
        rtv_picture_from_pixels(&pictures[i], pixels[i], RTV_PIXEL_BGR8, 32, 32, 96);
    }
    rtv_picture_from_path(&pictures[2], "no/such/picture.jpg");
    rtv_picture_from_encoded(&pictures[5], "not a picture", 13);
    result.statuses = statuses;
    result.errors = errors;
    result.classes = classes;
    rtv_embed_options_init(&options);
    for (int32_t mode = RTV_MODE_AUTO; mode <= RTV_MODE_THROUGHPUT; mode++) {
        options.mode = mode;
        memset(descriptors, 0xff, sizeof descriptors);
        assert_int_equal(rtv_model_embed(model, pictures, COUNT, &options, &result, &error), RTV_OK);
        assert_int_equal(statuses[2], RTV_E_IO);
        assert_contains(errors[2].message, "no/such/picture.jpg");
        assert_int_equal(statuses[5], errors[5].status);
        assert_true(statuses[5] < 0 && descriptors[5][3] == 0.0f && classes[5] == -1);
        for (int i = 0; i < COUNT; i++) {
            if (i == 2 || i == 5) continue;
            assert_int_equal(statuses[i], RTV_OK);
            assert_int_equal(rtv_model_embed(model, &pictures[i], 1, &options, &single, &error), RTV_OK);
            assert_memory_equal(alone, descriptors[i], sizeof alone);
        }
    }
    result.statuses = NULL;
    result.errors = NULL;
    assert_int_equal(rtv_model_embed(model, pictures, COUNT, NULL, &result, &error), RTV_E_IO); /* the first failure */
    assert_contains(error.message, "no/such/picture.jpg");
    assert_int_equal(rtv_model_embed(model, NULL, 0, NULL, &result, &error), RTV_OK);
    rtv_model_free(model);
}

static int32_t stop_at_two(void *user, int64_t done, int64_t total) {
    (void)total;
    *(int64_t *)user = done;
    return done >= 2;
}

static void cancelling(void **state) {
    enum { COUNT = 200, SIDE = 1000 }; /* large pictures: the caller must get a word in before all are done */
    rtv_model *model = import_toy(NULL, NULL, NULL);
    uint8_t *pixels = calloc(SIDE, SIDE);
    rtv_picture pictures[COUNT];
    int32_t statuses[COUNT], missing = 0;
    int64_t done = 0;
    rtv_embed_options options;
    rtv_embedding result = {.struct_size = sizeof result, .statuses = statuses};
    rtv_error error;
    (void)state;
    for (int i = 0; i < COUNT; i++) rtv_picture_from_pixels(&pictures[i], pixels, RTV_PIXEL_GRAY8, SIDE, SIDE, SIDE);
    rtv_embed_options_init(&options);
    options.progress = stop_at_two;
    options.progress_user = &done;
    for (int32_t mode = RTV_MODE_LATENCY; mode <= RTV_MODE_THROUGHPUT; mode++) {
        options.mode = mode;
        missing = 0;
        assert_int_equal(rtv_model_embed(model, pictures, COUNT, &options, &result, &error), RTV_E_CANCELLED);
        for (int i = 0; i < COUNT; i++) missing += statuses[i] == RTV_E_CANCELLED;
        assert_in_range(missing, 1, COUNT - 2);
    }
    free(pixels);
    rtv_model_free(model);
}

typedef struct nested {
    rtv_model *model;
    const uint8_t *pixels;
    int32_t statuses[3]; /* of the calls from inside: embed, embed's picture, load */
} nested;

/* A decoder of the caller's own format "own", which calls the library again with the same handle. */
static int32_t decode_and_call(void *user, const void *data, uint64_t size, int32_t *width, int32_t *height, uint8_t *pixels) {
    nested *n = user;
    rtv_picture picture;
    rtv_embedding result = {.struct_size = sizeof result, .statuses = &n->statuses[1]};
    if (size != 3 || memcmp(data, "own", 3) != 0) return 1;
    *width = *height = 32;
    if (!pixels) return 0;
    rtv_picture_from_pixels(&picture, n->pixels, RTV_PIXEL_RGB8, 32, 32, 96);
    n->statuses[0] = rtv_model_embed(n->model, &picture, 1, NULL, &result, NULL);
    memset(pixels, 5, 32 * 32 * 3);
    return 0;
}

static int32_t decode_nothing(void *user, const void *data, uint64_t size, int32_t *width, int32_t *height, uint8_t *pixels) {
    (void)user, (void)data, (void)size, (void)width, (void)height, (void)pixels;
    return -5;
}

/* The call fails as a whole: every picture that was not reached says the same. */
static void calls_from_inside_are_refused(void **state) {
    uint8_t pixels[32 * 32 * 3];
    nested n = {NULL, pixels, {0}};
    rtv_model_options options;
    rtv_picture picture;
    rtv_error error;
    (void)state;
    draw(pixels, 0);
    rtv_model_options_init(&options);
    options.decode = decode_and_call;
    options.decode_user = &n;
    n.model = import_toy(NULL, &options, NULL);
    rtv_picture_from_encoded(&picture, "own", 3);
    for (int round = 0; round < 2; round++) {
        memset(n.statuses, 0, sizeof n.statuses);
        assert_int_equal(rtv_model_embed(n.model, &picture, 1, NULL, NULL, &error), RTV_OK);
        assert_int_equal(n.statuses[0], RTV_E_BUSY);
        assert_int_equal(n.statuses[1], RTV_E_BUSY);
    }
    rtv_model_free(n.model);
    options.decode = decode_nothing;
    n.model = import_toy(NULL, &options, NULL);
    assert_int_equal(rtv_model_embed(n.model, &picture, 1, NULL, NULL, &error), RTV_E_CALLBACK);
    rtv_model_free(n.model);
}

/* A file may hold longer names than rtv_model_info has room for. */
static void long_names_are_cut_between_characters(void **state) {
    rtv_model *model = import_toy(NULL, NULL, NULL);
    rtv_model_info info = {.struct_size = sizeof info};
    char name[101] = "x", *own = model->graph->name;
    (void)state;
    for (int i = 0; i < 33; i++) strcat(name, "€");
    model->graph->name = name;
    assert_int_equal(rtv_model_info_get(model, &info, NULL), RTV_OK);
    assert_int_equal(strlen(info.name), 1 + 20 * 3); /* of 63 bytes */
    assert_memory_equal(info.name, name, strlen(info.name));
    model->graph->name = own;
    rtv_model_free(model);
}

/* What cannot be stored is the caller's mistake, told where it is made. */
static void names_are_clean_text(void **state) {
    const char *names[] = {"a", "b", "c\n", "d", "e"};
    rtv_import_options import;
    rtv_model *model = NULL;
    rtv_error error;
    (void)state;
    rtv_import_options_init(&import);
    import.name = "tab\t";
    assert_int_equal(rtv_model_import(test_golden(TOY), &import, NULL, NULL, &model, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "name: got \"tab?\"");
    import.name = NULL;
    import.class_names = names;
    import.num_class_names = 5;
    assert_int_equal(rtv_model_import(test_golden(TOY), &import, NULL, NULL, &model, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "class_names[2]");
    names[2] = "";
    assert_int_equal(rtv_model_import(test_golden(TOY), &import, NULL, NULL, &model, &error), RTV_E_INVALID_ARGUMENT);
    assert_null(model);
}

static void limits_name_their_option(void **state) {
    rtv_model_options options;
    rtv_model *model;
    uint8_t pixels[32 * 32 * 3] = {0};
    rtv_picture picture;
    rtv_error error;
    (void)state;
    rtv_model_options_init(&options);
    options.max_pixels = 32 * 32 - 1;
    options.max_picture_bytes = 2;
    model = import_toy(NULL, &options, NULL);
    rtv_picture_from_pixels(&picture, pixels, RTV_PIXEL_RGB8, 32, 32, 96);
    assert_int_equal(rtv_model_embed(model, &picture, 1, NULL, NULL, &error), RTV_E_LIMIT);
    assert_contains(error.message, "max_pixels");
    rtv_picture_from_encoded(&picture, "GIF89a", 6);
    assert_int_equal(rtv_model_embed(model, &picture, 1, NULL, NULL, &error), RTV_E_LIMIT);
    assert_contains(error.message, "max_picture_bytes");
    rtv_model_free(model);
    model = import_toy(NULL, NULL, NULL);
    assert_int_equal(rtv_model_embed(model, &picture, 1, NULL, NULL, &error), RTV_E_UNSUPPORTED);
    rtv_picture_from_tensor(&picture, (const float *)(const void *)pixels, 5);
    assert_int_equal(rtv_model_embed(model, &picture, 1, NULL, NULL, &error), RTV_E_MISMATCH);
    rtv_model_free(model);
}

static void *do_nothing(void *arg) { return arg; }

/* A process that may not start another thread: the call fails, and so says every picture. */
static void no_thread_no_picture(void **state) {
    int result;
    pid_t child;
    (void)state;
    child = fork();
    if (child == 0) {
        rtv_model *model = import_toy(NULL, NULL, NULL); /* has its wide lane, but no narrow ones yet */
        uint8_t pixels[32 * 32 * 3] = {0};
        rtv_picture pictures[2];
        int32_t statuses[2] = {1, 1};
        rtv_error errors[2], error;
        rtv_embedding all = {.struct_size = sizeof all, .statuses = statuses, .errors = errors};
        const struct rlimit none = {0, 0};
        pthread_t thread;
        rtv_picture_from_pixels(&pictures[0], pixels, RTV_PIXEL_RGB8, 32, 32, 96);
        pictures[1] = pictures[0];
        if (setrlimit(RLIMIT_NPROC, &none) != 0 || !test_become_other_user() || pthread_create(&thread, NULL, do_nothing, NULL) == 0)
            _exit(TEST_SKIPPED); /* root has no limits, and some systems none at all */
        if (rtv_model_embed(model, pictures, 2, NULL, &all, &error) != RTV_E_IO || error.os_error != EAGAIN) _exit(3);
        for (int i = 0; i < 2; i++)
            if (statuses[i] != RTV_E_IO || errors[i].status != RTV_E_IO || errors[i].os_error != EAGAIN) _exit(4);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    if (WEXITSTATUS(result) == TEST_SKIPPED) skip();
    assert_int_equal(WEXITSTATUS(result), 0);
}

static void asking(void **state) {
    rtv_model *model = import_toy(NULL, NULL, NULL);
    rtv_model_info info = {.struct_size = sizeof info};
    rtv_layer_info layers[64] = {{.struct_size = sizeof layers[0]}};
    float values[3 * 32 * 32];
    uint8_t pixels[32 * 32 * 3];
    rtv_picture picture;
    uint64_t size = 0;
    int64_t count = 0;
    char text[16], *dump;
    rtv_error error;
    (void)state;
    assert_int_equal(rtv_model_info_get(model, &info, &error), RTV_OK);
    assert_int_equal(info.descriptor_dim, 12);
    assert_int_equal(info.num_classes, 5);
    assert_string_equal(info.descriptors, "SG");
    assert_int_equal(strlen(info.fingerprint), RTV_FINGERPRINT_CHARS);
    assert_true(info.macs > 0 && info.activation_bytes > 0 && info.resident_bytes > 0);
    assert_int_equal(rtv_model_dump(model, text, sizeof text, &size, &error), RTV_E_BUFFER_TOO_SMALL);
    dump = malloc(size);
    assert_int_equal(rtv_model_dump(model, dump, size, &size, &error), RTV_OK);
    assert_int_equal(strlen(dump) + 1, size);
    free(dump);
    assert_int_equal(rtv_model_profile(model, 0, layers, 64, &count, &error), RTV_OK);
    assert_in_range(count, 10, 64);
    assert_true(layers[0].milliseconds == 0 && layers[0].macs > 0 && layers[0].kernel[0]);
    assert_int_equal(rtv_model_profile(model, 3, layers, 2, &count, &error), RTV_OK);
    assert_true(layers[0].milliseconds > 0);
    assert_int_equal(layers[1].struct_size, sizeof layers[0]);
    assert_int_equal(rtv_model_profile(model, -1, layers, 64, &count, &error), RTV_E_INVALID_ARGUMENT);
    draw(pixels, 0);
    rtv_picture_from_pixels(&picture, pixels, RTV_PIXEL_RGB8, 32, 32, 96);
    assert_int_equal(rtv_model_preprocess(model, &picture, values, 3 * 32 * 32, &error), RTV_OK);
    assert_true(values[0] == ((float)pixels[0] / 255.0f - 0.485f) / 0.229f);
    assert_int_equal(rtv_model_preprocess(model, &picture, values, 100, &error), RTV_E_BUFFER_TOO_SMALL);
    rtv_model_free(model);
}

static void wrong_calls(void **state) {
    rtv_model *model = NULL, *good = import_toy(NULL, NULL, NULL);
    rtv_model_options options;
    rtv_import_options import;
    rtv_embed_options embed;
    rtv_picture picture;
    rtv_error error;
    const char *path = test_golden(TOY);
    (void)state;
    rtv_picture_from_path(&picture, "x");
    assert_int_equal(rtv_model_load(NULL, NULL, NULL, &model, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_model_load(path, NULL, NULL, NULL, NULL), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_model_load("no/such/model", NULL, NULL, &model, &error), RTV_E_IO);
    assert_int_equal(rtv_model_load(path, NULL, NULL, &model, &error), RTV_E_FORMAT); /* a checkpoint is no model file */
    assert_contains(error.message, "retrieve model convert");
    rtv_model_options_init(&options);
    options.executor = 9;
    assert_int_equal(rtv_model_load(path, NULL, &options, &model, &error), RTV_E_INVALID_ARGUMENT);
    rtv_model_options_init(&options);
    options.borrow_bytes = 2;
    assert_int_equal(rtv_model_load(path, NULL, &options, &model, &error), RTV_E_INVALID_ARGUMENT);
    rtv_import_options_init(&import);
    import.store = 3;
    assert_int_equal(rtv_model_import(path, &import, NULL, NULL, &model, &error), RTV_E_INVALID_ARGUMENT);
    rtv_import_options_init(&import);
    import.descriptors = "SMG";
    assert_int_equal(rtv_model_import(path, &import, NULL, NULL, &model, &error), RTV_E_MISMATCH);
    assert_contains(error.message, "cgd_sg.pth");
    assert_int_equal(rtv_model_embed(NULL, &picture, 1, NULL, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_model_embed(good, NULL, 1, NULL, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_model_embed(good, &picture, -1, NULL, NULL, &error), RTV_E_INVALID_ARGUMENT);
    rtv_embed_options_init(&embed);
    embed.mode = 7;
    assert_int_equal(rtv_model_embed(good, &picture, 1, &embed, NULL, &error), RTV_E_INVALID_ARGUMENT);
    picture.kind = 9;
    assert_int_equal(rtv_model_embed(good, &picture, 1, NULL, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_model_save(good, "no/such/folder/model", &error), RTV_E_IO);
    assert_int_equal(rtv_model_save(NULL, "x", &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_model_info_get(good, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_null(model);
    rtv_model_free(good);
    rtv_model_free(NULL);
}

#ifndef RTV_WITH_ONEDNN
static void onednn_that_is_not_there(void **state) {
    rtv_model_options options;
    rtv_model *model = NULL;
    rtv_error error;
    (void)state;
    rtv_model_options_init(&options);
    options.executor = RTV_EXECUTOR_ONEDNN;
    assert_int_equal(rtv_model_import(test_golden(TOY), NULL, NULL, &options, &model, &error), RTV_E_UNSUPPORTED);
}
#endif

static void a_forked_child_gets_an_error(void **state) {
    rtv_model *model = import_toy(NULL, NULL, NULL);
    uint8_t pixels[32 * 32 * 3];
    rtv_picture picture;
    int result;
    pid_t child;
    (void)state;
    draw(pixels, 0);
    rtv_picture_from_pixels(&picture, pixels, RTV_PIXEL_RGB8, 32, 32, 96);
    child = fork();
    if (child == 0) {
        rtv_model *own = NULL;
        rtv_import_options import;
        alarm(60);
        if (rtv_model_embed(model, &picture, 1, NULL, NULL, NULL) != RTV_E_FORKED) _exit(1);
        rtv_model_free(model);
        rtv_import_options_init(&import);
        import.input_width = import.input_height = 32;
        if (rtv_model_import(test_golden(TOY), &import, NULL, NULL, &own, NULL) != RTV_OK) _exit(2);
        if (rtv_model_embed(own, &picture, 1, NULL, NULL, NULL) != RTV_OK) _exit(3);
        rtv_model_free(own);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
    assert_int_equal(rtv_model_embed(model, &picture, 1, NULL, NULL, NULL), RTV_OK); /* the parent goes on */
    rtv_model_free(model);
}

static void every_allocation_may_fail(void **state) {
    test_heap heap = {0};
    rtv_allocator allocator = {&heap, test_heap_allocate, test_heap_release};
    rtv_runtime_options options;
    rtv_import_options import;
    int32_t status = RTV_E_OUT_OF_MEMORY;
    (void)state;
    rtv_runtime_options_init(&options);
    options.allocator = &allocator;
    options.threads = 1;
    rtv_import_options_init(&import);
    import.input_width = import.input_height = 32;
    for (long fail_at = 1; status != RTV_OK; fail_at++) {
        rtv_runtime *runtime = NULL;
        rtv_model *model = NULL;
        rtv_error error;
        heap.fail_at = 0;
        assert_int_equal(rtv_runtime_create(&options, &runtime, &error), RTV_OK);
        heap.calls = 0;
        heap.fail_at = fail_at;
        status = rtv_model_import(test_golden(TOY), &import, runtime, NULL, &model, &error);
        assert_true(status == RTV_OK || status == RTV_E_OUT_OF_MEMORY);
        rtv_model_free(model);
        rtv_runtime_free(runtime);
        assert_int_equal(heap.live, 0);
    }
}

/* The bytes of a saved toy, malloc'ed. */
static uint8_t *saved_toy(size_t *size) {
    rtv_model *model = import_toy(NULL, NULL, NULL);
    char folder[64], path[128];
    uint8_t *bytes;
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/model", folder);
    assert_int_equal(rtv_model_save(model, path, NULL), RTV_OK);
    bytes = test_read_file(path, size);
    test_folder_remove(folder);
    rtv_model_free(model);
    return bytes;
}

static int32_t load_changed(uint8_t *bytes, size_t size, const char *from, const char *to, rtv_error *error) {
    rtv_model *model = NULL;
    uint8_t *at = memmem(bytes, size, from, strlen(from));
    int32_t status;
    assert_non_null(at);
    memcpy(at, to, strlen(to));
    status = rtv_model_load_bytes(bytes, size, NULL, NULL, &model, error);
    memcpy(at, from, strlen(from));
    assert_null(model);
    return status;
}

static void damaged_models_are_named(void **state) {
    size_t size;
    uint8_t *bytes = saved_toy(&size);
    rtv_model *model = NULL;
    rtv_error error;
    (void)state;
    assert_int_equal(rtv_model_load_bytes(NULL, 5, NULL, NULL, &model, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_model_load_bytes(bytes, 0, NULL, NULL, &model, &error), RTV_E_FORMAT);
    assert_int_equal(rtv_model_load_bytes(bytes, size - 1, NULL, NULL, &model, &error), RTV_E_FORMAT);
    assert_int_equal(load_changed(bytes, size, "\"version\":\"1\"", "\"version\":\"2\"", &error), RTV_E_UNSUPPORTED);
    assert_int_equal(load_changed(bytes, size, "libretrieve model", "libretrieve modem", &error), RTV_E_FORMAT);
    bytes[size - 1] ^= 1;
    assert_int_equal(rtv_model_load_bytes(bytes, size, NULL, NULL, &model, &error), RTV_E_CHECKSUM);
    bytes[size - 1] ^= 1;
    assert_int_equal(rtv_model_load_bytes(bytes, size, NULL, NULL, &model, &error), RTV_OK);
    rtv_model_free(model);
    free(bytes);
}

/* Loading, then what a loaded model does, while the n-th allocation fails. */
static void loading_survives_failing_allocations(void **state) {
    test_heap heap = {0};
    rtv_allocator allocator = {&heap, test_heap_allocate, test_heap_release};
    rtv_runtime_options options;
    size_t size;
    uint8_t *bytes = saved_toy(&size);
    int32_t status = RTV_E_OUT_OF_MEMORY;
    (void)state;
    rtv_runtime_options_init(&options);
    options.allocator = &allocator;
    options.threads = 1;
    for (long fail_at = 1; status != RTV_OK; fail_at++) {
        rtv_runtime *runtime = NULL;
        rtv_model *model = NULL;
        rtv_error error;
        heap.fail_at = 0;
        assert_int_equal(rtv_runtime_create(&options, &runtime, &error), RTV_OK);
        heap.calls = 0;
        heap.fail_at = fail_at;
        status = rtv_model_load_bytes(bytes, size, runtime, NULL, &model, &error);
        assert_true(status == RTV_OK || status == RTV_E_OUT_OF_MEMORY);
        if (status == RTV_OK) {
            rtv_layer_info layer = {.struct_size = sizeof layer};
            int64_t count = -1;
            heap.fail_at = heap.calls + 1;
            assert_int_equal(rtv_model_profile(model, 1, &layer, 1, &count, &error), RTV_E_OUT_OF_MEMORY);
            assert_int_equal(count, -1);
        }
        heap.fail_at = 0;
        rtv_model_free(model);
        rtv_runtime_free(runtime);
        assert_int_equal(heap.live, 0);
    }
    free(bytes);
}

static void preprocessing_alone(void **state) {
    rtv_model *model = import_toy(NULL, NULL, NULL);
    float values[3 * 32 * 32];
    rtv_picture picture;
    rtv_error error;
    (void)state;
    rtv_picture_from_path(&picture, "no/such/picture.jpg");
    assert_int_equal(rtv_model_preprocess(model, &picture, values, 3 * 32 * 32, &error), RTV_E_IO);
    assert_int_equal(rtv_model_preprocess(NULL, &picture, values, 3 * 32 * 32, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_model_preprocess(model, NULL, values, 3 * 32 * 32, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_model_preprocess(model, &picture, NULL, 3 * 32 * 32, &error), RTV_E_INVALID_ARGUMENT);
    picture.path = NULL;
    assert_int_equal(rtv_model_preprocess(model, &picture, values, 3 * 32 * 32, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(error.status, RTV_E_INVALID_ARGUMENT);
    rtv_model_free(model);
}

/* runtime.h lists what a forked child may still do with its parent's models, and what it may not. */
static int ask_in_a_child(rtv_model *model, const rtv_picture *picture) {
    rtv_runtime *runtime = NULL;
    rtv_model_info info = {.struct_size = sizeof info};
    rtv_layer_info layer = {.struct_size = sizeof layer};
    rtv_index *index = NULL;
    float values[3 * 32 * 32];
    int64_t count;
    uint64_t size;
    if (rtv_model_info_get(model, &info, NULL) != RTV_OK) return 1;
    if (rtv_model_dump(model, NULL, 0, &size, NULL) != RTV_E_BUFFER_TOO_SMALL) return 2;
    if (rtv_model_profile(model, 0, &layer, 1, &count, NULL) != RTV_OK) return 3;
    if (rtv_model_preprocess(model, picture, values, 3 * 32 * 32, NULL) != RTV_OK) return 4;
    if (rtv_model_save(model, "test_folder.child", NULL) != RTV_OK || unlink("test_folder.child") != 0) return 5;
    if (rtv_model_profile(model, 1, &layer, 1, &count, NULL) != RTV_E_FORKED) return 6;
    if (rtv_index_create_for_model(model, model->runtime, &index, NULL) != RTV_E_FORKED) return 7;
    if (rtv_index_create_for_model(model, NULL, &index, NULL) != RTV_OK) return 8; /* on a runtime of its own */
    rtv_index_free(index);
    if (rtv_runtime_create(NULL, &runtime, NULL) != RTV_OK) return 9;
    rtv_runtime_free(runtime);
    rtv_model_free(model);
    return 0;
}

static void a_forked_child_may_ask(void **state) {
    rtv_model *model = import_toy(NULL, NULL, NULL);
    uint8_t pixels[32 * 32 * 3];
    rtv_picture picture;
    int result;
    pid_t child;
    (void)state;
    draw(pixels, 0);
    rtv_picture_from_pixels(&picture, pixels, RTV_PIXEL_RGB8, 32, 32, 96);
    child = fork();
    if (child == 0) {
        alarm(60);
        _exit(ask_in_a_child(model, &picture));
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
    rtv_model_free(model);
}

static void one_runtime_for_many(void **state) {
    rtv_runtime *runtime = NULL;
    rtv_model *a, *b;
    rtv_error error;
    (void)state;
    assert_int_equal(rtv_runtime_create(NULL, &runtime, &error), RTV_OK);
    a = import_toy(NULL, NULL, runtime);
    b = import_toy(NULL, NULL, runtime);
    rtv_runtime_free(runtime); /* the models keep it */
    rtv_model_free(a);
    rtv_model_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_toy_agrees_with_pytorch),
        cmocka_unit_test(save_and_load_keep_everything),
        cmocka_unit_test(import_from_bytes),
        cmocka_unit_test(batches_fail_picture_by_picture),
        cmocka_unit_test(cancelling),
        cmocka_unit_test(calls_from_inside_are_refused),
        cmocka_unit_test(long_names_are_cut_between_characters),
        cmocka_unit_test(names_are_clean_text),
        cmocka_unit_test(limits_name_their_option),
        cmocka_unit_test(no_thread_no_picture),
        cmocka_unit_test(asking),
        cmocka_unit_test(wrong_calls),
#ifndef RTV_WITH_ONEDNN
        cmocka_unit_test(onednn_that_is_not_there),
#endif
        cmocka_unit_test(a_forked_child_gets_an_error),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_forked_child_may_ask),
        cmocka_unit_test(damaged_models_are_named),
        cmocka_unit_test(loading_survives_failing_allocations),
        cmocka_unit_test(preprocessing_alone),
        cmocka_unit_test(one_runtime_for_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
