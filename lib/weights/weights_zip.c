/* weights_zip.c - PyTorch's zip container: NAME/data.pkl, one stored file NAME/data/KEY a storage, NAME/byteorder. Stored entries are not
 * copied: the place of their bytes in the file is all that is taken from the archive. Like torch.load, it does not check CRCs. */
#include <string.h>

#include <unzip.h>

#include "base/base_bytes.h"
#include "weights/weights_torch.h"

typedef struct entry {
    size_t name_at, name_length; /* in archive.text */
    unz64_file_pos place;
    uint64_t size, stored_size;
    uLong method, flags;
    const uint8_t *data; /* once it has been looked up */
} entry;

/* minizip's file, over bytes in memory. */
typedef struct stream {
    const uint8_t *data;
    uint64_t size, pos;
    int ended; /* the last read wanted more than there was; minizip takes a short read without an error for a zero */
} stream;

typedef struct archive {
    rtvi_weights *weights;
    stream stream;
    unzFile file;
    entry *entries;
    size_t count, capacity;
    char *text; /* all names, one after the other */
    size_t text_used, text_capacity;
    rtvi_names names;
    size_t prefix; /* length of "NAME/" */
} archive;

static voidpf stream_open(voidpf opaque, const void *name, int mode) {
    (void)name;
    (void)mode;
    return opaque;
}
static uLong stream_read(voidpf opaque, voidpf file, void *buffer, uLong size) {
    stream *s = file;
    uint64_t left = s->size - s->pos;
    (void)opaque;
    s->ended = size > left;
    if (s->ended) size = (uLong)left;
    memcpy(buffer, s->data + s->pos, size);
    s->pos += size;
    return size;
}
static uLong stream_write(voidpf opaque, voidpf file, const void *buffer, uLong size) {
    (void)opaque;
    (void)file;
    (void)buffer;
    (void)size;
    return 0;
}
static ZPOS64_T stream_tell(voidpf opaque, voidpf file) {
    (void)opaque;
    return ((stream *)file)->pos;
}
static long stream_seek(voidpf opaque, voidpf file, ZPOS64_T offset, int origin) {
    stream *s = file;
    uint64_t from = origin == ZLIB_FILEFUNC_SEEK_CUR ? s->pos : origin == ZLIB_FILEFUNC_SEEK_END ? s->size : 0, to;
    (void)opaque;
    if (__builtin_add_overflow(from, offset, &to) || to > s->size) return -1;
    s->pos = to;
    return 0;
}
static int stream_close(voidpf opaque, voidpf file) {
    (void)opaque;
    (void)file;
    return 0;
}
static int stream_error(voidpf opaque, voidpf file) {
    (void)opaque;
    return ((stream *)file)->ended;
}

static int32_t fail_archive(const archive *a, const char *what, rtv_error *error) {
    return rtvi_error_set(error, RTV_E_FORMAT, "%s: zip archive: %s", a->weights->label, what);
}

static int32_t fail_entry(const archive *a, int32_t status, const char *name, size_t length, const char *what, rtv_error *error) {
    rtvi_quoted quoted;
    return rtvi_error_set(error, status, "%s: entry \"%s\": %s", a->weights->label, rtvi_error_quote(&quoted, name, length), what);
}

static int32_t add_entry(archive *a, rtv_error *error) {
    const rtvi_env *env = a->weights->env;
    unz_file_info64 info;
    char name[1024];
    entry *e;
    if (unzGetCurrentFileInfo64(a->file, &info, name, sizeof name, NULL, 0, NULL, 0) != UNZ_OK)
        return fail_archive(a, "got a damaged directory, expected a whole file", error);
    if (info.size_filename == 0) return fail_archive(a, "got an entry without a name, expected names", error);
    if (info.size_filename >= sizeof name) return fail_archive(a, "got a name of 1024 bytes or more, expected a shorter one", error);
    if (!rtvi_grow(env, (void **)&a->entries, &a->capacity, a->count, a->count + 1, sizeof *a->entries) ||
        !rtvi_grow(env, (void **)&a->text, &a->text_capacity, a->text_used, a->text_used + info.size_filename, 1))
        return rtvi_error_out_of_memory(error, a->weights->label, 0);
    e = &a->entries[a->count++];
    memset(e, 0, sizeof *e);
    e->name_at = a->text_used;
    e->name_length = info.size_filename;
    e->size = info.uncompressed_size;
    e->stored_size = info.compressed_size;
    e->method = info.compression_method;
    e->flags = info.flag;
    memcpy(a->text + a->text_used, name, info.size_filename);
    a->text_used += info.size_filename;
    return unzGetFilePos64(a->file, &e->place) == UNZ_OK ? RTV_OK
                                                         : fail_archive(a, "got a damaged directory, expected a whole file", error);
}

static int32_t list_entries(archive *a, rtv_error *error) {
    int32_t status = RTV_OK;
    int at = unzGoToFirstFile(a->file);
    while (at == UNZ_OK && status == RTV_OK) {
        status = add_entry(a, error);
        at = unzGoToNextFile(a->file);
    }
    if (status != RTV_OK) return status;
    if (at != UNZ_END_OF_LIST_OF_FILE) return fail_archive(a, "got a damaged directory, expected a whole file", error);
    if (!rtvi_names_init(&a->names, a->weights->env, a->count)) return rtvi_error_out_of_memory(error, a->weights->label, 0);
    for (size_t i = 0; i < a->count; i++) {
        const entry *e = &a->entries[i];
        if (rtvi_names_add(&a->names, a->text + e->name_at, e->name_length, i) != RTVI_NAMES_NONE)
            return fail_entry(a, RTV_E_FORMAT, a->text + e->name_at, e->name_length, "got two of that name, expected one", error);
    }
    return RTV_OK;
}

/* The entry NAME/<folder><name>, NULL when there is none. */
static entry *find_entry(const archive *a, const char *folder, const char *name, size_t length) {
    char whole[1024];
    size_t folder_length = strlen(folder), i;
    if (a->prefix + folder_length > sizeof whole || length > sizeof whole - a->prefix - folder_length) return NULL;
    memcpy(whole, a->text, a->prefix);
    memcpy(whole + a->prefix, folder, folder_length);
    memcpy(whole + a->prefix + folder_length, name, length);
    i = rtvi_names_find(&a->names, whole, a->prefix + folder_length + length);
    return i == RTVI_NAMES_NONE ? NULL : &a->entries[i];
}

/* minizip 1.1 (Debian 12) does not take the 64-bit sizes and offsets of zip64 entries on 64-bit systems; later ones do. */
static int32_t fail_locate(const archive *a, const entry *e, rtv_error *error) {
    const char *name = a->text + e->name_at;
    if (a->stream.size > UINT32_MAX)
        return fail_entry(a, RTV_E_UNSUPPORTED, name, e->name_length,
                          "got it in an archive of over 4 GiB, expected a smaller one, or safetensors", error);
    return fail_entry(a, RTV_E_FORMAT, name, e->name_length, "got a damaged local header, expected one that agrees with the directory",
                      error);
}

/* Looks for the bytes of a stored entry: they follow its local header. */
static int32_t locate(const archive *a, entry *e, rtv_error *error) {
    const char *name = a->text + e->name_at;
    uint64_t at;
    int method;
    if (e->method != 0)
        return fail_entry(a, RTV_E_UNSUPPORTED, name, e->name_length, "got it compressed, expected it stored as torch.save does", error);
    if (e->flags & 1) return fail_entry(a, RTV_E_UNSUPPORTED, name, e->name_length, "got it encrypted, expected it plain", error);
    if (e->size == UINT32_MAX || unzGoToFilePos64(a->file, &e->place) != UNZ_OK || unzOpenCurrentFile2(a->file, &method, NULL, 1) != UNZ_OK)
        return fail_locate(a, e, error);
    at = unzGetCurrentFileZStreamPos64(a->file);
    unzCloseCurrentFile(a->file);
    if (e->size != e->stored_size || at > a->stream.size || e->size > a->stream.size - at)
        return fail_entry(a, RTV_E_FORMAT, name, e->name_length, "got bytes beyond the end of the file, expected them inside", error);
    e->data = a->stream.data + at;
    return RTV_OK;
}

static int32_t entry_bytes(const archive *a, entry *e, rtvi_storage_bytes *bytes, rtv_error *error) {
    int32_t status = e->data ? RTV_OK : locate(a, e, error);
    bytes->data = e->data;
    bytes->size = (size_t)e->size;
    return status;
}

static int32_t find_storage(void *user, const char *key, size_t length, rtvi_storage_bytes *bytes, rtv_error *error) {
    const archive *a = user;
    entry *e = find_entry(a, "data/", key, length);
    if (!e) return fail_entry(a, RTV_E_FORMAT, key, length, "got no file with that storage, expected one in data/", error);
    return entry_bytes(a, e, bytes, error);
}

static int32_t check_byte_order(const archive *a, rtv_error *error) {
    entry *e = find_entry(a, "", "byteorder", 9);
    rtvi_storage_bytes bytes;
    rtvi_quoted quoted;
    int32_t status = e ? entry_bytes(a, e, &bytes, error) : RTV_OK;
    if (status != RTV_OK || !e || (bytes.size == 6 && memcmp(bytes.data, "little", 6) == 0)) return status;
    return rtvi_error_set(error, RTV_E_UNSUPPORTED, "%s: byte order: got \"%s\", expected \"little\"", a->weights->label,
                          rtvi_error_quote(&quoted, (const char *)bytes.data, bytes.size));
}

static int32_t read_pickle(archive *a, rtv_error *error) {
    entry *e = find_entry(a, "", "data.pkl", 8);
    rtvi_storage_bytes bytes;
    rtvi_pickle pickle;
    int32_t status;
    if (find_entry(a, "", "constants.pkl", 13) || find_entry(a, "", "model.json", 10))
        return rtvi_error_set(error, RTV_E_UNSUPPORTED, "%s: container: got a TorchScript archive, expected a state_dict of torch.save",
                              a->weights->label);
    if (!e) return fail_archive(a, "got no entry data.pkl, expected what torch.save writes", error);
    status = entry_bytes(a, e, &bytes, error);
    if (status != RTV_OK) return status;
    status = rtvi_pickle_load(&pickle, a->weights->env, a->weights->label, bytes.data, bytes.size, (uint64_t)(bytes.data - a->stream.data),
                              error);
    if (status == RTV_OK) status = rtvi_torch_collect(a->weights, &pickle, find_storage, a, error);
    if (status == RTV_OK) status = rtvi_weights_collect_lists(a->weights, &pickle, error);
    rtvi_pickle_destroy(&pickle);
    return status;
}

static int32_t read_archive(archive *a, rtv_error *error) {
    const char *slash;
    int32_t status = list_entries(a, error);
    if (status != RTV_OK) return status;
    slash = a->count ? memchr(a->text, '/', a->entries[0].name_length) : NULL;
    if (!slash) return fail_archive(a, "got no folder, expected what torch.save writes", error);
    a->prefix = (size_t)(slash - a->text) + 1;
    status = check_byte_order(a, error);
    return status == RTV_OK ? read_pickle(a, error) : status;
}

/* Whether the file ends with the archive's end record: 22 bytes and a comment of the length in its last two. minizip is content with less
 * in a zip64 archive. */
static int has_end_record(const uint8_t *data, size_t size) {
    for (size_t comment = 0; comment <= UINT16_MAX && comment + 22 <= size; comment++) {
        const uint8_t *record = data + size - comment - 22;
        if (memcmp(record, "PK\5\6", 4) == 0 && rtvi_load_le(record + 20, 2) == comment) return 1;
    }
    return 0;
}

int32_t rtvi_weights_read_zip(rtvi_weights *weights, rtv_error *error) {
    archive a;
    int32_t status;
    zlib_filefunc64_def functions = {stream_open, stream_read, stream_write, stream_tell, stream_seek, stream_close, stream_error, NULL};
    memset(&a, 0, sizeof a);
    a.weights = weights;
    a.stream = (stream){weights->source.data, weights->source.size, 0, 0};
    functions.opaque = &a.stream;
    a.file = has_end_record(weights->source.data, weights->source.size) ? unzOpen2_64("", &functions) : NULL;
    if (!a.file) return fail_archive(&a, "got no directory at its end, expected a whole file", error);
    status = read_archive(&a, error);
    unzClose(a.file);
    rtvi_names_destroy(&a.names);
    rtvi_free(weights->env, a.entries);
    rtvi_free(weights->env, a.text);
    return status;
}
