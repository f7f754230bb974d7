/* test_weights_torch.c - tensors as pickles describe them, put together by hand as streams of the older format: what PyTorch today does not
 * write (views of storages, Python 2), and what nobody should (elements outside of the storage, endless repetition). */
#include "unit/weights_support.h"

#include "base/base_bytes.h"

typedef struct stream {
    uint8_t bytes[4096];
    size_t size;
} stream;

static void put(stream *s, const void *bytes, size_t size) {
    assert_true(size <= sizeof s->bytes - s->size);
    memcpy(s->bytes + s->size, bytes, size);
    s->size += size;
}
static void ops(stream *s, const char *text) { put(s, text, strlen(text)); }
static void text(stream *s, const char *value) {
    uint8_t head[2] = {0x8c, (uint8_t)strlen(value)};
    put(s, head, 2);
    ops(s, value);
}
static void number(stream *s, int64_t value) {
    uint8_t bytes[10] = {0x8a, 8};
    rtvi_store_le(bytes + 2, (uint64_t)value, 8);
    put(s, bytes, 10);
}
static void tuple_of(stream *s, int count, const int64_t *values) {
    ops(s, "(");
    for (int i = 0; i < count; i++) number(s, values[i]);
    ops(s, "t");
}

static void begin(stream *s) {
    s->size = 0;
    put(s, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.", 25);
}

/* The storage "s": 12 bytes 0, 1, 2 …, as class says. */
static void storage(stream *s, const char *class_name, int64_t count) {
    ops(s, "(");
    text(s, "storage");
    ops(s, "ctorch\n");
    ops(s, class_name);
    ops(s, "\n");
    text(s, "s");
    text(s, "cpu");
    number(s, count);
}
static void end(stream *s, int64_t elements) {
    uint8_t bytes[8];
    ops(s, "."); /* of the object */
    ops(s, "](");
    text(s, "s");
    ops(s, "e.");
    rtvi_store_le(bytes, (uint64_t)elements, 8);
    put(s, bytes, 8);
    for (uint8_t i = 0; i < 12; i++) put(s, &i, 1);
}

typedef struct shape {
    int64_t offset;
    int rank;
    int64_t dims[RTVI_MAX_RANK + 1], strides[RTVI_MAX_RANK + 1];
} shape;

/* A state_dict of one tensor "t" over a storage of 12 bytes (or of 3 floats). */
static void one_tensor(stream *s, const char *class_name, int64_t count, const shape *form) {
    begin(s);
    ops(s, "}");
    text(s, "t");
    ops(s, "ctorch._utils\n_rebuild_tensor_v2\n(");
    storage(s, class_name, count);
    ops(s, "NtQ");
    number(s, form->offset);
    tuple_of(s, form->rank, form->dims);
    tuple_of(s, form->rank, form->strides);
    ops(s, "\x89}tRs");
    end(s, count);
}

typedef struct result {
    rtvi_env env;
    test_heap heap;
    rtvi_weights *weights;
    rtv_error error;
} result;

static int32_t read_stream(result *r, const stream *s) {
    test_env_init(&r->env, &r->heap);
    return read_bytes(&r->env, s->bytes, s->size, &r->weights, &r->error);
}
static void done(result *r) {
    rtvi_weights_close(r->weights);
    assert_int_equal(r->heap.live, 0);
    rtvi_env_destroy(&r->env);
}

static void test_inside(void **state) {
    static const struct {
        shape form;
        int count;
        uint8_t want[24];
    } cases[] = {
        {{0, 0, {0}, {0}}, 1, {0}},
        {{11, 0, {0}, {0}}, 1, {11}},
        {{0, 1, {12}, {1}}, 12, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
        {{1, 2, {2, 3}, {1, 4}}, 6, {1, 5, 9, 2, 6, 10}},
        {{11, 2, {1, 1}, {1000, INT64_MAX}}, 1, {11}},
        {{12, 2, {5, 0}, {7, 7}}, 0, {0}},
        {{5, 2, {2, 3}, {0, 1}}, 6, {5, 6, 7, 5, 6, 7}},
        {{3, 1, {24}, {0}}, 24, {3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stream s;
        result r;
        uint8_t got[24] = {0};
        one_tensor(&s, "ByteStorage", 12, &cases[i].form);
        if (read_stream(&r, &s) != RTV_OK) fail_msg("%d: %s", (int)i, r.error.message);
        assert_int_equal(rtvi_tensor_count(&rtvi_weights_at(r.weights, 0)->tensor), cases[i].count);
        rtvi_tensor_to_bytes(&rtvi_weights_at(r.weights, 0)->tensor, got);
        assert_memory_equal(got, cases[i].want, sizeof got);
        done(&r);
    }
}

static void test_outside(void **state) {
    static const struct {
        shape form;
        int32_t status;
        const char *part;
    } cases[] = {
        {{12, 0, {0}, {0}}, RTV_E_FORMAT, "outside of its storage"},
        {{0, 1, {13}, {1}}, RTV_E_FORMAT, "outside of its storage"},
        {{1, 1, {12}, {1}}, RTV_E_FORMAT, "outside of its storage"},
        {{0, 2, {2, 2}, {11, 1}}, RTV_E_FORMAT, "outside of its storage"},
        {{13, 1, {0}, {1}}, RTV_E_FORMAT, "outside of its storage"},
        {{-1, 1, {1}, {1}}, RTV_E_FORMAT, "outside of its storage"},
        {{INT64_MAX, 1, {2}, {INT64_MAX}}, RTV_E_FORMAT, "outside of its storage"},
        {{0, 1, {INT64_MAX}, {INT64_MAX}}, RTV_E_FORMAT, "outside of its storage"},
        {{0, 2, {2, 2}, {INT64_MAX, INT64_MAX}}, RTV_E_FORMAT, "outside of its storage"},
        {{0, 1, {2}, {INT64_MAX}}, RTV_E_FORMAT, "outside of its storage"},
        {{0, 1, {-1}, {1}}, RTV_E_FORMAT, "no whole number"},
        {{0, 1, {1}, {-1}}, RTV_E_FORMAT, "no whole number"},
        {{0, 1, {5000}, {0}}, RTV_E_FORMAT, "more elements than the file"},
        {{0, 3, {INT64_MAX, INT64_MAX, 2}, {0, 0, 0}}, RTV_E_FORMAT, "more elements than the file"},
        {{0, 9, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}}, RTV_E_UNSUPPORTED, "8 dimensions"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stream s;
        result r;
        one_tensor(&s, "ByteStorage", 12, &cases[i].form);
        if (read_stream(&r, &s) != cases[i].status) fail_msg("%d: %s", (int)i, r.error.message);
        assert_contains(r.error.message, "weights: memory: tensor \"t\": got ");
        assert_contains(r.error.message, cases[i].part);
        done(&r);
    }
}

static void test_storages(void **state) {
    const shape form = {0, 1, {3}, {1}};
    static const struct {
        const char *class_name;
        int64_t count;
        int32_t status;
        const char *part;
    } cases[] = {
        {"FloatStorage", 3, RTV_OK, ""},
        {"ShortStorage", 6, RTV_OK, ""},
        {"FloatStorage", 4, RTV_E_FORMAT, "storage \"s\": got the end of the file, expected 4 elements"},
        {"DoubleStorage", INT64_MAX, RTV_E_FORMAT, "got the end of the file"},
        {"ByteStorage", -1, RTV_E_FORMAT, "got the end of the file"},
        {"QInt8Storage", 12, RTV_E_UNSUPPORTED, "strange numbers"},
        {"float32", 3, RTV_E_FORMAT, "one that nothing uses"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stream s;
        result r;
        one_tensor(&s, cases[i].class_name, cases[i].count, &form);
        if (read_stream(&r, &s) != cases[i].status) fail_msg("%d: %s", (int)i, r.error.message);
        assert_contains(r.error.message, cases[i].part);
        done(&r);
    }
}

/* PyTorch before 0.4: tensor "t" over elements offset to offset + size of the storage of 12 bytes. */
static int32_t read_view(result *r, int64_t offset, int64_t size, uint8_t got[4]) {
    const int64_t four = 4, one = 1;
    stream s;
    int32_t status;
    begin(&s);
    ops(&s, "}");
    text(&s, "t");
    ops(&s, "ctorch._utils\n_rebuild_tensor\n(");
    storage(&s, "ByteStorage", 12);
    ops(&s, "(");
    text(&s, "view");
    number(&s, offset);
    number(&s, size);
    ops(&s, "ttQ");
    number(&s, 1);
    tuple_of(&s, 1, &four);
    tuple_of(&s, 1, &one);
    ops(&s, "tRs");
    end(&s, 12);
    status = read_stream(r, &s);
    if (status == RTV_OK) rtvi_tensor_to_bytes(&rtvi_weights_at(r->weights, 0)->tensor, got);
    return status;
}

static void test_views(void **state) {
    uint8_t got[4] = {0};
    result r;
    (void)state;
    assert_int_equal(read_view(&r, 6, 6, got), RTV_OK);
    assert_memory_equal(got, "\7\10\11\12", 4);
    done(&r);
    assert_int_equal(read_view(&r, 6, 4, got), RTV_E_FORMAT);
    assert_contains(r.error.message, "outside of its storage");
    done(&r);
    assert_int_equal(read_view(&r, 6, 7, got), RTV_E_FORMAT);
    assert_contains(r.error.message, "view that leaves its storage");
    done(&r);
    assert_int_equal(read_view(&r, INT64_MAX, INT64_MAX, got), RTV_E_FORMAT);
    assert_contains(r.error.message, "view that leaves its storage");
    done(&r);
    assert_int_equal(read_view(&r, -1, 4, got), RTV_E_FORMAT);
    done(&r);
}

/* A tensor "t" of four bytes as the value on top of the stack. */
static void plain_tensor(stream *s) {
    const int64_t four = 4, one = 1;
    ops(s, "ctorch._utils\n_rebuild_tensor_v2\n(");
    storage(s, "ByteStorage", 12);
    ops(s, "NtQ");
    number(s, 0);
    tuple_of(s, 1, &four);
    tuple_of(s, 1, &one);
    ops(s, "\x89}tR");
}

/* Objects of other makes, each an object pickle around a tensor; names as the table must have them, or a message. */
static void read_object(const char *before, const char *after, int32_t status, const char *what) {
    stream s;
    result r;
    begin(&s);
    ops(&s, before);
    plain_tensor(&s);
    ops(&s, after);
    end(&s, 12);
    if (read_stream(&r, &s) != status) fail_msg("%s … %s: %s", before, after, r.error.message);
    if (status == RTV_OK) {
        assert_int_equal(rtvi_weights_count(r.weights), 1);
        assert_string_equal(rtvi_weights_at(r.weights, 0)->name, what);
        assert_int_equal(rtvi_weights_at(r.weights, 0)->tensor.dims[0], 4);
    } else {
        assert_contains(r.error.message, what);
    }
    done(&r);
}

static void test_objects(void **state) {
    (void)state;
    read_object("}U\1t", "s", RTV_OK, "t");
    read_object("ccollections\nOrderedDict\n](](U\1t", "ee\x85R", RTV_OK, "t"); /* Python 2 */
    read_object("}U\1t", "q\1sU\1tK\x05s", RTV_OK, "t");                        /* a number of the same name is no tensor */
    read_object("}U\1t", "q\1sU\1th\1s", RTV_E_FORMAT, "tensor \"t\": got two of that name");
    read_object("}K\x01", "s", RTV_E_FORMAT, "tensors: got none"); /* a number for a name */
    read_object("}U\7module.", "s", RTV_OK, "module.");
    read_object("}U\x10module.module.ab", "s", RTV_OK, "ab");
    read_object("}U\5model}U\7network}U\1t", "sss", RTV_E_FORMAT, "tensors: got none");
    read_object("}U\5model}U\nstate_dict}U\1t", "sss", RTV_OK, "t");
    read_object("}U\5model}U\3arg]ssU\1t", "s", RTV_OK, "t"); /* "model" without tensors beside them */
    read_object("}q\1U\5modelh\1sU\1t", "s", RTV_OK, "t");    /* a model that holds itself */
    read_object("}q\1U\5modelh\1sK\x01", "s", RTV_E_FORMAT, "tensors: got none");
    read_object("]", "a", RTV_E_FORMAT, "tensors: got none");
    read_object("", "", RTV_E_FORMAT, "tensors: got none");
    read_object("}U\1tctorch._utils\n_rebuild_parameter\n", "\x88}\x87Rs", RTV_OK, "t");
    read_object("}U\1tctorch._utils\n_rebuild_parameter\nN", "\x86Rs", RTV_E_FORMAT, "expected a tensor");
    read_object("}U\1tctorch._utils\n_rebuild_parameter\nctorch._utils\n_rebuild_parameter\n", "\x85R\x85Rs", RTV_OK, "t");
    read_object("}U\1tctorch._tensor\n_rebuild_from_type_v2\n(NNN", "tRs", RTV_E_FORMAT, "expected a tensor");
    read_object("}U\1tctorch._utils\n_rebuild_tensor_v2\n(", "N)))tRs", RTV_E_FORMAT, "expected a storage");
    read_object("}U\1tctorch._utils\n_rebuild_tensor_v2\n(NQNtRs0}U\1t", "s", RTV_OK, "t");
}

/* A parameter of a parameter of …, four levels and more, and one that is its own argument. */
static void test_endless(void **state) {
    stream s;
    result r;
    (void)state;
    begin(&s);
    ops(&s, "}U\1t");
    for (int i = 0; i < 5; i++) ops(&s, "ctorch._utils\n_rebuild_parameter\n");
    plain_tensor(&s);
    for (int i = 0; i < 5; i++) ops(&s, "\x85R");
    ops(&s, "s");
    end(&s, 12);
    assert_int_equal(read_stream(&r, &s), RTV_E_FORMAT);
    assert_contains(r.error.message, "expected a tensor");
    done(&r);
}

static void test_nameless(void **state) {
    stream s;
    result r;
    (void)state;
    begin(&s);
    put(&s, "}U\0", 3);
    plain_tensor(&s);
    ops(&s, "s");
    end(&s, 12);
    assert_int_equal(read_stream(&r, &s), RTV_E_FORMAT);
    assert_contains(r.error.message, "tensor name: got \"\"");
    done(&r);
}

static void test_storage_without_bytes(void **state) {
    stream s;
    result r;
    (void)state;
    begin(&s);
    ops(&s, "}U\1t");
    plain_tensor(&s);
    ops(&s, "s.].");
    assert_int_equal(read_stream(&r, &s), RTV_E_FORMAT);
    assert_contains(r.error.message, "storage \"s\": got no bytes");
    done(&r);
}

static void test_negated(void **state) {
    const shape form = {0, 1, {3}, {1}};
    const char tail[] = "\x89}tRs";
    stream s, t;
    result r;
    size_t at;
    (void)state;
    one_tensor(&s, "FloatStorage", 3, &form);
    for (at = 0; memcmp(s.bytes + at, tail, 5) != 0; at++) assert_true(at + 5 < s.size);
    t.size = 0;
    put(&t, s.bytes, at + 2);
    ops(&t, "}U\3neg\x88s"); /* the seventh argument */
    put(&t, s.bytes + at + 2, s.size - at - 2);
    assert_int_equal(read_stream(&r, &t), RTV_E_UNSUPPORTED);
    assert_contains(r.error.message, "negated");
    done(&r);
}

static void test_stream_heads(void **state) {
    static const struct {
        const char *bytes;
        size_t size;
        int32_t status;
        const char *part;
    } cases[] = {
        {"\x80\x02]q\x00.", 6, RTV_E_UNSUPPORTED, "plain pickle"},
        {"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x18.", 15, RTV_E_UNSUPPORTED, "plain pickle"},
        {"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe8\x03.", 21, RTV_E_UNSUPPORTED, "protocol version"},
        {"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02N.", 19, RTV_E_UNSUPPORTED, "protocol version"},
        {"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.}.}.N.", 27, RTV_E_FORMAT, "list of storage keys"},
        {"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.}.}.]K\x01"
         "a.",
         31, RTV_E_FORMAT, "storage key that is no string"},
        {"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.}.}.].", 27, RTV_E_FORMAT, "tensors: got none"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stream s = {{0}, 0};
        result r;
        put(&s, cases[i].bytes, cases[i].size);
        assert_int_equal(read_stream(&r, &s), cases[i].status);
        assert_contains(r.error.message, cases[i].part);
        done(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inside),   cmocka_unit_test(test_outside),
        cmocka_unit_test(test_storages), cmocka_unit_test(test_views),
        cmocka_unit_test(test_objects),  cmocka_unit_test(test_endless),
        cmocka_unit_test(test_nameless), cmocka_unit_test(test_storage_without_bytes),
        cmocka_unit_test(test_negated),  cmocka_unit_test(test_stream_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
