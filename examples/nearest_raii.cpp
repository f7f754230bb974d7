/* nearest_raii.cpp - C++11: an index of the pictures named, then what is most similar to the first of them. Nothing is freed by hand. */
#include <iostream>
#include <retrieve/retrieve.hpp>

static retrieve::searcher index_pictures(const retrieve::model &model, const retrieve::index &index,
                                         const std::vector<const char *> &paths) {
    std::vector<rtv_picture> pictures;
    for (const char *path : paths) pictures.push_back(retrieve::picture_from_path(path));
    retrieve::items items;
    items.keys = paths.data();
    retrieve::searcher searcher = retrieve::searcher::create(model, index);
    searcher.add(pictures, &items);
    return searcher;
}

int main(int argc, char **argv) { /* MODEL PICTURE... */
    if (argc < 3) return 2;
    try {
        const retrieve::model model = retrieve::model::load(argv[1]);
        const retrieve::index index = retrieve::index::create(model);
        const retrieve::searcher searcher = index_pictures(model, index, {argv + 2, argv + argc});

        const rtv_picture query = retrieve::picture_from_path(argv[2]);
        for (const rtv_hit &hit : searcher.search_one(query, 5)) std::cout << hit.score << "  " << index.key(hit.id) << "\n";
    } catch (const retrieve::error &e) {
        std::cerr << e.what() << "\n"; /* e.status(), e.os_error() and e.byte_offset() say it to programs */
        return 1;
    }
    return 0;
}
