/* test_hpp_results.cpp - retrieve.hpp in programs that are compiled without exceptions. */
#include "check.hpp"

#ifdef __cpp_exceptions
#error "this test is meant to be compiled without exceptions"
#endif

static void indexes() {
    const float vectors[] = {1, 0, 0, 1};
    const char *keys[] = {"a", "b"};
    retrieve::items items;
    retrieve::result<retrieve::index> created = retrieve::index::create(2);
    if (!created) {
        std::fprintf(stderr, "%s\n", created.error().message);
        failures++;
        return;
    }
    retrieve::index index = std::move(*created);
    items.vectors = vectors;
    items.keys = keys;
    CHECK(index.add(items, 2));
    CHECK(index.info()->count == 2);
    const auto found = index.search(vectors, 1);
    CHECK(found && found->size() == 2 && (*found)[1].front().id == 1);
    const auto key = index.key(1);
    CHECK(key && *key == "b");
    const auto missing = index.key(2);
    CHECK(!missing && missing.error().status == RTV_E_NOT_FOUND && missing->empty());
    const auto odd = index.search({vectors, 3}, 1);
    CHECK(!odd && std::strcmp(odd.error().message, "api: queries: got 3 floats, expected a multiple of 2") == 0);
    const auto negative = index.add(items, -1);
    CHECK(!negative && negative.error().status == RTV_E_INVALID_ARGUMENT);
    CHECK(!retrieve::index::create(0));
}

static void evaluations() {
    const float vectors[] = {1, 0, 0.9f, 0.1f, 0, 1};
    const int32_t classes[] = {0, 0, 1};
    retrieve::items items;
    retrieve::result<retrieve::index> gallery = retrieve::index::create(2);
    CHECK(!retrieve::evaluation::create(*gallery)); /* nothing is there */
    items.vectors = vectors;
    items.classes = classes;
    CHECK(gallery->add(items, 3));
    const auto evaluation = retrieve::evaluation::create(*gallery);
    CHECK(evaluation && evaluation->metric(RTV_METRIC_RECALL, 1, RTV_RULE_LEFT_OUT)->value == 1);
    const auto queries = evaluation->queries();
    CHECK(queries && queries->size() == 3 && (*queries)[2].num_relevant == 0);
    const auto values = evaluation->class_values(RTV_METRIC_RECALL, 3);
    CHECK(!values && values->empty() && values.error().status == RTV_E_NOT_FOUND);
}

static void models() {
    two_pictures pictures;
    const retrieve::import_options how = toy_options();
    auto loaded = retrieve::model::from_checkpoint(toy_checkpoint, &how);
    CHECK(loaded);
    if (!loaded) return;
    auto gallery = retrieve::index::create(*loaded);
    CHECK(gallery);
    auto searcher = retrieve::searcher::create(*loaded, *gallery);
    CHECK(searcher);
    CHECK(searcher->add(pictures.list));
    *gallery = retrieve::index(); /* the searcher keeps it */
    const auto found = searcher->search(pictures.list, 2);
    CHECK(found && found->size() == 2 && (*found)[1].front().id == 1);
    const auto one = searcher->search_one(pictures.list[0], 1);
    CHECK(one && one->front().id == 0);
    auto none = retrieve::model::load("no/such.rtvm");
    CHECK(!none && !*none && none.error().status == RTV_E_IO);
}

int main() {
    indexes();
    evaluations();
    models();
    return failures == 0 ? 0 : 1;
}
