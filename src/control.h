/* control.h - accuracy control from the command line: labelled folders in, the way to the model told. */
#ifndef CONTROL_H
#define CONTROL_H

#include <cJSON.h>

#include "labelled.h"

typedef struct control {
    labelled pictures;
    rtv_accuracy_step *steps; /* [num_steps] */
    int64_t num_steps;
} control;

/* Finishes the quantizer within points (in percent) of the float32 model's recall on the pictures of a folder, whose classes are the names
 * of the folders that hold them. Returns an exit code, after a message. */
int control_finish(control *c, rtv_quantizer *quantizer, const char *folder, double points, rtv_model **model);
void control_print(const control *c);
/* New: an array with an object a step. */
cJSON *control_json(const control *c);
void control_destroy(control *c);

#endif
