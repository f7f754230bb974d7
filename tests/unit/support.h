/* support.h - what unit tests share: environments with an allocator that counts and fails, temporary files, golden files. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_env.h"

/* Counts live blocks; fails the allocation numbered fail_at (0: never). */
typedef struct test_heap {
    long live, calls, fail_at;
} test_heap;

static inline void *test_heap_allocate(void *user, size_t size, size_t alignment) {
    test_heap *heap = user;
    void *block = NULL;
    long call = __atomic_add_fetch(&heap->calls, 1, __ATOMIC_SEQ_CST);
    if (size == 0 || alignment == 0 || alignment > 4096 || (alignment & (alignment - 1)) != 0) abort(); /* what runtime.h promises */
    if (heap->fail_at != 0 && call == heap->fail_at) return NULL;
    if (alignment < sizeof(void *)) alignment = sizeof(void *);
    if (posix_memalign(&block, alignment, size) != 0) return NULL;
    __atomic_add_fetch(&heap->live, 1, __ATOMIC_SEQ_CST);
    return block;
}

static inline void test_heap_release(void *user, void *block) {
    test_heap *heap = user;
    __atomic_sub_fetch(&heap->live, 1, __ATOMIC_SEQ_CST);
    free(block);
}

static inline void test_env_init(rtvi_env *env, test_heap *heap) {
    rtv_allocator allocator = {heap, test_heap_allocate, test_heap_release};
    memset(heap, 0, sizeof *heap);
    rtvi_env_init(env, &allocator, RTV_ISA_ANY);
}

/* A new folder under the working directory; files in it are removed by test_folder_remove. */
static inline void test_folder_make(char path[64]) {
    strcpy(path, "test_folder.XXXXXX");
    assert_non_null(mkdtemp(path));
}

static inline void test_folder_remove(const char *path) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf './%s'", path);
    assert_int_equal(system(command), 0);
}

static inline void test_write_file(const char *path, const void *data, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* The whole file, malloc'ed; fails the test when it cannot be read. */
static inline uint8_t *test_read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    uint8_t *data;
    long length;
    if (!file) fail_msg("cannot read %s", path);
    fseek(file, 0, SEEK_END);
    length = ftell(file);
    rewind(file);
    data = malloc((size_t)length + 1);
    assert_non_null(data);
    *size = fread(data, 1, (size_t)length, file);
    assert_int_equal(*size, length);
    data[length] = 0;
    fclose(file);
    return data;
}

/* The path of a golden file, in a static buffer that the next call reuses. */
static inline const char *test_golden(const char *name) {
    static char path[1024];
    snprintf(path, sizeof path, "%s/%s", RTV_GOLDEN_DIR, name);
    return path;
}

/* For a child that tries what root may and others may not: 0 where the system has no other user, or none that may be here. */
enum { TEST_OTHER_USER = 65534, TEST_SKIPPED = 77 };

static inline int test_become_other_user(void) { return geteuid() != 0 || (setuid(TEST_OTHER_USER) == 0 && access(".", X_OK) == 0); }

#define assert_contains(text, part)                                                   \
    do {                                                                              \
        if (!strstr((text), (part))) fail_msg("\"%s\" lacks \"%s\"", (text), (part)); \
    } while (0)

#endif
