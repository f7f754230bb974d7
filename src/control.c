/* control.c - accuracy control from the command line: labelled folders in, the way to the model told. */
#include "control.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "json_text.h"
#include "progress.h"
#include "table.h"
#include "text.h"

static const int64_t ks[] = {1, 2, 4, 8};
enum { NUM_KS = sizeof ks / sizeof *ks };
static const char *const actions[] = {"float32", "all in int8", "to float32", "to int8 again", "needed in float32"};

/* The number of layers that can go back is not known before: the room is for any network. */
enum { STEPS_MOST = 4096 };

int control_finish(control *c, rtv_quantizer *quantizer, const char *folder, double points, rtv_model **model) {
    rtv_accuracy_options how;
    progress bar;
    rtv_error error;
    int code = labelled_read(&c->pictures, &folder, 1);
    if (code != STATUS_OK) return code;
    c->steps = allocate(STEPS_MOST, sizeof *c->steps);
    c->steps->struct_size = sizeof *c->steps;
    rtv_accuracy_options_init(&how);
    how.pictures = c->pictures.pictures;
    how.classes = c->pictures.classes;
    how.count = (int64_t)c->pictures.files.count;
    how.ks = ks;
    how.num_ks = NUM_KS;
    how.max_drop = points / 100;
    how.progress = progress_callback;
    how.progress_user = &bar;
    progress_begin(&bar, "measuring models", -1);
    if (rtv_quantizer_finish_within(quantizer, &how, NULL, model, c->steps, STEPS_MOST, &c->num_steps, &error) != RTV_OK)
        code = fail(NULL, &error);
    progress_clear();
    if (c->num_steps > STEPS_MOST) c->num_steps = STEPS_MOST;
    return code;
}

void control_print(const control *c) {
    static const char *const heads[] = {"", "layer", "gain", "recall@1", "@2", "@4", "@8", "lost", "in float32"};
    table t;
    table_begin(&t, "llrrrrrrr");
    for (size_t i = 0; i < t.num_columns; i++) table_add(&t, CELL_BOLD, heads[i]);
    for (int64_t i = 0; i < c->num_steps; i++) {
        const rtv_accuracy_step *step = &c->steps[i];
        table_add(&t, CELL_PLAIN, actions[step->action]);
        table_add(&t, CELL_PLAIN, step->layer);
        table_add_text(&t, step->action >= RTV_ACCURACY_REVERT ? "%.5f" : "", step->gain);
        for (int n = 0; n < NUM_KS; n++) table_add_text(&t, "%.2f %%", 100 * step->values[n]);
        table_add_text(&t, "%.2f", 100 * step->drop);
        table_add_text(&t, "%.2f %%", 100 * step->float_share);
    }
    table_print(&t, stdout);
    table_destroy(&t);
}

cJSON *control_json(const control *c) {
    static const char *const names[] = {"float", "int8", "revert", "restore", "keep"};
    cJSON *array = cJSON_CreateArray();
    for (int64_t i = 0; i < c->num_steps; i++) {
        const rtv_accuracy_step *step = &c->steps[i];
        cJSON *object = cJSON_CreateObject();
        json_add_text(object, "action", names[step->action]);
        if (*step->layer) {
            json_add_text(object, "layer", step->layer);
            cJSON_AddNumberToObject(object, "layer_macs", step->layer_macs);
            cJSON_AddNumberToObject(object, "gain", step->gain);
        }
        cJSON_AddItemToObject(object, "recall", cJSON_CreateDoubleArray(step->values, NUM_KS));
        cJSON_AddNumberToObject(object, "drop", step->drop);
        cJSON_AddNumberToObject(object, "float_share", step->float_share);
        cJSON_AddItemToArray(array, object);
    }
    return array;
}

void control_destroy(control *c) {
    labelled_destroy(&c->pictures);
    free(c->steps);
}
