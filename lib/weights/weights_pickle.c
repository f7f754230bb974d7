/* weights_pickle.c - the restricted pickle machine. Opcodes and their meaning: CPython's Lib/pickletools.py. Those of protocols 2 to 5
 * are known, without the ones that build instances from nothing (INST, OBJ, EXT*) and out-of-band buffers. */
#include "weights/weights_pickle.h"

#include <string.h>

#include "base/base_bytes.h"

#define MARK UINT32_MAX

typedef struct machine {
    rtvi_pickle *p;
    rtvi_bytes in;
    rtvi_pickle_id *stack; /* values and MARK */
    size_t depth, max_depth;
    rtvi_pickle_id *memo; /* value + 1; 0: not set */
    size_t num_memo, max_memo;
    size_t op_at; /* offset of the opcode that runs */
    int stopped;
    int32_t status;
    rtv_error *error;
} machine;

typedef void (*handler)(machine *m, uint8_t op);

/* The first failure is the one that counts. */
static void fail(machine *m, const char *what) {
    uint64_t at = m->p->file_offset + m->op_at;
    if (m->status != RTV_OK) return;
    m->status = rtvi_error_set_at(m->error, RTV_E_FORMAT, (int64_t)at, "%s: pickle opcode 0x%02x at byte %llu: %s", m->p->label,
                                  m->p->data[m->op_at], (unsigned long long)at, what);
}

static void fail_memory(machine *m) {
    if (m->status == RTV_OK) m->status = rtvi_error_out_of_memory(m->error, m->p->label, 0);
}

/* Makes room for one more element of an array of the machine. */
#define ROOM(m, block, capacity, used, more) \
    (rtvi_grow((m)->p->env, (void **)&(block), &(capacity), (used), (used) + (more), sizeof *(block)) ? 1 : (fail_memory(m), 0))

static void push(machine *m, rtvi_pickle_id id) {
    if (ROOM(m, m->stack, m->max_depth, m->depth, 1)) m->stack[m->depth++] = id;
}

static rtvi_pickle_id top(machine *m) {
    if (m->depth > 0 && m->stack[m->depth - 1] != MARK) return m->stack[m->depth - 1];
    fail(m, "got an empty stack, expected a value");
    return 0;
}

static rtvi_pickle_id pop(machine *m) {
    rtvi_pickle_id id = top(m);
    if (m->status == RTV_OK) m->depth--;
    return id;
}

/* A new value; 0 without memory. */
static rtvi_pickle_id make(machine *m, rtvi_pickle_kind kind, size_t size) {
    rtvi_pickle *p = m->p;
    rtvi_pickle_value *value;
    if (!ROOM(m, p->values, p->max_values, p->num_values, 1)) return 0;
    value = &p->values[p->num_values];
    memset(value, 0, sizeof *value);
    value->kind = (uint32_t)kind;
    value->size = (uint32_t)size;
    return (rtvi_pickle_id)p->num_values++;
}

static void push_number(machine *m, rtvi_pickle_kind kind, int64_t number) {
    rtvi_pickle_id id = make(m, kind, 0);
    if (m->status != RTV_OK) return;
    m->p->values[id].as.number = number;
    push(m, id);
}

/* Skips the next length bytes and pushes a value that stands for them. */
static void push_bytes(machine *m, rtvi_pickle_kind kind, uint64_t length) {
    size_t at = m->in.pos;
    rtvi_pickle_id id;
    if (length > SIZE_MAX || !rtvi_bytes_take(&m->in, (size_t)length)) {
        m->in.failed = 1;
        return;
    }
    id = make(m, kind, (size_t)length);
    if (m->status != RTV_OK) return;
    m->p->values[id].as.offset = at;
    push(m, id);
}

/* Index on the stack of the first value above the last MARK. */
static size_t above_mark(machine *m) {
    for (size_t i = m->depth; i > 0; i--)
        if (m->stack[i - 1] == MARK) return i;
    fail(m, "got no mark on the stack, expected one");
    return m->depth;
}

/* ---- plain values ---- */

static void op_proto(machine *m, uint8_t op) {
    (void)op;
    if (rtvi_bytes_u8(&m->in) > 5) fail(m, "got an unknown protocol, expected 2 to 5");
}
static void op_frame(machine *m, uint8_t op) {
    (void)op;
    rtvi_bytes_take(&m->in, 8);
}
static void op_stop(machine *m, uint8_t op) {
    (void)op;
    m->p->root = pop(m);
    m->stopped = 1;
}
static void op_none(machine *m, uint8_t op) {
    (void)op;
    push(m, 0);
}
static void op_bool(machine *m, uint8_t op) { push_number(m, RTVI_PICKLE_BOOL, op == 0x88); }
static void op_uint(machine *m, uint8_t op) { push_number(m, RTVI_PICKLE_INT, (int64_t)rtvi_bytes_uint(&m->in, op == 'K' ? 1 : 2)); }
static void op_int(machine *m, uint8_t op) {
    (void)op;
    push_number(m, RTVI_PICKLE_INT, (int32_t)rtvi_bytes_u32(&m->in));
}
static void op_float(machine *m, uint8_t op) {
    (void)op;
    push_bytes(m, RTVI_PICKLE_OTHER, 8);
}

/* LONG1, LONG4: little-endian two's complement. */
static void op_long(machine *m, uint8_t op) {
    uint64_t length = rtvi_bytes_uint(&m->in, op == 0x8a ? 1 : 4), bits;
    const uint8_t *bytes;
    if (length > 8) {
        push_bytes(m, RTVI_PICKLE_LONG, length);
        return;
    }
    bytes = rtvi_bytes_take(&m->in, (size_t)length);
    if (!bytes) return;
    bits = rtvi_load_le(bytes, (size_t)length);
    if (length > 0 && length < 8 && bytes[length - 1] >= 0x80) bits |= UINT64_MAX << (8 * length);
    push_number(m, RTVI_PICKLE_INT, (int64_t)bits);
}

/* Strings, Python 2's byte strings, and byte strings, by the width of their length. */
static void op_text(machine *m, uint8_t op) {
    size_t width = op == 0x8c || op == 'U' ? 1 : op == 0x8d ? 8 : 4;
    uint64_t length = rtvi_bytes_uint(&m->in, width);
    push_bytes(m, RTVI_PICKLE_TEXT, length);
}
static void op_bytes(machine *m, uint8_t op) {
    size_t width = op == 'C' ? 1 : op == 'B' ? 4 : 8;
    uint64_t length = rtvi_bytes_uint(&m->in, width);
    push_bytes(m, RTVI_PICKLE_OTHER, length);
}

/* ---- stack and memo ---- */

static void op_mark(machine *m, uint8_t op) {
    (void)op;
    push(m, MARK);
}
static void op_pop(machine *m, uint8_t op) {
    (void)op;
    if (m->depth > 0)
        m->depth--; /* a value or a mark */
    else
        pop(m);
}
static void op_pop_mark(machine *m, uint8_t op) {
    size_t first = above_mark(m);
    (void)op;
    if (m->status == RTV_OK) m->depth = first - 1;
}
static void op_dup(machine *m, uint8_t op) {
    rtvi_pickle_id id = top(m);
    (void)op;
    if (m->status == RTV_OK) push(m, id);
}

/* Every pickler numbers its memo entries from 0 on, so a number is never above the bytes read so far. */
static void op_put(machine *m, uint8_t op) {
    size_t at = op == 0x94 ? m->num_memo : op == 'q' ? rtvi_bytes_u8(&m->in) : rtvi_bytes_u32(&m->in);
    rtvi_pickle_id id = top(m);
    if (at > m->in.pos) fail(m, "got a memo number out of order, expected them one after the other");
    if (m->status != RTV_OK) return;
    if (at >= m->num_memo) {
        if (!ROOM(m, m->memo, m->max_memo, m->num_memo, at + 1 - m->num_memo)) return;
        memset(m->memo + m->num_memo, 0, (at + 1 - m->num_memo) * sizeof *m->memo);
        m->num_memo = at + 1;
    }
    m->memo[at] = id + 1;
}
static void op_get(machine *m, uint8_t op) {
    size_t at = op == 'h' ? rtvi_bytes_u8(&m->in) : rtvi_bytes_u32(&m->in);
    if (at < m->num_memo && m->memo[at] != 0)
        push(m, m->memo[at] - 1);
    else
        fail(m, "got a memo number that was never set");
}

/* ---- containers ---- */

static void add_cell(machine *m, rtvi_pickle_id container, rtvi_pickle_id key, rtvi_pickle_id value) {
    rtvi_pickle *p = m->p;
    rtvi_pickle_value *to;
    if (p->num_cells > m->in.pos) fail(m, "got more entries than the pickle has bytes");
    if (m->status != RTV_OK || !ROOM(m, p->cells, p->max_cells, p->num_cells, 1)) return;
    to = &p->values[container];
    p->cells[p->num_cells] = (rtvi_pickle_cell){key, value, 0};
    if (to->as.link.last)
        p->cells[to->as.link.last].next = (uint32_t)p->num_cells;
    else
        to->as.link.first = (uint32_t)p->num_cells;
    to->as.link.last = (uint32_t)p->num_cells++;
}

/* Adds the values stack[first..depth) and takes them off. What goes into anything but a dict or a list is forgotten. */
static void add_items(machine *m, rtvi_pickle_id container, size_t first, rtvi_pickle_kind kind) {
    size_t step = kind == RTVI_PICKLE_DICT ? 2 : 1;
    if (m->status == RTV_OK && (m->depth - first) % step != 0) fail(m, "got a key without a value");
    if (m->status != RTV_OK) return;
    if (m->p->values[container].kind == (uint32_t)kind)
        for (size_t i = first; i < m->depth; i += step) add_cell(m, container, step == 2 ? m->stack[i] : 0, m->stack[i + step - 1]);
    m->depth = first;
}

/* The container below the mark, for opcodes that fill it; the mark goes, first is the new place of the first value. */
static rtvi_pickle_id container_below(machine *m, size_t *first) {
    *first = above_mark(m);
    if (m->status != RTV_OK) return 0;
    if (*first >= 2 && m->stack[*first - 2] != MARK) return m->stack[*first - 2];
    fail(m, "got no container below the mark, expected one");
    return 0;
}

static void op_fill(machine *m, uint8_t op) {
    size_t first;
    rtvi_pickle_id container = container_below(m, &first);
    add_items(m, container, first, op == 'u' ? RTVI_PICKLE_DICT : RTVI_PICKLE_LIST);
    if (m->status == RTV_OK) m->depth--; /* the mark */
}

static void op_add(machine *m, uint8_t op) {
    size_t count = op == 's' ? 2 : 1, first;
    if (m->depth < count + 1) {
        fail(m, "got an empty stack, expected a value");
        return;
    }
    first = m->depth - count;
    for (size_t i = first - 1; i < m->depth; i++)
        if (m->stack[i] == MARK) fail(m, "got a mark, expected a value");
    if (m->status == RTV_OK) add_items(m, m->stack[first - 1], first, op == 's' ? RTVI_PICKLE_DICT : RTVI_PICKLE_LIST);
}

static void op_empty(machine *m, uint8_t op) {
    rtvi_pickle_kind kind = op == '}' ? RTVI_PICKLE_DICT : op == ']' ? RTVI_PICKLE_LIST : op == ')' ? RTVI_PICKLE_TUPLE : RTVI_PICKLE_OTHER;
    push(m, make(m, kind, 0));
}

/* Replaces stack[first..depth) by a tuple of them. */
static void tuple_of(machine *m, size_t first) {
    rtvi_pickle *p = m->p;
    size_t count = m->depth - first;
    rtvi_pickle_id id = make(m, RTVI_PICKLE_TUPLE, count);
    if (m->status != RTV_OK || !ROOM(m, p->slots, p->max_slots, p->num_slots, count)) return;
    if (count) memcpy(p->slots + p->num_slots, m->stack + first, count * sizeof *m->stack);
    p->values[id].as.offset = p->num_slots;
    p->num_slots += count;
    m->depth = first;
    push(m, id);
}

static void op_short_tuple(machine *m, uint8_t op) {
    size_t count = (size_t)op - 0x84;
    if (m->depth < count) fail(m, "got an empty stack, expected a value");
    for (size_t i = 0; m->status == RTV_OK && i < count; i++)
        if (m->stack[m->depth - 1 - i] == MARK) fail(m, "got a mark, expected a value");
    if (m->status == RTV_OK) tuple_of(m, m->depth - count);
}

static void op_tuple(machine *m, uint8_t op) {
    size_t first = above_mark(m);
    (void)op;
    if (m->status != RTV_OK) return;
    tuple_of(m, first);
    if (m->status != RTV_OK) return;
    m->stack[m->depth - 2] = m->stack[m->depth - 1]; /* over the mark */
    m->depth--;
}

/* LIST, DICT, FROZENSET: a container of what lies above the mark. */
static void op_gather(machine *m, uint8_t op) {
    rtvi_pickle_kind kind = op == 'd' ? RTVI_PICKLE_DICT : op == 'l' ? RTVI_PICKLE_LIST : RTVI_PICKLE_OTHER;
    size_t first = above_mark(m);
    rtvi_pickle_id id = m->status == RTV_OK ? make(m, kind, 0) : 0;
    add_items(m, id, first, kind == RTVI_PICKLE_DICT ? kind : RTVI_PICKLE_LIST);
    if (m->status == RTV_OK) m->stack[m->depth - 1] = id; /* over the mark */
}

/* ---- globals and what a pickle would call ---- */

static void push_global(machine *m, const char *module, size_t module_length, const char *name, size_t name_length) {
    uint64_t at = m->p->file_offset + m->op_at;
    int index = rtvi_global_find(module, module_length, name, name_length);
    rtvi_quoted a, b;
    if (index >= 0) {
        push(m, make(m, RTVI_PICKLE_GLOBAL, (size_t)index));
    } else if (m->status == RTV_OK) {
        m->status = rtvi_error_set_at(
            m->error, RTV_E_UNSUPPORTED, (int64_t)at, "%s: global \"%s.%s\" at byte %llu: refused, expected only those of a state_dict",
            m->p->label, rtvi_error_quote(&a, module, module_length), rtvi_error_quote(&b, name, name_length), (unsigned long long)at);
    }
}

/* The rest of the line without its end. */
static const char *take_line(machine *m, size_t *length) {
    const uint8_t *from = m->in.data + m->in.pos;
    const uint8_t *end = m->in.failed ? NULL : memchr(from, '\n', rtvi_bytes_left(&m->in));
    *length = end ? (size_t)(end - from) : 0;
    return (const char *)rtvi_bytes_take(&m->in, end ? *length + 1 : SIZE_MAX);
}

static void op_global(machine *m, uint8_t op) {
    size_t module_length, name_length;
    const char *module = take_line(m, &module_length), *name = take_line(m, &name_length);
    (void)op;
    if (module && name) push_global(m, module, module_length, name, name_length);
}

static void op_stack_global(machine *m, uint8_t op) {
    const rtvi_pickle_value *name = rtvi_pickle_at(m->p, pop(m)), *module = rtvi_pickle_at(m->p, pop(m));
    (void)op;
    if (name->kind != RTVI_PICKLE_TEXT || module->kind != RTVI_PICKLE_TEXT) fail(m, "got another value, expected two strings");
    if (m->status == RTV_OK) push_global(m, rtvi_pickle_text(m->p, module), module->size, rtvi_pickle_text(m->p, name), name->size);
}

/* Python 2 gives OrderedDict its entries as an argument: a list of pairs, each a list itself. */
static void add_pairs(machine *m, rtvi_pickle_id dict, rtvi_pickle_id arguments) {
    rtvi_pickle_id list = rtvi_pickle_item(m->p, arguments, 0);
    uint32_t next = rtvi_pickle_is(m->p, list, RTVI_PICKLE_LIST) ? m->p->values[list].as.link.first : 0;
    while (next && m->status == RTV_OK) {
        const rtvi_pickle_value *pair = rtvi_pickle_at(m->p, m->p->cells[next].value);
        uint32_t key = pair->kind == RTVI_PICKLE_LIST ? pair->as.link.first : 0, value = key ? m->p->cells[key].next : 0;
        if (pair->kind == RTVI_PICKLE_TUPLE && pair->size == 2)
            add_cell(m, dict, m->p->slots[pair->as.offset], m->p->slots[pair->as.offset + 1]);
        else if (value)
            add_cell(m, dict, m->p->cells[key].value, m->p->cells[value].value);
        else
            fail(m, "got another value, expected a pair");
        next = m->p->cells[next].next;
    }
}

/* REDUCE, NEWOBJ, NEWOBJ_EX: keeps function and arguments. */
static void op_call(machine *m, uint8_t op) {
    rtvi_pickle_id keywords = op == 0x92 ? pop(m) : 0, arguments = pop(m), function = pop(m), id;
    (void)keywords;
    if (!rtvi_pickle_is(m->p, arguments, RTVI_PICKLE_TUPLE)) fail(m, "got another value, expected a tuple of arguments");
    if (!rtvi_pickle_is(m->p, function, RTVI_PICKLE_GLOBAL)) fail(m, "got another value, expected a global to call");
    if (m->status != RTV_OK) return;
    if (rtvi_pickle_has_role(m->p, function, RTVI_PICKLE_GLOBAL, RTVI_ROLE_DICT)) {
        id = make(m, RTVI_PICKLE_DICT, 0);
        add_pairs(m, id, arguments);
    } else {
        id = make(m, RTVI_PICKLE_CALL, m->p->values[function].size);
        if (m->status == RTV_OK) m->p->values[id].as.number = arguments;
    }
    if (m->status == RTV_OK) push(m, id);
}

/* BUILD: attributes of an object (OrderedDict's _metadata); nobody reads them. */
static void op_build(machine *m, uint8_t op) {
    (void)op;
    pop(m);
    top(m);
}

static void op_persistent(machine *m, uint8_t op) {
    rtvi_pickle_id id = pop(m);
    (void)op;
    if (m->status == RTV_OK) push_number(m, RTVI_PICKLE_PERSISTENT, id);
}

static const handler handlers[256] = {
    [0x80] = op_proto, [0x95] = op_frame, ['.'] = op_stop,   ['N'] = op_none,         [0x88] = op_bool,        [0x89] = op_bool,
    ['K'] = op_uint,   ['M'] = op_uint,   ['J'] = op_int,    ['G'] = op_float,        [0x8a] = op_long,        [0x8b] = op_long,
    ['X'] = op_text,   [0x8c] = op_text,  [0x8d] = op_text,  ['T'] = op_text,         ['U'] = op_text,         ['B'] = op_bytes,
    ['C'] = op_bytes,  [0x8e] = op_bytes, [0x96] = op_bytes, ['('] = op_mark,         ['0'] = op_pop,          ['1'] = op_pop_mark,
    ['2'] = op_dup,    ['q'] = op_put,    ['r'] = op_put,    [0x94] = op_put,         ['h'] = op_get,          ['j'] = op_get,
    ['u'] = op_fill,   ['e'] = op_fill,   [0x90] = op_fill,  ['s'] = op_add,          ['a'] = op_add,          ['}'] = op_empty,
    [']'] = op_empty,  [')'] = op_empty,  [0x8f] = op_empty, [0x85] = op_short_tuple, [0x86] = op_short_tuple, [0x87] = op_short_tuple,
    ['t'] = op_tuple,  ['l'] = op_gather, ['d'] = op_gather, [0x91] = op_gather,      ['c'] = op_global,       [0x93] = op_stack_global,
    ['R'] = op_call,   [0x81] = op_call,  [0x92] = op_call,  ['b'] = op_build,        ['Q'] = op_persistent,
};

/* There are no more bytes. */
static void fail_end(machine *m) {
    uint64_t end = m->p->file_offset + m->p->size;
    if (m->p->size == RTVI_PICKLE_MAX_BYTES)
        m->status = rtvi_error_set(m->error, RTV_E_LIMIT, "%s: pickle: got more than %zu bytes, expected at most that many", m->p->label,
                                   RTVI_PICKLE_MAX_BYTES);
    else
        m->status = rtvi_error_set_at(m->error, RTV_E_FORMAT, (int64_t)end, "%s: pickle: got its end at byte %llu, expected more opcodes",
                                      m->p->label, (unsigned long long)end);
}

static void step(machine *m) {
    uint8_t op;
    m->op_at = m->in.pos;
    op = rtvi_bytes_u8(&m->in);
    if (!m->in.failed) {
        if (handlers[op])
            handlers[op](m, op);
        else
            fail(m, "unknown or refused, expected one that torch.save writes");
    }
    if (m->in.failed && m->status == RTV_OK) fail_end(m);
}

int32_t rtvi_pickle_load(rtvi_pickle *p, const rtvi_env *env, const char *label, const uint8_t *data, size_t size, uint64_t file_offset,
                         rtv_error *error) {
    machine m;
    memset(p, 0, sizeof *p);
    memset(&m, 0, sizeof m);
    p->env = env;
    p->label = label;
    p->data = data;
    p->size = size < RTVI_PICKLE_MAX_BYTES ? size : RTVI_PICKLE_MAX_BYTES;
    p->file_offset = file_offset;
    p->num_cells = 1;
    m.p = p;
    m.in = rtvi_bytes_over(data, p->size);
    m.error = error;
    make(&m, RTVI_PICKLE_NONE, 0); /* value 0 */
    if (m.status == RTV_OK && !ROOM(&m, p->cells, p->max_cells, 0, 1)) fail_memory(&m);
    while (m.status == RTV_OK && !m.stopped) step(&m);
    p->used = m.in.pos;
    rtvi_free(env, m.stack);
    rtvi_free(env, m.memo);
    return m.status;
}

void rtvi_pickle_destroy(rtvi_pickle *pickle) {
    if (!pickle->env) return;
    rtvi_free(pickle->env, pickle->values);
    rtvi_free(pickle->env, pickle->slots);
    rtvi_free(pickle->env, pickle->cells);
    memset(pickle, 0, sizeof *pickle);
}

int rtvi_pickle_is(const rtvi_pickle *pickle, rtvi_pickle_id id, rtvi_pickle_kind kind) {
    return rtvi_pickle_at(pickle, id)->kind == (uint32_t)kind;
}

int rtvi_pickle_has_role(const rtvi_pickle *pickle, rtvi_pickle_id id, rtvi_pickle_kind kind, rtvi_role role) {
    return rtvi_pickle_is(pickle, id, kind) && rtvi_pickle_global(rtvi_pickle_at(pickle, id))->role == role;
}

const rtvi_global *rtvi_pickle_global(const rtvi_pickle_value *value) { return rtvi_global_at(value->size); }

int rtvi_pickle_text_is(const rtvi_pickle *pickle, rtvi_pickle_id id, const char *text) {
    const rtvi_pickle_value *value = rtvi_pickle_at(pickle, id);
    return value->kind == RTVI_PICKLE_TEXT && value->size == strlen(text) &&
           memcmp(rtvi_pickle_text(pickle, value), text, value->size) == 0;
}

rtvi_pickle_id rtvi_pickle_item(const rtvi_pickle *pickle, rtvi_pickle_id tuple, uint32_t i) {
    const rtvi_pickle_value *value = rtvi_pickle_at(pickle, tuple);
    return value->kind == RTVI_PICKLE_TUPLE && i < value->size ? pickle->slots[value->as.offset + i] : 0;
}

rtvi_pickle_id rtvi_pickle_lookup(const rtvi_pickle *pickle, rtvi_pickle_id dict, const char *key) {
    const rtvi_pickle_value *value = rtvi_pickle_at(pickle, dict);
    uint32_t cell = value->kind == RTVI_PICKLE_DICT ? value->as.link.first : 0;
    while (cell && !rtvi_pickle_text_is(pickle, pickle->cells[cell].key, key)) cell = pickle->cells[cell].next;
    return cell ? pickle->cells[cell].value : 0;
}
