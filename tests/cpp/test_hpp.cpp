/* test_hpp.cpp - retrieve.hpp with exceptions. */
#include "check.hpp"

#include <cerrno>
#include <type_traits>
#include <unistd.h>

using retrieve::error;

static_assert(!std::is_copy_constructible<retrieve::model>::value && std::is_nothrow_move_constructible<retrieve::model>::value, "");
static_assert(!std::is_copy_assignable<retrieve::index>::value && std::is_nothrow_move_assignable<retrieve::index>::value, "");
static_assert(std::is_same<retrieve::outcome<int>, int>::value, "");

/* The status that work() throws. */
template <class Work>
static int status_of(Work work) {
    try {
        work();
    } catch (const error &e) {
        CHECK(std::strlen(e.what()) > 0);
        return e.status();
    }
    return RTV_OK;
}

static void handles() {
    retrieve::index a = retrieve::index::create(2);
    CHECK(a && a.get() != nullptr);
    retrieve::index b(std::move(a));
    CHECK(!a && b);
    a = std::move(b);
    CHECK(a && !b);
    retrieve::index &same = a;
    a = std::move(same);
    CHECK(a);
    a = retrieve::index::create(3);
    CHECK(a.info().dim == 3);
    rtv_index *raw = a.release();
    CHECK(!a);
    retrieve::index again(raw);
    CHECK(again.get() == raw);
    CHECK(status_of([&] { a.info(); }) == RTV_E_INVALID_ARGUMENT); /* an empty handle is NULL to the library */
}

static void indexes() {
    const float vectors[] = {1, 0, 0, 1, 0.6f, 0.8f};
    const std::string long_key(1000, 'k');
    const char *keys[] = {"a", nullptr, long_key.c_str()};
    const int32_t classes[] = {0, 1, 1};
    retrieve::items items;
    retrieve::index index = retrieve::index::create(2);
    items.vectors = vectors;
    items.keys = keys;
    items.classes = classes;
    index.add(items, 3);
    CHECK(index.info().count == 3);
    const std::vector<retrieve::index::hits> found = index.search(vectors, 2);
    CHECK(found.size() == 3 && found[0].size() == 2 && found[0][0].id == 0 && found[1][1].id == 2);
    retrieve::search_options options;
    options.class_id = 0;
    CHECK(index.search(std::vector<float>{0, 1}, 5, &options).front().size() == 1);
    CHECK(index.search(retrieve::span<const float>(nullptr, 0), 1).empty());
    CHECK(index.key(0) == "a" && index.key(1).empty() && index.key(2) == long_key);
    CHECK(status_of([&] { index.key(9); }) == RTV_E_NOT_FOUND);
    CHECK(status_of([&] { index.class_name(0); }) == RTV_E_NOT_FOUND);
    CHECK(status_of([&] { index.add(items, -1); }) == RTV_E_INVALID_ARGUMENT);
    CHECK(status_of([&] { index.search({vectors, 3}, 1); }) == RTV_E_INVALID_ARGUMENT);
    CHECK(status_of([&] { index.search(vectors, 0); }) == RTV_E_INVALID_ARGUMENT);
    CHECK(status_of([] { retrieve::index::create(0); }) == RTV_E_INVALID_ARGUMENT);

    const std::string path = "test_hpp." + std::to_string(getpid()) + ".rtvx";
    index.save(path);
    CHECK(retrieve::index::open(path).key(2) == long_key);
    std::remove(path.c_str());
    try {
        retrieve::index::open(path);
        CHECK(false && "opened a file that is not there");
    } catch (const std::exception &e) {
        CHECK(std::strstr(e.what(), path.c_str()) != nullptr);
        CHECK(dynamic_cast<const error &>(e).os_error() == ENOENT && dynamic_cast<const error &>(e).byte_offset() == -1);
    }
    CHECK(status_of([] { retrieve::index::open_bytes(std::vector<uint8_t>(100)); }) == RTV_E_FORMAT);
}

static void models() {
    two_pictures pictures;
    retrieve::runtime_options options;
    options.threads = 1;
    retrieve::runtime runtime = retrieve::runtime::create(&options);
    const retrieve::import_options how = toy_options();
    retrieve::model model = retrieve::model::from_checkpoint(toy_checkpoint, &how, nullptr, runtime);
    const size_t dim = size_t(model.info().descriptor_dim);
    const std::vector<float> descriptors = model.embed(pictures.list);
    CHECK(descriptors.size() == 2 * dim);

    retrieve::index gallery = retrieve::index::create(model, runtime);
    retrieve::searcher searcher = retrieve::searcher::create(model, gallery);
    runtime = retrieve::runtime(); /* what is in use stays */
    searcher.add(pictures.list);
    CHECK(searcher.search({&pictures.list[1], 1}, 2).front().front().id == 1);
    int num_hits = 0;
    for (const rtv_hit &hit : searcher.search_one(pictures.list[1], 9)) num_hits += hit.id >= 0;
    CHECK(num_hits == 2);
    CHECK(status_of([&] { searcher.search_one(pictures.list[1], 0); }) == RTV_E_INVALID_ARGUMENT);

    int32_t statuses[2];
    retrieve::embedding into;
    into.statuses = statuses;
    rtv_picture some[] = {pictures.list[0], retrieve::picture_from_path("no/such.png")};
    CHECK(status_of([&] { model.embed(some); }) == RTV_E_IO);
    CHECK(status_of([&] { searcher.search(some, 1); }) == RTV_E_IO);
    model.embed(some, into);
    CHECK(statuses[0] == RTV_OK && statuses[1] == RTV_E_IO);
    searcher.add(some, nullptr, nullptr, &into);
    CHECK(gallery.info().count == 3);

    const std::string path = "test_hpp." + std::to_string(getpid()) + ".rtvm";
    model.save(path);
    CHECK(retrieve::model::load(path).embed(pictures.list) == descriptors);
    std::remove(path.c_str());
    CHECK(status_of([&] { retrieve::model::load(path); }) == RTV_E_IO);
    CHECK(status_of([] { retrieve::model::load_bytes(std::vector<uint8_t>(8)); }) == RTV_E_FORMAT);
    CHECK(status_of([&] { retrieve::searcher::create(model, retrieve::index::create(7)); }) == RTV_E_MISMATCH);
    options.threads = 0;
    CHECK(status_of([&] { retrieve::runtime::create(&options); }) == RTV_E_INVALID_ARGUMENT);
}

int main() {
    handles();
    indexes();
    models();
    return failures == 0 ? 0 : 1;
}
