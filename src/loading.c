/* loading.c - what it costs to load a model, measured in a process of its own: a second model would find the first one's threads and
 * memory. */
#include "loading.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"
#include "session.h"

/* One pixel: it takes the whole way of a picture, and there is nothing to decode. */
static int embed_pixel(const session *s) {
    const uint8_t gray = 128;
    float *descriptor = allocate((size_t)s->info.descriptor_dim, sizeof *descriptor); /* the process ends here */
    rtv_embedding result = {.struct_size = sizeof result, .descriptors = descriptor};
    rtv_picture picture;
    rtv_error error;
    rtv_picture_from_pixels(&picture, &gray, RTV_PIXEL_GRAY8, 1, 1, 1);
    return rtv_model_embed(s->model, &picture, 1, NULL, &result, &error) == RTV_OK ? STATUS_OK : fail(NULL, &error);
}

static int measure_here(loading *found, const arguments *args, const char *model_path, size_t threads_option) {
    const int64_t before = measure_resident_bytes();
    const double start = clock_seconds();
    session s;
    int code = session_open(&s, args, model_path, threads_option);
    if (code == STATUS_OK) code = embed_pixel(&s);
    found->milliseconds = (clock_seconds() - start) * 1e3;
    found->bytes = measure_resident_bytes() - before;
    return code;
}

int loading_measure(loading *found, const arguments *args, const char *model_path, size_t threads_option) {
    int ends[2], status = 0;
    ssize_t got;
    pid_t child;
    if (pipe(ends) != 0 || (child = fork()) < 0) {
        message("cannot start a process: %s", strerror(errno));
        return STATUS_ERROR;
    }
    if (child == 0) {
        int code = measure_here(found, args, model_path, threads_option);
        if (code == STATUS_OK && write(ends[1], found, sizeof *found) != (ssize_t)sizeof *found) code = STATUS_ERROR;
        _exit(code);
    }
    close(ends[1]);
    got = read(ends[0], found, sizeof *found);
    close(ends[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) != STATUS_OK) return WEXITSTATUS(status);
    if (WIFEXITED(status) && got == (ssize_t)sizeof *found) return STATUS_OK;
    message("loading the model ended with signal %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    return STATUS_ERROR;
}
