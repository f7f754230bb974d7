/* test_base_file.c - sources and writers: what cannot be opened is named, what cannot be written leaves the old file. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/base_file.h"

typedef struct fixture {
    test_heap heap;
    rtvi_env env;
    rtv_error error;
    char folder[64];
    char path[128];
} fixture;

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    test_env_init(&f->env, &f->heap);
    test_folder_make(f->folder);
    snprintf(f->path, sizeof f->path, "%s/file", f->folder);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    test_folder_remove(f->folder);
    if (f->heap.live != 0) return -1;
    rtvi_env_destroy(&f->env);
    free(f);
    return 0;
}

static void expect_content(const char *path, const char *text) {
    size_t size;
    uint8_t *data = test_read_file(path, &size);
    assert_string_equal((const char *)data, text);
    free(data);
}

static void mapping(void **state) {
    fixture *f = *state;
    rtvi_source source;
    test_write_file(f->path, "content", 7);
    assert_int_equal(rtvi_source_open(&f->env, "test", f->path, &source, &f->error), RTV_OK);
    assert_int_equal(source.size, 7);
    assert_memory_equal(source.data, "content", 7);
    rtvi_source_drop_pages(&source);
    assert_memory_equal(source.data, "content", 7);
    assert_string_equal(rtvi_source_name(&source), f->path);
    rtvi_source_close(&source);
    rtvi_source_close(&source); /* closing twice is harmless */
    test_write_file(f->path, "", 0);
    assert_int_equal(rtvi_source_open(&f->env, "test", f->path, &source, &f->error), RTV_OK);
    assert_int_equal(source.size, 0);
    assert_non_null(source.data);
    rtvi_source_close(&source);
}

static void what_cannot_be_opened_is_named(void **state) {
    fixture *f = *state;
    char fifo[128];
    rtvi_source source;
    uint8_t *data;
    size_t size;
    assert_int_equal(rtvi_source_open(&f->env, "test", f->path, &source, &f->error), RTV_E_IO);
    assert_int_equal(f->error.os_error, ENOENT);
    assert_contains(f->error.message, f->path);
    assert_int_equal(rtvi_source_open(&f->env, "test", f->folder, &source, &f->error), RTV_E_IO);
    assert_int_equal(f->error.os_error, EISDIR);
    snprintf(fifo, sizeof fifo, "%s/fifo", f->folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(rtvi_source_open(&f->env, "test", fifo, &source, &f->error), RTV_E_IO);
    assert_contains(f->error.message, "regular");
    assert_int_equal(rtvi_file_read(&f->env, "test", f->path, 10, "max", &data, &size, &f->error), RTV_E_IO);
}

static void memory(void **state) {
    fixture *f = *state;
    const char text[] = "text";
    rtvi_source source;
    assert_int_equal(rtvi_source_from_memory(&f->env, "test", text, 4, 0, &source, &f->error), RTV_OK);
    assert_ptr_equal(source.data, text);
    rtvi_source_close(&source);
    assert_int_equal(rtvi_source_from_memory(&f->env, "test", text, 4, 1, &source, &f->error), RTV_OK);
    assert_ptr_not_equal(source.data, text);
    assert_memory_equal(source.data, text, 4);
    assert_string_equal(rtvi_source_name(&source), "memory");
    rtvi_source_close(&source);
    assert_int_equal(rtvi_source_from_memory(&f->env, "test", NULL, 4, 1, &source, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtvi_source_from_memory(&f->env, "test", text, UINT64_MAX, 0, &source, &f->error), RTV_E_INVALID_ARGUMENT);
}

static void reading_keeps_the_limit(void **state) {
    fixture *f = *state;
    uint8_t *data;
    size_t size;
    test_write_file(f->path, "0123456789", 10);
    assert_int_equal(rtvi_file_read(&f->env, "test", f->path, 10, "max_bytes", &data, &size, &f->error), RTV_OK);
    assert_int_equal(size, 10);
    rtvi_free(&f->env, data);
    assert_int_equal(rtvi_file_read(&f->env, "test", f->path, 9, "max_bytes", &data, &size, &f->error), RTV_E_LIMIT);
    assert_contains(f->error.message, "max_bytes");
}

static void writing_replaces_at_commit(void **state) {
    fixture *f = *state;
    rtvi_writer *writer;
    struct stat info;
    test_write_file(f->path, "old", 3);
    assert_int_equal(chmod(f->path, 0640), 0);
    assert_int_equal(rtvi_writer_open(&f->env, "test", f->path, &writer, &f->error), RTV_OK);
    assert_int_equal(rtvi_writer_write(writer, "newer", 5, &f->error), RTV_OK);
    assert_int_equal(rtvi_writer_patch(writer, 1, "E", 1, &f->error), RTV_OK);
    expect_content(f->path, "old");
    assert_int_equal(rtvi_writer_commit(writer, &f->error), RTV_OK);
    expect_content(f->path, "nEwer");
    assert_int_equal(stat(f->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
}

static void aborting_leaves_nothing(void **state) {
    fixture *f = *state;
    rtvi_writer *writer;
    assert_int_equal(rtvi_writer_open(&f->env, "test", f->path, &writer, &f->error), RTV_OK);
    assert_int_equal(rtvi_writer_write(writer, "new", 3, &f->error), RTV_OK);
    rtvi_writer_abort(writer);
    rtvi_writer_abort(NULL);
    assert_int_equal(rmdir(f->folder), 0); /* empty */
    assert_int_equal(mkdir(f->folder, 0700), 0);
}

/* A process that ends in the middle, where the system has files without names. */
static void killed_writers_leave_nothing(void **state) {
    fixture *f = *state;
    const int nameless = open(f->folder, O_RDWR | O_TMPFILE, 0600);
    int result;
    pid_t child;
    if (nameless < 0) skip();
    close(nameless);
    child = fork();
    if (child == 0) {
        rtvi_writer *writer;
        int status = rtvi_writer_open(&f->env, "test", f->path, &writer, &f->error);
        if (status == RTV_OK) status = rtvi_writer_write(writer, "new", 3, &f->error);
        if (status == RTV_OK) raise(SIGKILL);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFSIGNALED(result));
    assert_int_equal(rmdir(f->folder), 0); /* empty */
    assert_int_equal(mkdir(f->folder, 0700), 0);
}

/* Beside a file that took the name before. */
static void a_taken_name_is_passed_over(void **state) {
    fixture *f = *state;
    rtvi_writer *writer;
    char taken[sizeof f->path + 32];
    snprintf(taken, sizeof taken, "%s.tmp.%ld.0", f->path, (long)getpid());
    test_write_file(taken, "taken", 5);
    assert_int_equal(rtvi_writer_open(&f->env, "test", f->path, &writer, &f->error), RTV_OK);
    assert_int_equal(rtvi_writer_write(writer, "new", 3, &f->error), RTV_OK);
    assert_int_equal(rtvi_writer_commit(writer, &f->error), RTV_OK);
    expect_content(f->path, "new");
    expect_content(taken, "taken");
}

static void full_disks_and_missing_folders_are_named(void **state) {
    fixture *f = *state;
    struct rlimit before, small;
    rtvi_writer *writer;
    char missing[128];
    static const char block[8192];
    test_write_file(f->path, "old", 3);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 4096;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(rtvi_writer_open(&f->env, "test", f->path, &writer, &f->error), RTV_OK);
    assert_int_equal(rtvi_writer_write(writer, block, sizeof block, &f->error), RTV_E_IO);
    assert_int_equal(f->error.os_error, EFBIG);
    assert_contains(f->error.message, f->path);
    rtvi_writer_abort(writer);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    expect_content(f->path, "old");
    snprintf(missing, sizeof missing, "%s/none/file", f->folder);
    assert_int_equal(rtvi_writer_open(&f->env, "test", missing, &writer, &f->error), RTV_E_IO);
    assert_int_equal(f->error.os_error, ENOENT);
    assert_contains(f->error.message, missing);
}

static void the_file_behind_a_link_is_replaced(void **state) {
    fixture *f = *state;
    char link_path[128];
    rtvi_writer *writer;
    struct stat info;
    test_write_file(f->path, "old", 3);
    snprintf(link_path, sizeof link_path, "%s/link", f->folder);
    assert_int_equal(symlink("file", link_path), 0);
    assert_int_equal(rtvi_writer_open(&f->env, "test", link_path, &writer, &f->error), RTV_OK);
    assert_int_equal(rtvi_writer_write(writer, "new", 3, &f->error), RTV_OK);
    assert_int_equal(rtvi_writer_commit(writer, &f->error), RTV_OK);
    expect_content(f->path, "new");
    assert_int_equal(lstat(link_path, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
}

static void a_folder_is_never_replaced(void **state) {
    fixture *f = *state;
    rtvi_writer *writer;
    assert_int_equal(mkdir(f->path, 0700), 0);
    assert_int_equal(rtvi_writer_open(&f->env, "test", f->path, &writer, &f->error), RTV_OK);
    assert_int_equal(rtvi_writer_commit(writer, &f->error), RTV_E_IO);
    assert_int_equal(f->error.os_error, EISDIR);
    assert_int_equal(rmdir(f->path), 0);
    assert_int_equal(rmdir(f->folder), 0); /* the temporary file is gone */
    assert_int_equal(mkdir(f->folder, 0700), 0);
}

static void a_pipe_is_never_replaced(void **state) {
    fixture *f = *state;
    rtvi_writer *writer;
    struct stat info;
    assert_int_equal(mkfifo(f->path, 0600), 0);
    assert_int_equal(rtvi_writer_open(&f->env, "test", f->path, &writer, &f->error), RTV_E_IO);
    assert_contains(f->error.message, "is not a regular file");
    assert_int_equal(stat(f->path, &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
}

/* As long as a file system takes: what stands beside it for a while must not need more. */
static void the_longest_name_is_written(void **state) {
    fixture *f = *state;
    char path[400];
    rtvi_writer *writer;
    int length = snprintf(path, sizeof path, "%s/", f->folder);
    memset(path + length, 'n', NAME_MAX);
    path[length + NAME_MAX] = 0;
    if (rtvi_writer_open(&f->env, "test", path, &writer, &f->error) != RTV_OK) fail_msg("%s", f->error.message);
    assert_int_equal(rtvi_writer_write(writer, "new", 3, &f->error), RTV_OK);
    assert_int_equal(rtvi_writer_commit(writer, &f->error), RTV_OK);
    expect_content(path, "new");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(f->folder), 0); /* nothing beside it */
    assert_int_equal(mkdir(f->folder, 0700), 0);
}

static int write_as_other_user(fixture *f) {
    rtvi_writer *writer;
    int32_t status;
    if (!test_become_other_user()) return TEST_SKIPPED;
    status = rtvi_writer_open(&f->env, "test", f->path, &writer, &f->error);
    if (status == RTV_OK) status = rtvi_writer_write(writer, "new", 3, &f->error);
    if (status == RTV_OK) status = rtvi_writer_commit(writer, &f->error);
    return status == RTV_OK ? 0 : 1;
}

/* A drop box: files may be put there, but not listed. The new file is in place, so the call must not say otherwise. */
static void a_folder_that_cannot_be_listed_will_do(void **state) {
    fixture *f = *state;
    int result;
    pid_t child;
    if (geteuid() == 0 && chown(f->folder, TEST_OTHER_USER, (gid_t)-1) != 0) skip();
    assert_int_equal(chmod(f->folder, 0300), 0);
    child = fork();
    if (child == 0) _exit(write_as_other_user(f));
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(chmod(f->folder, 0700), 0);
    if (geteuid() == 0) assert_int_equal(chown(f->folder, 0, (gid_t)-1), 0);
    assert_true(WIFEXITED(result));
    if (WEXITSTATUS(result) == TEST_SKIPPED) skip();
    assert_int_equal(WEXITSTATUS(result), 0);
    expect_content(f->path, "new");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(mapping, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_opened_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(memory, setup, teardown),
        cmocka_unit_test_setup_teardown(reading_keeps_the_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(writing_replaces_at_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(aborting_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(killed_writers_leave_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_taken_name_is_passed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(full_disks_and_missing_folders_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(the_file_behind_a_link_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_is_never_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pipe_is_never_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(the_longest_name_is_written, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_listed_will_do, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
