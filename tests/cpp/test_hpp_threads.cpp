/* test_hpp_threads.cpp - ten threads embed and search at once through retrieve.hpp: the answers of one alone, and no memory kept. */
#include "check.hpp"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

static const int callers = 10;
static const int rounds = 3; /* at least */

/* Blocks that the library holds. */
static std::atomic<long> live(0);

static void *allocate(void *, size_t size, size_t alignment) {
    void *block = nullptr;
    if (posix_memalign(&block, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) != 0) return nullptr;
    live++;
    return block;
}

static void release(void *, void *block) {
    live--;
    std::free(block);
}

/* What every thread does; checks are counted here, for CHECK belongs to one thread. */
struct caller {
    const retrieve::model &model;
    const retrieve::index &index;
    const retrieve::searcher &searcher;
    const std::vector<rtv_picture> &pictures;
    const std::vector<float> &expected;
    std::atomic<int> &wrong;

    void once() const {
        if (model.embed(pictures) != expected) wrong++;
        for (std::size_t i = 0; i < pictures.size(); i++) {
            const retrieve::index::hits found = searcher.search_one(pictures[i], 1);
            if (found.size() != 1 || found[0].id != std::int64_t(i)) wrong++;
            if (index.key(std::int64_t(i)) != (i == 0 ? "a" : "b")) wrong++;
        }
    }
    void run(std::chrono::steady_clock::time_point until) const {
        for (int i = 0; i < rounds || std::chrono::steady_clock::now() < until; i++) once();
    }
};

static void run_all(const caller &work, int seconds) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    std::vector<std::thread> threads;
    for (int i = 0; i < callers; i++) threads.emplace_back([&work, until] { work.run(until); });
    for (std::thread &thread : threads) thread.join();
}

static void share() {
    const rtv_allocator allocator = {nullptr, allocate, release};
    const char *const keys[] = {"a", "b"};
    two_pictures given;
    const std::vector<rtv_picture> pictures(given.list, given.list + 2);
    retrieve::runtime_options options;
    retrieve::items items;
    options.threads = 3;
    options.allocator = &allocator;
    items.keys = keys;
    const retrieve::runtime runtime = retrieve::runtime::create(&options);
    const retrieve::import_options how = toy_options();
    const retrieve::model model = retrieve::model::from_checkpoint(toy_checkpoint, &how, nullptr, runtime);
    const retrieve::index index = retrieve::index::create(model, runtime);
    const retrieve::searcher searcher = retrieve::searcher::create(model, index);
    searcher.add(pictures, &items);
    const std::vector<float> expected = model.embed(pictures);
    std::atomic<int> wrong(0);
    const caller work = {model, index, searcher, pictures, expected, wrong};
    run_all(work, 0); /* what the first calls allocate stays for those that follow */
    const long before = live;
    run_all(work, std::getenv("RTV_TEST_FULL") ? 10 : 2);
    CHECK(wrong == 0);
    CHECK(live - before < callers * rounds); /* a block lost in each call would be more */
}

int main() {
    share();
    CHECK(live == 0);
    return failures == 0 ? 0 : 1;
}
