/* server.c - searches for many at once: a path a line on standard input, the most similar picture of each on standard output. A real server
 * reads from sockets; what it does with the library is the same. */
#include <pthread.h>
#include <retrieve/retrieve.h>
#include <stdio.h>
#include <string.h>

enum { NUM_WORKERS = 4, PATH_BYTES = 4096 };

typedef struct server {
    rtv_searcher *searcher; /* any thread may search with it, so there is one for all */
    rtv_index *index;
    pthread_mutex_t input, output;
    long num_requests;
} server;

/* The next request, without its line feed; its number, or 0 at the end. */
static long next_request(server *s, char path[PATH_BYTES]) {
    long number = 0;
    pthread_mutex_lock(&s->input);
    if (fgets(path, PATH_BYTES, stdin)) number = ++s->num_requests;
    pthread_mutex_unlock(&s->input);
    if (number) path[strcspn(path, "\n")] = 0;
    return number;
}

/* Answers carry the number of the request: they come in the order in which they are ready. */
static void answer(server *s, long number, const char *text, double score) {
    pthread_mutex_lock(&s->output);
    printf("%ld\t%.4f\t%s\n", number, score, text);
    fflush(stdout);
    pthread_mutex_unlock(&s->output);
}

static void *work(void *user) {
    server *s = user;
    char path[PATH_BYTES], key[PATH_BYTES];
    long number;
    while ((number = next_request(s, path)) != 0) {
        rtv_search_options options;
        rtv_picture picture;
        rtv_error error; /* each thread has its own: there is no last error to share */
        rtv_hit hit;
        int64_t num_hits;
        uint64_t size;
        rtv_search_options_init(&options);
        options.mode = RTV_MODE_THROUGHPUT; /* many callers: one thread for each picture, rather than all threads for one after the other */
        rtv_picture_from_path(&picture, path);
        if (rtv_searcher_search(s->searcher, &picture, 1, 1, &options, &hit, &num_hits, NULL, &error) != RTV_OK)
            answer(s, number, error.message, 0); /* a bad picture is this request's affair only */
        else if (num_hits == 0 || rtv_index_key(s->index, hit.id, key, sizeof key, &size, &error) != RTV_OK)
            answer(s, number, "nothing", 0);
        else
            answer(s, number, key, (double)hit.score);
    }
    return NULL;
}

static void serve(server *s) {
    pthread_t workers[NUM_WORKERS];
    int num_started = 0;
    pthread_mutex_init(&s->input, NULL);
    pthread_mutex_init(&s->output, NULL);
    while (num_started < NUM_WORKERS && pthread_create(&workers[num_started], NULL, work, s) == 0) num_started++;
    for (int i = 0; i < num_started; i++) pthread_join(workers[i], NULL);
    pthread_mutex_destroy(&s->input);
    pthread_mutex_destroy(&s->output);
}

int main(int argc, char **argv) { /* MODEL INDEX */
    rtv_error error = {0};
    rtv_runtime *runtime = NULL; /* one for both, so that they share its threads */
    rtv_model *model = NULL;
    server s = {0};
    if (argc != 3) return 2;
    if (rtv_runtime_create(NULL, &runtime, &error) == RTV_OK && rtv_model_load(argv[1], runtime, NULL, &model, &error) == RTV_OK &&
        rtv_index_open(argv[2], runtime, &s.index, &error) == RTV_OK &&
        rtv_searcher_create(model, s.index, 0, &s.searcher, &error) == RTV_OK)
        serve(&s);
    else
        fprintf(stderr, "%s\n", error.message);
    rtv_searcher_free(s.searcher);
    rtv_index_free(s.index);
    rtv_model_free(model);
    rtv_runtime_free(runtime);
    return error.status == RTV_OK ? 0 : 1;
}
