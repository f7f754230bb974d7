/* arch_problems.c - the message about missing, mis-shaped and surplus tensors. */
#include "arch/arch_problems.h"

#include <stdio.h>
#include <string.h>

#define SHAPE_CHARS 200
#define TAIL_CHARS 24 /* "; and 2147483647 more" */

/* "[?,64,3,3]" */
static const char *expected_text(char text[SHAPE_CHARS], int32_t rank, const int64_t *dims) {
    size_t used = 0;
    for (int32_t i = 0; i < rank; i++) {
        char number[24] = "?";
        if (dims[i] > 0) snprintf(number, sizeof number, "%lld", (long long)dims[i]);
        used += (size_t)snprintf(text + used, SHAPE_CHARS - used, "%s%s", i ? "," : "[", number);
    }
    snprintf(text + used, SHAPE_CHARS - used, "]");
    return text;
}

void rtvi_arch_problems_add(rtvi_arch_problems *problems, int kind, const char *name, const rtvi_tensor *found, int32_t rank,
                            const int64_t *expected) {
    char line[3 * SHAPE_CHARS], wanted[SHAPE_CHARS], shape[SHAPE_CHARS] = "";
    rtvi_quoted quoted;
    size_t room = sizeof problems->kinds[kind].lines - problems->kinds[kind].length, length;
    if (kind != RTVI_PROBLEM_SURPLUS) expected_text(wanted, rank, expected);
    if (found) rtvi_shape_text(shape, sizeof shape, found->rank, found->dims);
    rtvi_error_quote_string(&quoted, name);
    if (kind == RTVI_PROBLEM_MISSING)
        snprintf(line, sizeof line, "tensor \"%s\" is missing, expected shape %s\n", quoted.text, wanted);
    else if (kind == RTVI_PROBLEM_SHAPE)
        snprintf(line, sizeof line, "tensor \"%s\" has shape %s, expected %s\n", quoted.text, shape, wanted);
    else if (kind == RTVI_PROBLEM_TYPE)
        snprintf(line, sizeof line, "tensor \"%s\" has type %s, expected floating point\n", quoted.text, rtvi_dtype_name(found->dtype));
    else
        snprintf(line, sizeof line, "tensor \"%s\" of shape %s is surplus\n", quoted.text, shape);
    problems->kinds[kind].count++;
    length = strlen(line);
    if (length >= room) return;
    memcpy(problems->kinds[kind].lines + problems->kinds[kind].length, line, length + 1);
    problems->kinds[kind].length += length;
}

int32_t rtvi_arch_problems_report(const rtvi_arch_problems *problems, rtv_error *error) {
    char message[sizeof error->message] = "weights: ";
    size_t used = strlen(message), first = used;
    int32_t left = 0, full = 0;
    for (int kind = 0; kind < RTVI_PROBLEM_KINDS; kind++) left += problems->kinds[kind].count;
    if (left == 0) return RTV_OK;
    for (int kind = 0; kind < RTVI_PROBLEM_KINDS && !full; kind++) {
        const char *line = problems->kinds[kind].lines;
        int32_t shown = 0;
        for (const char *end; (end = strchr(line, '\n')) != NULL && !full; line = end + 1) {
            size_t length = (size_t)(end - line);
            full = used + length + 2 + TAIL_CHARS > sizeof message;
            if (full) break;
            used += (size_t)snprintf(message + used, sizeof message - used, "%s%.*s", used > first ? "; " : "", (int)length, line);
            shown++;
        }
        left -= shown;
        full = full || shown < problems->kinds[kind].count;
    }
    if (left > 0) snprintf(message + used, sizeof message - used, "; and %d more", left);
    return rtvi_error_set(error, RTV_E_MISMATCH, "%s", message);
}
