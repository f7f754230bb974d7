/* test_hpp.cpp - retrieve.hpp with exceptions. */
#include "check.hpp"

#include <cerrno>
#include <cmath>
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

    retrieve::reduce_options one;
    one.kept_dim = 1;
    CHECK(retrieve::index(index.reduce(one)).info().kept_dim == 1);
    {
        const retrieve::index small = index.reduce(one, path);
        CHECK(small.reduction().dim == 2 && small.reduction().kept_dim == 1 && index.reduction().method == 0);
        CHECK(status_of([&] { index.reduce(one, path); }) == RTV_E_EXISTS);
    }
    CHECK(retrieve::index(retrieve::index::open(path)).search(vectors, 3).size() == 3);
    std::remove(path.c_str());
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

    retrieve::quantizer quantizer = retrieve::quantizer::create(model);
    CHECK(status_of([&] { quantizer.finish(); }) == RTV_E_STATE);
    CHECK(status_of([&] { quantizer.add(some); }) == RTV_E_IO);
    quantizer.add(pictures.list);
    CHECK(quantizer.finish().embed(pictures.list).size() == 2 * dim);

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

/* Six items in three classes on three axes; the last item lies with another class. */
static void evaluations() {
    const float vectors[] = {1, 0, 0, 1, 0.1f, 0, 0, 1, 0, 0, 1, 0.1f, 0, 0, 1, 0.9f, -0.3f, 0};
    const int32_t classes[] = {0, 0, 1, 1, 2, 2};
    const int64_t ks[] = {1, 5};
    retrieve::index_options kept;
    retrieve::items items;
    retrieve::evaluation_options options;
    kept.dim = 3;
    kept.normalize = 1;
    const retrieve::index gallery = retrieve::index::create(kept);
    items.vectors = vectors;
    items.classes = classes;
    gallery.add(items, 6);
    options.ks = ks;
    options.num_ks = 2;
    const retrieve::evaluation done = retrieve::evaluation::create(gallery, &options);
    CHECK(done.info().num_queries == 6 && done.info().ks[1] == 5);
    CHECK(std::fabs(done.metric(RTV_METRIC_RECALL, 1).value - 4.0 / 6) < 1e-12); /* the two of class 2 do not find each other */
    CHECK(done.metric(RTV_METRIC_RECALL, 5).value == 1);
    CHECK(status_of([&] { done.metric(RTV_METRIC_RECALL, 2); }) == RTV_E_NOT_FOUND);
    CHECK(done.classes().size() == 3 && done.classes()[2].num_queries == 2);
    CHECK(done.class_values(RTV_METRIC_RECALL, 1) == std::vector<double>({1, 1, 0}));
    CHECK(done.queries().size() == 6 && done.queries()[5].first_rank > 1);
    CHECK(done.hardest(2).size() == 2 && done.hardest(9).size() == 6 && done.hardest(0).empty());
    CHECK(done.hardest(1)[0].class_id == 2);
    CHECK(done.histogram(RTV_SCORES_NEAREST_SAME, -1, 1, 8).size() == 8);
    CHECK(status_of([&] { done.histogram(RTV_SCORES_NEAREST_SAME, -1, 1, 0); }) == RTV_E_INVALID_ARGUMENT);
    CHECK(done.threshold(1).false_accept_rate == 1);
    CHECK(retrieve::evaluation::create(gallery, gallery).metric(RTV_METRIC_RECALL, 1).value == 1); /* each finds itself */
    CHECK(status_of([&] { retrieve::evaluation::create(gallery, retrieve::index::create(2)); }) == RTV_E_MISMATCH);
}

static void reports() {
    two_pictures pictures;
    const int32_t classes[] = {0, 0};
    const retrieve::import_options how = toy_options();
    const retrieve::model model = retrieve::model::from_checkpoint(toy_checkpoint, &how);
    const retrieve::quantizer quantizer = retrieve::quantizer::create(model);
    quantizer.add(pictures.list);
    retrieve::accuracy_options control;
    std::vector<rtv_accuracy_step> steps;
    control.pictures = pictures.list;
    control.classes = classes;
    control.count = 2;
    const retrieve::model quantized = quantizer.finish_within(control, &steps);
    CHECK(steps.size() == 2 && steps[1].action == RTV_ACCURACY_INT8 && steps[0].values[0] == 1);
    CHECK(std::string(quantized.quantized_layers()[0].precision) == "int8");
    control.ranking_pictures = 0;
    CHECK(status_of([&] { quantizer.finish_within(control); }) == RTV_E_INVALID_ARGUMENT);

    retrieve::drift_options options;
    options.classes = classes;
    const retrieve::drift drift = retrieve::drift::measure(model, quantized, pictures.list, &options);
    CHECK(drift.info().num_compared == 2 && drift.info().cosine_min > 0.9 && drift.info().num_calibrated == 2);
    CHECK(drift.recalls().size() == 4 && drift.recalls()[3].k == 8 && drift.recalls()[0].recall_b == 1);
    CHECK(drift.layers().size() > 10 && std::string(drift.layers()[0].precision_a) == "f32");
    CHECK(drift.pictures().size() == 2 && drift.pictures()[1].status == RTV_OK);
    CHECK(status_of([&] { retrieve::drift::measure(model, quantized, {pictures.list, 0}); }) == RTV_E_INVALID_ARGUMENT);
}

static void datasets() {
    const std::string path = "test_hpp." + std::to_string(getpid()) + ".csv";
    std::FILE *file = std::fopen(path.c_str(), "w");
    std::fputs("path,class,split\na.jpg,bee,train\nb.jpg,ant,test\n", file);
    std::fclose(file);
    const retrieve::dataset list = retrieve::dataset::read(path, RTV_DATASET_CSV);
    std::remove(path.c_str());
    CHECK(list.info().count == 2 && list.info().splits[RTV_SPLIT_TEST] == 1);
    CHECK(list.entry(1).path == std::string("b.jpg") && list.class_name(list.entry(0).class_id) == "bee" && list.class_name(9).empty());
    CHECK(status_of([&] { list.entry(2); }) == RTV_E_INVALID_ARGUMENT);
}

int main() {
    handles();
    indexes();
    models();
    evaluations();
    reports();
    datasets();
    return failures == 0 ? 0 : 1;
}
