/* retrieve.hpp - C++11 over the C interface, in this header alone: handles that free themselves, errors that cannot be overlooked.
 *
 *     retrieve::model model = retrieve::model::load("my.safetensors");
 *     retrieve::index index = retrieve::index::open("pictures.rtvx");
 *     retrieve::searcher searcher = retrieve::searcher::create(model, index);
 *     rtv_picture query = retrieve::picture_from_path("photo.jpg");
 *     for (const rtv_hit &hit : searcher.search_one(query, 10)) std::cout << hit.score << " " << index.key(hit.id) << "\n";
 *
 * A function returns outcome<T>. With exceptions that is T itself, and a failure throws retrieve::error. Without them (compiled so, or
 * RTV_HPP_NO_EXCEPTIONS defined) it is result<T>: ask it before you take the value, *result or result->. What the functions do, which
 * errors they have and which threads may call them stands in the C headers. Handles move and do not copy; get() gives the C handle for
 * whatever is not here. Callbacks given to the C structs must not throw. */
#ifndef RETRIEVE_RETRIEVE_HPP
#define RETRIEVE_RETRIEVE_HPP

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <retrieve/retrieve.h>

#if !defined(RTV_HPP_NO_EXCEPTIONS) && !defined(__cpp_exceptions) && !defined(__EXCEPTIONS)
#define RTV_HPP_NO_EXCEPTIONS
#endif
#if __cplusplus >= 201703L
#define RTV_HPP_NODISCARD [[nodiscard]]
#else
#define RTV_HPP_NODISCARD
#endif

namespace retrieve {

/* Both forms may meet in one program: they are different types to the linker. */
#ifdef RTV_HPP_NO_EXCEPTIONS
inline namespace with_results {
#else
inline namespace with_exceptions {
#endif

/* --- failures ------------------------------------------------------------------------------------------------------------------------ */

#ifdef RTV_HPP_NO_EXCEPTIONS

/* A value, or why there is none. */
template <class T>
class RTV_HPP_NODISCARD result {
   public:
    result(const rtv_error &error, T &&value) : error_(error), value_(std::move(value)) {}
    explicit operator bool() const noexcept { return error_.status == RTV_OK; }
    const rtv_error &error() const noexcept { return error_; }
    T &operator*() noexcept { return value_; }
    const T &operator*() const noexcept { return value_; }
    T *operator->() noexcept { return &value_; }
    const T *operator->() const noexcept { return &value_; }

   private:
    rtv_error error_;
    T value_;
};

template <>
class RTV_HPP_NODISCARD result<void> {
   public:
    explicit result(const rtv_error &error) : error_(error) {}
    explicit operator bool() const noexcept { return error_.status == RTV_OK; }
    const rtv_error &error() const noexcept { return error_; }

   private:
    rtv_error error_;
};

template <class T>
using outcome = result<T>;

namespace detail {
template <class T>
result<T> finish(const rtv_error &e, T &&value) {
    return result<T>(e, std::move(value));
}
inline result<void> finish(const rtv_error &e) { return result<void>(e); }
}  // namespace detail

#else

class error : public std::exception {
   public:
    explicit error(const rtv_error &what) noexcept : error_(what) {}
    const char *what() const noexcept override { return error_.message; }
    int32_t status() const noexcept { return error_.status; }
    int32_t os_error() const noexcept { return error_.os_error; }
    int64_t byte_offset() const noexcept { return error_.byte_offset; }

   private:
    rtv_error error_;
};

template <class T>
using outcome = T;

namespace detail {
template <class T>
T finish(const rtv_error &e, T &&value) {
    if (e.status != RTV_OK) throw error(e);
    return std::move(value);
}
inline void finish(const rtv_error &e) {
    if (e.status != RTV_OK) throw error(e);
}
}  // namespace detail

#endif

namespace detail {

/* The text that read(buffer, capacity, &size, &error) writes, however long it is. */
template <class Read>
outcome<std::string> text(Read read) {
    std::string buffer(255, '\0'); /* and its NUL */
    std::uint64_t size = 0;
    rtv_error e;
    if (read(&buffer[0], std::uint64_t(buffer.size() + 1), &size, &e) == RTV_E_BUFFER_TOO_SMALL) {
        buffer.resize(std::size_t(size - 1));
        read(&buffer[0], size, &size, &e);
    }
    buffer.resize(e.status == RTV_OK && size > 0 ? std::size_t(size - 1) : 0);
    return finish(e, std::move(buffer));
}

/* A zeroed struct, with its size where it has one. */
template <class T>
auto set_size(T &value, int) noexcept -> decltype(void(value.struct_size)) {
    value.struct_size = sizeof value;
}
template <class T>
void set_size(T &, long) noexcept {}
template <class T>
T blank() noexcept {
    T value = T();
    set_size(value, 0);
    return value;
}

/* What ask(object, info, error) fills. */
template <class T, class Object>
outcome<T> info(std::int32_t (*ask)(Object *, T *, rtv_error *), Object *object) {
    T filled = blank<T>();
    rtv_error e;
    ask(object, &filled, &e);
    return finish(e, std::move(filled));
}

/* The rows that read(array, capacity, &count, &error) writes: all, or the first ones up to most. */
template <class T, class Read>
outcome<std::vector<T>> rows(Read read, std::int64_t most = INT64_MAX) {
    std::vector<T> found;
    std::int64_t count = 0;
    rtv_error e;
    if (read(static_cast<T *>(nullptr), 0, &count, &e) == RTV_OK && count > 0 && most > 0) {
        found.resize(std::size_t(count < most ? count : most), blank<T>());
        read(found.data(), std::int64_t(found.size()), &count, &e);
    }
    if (e.status != RTV_OK) found.clear();
    return finish(e, std::move(found));
}

}  // namespace detail

/* --- arguments ----------------------------------------------------------------------------------------------------------------------- */

/* Somebody else's array. Takes a pointer and a size, an array, or any container with data() and size(). */
template <class T>
class span {
   public:
    span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <std::size_t N>
    span(T (&array)[N]) noexcept : data_(array), size_(N) {}
    template <class Container, class = decltype(static_cast<T *>(std::declval<Container &>().data()))>
    span(Container &&container) noexcept : data_(container.data()), size_(container.size()) {}
    T *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    std::int64_t count() const noexcept { return std::int64_t(size_); }

   private:
    T *data_;
    std::size_t size_;
};

/* The structs of the C interface, with what the init macros write, or zeroed, and with their size. */
struct runtime_options : rtv_runtime_options {
    runtime_options() noexcept { rtv_runtime_options_init_sized(this, sizeof(rtv_runtime_options)); }
};
struct model_options : rtv_model_options {
    model_options() noexcept { rtv_model_options_init_sized(this, sizeof(rtv_model_options)); }
};
struct import_options : rtv_import_options {
    import_options() noexcept { rtv_import_options_init_sized(this, sizeof(rtv_import_options)); }
};
struct embed_options : rtv_embed_options {
    embed_options() noexcept { rtv_embed_options_init_sized(this, sizeof(rtv_embed_options)); }
};
struct search_options : rtv_search_options {
    search_options() noexcept { rtv_search_options_init_sized(this, sizeof(rtv_search_options)); }
};
struct quantizer_options : rtv_quantizer_options {
    quantizer_options() noexcept { rtv_quantizer_options_init_sized(this, sizeof(rtv_quantizer_options)); }
};
struct index_options : rtv_index_options {
    index_options() noexcept { rtv_index_options_init_sized(this, sizeof(rtv_index_options)); }
};
struct accuracy_options : rtv_accuracy_options {
    accuracy_options() noexcept { rtv_accuracy_options_init_sized(this, sizeof(rtv_accuracy_options)); }
};
struct reduce_options : rtv_reduce_options {
    reduce_options() noexcept { rtv_reduce_options_init_sized(this, sizeof(rtv_reduce_options)); }
};
struct evaluation_options : rtv_evaluation_options {
    evaluation_options() noexcept { rtv_evaluation_options_init_sized(this, sizeof(rtv_evaluation_options)); }
};
struct drift_options : rtv_drift_options {
    drift_options() noexcept { rtv_drift_options_init_sized(this, sizeof(rtv_drift_options)); }
};
struct items : rtv_items {
    items() noexcept : rtv_items() { struct_size = sizeof(rtv_items); }
};
struct embedding : rtv_embedding {
    embedding() noexcept : rtv_embedding() { struct_size = sizeof(rtv_embedding); }
};

inline rtv_picture picture_from_path(const char *path) noexcept {
    rtv_picture picture;
    rtv_picture_from_path(&picture, path);
    return picture;
}
inline rtv_picture picture_from_encoded(span<const std::uint8_t> bytes) noexcept {
    rtv_picture picture;
    rtv_picture_from_encoded(&picture, bytes.data(), bytes.size());
    return picture;
}
inline rtv_picture picture_from_pixels(const void *pixels, std::int32_t format, std::int32_t width, std::int32_t height,
                                       std::int64_t stride_bytes) noexcept {
    rtv_picture picture;
    rtv_picture_from_pixels(&picture, pixels, format, width, height, stride_bytes);
    return picture;
}
inline rtv_picture picture_from_tensor(span<const float> values) noexcept {
    rtv_picture picture;
    rtv_picture_from_tensor(&picture, values.data(), values.size());
    return picture;
}

/* --- handles ------------------------------------------------------------------------------------------------------------------------- */

/* One reference to a C object, given back at the end. Empty after a move. */
template <class T, void (*Free)(T *)>
class handle {
   public:
    handle() noexcept : object_(nullptr) {}
    explicit handle(T *object) noexcept : object_(object) {}
    handle(handle &&other) noexcept : object_(other.release()) {}
    handle &operator=(handle &&other) noexcept {
        handle taken(std::move(other));
        std::swap(object_, taken.object_);
        return *this;
    }
    handle(const handle &) = delete;
    handle &operator=(const handle &) = delete;
    ~handle() { Free(object_); }
    T *get() const noexcept { return object_; }
    T *release() noexcept {
        T *object = object_;
        object_ = nullptr;
        return object;
    }
    explicit operator bool() const noexcept { return object_ != nullptr; }

   private:
    T *object_;
};

/* An empty one, the default of the functions that take a runtime, stands for a runtime of the new object's own. */
class runtime : public handle<rtv_runtime, rtv_runtime_free> {
   public:
    using handle::handle;
    static outcome<runtime> create(const rtv_runtime_options *options = nullptr) {
        rtv_runtime *created = nullptr;
        rtv_error e;
        rtv_runtime_create(options, &created, &e);
        return detail::finish(e, runtime(created));
    }
};

class model : public handle<rtv_model, rtv_model_free> {
   public:
    using handle::handle;
    static outcome<model> load(const std::string &path, const rtv_model_options *options = nullptr, const runtime &on = runtime()) {
        rtv_model *loaded = nullptr;
        rtv_error e;
        rtv_model_load(path.c_str(), on.get(), options, &loaded, &e);
        return detail::finish(e, model(loaded));
    }
    static outcome<model> load_bytes(span<const std::uint8_t> bytes, const rtv_model_options *options = nullptr,
                                     const runtime &on = runtime()) {
        rtv_model *loaded = nullptr;
        rtv_error e;
        rtv_model_load_bytes(bytes.data(), bytes.size(), on.get(), options, &loaded, &e);
        return detail::finish(e, model(loaded));
    }
    /* rtv_model_import; "import" means something else in C++20. */
    static outcome<model> from_checkpoint(const std::string &path, const rtv_import_options *how = nullptr,
                                          const rtv_model_options *options = nullptr, const runtime &on = runtime()) {
        rtv_model *loaded = nullptr;
        rtv_error e;
        rtv_model_import(path.c_str(), how, on.get(), options, &loaded, &e);
        return detail::finish(e, model(loaded));
    }
    outcome<void> save(const std::string &path) const {
        rtv_error e;
        rtv_model_save(get(), path.c_str(), &e);
        return detail::finish(e);
    }
    outcome<rtv_model_info> info() const { return detail::info<rtv_model_info, const rtv_model>(rtv_model_info_get, get()); }
    /* What every layer computes on, and why. */
    outcome<std::vector<rtv_quantized_layer>> quantized_layers() const {
        return detail::rows<rtv_quantized_layer>([&](rtv_quantized_layer *rows, std::int64_t capacity, std::int64_t *count, rtv_error *e) {
            return rtv_model_quantized_layers(get(), rows, capacity, count, e);
        });
    }
    /* The descriptors, [pictures][dim]; the first picture that fails is the failure of the call. */
    outcome<std::vector<float>> embed(span<const rtv_picture> pictures, const rtv_embed_options *options = nullptr) const {
        rtv_model_info info = detail::blank<rtv_model_info>();
        std::vector<float> descriptors;
        embedding into;
        rtv_error e;
        if (rtv_model_info_get(get(), &info, &e) == RTV_OK) {
            descriptors.resize(pictures.size() * std::size_t(info.descriptor_dim));
            into.descriptors = descriptors.data();
            rtv_model_embed(get(), pictures.data(), pictures.count(), options, &into, &e);
        }
        return detail::finish(e, std::move(descriptors));
    }
    /* Into arrays of the caller's; with statuses or errors there, one bad picture fails alone. */
    outcome<void> embed(span<const rtv_picture> pictures, const rtv_embedding &into, const rtv_embed_options *options = nullptr) const {
        rtv_error e;
        rtv_model_embed(get(), pictures.data(), pictures.count(), options, &into, &e);
        return detail::finish(e);
    }
};

class index : public handle<rtv_index, rtv_index_free> {
   public:
    using handle::handle;
    using hits = std::vector<rtv_hit>;
    static outcome<index> create(std::int32_t dim, const runtime &on = runtime()) {
        rtv_index *created = nullptr;
        rtv_error e;
        rtv_index_create(dim, on.get(), &created, &e);
        return detail::finish(e, index(created));
    }
    static outcome<index> create(const model &made_for, const runtime &on = runtime()) {
        rtv_index *created = nullptr;
        rtv_error e;
        rtv_index_create_for_model(made_for.get(), on.get(), &created, &e);
        return detail::finish(e, index(created));
    }
    static outcome<index> create(const rtv_index_options &options, const runtime &on = runtime()) {
        rtv_index *created = nullptr;
        rtv_error e;
        rtv_index_create_with(&options, on.get(), &created, &e);
        return detail::finish(e, index(created));
    }
    static outcome<index> open(const std::string &path, const runtime &on = runtime()) {
        rtv_index *opened = nullptr;
        rtv_error e;
        rtv_index_open(path.c_str(), on.get(), &opened, &e);
        return detail::finish(e, index(opened));
    }
    static outcome<index> open_bytes(span<const std::uint8_t> bytes, const runtime &on = runtime()) {
        rtv_index *opened = nullptr;
        rtv_error e;
        rtv_index_open_bytes(bytes.data(), bytes.size(), on.get(), &opened, &e);
        return detail::finish(e, index(opened));
    }
    outcome<void> save(const std::string &path) const {
        rtv_error e;
        rtv_index_save(get(), path.c_str(), &e);
        return detail::finish(e);
    }
    outcome<void> add(const rtv_items &items, std::int64_t count) const {
        rtv_error e;
        rtv_index_add(get(), &items, count, &e);
        return detail::finish(e);
    }
    /* A new index with fewer dimensions, in memory. */
    outcome<index> reduce(const rtv_reduce_options &options) const {
        rtv_index *reduced = nullptr;
        rtv_error e;
        rtv_index_reduce(get(), &options, nullptr, &reduced, &e);
        return detail::finish(e, index(reduced));
    }
    /* The same in a new file, open for writing. */
    outcome<index> reduce(const rtv_reduce_options &options, const std::string &path) const {
        rtv_index *reduced = nullptr;
        rtv_error e;
        rtv_index_reduce(get(), &options, path.c_str(), &reduced, &e);
        return detail::finish(e, index(reduced));
    }
    outcome<rtv_reduction_info> reduction() const { return detail::info<rtv_reduction_info, rtv_index>(rtv_reduction_info_get, get()); }
    outcome<rtv_index_info> info() const {
        rtv_error e;
        rtv_index_info info = ask(&e);
        return detail::finish(e, std::move(info));
    }
    outcome<std::string> key(std::int64_t id) const {
        return detail::text([&](char *text, std::uint64_t capacity, std::uint64_t *size, rtv_error *e) {
            return rtv_index_key(get(), id, text, capacity, size, e);
        });
    }
    outcome<std::string> class_name(std::int32_t class_id, std::int32_t kind = RTV_CLASSES_LABEL) const {
        return detail::text([&](char *text, std::uint64_t capacity, std::uint64_t *size, rtv_error *e) {
            return rtv_index_class_name(get(), kind, class_id, text, capacity, size, e);
        });
    }
    /* At most k hits for each row of queries [n][dim]. */
    outcome<std::vector<hits>> search(span<const float> queries, std::int64_t k, const rtv_search_options *options = nullptr) const {
        std::vector<hits> found;
        rtv_error e;
        const rtv_index_info info = ask(&e);
        if (e.status == RTV_OK && queries.size() % std::size_t(info.dim) != 0) {
            e.status = RTV_E_INVALID_ARGUMENT;
            std::snprintf(e.message, sizeof e.message, "api: queries: got %zu floats, expected a multiple of %d", queries.size(),
                          int(info.dim));
        }
        if (e.status != RTV_OK) return detail::finish(e, std::move(found));
        return collect(queries.size() / std::size_t(info.dim), k, [&](rtv_hit *all, std::int64_t *counts, rtv_error *error) {
            rtv_index_search(get(), queries.data(), std::int64_t(queries.size() / std::size_t(info.dim)), k, options, all, counts, error);
        });
    }

   private:
    friend class searcher;
    rtv_index_info ask(rtv_error *e) const {
        rtv_index_info info = detail::blank<rtv_index_info>();
        rtv_index_info_get(get(), &info, e);
        return info;
    }
    /* What search(hits[rows][k], counts[rows], error) finds, a vector for each row. */
    template <class Search>
    static outcome<std::vector<hits>> collect(std::size_t rows, std::int64_t k, Search search) {
        hits all(k > 0 ? rows * std::size_t(k) + 1 : 1); /* never without an address */
        std::vector<std::int64_t> counts(rows + 1);
        std::vector<hits> found;
        rtv_error e;
        search(all.data(), counts.data(), &e);
        for (std::size_t i = 0; i < rows && e.status == RTV_OK; i++) {
            const rtv_hit *row = all.data() + i * std::size_t(k);
            found.emplace_back(row, row + counts[i]);
        }
        return detail::finish(e, std::move(found));
    }
};

class searcher : public handle<rtv_searcher, rtv_searcher_free> {
   public:
    using handle::handle;
    static outcome<searcher> create(const model &with, const index &in, std::int32_t accept = RTV_ACCEPT_OWN) {
        rtv_searcher *created = nullptr;
        rtv_error e;
        rtv_searcher_create(with.get(), in.get(), accept, &created, &e);
        return detail::finish(e, searcher(created));
    }
    /* At most k hits for one picture. */
    outcome<index::hits> search_one(const rtv_picture &picture, std::int64_t k, const rtv_search_options *options = nullptr) const {
        index::hits found(k > 0 ? std::size_t(k) : 1);
        std::int64_t count = 0;
        rtv_error e;
        rtv_searcher_search(get(), &picture, 1, k, options, found.data(), &count, nullptr, &e);
        found.resize(e.status == RTV_OK ? std::size_t(count) : 0);
        return detail::finish(e, std::move(found));
    }
    /* At most k hits for each picture; the first picture that fails is the failure of the call. */
    outcome<std::vector<index::hits>> search(span<const rtv_picture> pictures, std::int64_t k,
                                             const rtv_search_options *options = nullptr) const {
        return index::collect(pictures.size(), k, [&](rtv_hit *all, std::int64_t *counts, rtv_error *error) {
            rtv_searcher_search(get(), pictures.data(), pictures.count(), k, options, all, counts, nullptr, error);
        });
    }
    /* With statuses or errors in into, one bad picture fails alone. */
    outcome<void> add(span<const rtv_picture> pictures, const rtv_items *items = nullptr, const rtv_embed_options *options = nullptr,
                      const rtv_embedding *into = nullptr) const {
        rtv_error e;
        rtv_searcher_add(get(), pictures.data(), pictures.count(), items, options, into, &e);
        return detail::finish(e);
    }
};

class quantizer : public handle<rtv_quantizer, rtv_quantizer_free> {
   public:
    using handle::handle;
    static outcome<quantizer> create(const model &of, const rtv_quantizer_options *options = nullptr) {
        rtv_quantizer *created = nullptr;
        rtv_error e;
        rtv_quantizer_create(of.get(), options, &created, &e);
        return detail::finish(e, quantizer(created));
    }
    /* The first picture that fails is the failure of the call, and none is added. */
    outcome<void> add(span<const rtv_picture> pictures) const {
        rtv_error e;
        rtv_quantizer_add(get(), pictures.data(), pictures.count(), nullptr, nullptr, nullptr, &e);
        return detail::finish(e);
    }
    outcome<model> finish(const rtv_model_options *options = nullptr) const {
        rtv_model *made = nullptr;
        rtv_error e;
        rtv_quantizer_finish(get(), options, &made, &e);
        return detail::finish(e, model(made));
    }
    /* Layers go back to float32 until no more is lost than control.max_drop; steps (may be null) tells the way. */
    outcome<model> finish_within(const rtv_accuracy_options &control, std::vector<rtv_accuracy_step> *steps = nullptr,
                                 const rtv_model_options *options = nullptr) const {
        rtv_model *made = nullptr;
        std::vector<rtv_accuracy_step> taken(steps ? 4096 : 0, detail::blank<rtv_accuracy_step>()); /* two for each layer at most */
        std::int64_t count = 0;
        rtv_error e;
        rtv_quantizer_finish_within(get(), &control, options, &made, taken.data(), std::int64_t(taken.size()), &count, &e);
        if (steps && e.status == RTV_OK) steps->assign(taken.begin(), taken.begin() + (count < 4096 ? count : 4096));
        return detail::finish(e, model(made));
    }
};

/* --- how good it is ------------------------------------------------------------------------------------------------------------------ */

class evaluation : public handle<rtv_evaluation, rtv_evaluation_free> {
   public:
    using handle::handle;
    /* Leave-one-out among the items of one index. */
    static outcome<evaluation> create(const index &gallery, const rtv_evaluation_options *options = nullptr) {
        return create(gallery, index(), options);
    }
    /* Queries against a gallery. */
    static outcome<evaluation> create(const index &gallery, const index &queries, const rtv_evaluation_options *options = nullptr) {
        rtv_evaluation *created = nullptr;
        rtv_error e;
        rtv_evaluation_create(gallery.get(), queries.get(), options, &created, &e);
        return detail::finish(e, evaluation(created));
    }
    outcome<rtv_evaluation_info> info() const {
        return detail::info<rtv_evaluation_info, const rtv_evaluation>(rtv_evaluation_info_get, get());
    }
    /* metric: RTV_METRIC_*; k for RECALL and PRECISION. */
    outcome<rtv_metric_value> metric(std::int32_t metric, std::int64_t k = 0, std::int32_t rule = RTV_RULE_MISS) const {
        rtv_metric_value value = rtv_metric_value();
        rtv_error e;
        rtv_evaluation_metric(get(), metric, k, rule, &value, &e);
        return detail::finish(e, std::move(value));
    }
    outcome<std::vector<rtv_class_count>> classes() const {
        return detail::rows<rtv_class_count>([&](rtv_class_count *rows, std::int64_t capacity, std::int64_t *count, rtv_error *e) {
            return rtv_evaluation_classes(get(), rows, capacity, count, e);
        });
    }
    /* A metric for each of classes(). */
    outcome<std::vector<double>> class_values(std::int32_t metric, std::int64_t k = 0, std::int32_t rule = RTV_RULE_MISS) const {
        return detail::rows<double>([&](double *values, std::int64_t capacity, std::int64_t *count, rtv_error *e) {
            return rtv_evaluation_class_values(get(), metric, k, rule, values, capacity, count, e);
        });
    }
    outcome<std::vector<rtv_query_result>> queries() const {
        return detail::rows<rtv_query_result>([&](rtv_query_result *rows, std::int64_t capacity, std::int64_t *count, rtv_error *e) {
            return rtv_evaluation_queries(get(), rows, capacity, count, e);
        });
    }
    /* Up to most of those that have relevant items, the hardest first. */
    outcome<std::vector<rtv_query_result>> hardest(std::int64_t most) const {
        return detail::rows<rtv_query_result>([&](rtv_query_result *rows, std::int64_t capacity, std::int64_t *count,
                                                  rtv_error *e) { return rtv_evaluation_hardest(get(), rows, capacity, count, e); },
                                              most);
    }
    /* scores: RTV_SCORES_*. */
    outcome<std::vector<std::int64_t>> histogram(std::int32_t scores, double low, double high, std::int64_t bins) const {
        std::vector<std::int64_t> counts(bins > 0 ? std::size_t(bins) : 1);
        rtv_error e;
        rtv_evaluation_histogram(get(), scores, low, high, bins, counts.data(), nullptr, &e);
        return detail::finish(e, std::move(counts));
    }
    outcome<rtv_threshold> threshold(double false_accept_rate) const {
        rtv_threshold found = rtv_threshold();
        rtv_error e;
        rtv_evaluation_threshold(get(), false_accept_rate, &found, &e);
        return detail::finish(e, std::move(found));
    }
};

/* How far model b is from model a. */
class drift : public handle<rtv_drift, rtv_drift_free> {
   public:
    using handle::handle;
    static outcome<drift> measure(const model &a, const model &b, span<const rtv_picture> pictures,
                                  const rtv_drift_options *options = nullptr) {
        rtv_drift *measured = nullptr;
        rtv_error e;
        rtv_drift_measure(a.get(), b.get(), pictures.data(), pictures.count(), options, &measured, &e);
        return detail::finish(e, drift(measured));
    }
    outcome<rtv_drift_info> info() const { return detail::info<rtv_drift_info, const rtv_drift>(rtv_drift_info_get, get()); }
    outcome<std::vector<rtv_recall_drift>> recalls() const {
        return detail::rows<rtv_recall_drift>([&](rtv_recall_drift *rows, std::int64_t capacity, std::int64_t *count, rtv_error *e) {
            return rtv_drift_recalls(get(), rows, capacity, count, e);
        });
    }
    outcome<std::vector<rtv_layer_drift>> layers() const {
        return detail::rows<rtv_layer_drift>([&](rtv_layer_drift *rows, std::int64_t capacity, std::int64_t *count, rtv_error *e) {
            return rtv_drift_layers(get(), rows, capacity, count, e);
        });
    }
    outcome<std::vector<rtv_picture_drift>> pictures() const {
        return detail::rows<rtv_picture_drift>([&](rtv_picture_drift *rows, std::int64_t capacity, std::int64_t *count, rtv_error *e) {
            return rtv_drift_pictures(get(), rows, capacity, count, e);
        });
    }
};

/* The list of a customary data set; what entries point to lives as long. */
class dataset : public handle<rtv_dataset, rtv_dataset_free> {
   public:
    using handle::handle;
    static outcome<dataset> read(const std::string &path, std::int32_t format, const runtime &on = runtime()) {
        rtv_dataset *list = nullptr;
        rtv_error e;
        rtv_dataset_read(path.c_str(), format, on.get(), &list, &e);
        return detail::finish(e, dataset(list));
    }
    outcome<rtv_dataset_info> info() const { return detail::info<rtv_dataset_info, const rtv_dataset>(rtv_dataset_info_get, get()); }
    outcome<rtv_dataset_entry> entry(std::int64_t number) const {
        rtv_dataset_entry found = detail::blank<rtv_dataset_entry>();
        rtv_error e;
        rtv_dataset_entry_get(get(), number, &found, &e);
        return detail::finish(e, std::move(found));
    }
    /* Empty when there is no such class. */
    std::string class_name(std::int32_t class_id) const {
        const char *name = rtv_dataset_class_name(get(), class_id);
        return name ? name : "";
    }
};

}  // inline namespace
}  // namespace retrieve

#endif
