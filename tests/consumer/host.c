/* host.c - a program on one ABI of the library with a plugin on another, both at work. Usage: host PLUGIN */
#define _GNU_SOURCE /* dladdr */
#include <dlfcn.h>
#include <retrieve/retrieve.h>
#include <stdio.h>

int main(int argc, char **argv) {
    Dl_info mine, theirs;
    rtv_index *index = NULL;
    void *plugin = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    int (*work)(void **) = plugin ? (int (*)(void **))dlsym(plugin, "plugin_work") : NULL;
    void *other = NULL;
    if (!work) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    if (rtv_index_create(3, NULL, &index, NULL) != RTV_OK || work(&other) != 0) return 1;
    rtv_index_free(index);
    if (!dladdr((void *)rtv_index_create, &mine) || !dladdr(other, &theirs)) return 1;
    printf("%s and %s\n", mine.dli_fname, theirs.dli_fname);
    return mine.dli_fbase == theirs.dli_fbase; /* each has its own library */
}
