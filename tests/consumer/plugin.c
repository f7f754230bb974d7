/* plugin.c - a plugin that brings a libretrieve of its own. */
#include <retrieve/retrieve.h>

/* Works a little, and tells where the library is that it works with. */
int plugin_work(void **where) {
    rtv_index *index = 0;
    const int32_t status = rtv_index_create(2, 0, &index, 0);
    rtv_index_free(index);
    *where = (void *)rtv_index_create;
    return status;
}
