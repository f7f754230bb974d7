/* test_weights_read.c - checkpoints that PyTorch wrote: read whole, refused by name, and damaged in every place. */
#include "unit/weights_support.h"

typedef struct line { /* of expected.txt */
    char file[64], name[64], dtype[8];
    int32_t rank;
    long long dims[RTVI_MAX_RANK];
} line;

static int parse_line(const char *text, line *out) {
    int used = 0, more;
    if (sscanf(text, "%63s %63s %7s %d%n", out->file, out->name, out->dtype, &out->rank, &used) != 4) return 0;
    for (int32_t i = 0; i < out->rank; i++, used += more)
        if (sscanf(text + used, "%lld%n", &out->dims[i], &more) != 1) return 0;
    return 1;
}

static void check_tensor(const line *want, const rtvi_weight *got) {
    if (!got) fail_msg("%s: no %s", want->file, want->name);
    assert_string_equal(rtvi_dtype_name(got->tensor.dtype), want->dtype);
    assert_int_equal(got->tensor.rank, want->rank);
    for (int32_t i = 0; i < want->rank; i++) assert_int_equal(got->tensor.dims[i], want->dims[i]);
    check_values(want->name, &got->tensor);
}

/* Calls visit for every line of expected.txt. */
static size_t for_each_line(void (*visit)(const line *want, void *user), void *user) {
    size_t size, count = 0;
    char *text = (char *)test_read_file(checkpoint_path("expected.txt"), &size), *save = NULL;
    for (char *at = strtok_r(text, "\n", &save); at; at = strtok_r(NULL, "\n", &save), count++) {
        line want;
        assert_true(parse_line(at, &want));
        visit(&want, user);
    }
    free(text);
    return count;
}

/* Files of expected.txt come in blocks: opens the next one, and checks that the last one had no other tensors. */
typedef struct opened {
    const rtvi_env *env;
    rtvi_weights *weights;
    char file[64];
    size_t seen, files;
} opened;

static void finish_file(opened *o) {
    if (!o->weights) return;
    assert_int_equal(rtvi_weights_count(o->weights), o->seen);
    rtvi_weights_close(o->weights);
    o->weights = NULL;
}

static void check_line(const line *want, void *user) {
    opened *o = user;
    if (strcmp(o->file, want->file) != 0) {
        rtv_error error;
        finish_file(o);
        strcpy(o->file, want->file);
        if (read_path(o->env, checkpoint_path(want->file), &o->weights, &error) != RTV_OK) fail_msg("%s", error.message);
        o->seen = 0;
        o->files++;
    }
    check_tensor(want, rtvi_weights_find(o->weights, want->name));
    o->seen++;
}

static void test_good_files(void **state) {
    rtvi_env env;
    test_heap heap;
    opened o = {&env, NULL, "", 0, 0};
    (void)state;
    test_env_init(&env, &heap);
    assert_true(for_each_line(check_line, &o) > 100);
    finish_file(&o);
    assert_true(o.files >= 34);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
}

/* Tensors of a file lie in its mapping: nothing is copied. */
static void test_mapped(void **state) {
    static const char *const files[] = {"strided.zip.pth", "strided.old.pth", "dtypes.safetensors"};
    rtvi_env env;
    test_heap heap;
    (void)state;
    test_env_init(&env, &heap);
    for (size_t f = 0; f < 3; f++) {
        rtvi_weights *weights;
        rtv_error error;
        assert_int_equal(read_path(&env, checkpoint_path(files[f]), &weights, &error), RTV_OK);
        assert_string_equal(error.message, "");
        assert_non_null(strstr(rtvi_weights_file(weights), files[f]));
        for (size_t i = 0; i < rtvi_weights_count(weights); i++) {
            const uint8_t *data = rtvi_weights_at(weights, i)->tensor.data;
            const rtvi_source *source = rtvi_weights_source(weights);
            assert_true(data >= source->data && data <= source->data + source->size);
            assert_int_equal(rtvi_weights_at(weights, i)->used, 0);
        }
        assert_null(rtvi_weights_find(weights, "no such tensor"));
        rtvi_weights_close(weights);
    }
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
}

typedef struct bad_file {
    const char *file;
    int32_t status;
    const char *part; /* of the message */
} bad_file;

static const bad_file bad_files[] = {
    {"attack.zip.pth", RTV_E_UNSUPPORTED, "global \"posix.system\" at byte "},
    {"attack.old.pth", RTV_E_UNSUPPORTED, "global \"posix.system\" at byte "},
    {"whole_module.zip.pth", RTV_E_UNSUPPORTED, "global \"torch.nn.modules.linear.Linear\" at byte "},
    {"quantized.zip.pth", RTV_E_UNSUPPORTED, "tensor \"q\": got one made by torch._utils._rebuild_qtensor"},
    {"quantized.old.pth", RTV_E_UNSUPPORTED, "strange numbers"},
    {"sparse.zip.pth", RTV_E_UNSUPPORTED, "tensor \"s\": got one made by torch._utils._rebuild_sparse_tensor"},
    {"sparse.old.pth", RTV_E_UNSUPPORTED, "tensor \"s\": got one made by torch._utils._rebuild_sparse_tensor"},
    {"complex.zip.pth", RTV_E_UNSUPPORTED, "tensor \"c\": got a torch.ComplexFloatStorage"},
    {"complex.old.pth", RTV_E_UNSUPPORTED, "strange numbers"},
    {"uint16.zip.pth", RTV_E_UNSUPPORTED, "tensor \"u\": got dtype torch.uint16"},
    {"uint16.old.pth", RTV_E_UNSUPPORTED, "tensor \"u\": got dtype torch.uint16"},
    {"no_tensors.zip.pth", RTV_E_FORMAT, "got none, expected a state_dict"},
    {"no_tensors.old.pth", RTV_E_FORMAT, "got none, expected a state_dict"},
    {"two_dicts.zip.pth", RTV_E_FORMAT, "got none, expected a state_dict"},
    {"deflated.zip.pth", RTV_E_UNSUPPORTED, "compressed, expected it stored"},
    {"big_endian.zip.pth", RTV_E_UNSUPPORTED, "byte order: got \"big\""},
    {"big_endian.old.pth", RTV_E_UNSUPPORTED, "byte order: got \"big\""},
    {"missing_storage.zip.pth", RTV_E_FORMAT, "entry \"1\": got no file with that storage"},
    {"small_storage.zip.pth", RTV_E_FORMAT, "tensor \"conv.weight\": storage: got 11 bytes, expected 6 elements of F16"},
    {"no_pickle.zip.pth", RTV_E_FORMAT, "no entry data.pkl"},
    {"nameless.zip.pth", RTV_E_FORMAT, "an entry without a name"},
    {"no_folder.zip.pth", RTV_E_FORMAT, "no folder"},
    {"twice.zip.pth", RTV_E_FORMAT, "entry \"a/data.pkl\": got two of that name"},
    {"long_name.zip.pth", RTV_E_FORMAT, "1024 bytes or more"},
    {"torchscript.zip.pth", RTV_E_UNSUPPORTED, "got a TorchScript archive"},
    {"expected.txt", RTV_E_UNSUPPORTED, "container: got bytes "},
    {"no such file", RTV_E_IO, "No such file"},
};

static void test_bad_files(void **state) {
    rtvi_env env;
    test_heap heap;
    (void)state;
    test_env_init(&env, &heap);
    for (size_t i = 0; i < sizeof bad_files / sizeof *bad_files; i++) {
        const bad_file *bad = &bad_files[i];
        rtvi_weights *weights;
        rtv_error error;
        if (read_path(&env, checkpoint_path(bad->file), &weights, &error) != bad->status) fail_msg("%s: %s", bad->file, error.message);
        assert_null(weights);
        assert_contains(error.message, bad->part);
        assert_contains(error.message, "weights: ");
        assert_contains(error.message, bad->file);
        assert_int_equal(heap.live, 0);
    }
    assert_int_not_equal(access("attack_was_run", F_OK), 0);
    rtvi_env_destroy(&env);
}

/* The message keeps the tail of a long path. */
static void test_long_path(void **state) {
    char folder[64], path[400];
    rtvi_env env;
    test_heap heap;
    rtvi_weights *weights;
    rtv_error error;
    (void)state;
    test_env_init(&env, &heap);
    test_folder_make(folder);
    strcpy(path, folder);
    for (int i = 0; i < 150; i++) strcat(path, "/.");
    strcat(path, "/empty.pth");
    test_write_file(path, "", 0);
    assert_int_equal(read_path(&env, path, &weights, &error), RTV_E_UNSUPPORTED);
    assert_contains(error.message, "weights: ...");
    assert_contains(error.message, "/./empty.pth: container: got 0 bytes");
    test_folder_remove(folder);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
}

static void test_attack_offset(void **state) {
    rtvi_env env;
    test_heap heap;
    size_t size;
    uint8_t *data = test_read_file(checkpoint_path("attack.zip.pth"), &size);
    rtvi_weights *weights;
    rtv_error error;
    (void)state;
    test_env_init(&env, &heap);
    assert_int_equal(read_bytes(&env, data, size, &weights, &error), RTV_E_UNSUPPORTED);
    assert_true(error.byte_offset > 0 && (size_t)error.byte_offset + 14 < size);
    assert_memory_equal(data + error.byte_offset, "cposix\nsystem\n", 14);
    free(data);
    rtvi_env_destroy(&env);
}

static void test_other_containers(void **state) {
    char tar[512] = "pickle";
    static const char *const texts[] = {"", "P", "\x80", "\x80\x02K\x05.", "PK\3\4 and no more", "\x89HDF\r\n\x1a\n and its bytes"};
    static const char *const parts[] = {"got 0 bytes",  "got 1 bytes",  "got 1 bytes",
                                        "plain pickle", "no directory", "got bytes 89 48 44 46 0d"};
    rtvi_env env;
    test_heap heap;
    rtvi_weights *weights;
    rtv_error error;
    (void)state;
    test_env_init(&env, &heap);
    for (size_t i = 0; i < 6; i++) {
        assert_true(read_bytes(&env, texts[i], strlen(texts[i]), &weights, &error) < 0);
        assert_contains(error.message, "weights: memory: ");
        assert_contains(error.message, parts[i]);
    }
    memcpy(tar + 257, "ustar", 5);
    assert_int_equal(read_bytes(&env, tar, sizeof tar, &weights, &error), RTV_E_UNSUPPORTED);
    assert_contains(error.message, "tar archive");
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
}

/* Bytes in a block of exactly their size, so that reading past the end is seen by the sanitizer. */
static int32_t read_exact(const rtvi_env *env, const uint8_t *data, size_t size, rtv_error *error) {
    uint8_t *copy = malloc(size ? size : 1);
    rtvi_weights *weights;
    int32_t status;
    assert_non_null(copy);
    memcpy(copy, data, size);
    memset(error, 0, sizeof *error);
    status = read_bytes(env, copy, size, &weights, error);
    assert_int_equal(status, error->status);
    if (status != RTV_OK) {
        assert_int_equal(strncmp(error->message, "weights: memory: ", 17), 0);
    } else {
        for (size_t i = 0; i < rtvi_weights_count(weights); i++) { /* every element can be read */
            const rtvi_tensor *tensor = &rtvi_weights_at(weights, i)->tensor;
            void *bytes = malloc((size_t)rtvi_tensor_count(tensor) * rtvi_dtype_size(tensor->dtype) + 1);
            assert_non_null(bytes);
            rtvi_tensor_to_bytes(tensor, bytes);
            free(bytes);
        }
    }
    rtvi_weights_close(weights);
    free(copy);
    return status;
}

typedef struct damage {
    const rtvi_env *env;
    char file[64]; /* the last one done */
    int64_t harmless;
} damage;

static void truncate_everywhere(const line *want, void *user) {
    damage *d = user;
    size_t size;
    uint8_t *data;
    rtv_error error;
    if (strcmp(d->file, want->file) == 0) return;
    strcpy(d->file, want->file);
    data = test_read_file(checkpoint_path(want->file), &size);
    assert_int_equal(read_exact(d->env, data, size, &error), RTV_OK);
    for (size_t i = 0; i < size; i++)
        if (read_exact(d->env, data, i, &error) == RTV_OK) fail_msg("%s cut at %zu is read", want->file, i);
    free(data);
}

static void flip_everywhere(const line *want, void *user) {
    static const uint8_t masks[] = {0x01, 0x80, 0xff};
    static const char files[] = "strided.zip.pth protocol5.zip.pth training.old.pth attributes.old.pth dtypes.safetensors";
    damage *d = user;
    size_t size;
    uint8_t *data;
    rtv_error error;
    if (strcmp(d->file, want->file) == 0 || !strstr(files, want->file)) return;
    strcpy(d->file, want->file);
    data = test_read_file(checkpoint_path(want->file), &size);
    for (size_t i = 0; i < size; i++)
        for (size_t k = 0; k < sizeof masks; k++) {
            data[i] ^= masks[k];
            d->harmless += read_exact(d->env, data, size, &error) == RTV_OK;
            data[i] ^= masks[k];
        }
    free(data);
}

static void fail_every_allocation(const line *want, void *user) {
    damage *d = user;
    size_t size;
    uint8_t *data;
    int32_t status = RTV_E_OUT_OF_MEMORY;
    if (strcmp(d->file, want->file) == 0) return;
    strcpy(d->file, want->file);
    data = test_read_file(checkpoint_path(want->file), &size);
    for (long n = 1; status != RTV_OK; n++) {
        rtvi_env env;
        test_heap heap;
        rtvi_weights *weights;
        rtv_error error;
        test_env_init(&env, &heap);
        heap.fail_at = n;
        status = read_bytes(&env, data, size, &weights, &error);
        if (status != RTV_OK) {
            assert_int_equal(status, RTV_E_OUT_OF_MEMORY);
            assert_contains(error.message, "weights");
            assert_contains(error.message, "out of memory");
            d->harmless++;
        }
        rtvi_weights_close(weights);
        assert_int_equal(heap.live, 0);
        rtvi_env_destroy(&env);
    }
    free(data);
}

static void run_damage(void (*visit)(const line *want, void *user), int expect_harmless) {
    rtvi_env env;
    test_heap heap;
    damage d = {&env, "", 0};
    test_env_init(&env, &heap);
    for_each_line(visit, &d);
    assert_true(!expect_harmless || d.harmless > 0); /* the damage reached what it should */
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
}

static void test_truncated(void **state) {
    (void)state;
    run_damage(truncate_everywhere, 0);
}
static void test_flipped(void **state) {
    (void)state;
    run_damage(flip_everywhere, 1);
}
static void test_no_memory(void **state) {
    (void)state;
    run_damage(fail_every_allocation, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_files),    cmocka_unit_test(test_mapped),    cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_attack_offset), cmocka_unit_test(test_long_path), cmocka_unit_test(test_other_containers),
        cmocka_unit_test(test_truncated),     cmocka_unit_test(test_flipped),   cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
