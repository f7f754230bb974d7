/* test_base_error.c - the caller-owned error: always one line of UTF-8, cut where characters end, and optional. */
#include "support.h"

#include <errno.h>

#include "base/base_error.h"

static void an_error_is_written_whole(void **state) {
    rtv_error error;
    (void)state;
    memset(&error, 0xff, sizeof error);
    assert_int_equal(rtvi_error_set(&error, RTV_E_LIMIT, "a: %d", 5), RTV_E_LIMIT);
    assert_int_equal(error.status, RTV_E_LIMIT);
    assert_int_equal(error.os_error, 0);
    assert_true(error.byte_offset == -1);
    assert_string_equal(error.message, "a: 5");
    assert_int_equal(rtvi_error_set_at(&error, RTV_E_FORMAT, 77, "b"), RTV_E_FORMAT);
    assert_true(error.byte_offset == 77);
    assert_int_equal(rtvi_error_set_os(&error, ENOENT, "c \"%s\"", "file"), RTV_E_IO);
    assert_int_equal(error.os_error, ENOENT);
    assert_contains(error.message, "c \"file\": ");
    rtvi_error_prefix(&error, "name");
    assert_int_equal(error.os_error, ENOENT);
    assert_contains(error.message, "name: c \"file\": ");
    assert_int_equal(rtvi_error_out_of_memory(&error, "d", 12), RTV_E_OUT_OF_MEMORY);
    assert_contains(error.message, "12");
    assert_int_equal(rtvi_error_clear(&error), RTV_OK);
    assert_true(error.status == RTV_OK && error.byte_offset == -1 && error.message[0] == 0);
}

static void no_error_is_no_crash(void **state) {
    (void)state;
    assert_int_equal(rtvi_error_set(NULL, RTV_E_LIMIT, "a"), RTV_E_LIMIT);
    assert_int_equal(rtvi_error_set_os(NULL, EIO, "a"), RTV_E_IO);
    assert_int_equal(rtvi_error_clear(NULL), RTV_OK);
    rtvi_error_prefix(NULL, "a");
}

/* Names of files are bytes; a message is one line of UTF-8 that a terminal may show. */
static void messages_are_one_clean_line(void **state) {
    rtv_error error;
    (void)state;
    rtvi_error_set(&error, RTV_E_IO, "a: \"%s\"",
                   "x\ny\033[2J\x7f\xff"
                   "ä\xc2\x9b\xed\xa0\x80\xe0\x80\x80\xf4\x90\x80\x80€");
    assert_string_equal(error.message,
                        "a: \"x?y?[2J??ä??"
                        "???"
                        "???"
                        "????"
                        "€\"");
}

static void long_messages_are_cut_between_characters(void **state) {
    char path[3000];
    rtv_error error;
    (void)state;
    for (size_t shift = 0; shift < 3; shift++) {
        memset(path, 'x', shift);
        for (size_t i = shift; i + 3 < sizeof path - 16; i += 3) memcpy(path + i, "€", 4);
        strcat(path, "/end.jpg");
        rtvi_error_set(&error, RTV_E_IO, "image: cannot open \"%s\"", path);
        assert_in_range(strlen(error.message), sizeof error.message - 8, sizeof error.message - 1);
        assert_contains(error.message, "image: cannot open \"");
        assert_contains(error.message, "...");
        assert_contains(error.message, "€/end.jpg\"");
        for (const char *at = error.message; *at;) { /* plain characters or whole euros, nothing else */
            const size_t length = *at & 0x80 ? 3 : 1;
            if (length == 3) assert_memory_equal(at, "€", 3);
            at += length;
        }
    }
}

static void quotes_are_clipped_and_clean(void **state) {
    rtvi_quoted quoted;
    char text[400];
    (void)state;
    assert_string_equal(rtvi_error_quote(&quoted, "a\0b\tä\xff", 7), "a?b?ä?");
    memset(text, 'y', sizeof text);
    rtvi_error_quote(&quoted, text, sizeof text);
    assert_in_range(strlen(quoted.text), 10, RTVI_QUOTE_MAX - 1);
    assert_contains(quoted.text, "...");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_is_written_whole),    cmocka_unit_test(no_error_is_no_crash),
        cmocka_unit_test(messages_are_one_clean_line),  cmocka_unit_test(long_messages_are_cut_between_characters),
        cmocka_unit_test(quotes_are_clipped_and_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
