/* session.h - what a command works with: threads, a model, one batch of pictures after the other. */
#ifndef SESSION_H
#define SESSION_H

#include "options.h"
#include "program.h"

typedef struct session {
    rtv_runtime *runtime;
    int32_t threads; /* of the runtime */
    rtv_model *model;
    rtv_model_info info;
} session;

/* model_path NULL: the model that comes with the program. threads_option is the place in the command's table. Returns an exit code, after a
 * message. */
int session_open(session *s, const arguments *args, const char *model_path, size_t threads_option);
/* The threads alone. */
int session_open_runtime(session *s, const arguments *args, size_t threads_option);
/* A model on the session's threads. */
int session_load(session *s, const char *model_path);
void session_close(session *s);
/* The predicted class's name, or NULL. */
const char *session_class_name(const session *s, int32_t class_id);

/* Arrays for one call of the library. */
typedef struct batch {
    int64_t capacity, count;
    const char *const *paths; /* [count], of the caller */
    rtv_picture *pictures;    /* [capacity] */
    rtv_error *errors;        /* [capacity] */
    int32_t *classes;         /* [capacity] */
    float *class_scores;      /* [capacity] */
    float *descriptors;       /* [capacity][descriptor_dim], or NULL */
    rtv_embedding result;     /* points to the arrays above */
} batch;

void batch_create(batch *b, int64_t capacity, int32_t descriptor_dim);
/* Takes up to capacity paths. */
void batch_fill(batch *b, const char *const *paths, int64_t count);
int batch_is_good(const batch *b, int64_t item);
/* Names each picture that failed and why; returns how many. */
int64_t batch_tell_failures(const batch *b);
void batch_destroy(batch *b);

#endif
