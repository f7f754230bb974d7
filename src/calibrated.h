/* calibrated.h - whether a quantized model has seen the pictures of an index before. */
#ifndef CALIBRATED_H
#define CALIBRATED_H

#include "session.h"

/* How many items' pictures (the files that keys name) the session's model was calibrated with; *unread: how many could not be looked at.
 * Returns an exit code, after a message. */
int calibrated_count(const session *s, rtv_index *index, int64_t *count, int64_t *unread);

#endif
