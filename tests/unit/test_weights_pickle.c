/* test_weights_pickle.c - the pickle machine: every opcode, every way to misuse one, and pickles made to exhaust memory, time or stack. */
#include "unit/support.h"

#include "weights/weights_pickle.h"

typedef struct fixture {
    rtvi_env env;
    test_heap heap;
    rtvi_pickle p;
    rtv_error error;
} fixture;

/* The bytes lie in a block of their size, at offset 1000 of an imagined file. */
static int32_t load(fixture *f, uint8_t *copy, const void *data, size_t size) {
    memcpy(copy, data, size);
    test_env_init(&f->env, &f->heap);
    return rtvi_pickle_load(&f->p, &f->env, "weights: f.pth", copy, size, 1000, &f->error);
}

static void unload(fixture *f) {
    rtvi_pickle_destroy(&f->p);
    assert_int_equal(f->heap.live, 0);
    rtvi_env_destroy(&f->env);
}

/* A value as text, to compare: at most four levels deep. */
static void print_value(const rtvi_pickle *p, rtvi_pickle_id id, char *out, size_t room, int depth) {
    const rtvi_pickle_value *value = rtvi_pickle_at(p, id);
    char *at = out;
#define PUT(...) at += snprintf(at, room - (size_t)(at - out), __VA_ARGS__)
#define PUT_VALUE(id) print_value(p, id, at, room - (size_t)(at - out), depth + 1), at += strlen(at)
    *at = 0;
    if (depth == 4) return;
    if (value->kind == RTVI_PICKLE_NONE) PUT("None");
    if (value->kind == RTVI_PICKLE_BOOL) PUT(value->as.number ? "True" : "False");
    if (value->kind == RTVI_PICKLE_INT) PUT("%lld", (long long)value->as.number);
    if (value->kind == RTVI_PICKLE_LONG) PUT("long%u", value->size);
    if (value->kind == RTVI_PICKLE_TEXT) PUT("'%.*s'", (int)value->size, rtvi_pickle_text(p, value));
    if (value->kind == RTVI_PICKLE_GLOBAL) PUT("%s", rtvi_pickle_global(value)->name);
    if (value->kind == RTVI_PICKLE_OTHER) PUT("other");
    if (value->kind == RTVI_PICKLE_PERSISTENT) {
        PUT("persistent ");
        PUT_VALUE((rtvi_pickle_id)value->as.number);
    }
    if (value->kind == RTVI_PICKLE_CALL) {
        PUT("%s", rtvi_pickle_global(value)->name);
        PUT_VALUE((rtvi_pickle_id)value->as.number);
    }
    if (value->kind == RTVI_PICKLE_TUPLE) {
        PUT("(");
        for (uint32_t i = 0; i < value->size; i++) {
            PUT_VALUE(rtvi_pickle_item(p, id, i));
            PUT(",");
        }
        PUT(")");
    }
    if (value->kind == RTVI_PICKLE_LIST || value->kind == RTVI_PICKLE_DICT) {
        PUT(value->kind == RTVI_PICKLE_LIST ? "[" : "{");
        for (uint32_t cell = value->as.link.first; cell; cell = p->cells[cell].next) {
            if (value->kind == RTVI_PICKLE_DICT) {
                PUT_VALUE(p->cells[cell].key);
                PUT(":");
            }
            PUT_VALUE(p->cells[cell].value);
            PUT(",");
        }
        PUT(value->kind == RTVI_PICKLE_LIST ? "]" : "}");
    }
#undef PUT
#undef PUT_VALUE
}

typedef struct good_pickle {
    const char *bytes;
    size_t size;
    const char *value;
} good_pickle;

#define BYTES(text) text, sizeof text - 1

static const good_pickle good_pickles[] = {
    {BYTES("\x80\x02N."), "None"},
    {BYTES("\x80\x05\x88."), "True"},
    {BYTES("\x89."), "False"},
    {BYTES("K\xff."), "255"},
    {BYTES("M\x01\x02."), "513"},
    {BYTES("J\xff\xff\xff\xff."), "-1"},
    {BYTES("\x8a\x00."), "0"},
    {BYTES("\x8a\x01\xff."), "-1"},
    {BYTES("\x8a\x02\xff\x00."), "255"},
    {BYTES("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80."), "-9223372036854775808"},
    {BYTES("\x8b\x02\x00\x00\x00\x00\x01."), "256"},
    {BYTES("\x8a\x09"
           "123456789."),
     "long9"},
    {BYTES("G\x3f\xf0\x00\x00\x00\x00\x00\x00."), "other"},
    {BYTES("X\x02\x00\x00\x00hi."), "'hi'"},
    {BYTES("\x8c\x02hi."), "'hi'"},
    {BYTES("\x8d\x02\x00\x00\x00\x00\x00\x00\x00hi."), "'hi'"},
    {BYTES("U\x02hi."), "'hi'"},
    {BYTES("T\x02\x00\x00\x00hi."), "'hi'"},
    {BYTES("C\x02hi."), "other"},
    {BYTES("B\x02\x00\x00\x00hi."), "other"},
    {BYTES("\x8e\x02\x00\x00\x00\x00\x00\x00\x00hi."), "other"},
    {BYTES("\x96\x02\x00\x00\x00\x00\x00\x00\x00hi."), "other"},
    {BYTES("\x80\x04\x95\x03\x00\x00\x00\x00\x00\x00\x00K\x01."), "1"},
    {BYTES(")."), "()"},
    {BYTES("K\x01\x85."), "(1,)"},
    {BYTES("K\x01K\x02\x86."), "(1,2,)"},
    {BYTES("K\x01K\x02K\x03\x87."), "(1,2,3,)"},
    {BYTES("(K\x01K\x02K\x03K\x04t."), "(1,2,3,4,)"},
    {BYTES("(t."), "()"},
    {BYTES("]K\x01"
           "a(K\x02K\x03"
           "e."),
     "[1,2,3,]"},
    {BYTES("(K\x01K\x02l."), "[1,2,]"},
    {BYTES("}K\x01K\x02s(K\x03K\x04K\x05K\x06u."), "{1:2,3:4,5:6,}"},
    {BYTES("(K\x01K\x02"
           "d."),
     "{1:2,}"},
    {BYTES("\x8f(K\x01K\x02\x90."), "other"},
    {BYTES("(K\x01\x91."), "other"},
    {BYTES("K\x01K\x02"
           "0."),
     "1"},
    {BYTES("K\x01(K\x02K\x03"
           "1."),
     "1"},
    {BYTES("K\x01(0."), "1"},
    {BYTES("K\x01"
           "2\x86."),
     "(1,1,)"},
    {BYTES("K\x01q\x00K\x02r\x01\x00\x00\x00h\x00j\x01\x00\x00\x00\x86."), "(1,2,)"},
    {BYTES("K\x01\x94K\x02\x94h\x00h\x01\x86."), "(1,2,)"},
    {BYTES("ctorch\nFloatStorage\n."), "FloatStorage"},
    {BYTES("\x8c\x05torch\x8c\x04Size\x93."), "Size"},
    {BYTES("ctorch\nSize\nK\x01\x85R."), "Size(1,)"},
    {BYTES("ctorch\nSize\nK\x01\x85\x81."), "Size(1,)"},
    {BYTES("ctorch\nSize\nK\x01\x85}\x92."), "Size(1,)"},
    {BYTES("ccollections\nOrderedDict\n)R(K\x01K\x02u}b."), "{1:2,}"},
    {BYTES("ccollections\nOrderedDict\n]]K\x01"
           "aK\x02"
           "aaK\x03K\x04\x86"
           "a\x85R."),
     "{1:2,3:4,}"},
    {BYTES("\x8c\x07storage\x85Q."), "persistent ('storage',)"},
    {BYTES("ctorch\nSize\n)R(K\x01K\x02u(K\x03"
           "e."),
     "Size()"},
    {BYTES("]q\x00h\x00"
           "a."),
     "[[[[,],],],]"},
};

static void test_opcodes(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof good_pickles / sizeof *good_pickles; i++) {
        const good_pickle *good = &good_pickles[i];
        uint8_t *copy = malloc(good->size);
        char text[256];
        fixture f;
        assert_non_null(copy);
        if (load(&f, copy, good->bytes, good->size) != RTV_OK) fail_msg("%s: %s", good->value, f.error.message);
        assert_int_equal(f.p.used, good->size);
        print_value(&f.p, f.p.root, text, sizeof text, 0);
        assert_string_equal(text, good->value);
        unload(&f);
        for (size_t cut = 0; cut < good->size; cut++) { /* and cut anywhere it is a named error */
            uint8_t *part = malloc(cut + 1);
            assert_non_null(part);
            assert_int_equal(load(&f, part + 1, good->bytes, cut), RTV_E_FORMAT);
            assert_contains(f.error.message, "weights: f.pth: pickle: got its end at byte ");
            assert_int_equal(f.error.byte_offset, 1000 + cut);
            unload(&f);
            free(part);
        }
        free(copy);
    }
}

typedef struct bad_pickle {
    const char *bytes;
    size_t size;
    int64_t offset; /* of the opcode */
    const char *part;
} bad_pickle;

static const bad_pickle bad_pickles[] = {
    {BYTES("\x80\x06."), 0, "protocol"},
    {BYTES("\x80\x02i"), 2, "opcode 0x69 at byte 1002: unknown or refused"},
    {BYTES("Px\n."), 0, "opcode 0x50"},
    {BYTES("I1\n."), 0, "opcode 0x49"},
    {BYTES("\x97."), 0, "opcode 0x97"},
    {BYTES("\x82\x01."), 0, "opcode 0x82"},
    {BYTES("."), 0, "empty stack"},
    {BYTES("(."), 1, "empty stack"},
    {BYTES("0"), 0, "empty stack"},
    {BYTES("2"), 0, "empty stack"},
    {BYTES("(2"), 1, "empty stack"},
    {BYTES("1"), 0, "no mark"},
    {BYTES("K\x01t"), 2, "no mark"},
    {BYTES("(K\x01"
           "e"),
     3, "no container below"},
    {BYTES("((u"), 2, "no container below"},
    {BYTES("N\x86"), 1, "empty stack"},
    {BYTES("(N\x86"), 2, "got a mark"},
    {BYTES("Na"), 1, "empty stack"},
    {BYTES("](a"), 2, "got a mark"},
    {BYTES("}Ns"), 2, "empty stack"},
    {BYTES("}(NNNu"), 5, "key without a value"},
    {BYTES("(NNNd"), 4, "key without a value"},
    {BYTES("h\x00"), 0, "never set"},
    {BYTES("Nq\x01h\x00"), 3, "never set"},
    {BYTES("Nr\xff\xff\xff\xff"), 1, "out of order"},
    {BYTES("q\x00"), 0, "empty stack"},
    {BYTES("(q\x00"), 1, "empty stack"},
    {BYTES("N)R"), 2, "expected a global"},
    {BYTES("ctorch\nSize\nNR"), 13, "expected a tuple"},
    {BYTES("ctorch\nSize\n)R)R"), 15, "expected a global"},
    {BYTES("b"), 0, "empty stack"},
    {BYTES("Nb"), 1, "empty stack"},
    {BYTES("Q"), 0, "empty stack"},
    {BYTES("NN\x93"), 2, "two strings"},
    {BYTES("ccollections\nOrderedDict\n]Na\x85R"), 29, "expected a pair"},
    {BYTES("ccollections\nOrderedDict\n]]a\x85R"), 29, "expected a pair"},
    {BYTES("cposix\nsystem\n"), 0, "global \"posix.system\" at byte 1000: refused"},
    {BYTES("\x8c\x02os\x8c\x06system\x93"), 12, "global \"os.system\" at byte 1012: refused"},
    {BYTES("cbuiltins\neval\n"), 0, "global \"builtins.eval\""},
    {BYTES("c\x1b[2J\n\xff\n"), 0, "global \"?[2J.?\""},
    {BYTES("ctorch.FloatStorage\n\n"), 0, "global \"torch.FloatStorage.\""},
};

static void test_misuse(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_pickles / sizeof *bad_pickles; i++) {
        const bad_pickle *bad = &bad_pickles[i];
        uint8_t *copy = malloc(bad->size);
        fixture f;
        int32_t status;
        assert_non_null(copy);
        status = load(&f, copy, bad->bytes, bad->size);
        assert_true(status == RTV_E_FORMAT || status == RTV_E_UNSUPPORTED);
        assert_int_equal(f.error.status, status);
        assert_contains(f.error.message, bad->part);
        assert_int_equal(f.error.byte_offset, 1000 + bad->offset);
        assert_true(strlen(f.error.message) < 200);
        unload(&f);
        free(copy);
    }
}

/* Counts the bytes that are held at once. */
typedef struct meter {
    size_t held, peak;
} meter;

static void *meter_allocate(void *user, size_t size, size_t alignment) {
    meter *m = user;
    size_t *block = NULL;
    if (posix_memalign((void **)&block, 64, size + 64) != 0 || alignment > 64) return NULL;
    *block = size;
    m->held += size;
    if (m->held > m->peak) m->peak = m->held;
    return (uint8_t *)block + 64;
}
static void meter_release(void *user, void *block) {
    size_t *begin = (size_t *)(void *)((uint8_t *)block - 64);
    ((meter *)user)->held -= *begin;
    free(begin);
}

/* A pickle of unit repeated count times between two ends must stay within 50 times its size. */
static int32_t run_bomb(const char *before, size_t before_size, const char *unit, size_t unit_size, size_t count, const char *after) {
    meter m = {0, 0};
    rtv_allocator allocator = {&m, meter_allocate, meter_release};
    rtvi_env env;
    rtvi_pickle p;
    rtv_error error;
    size_t size = before_size + unit_size * count + strlen(after);
    uint8_t *data = malloc(size);
    int32_t status;
    assert_non_null(data);
    memcpy(data, before, before_size);
    for (size_t i = 0; i < count; i++) memcpy(data + before_size + i * unit_size, unit, unit_size);
    memcpy(data + size - strlen(after), after, strlen(after));
    rtvi_env_init(&env, &allocator, RTV_ISA_ANY);
    status = rtvi_pickle_load(&p, &env, "weights", data, size, 0, &error);
    if (m.peak > 50 * size + 1024) fail_msg("%zu bytes for a pickle of %zu", m.peak, size);
    rtvi_pickle_destroy(&p);
    assert_int_equal(m.held, 0);
    rtvi_env_destroy(&env);
    free(data);
    return status;
}

static void test_bombs(void **state) {
    const size_t many = 300000;
    (void)state;
    assert_int_equal(run_bomb(BYTES(")"), BYTES("\x85"), many, "."), RTV_OK); /* a tuple in a tuple in … */
    assert_int_equal(run_bomb(BYTES("N"), BYTES("]"), many, "."), RTV_OK);    /* empty lists on the stack */
    assert_int_equal(run_bomb(BYTES("N"), BYTES("2"), many, "."), RTV_OK);    /* one value over and over */
    assert_int_equal(run_bomb(BYTES("N"), BYTES("("), many, "N."), RTV_OK);   /* marks */
    assert_int_equal(run_bomb(BYTES("N"), BYTES("\x94"), many, "."), RTV_OK); /* memo */
    assert_int_equal(run_bomb(BYTES("]q\x00"),
                              BYTES("h\x00h\x00"
                                    "a"),
                              many, "."),
                     RTV_OK);                                                /* a list that holds itself again and again */
    assert_int_equal(run_bomb(BYTES("}"), BYTES("NNs"), many, "."), RTV_OK); /* a dict with None twice and more */
    assert_int_equal(run_bomb(BYTES("N"), BYTES("r\xff\xff\x00\x00"), many, "."), RTV_E_FORMAT);
    assert_int_equal(run_bomb(BYTES("N"), BYTES("K\x00"), many, ""), RTV_E_FORMAT);
}

/* A list of 1,000 pairs that becomes a dictionary 1,000 times over would be a million entries from 7 KB. */
static void test_copy_bomb(void **state) {
    static const char begin[] = "ccollections\nOrderedDict\nq\x00]q\x01(NN\x86q\x02", end[] = "eh\x01\x85q\x03";
    char head[2100];
    size_t size = sizeof begin - 1;
    (void)state;
    memcpy(head, begin, size);
    for (int i = 0; i < 1000; i++, size += 2) memcpy(head + size, "h\x02", 2);
    memcpy(head + size, end, sizeof end - 1);
    size += sizeof end - 1;
    assert_int_equal(run_bomb(head, size, BYTES("h\x00h\x03R"), 1, "."), RTV_OK);
    assert_int_equal(run_bomb(head, size, BYTES("h\x00h\x03R"), 1000, "."), RTV_E_FORMAT);
}

static void test_too_long(void **state) {
    rtvi_env env;
    test_heap heap;
    rtvi_pickle p;
    rtv_error error;
    size_t size = RTVI_PICKLE_MAX_BYTES + 10;
    uint8_t *data = malloc(size);
    (void)state;
    assert_non_null(data);
    memset(data, 0, size);
    memcpy(data, "B\xff\xff\xff\x01", 5); /* a byte string that ends beyond the limit, inside of the file */
    test_env_init(&env, &heap);
    assert_int_equal(rtvi_pickle_load(&p, &env, "weights", data, size, 0, &error), RTV_E_LIMIT);
    assert_contains(error.message, "got more than 33554432 bytes");
    rtvi_pickle_destroy(&p);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
    free(data);
}

static void test_lookups(void **state) {
    static const char bytes[] =
        "}(\x8c\x01"
        "aK\x01\x8c\x01"
        "bK\x02K\x03NuK\x05\x85\x86.";
    uint8_t copy[sizeof bytes - 1];
    fixture f;
    rtvi_pickle_id dict, tuple;
    (void)state;
    assert_int_equal(load(&f, copy, bytes, sizeof bytes - 1), RTV_OK);
    dict = rtvi_pickle_item(&f.p, f.p.root, 0);
    tuple = rtvi_pickle_item(&f.p, f.p.root, 1);
    assert_int_equal(rtvi_pickle_at(&f.p, rtvi_pickle_lookup(&f.p, dict, "b"))->as.number, 2);
    assert_int_equal(rtvi_pickle_lookup(&f.p, dict, "c"), 0);
    assert_int_equal(rtvi_pickle_lookup(&f.p, tuple, "a"), 0);
    assert_int_equal(rtvi_pickle_at(&f.p, rtvi_pickle_item(&f.p, tuple, 0))->as.number, 5);
    assert_int_equal(rtvi_pickle_item(&f.p, tuple, 1), 0);
    assert_int_equal(rtvi_pickle_item(&f.p, dict, 0), 0);
    unload(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opcodes),   cmocka_unit_test(test_misuse),   cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_copy_bomb), cmocka_unit_test(test_too_long), cmocka_unit_test(test_lookups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
