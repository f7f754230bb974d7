/* test_hpp_vectors.cpp - the cases of tests/vectors/vectors.json, through retrieve.hpp. */
#include "check.hpp"

#include <cjson/cJSON.h>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <list>

using bytes = std::vector<std::uint8_t>;

/* --- reading ------------------------------------------------------------------------------------------------------------------------- */

/* A JSON value; an absent one is false. */
class json {
   public:
    json(const cJSON *value) : value_(value) {}
    explicit operator bool() const { return value_ != nullptr; }
    json operator[](const char *name) const { return cJSON_GetObjectItemCaseSensitive(value_, name); }
    json operator[](size_t i) const { return cJSON_GetArrayItem(value_, int(i)); }
    size_t size() const { return size_t(cJSON_GetArraySize(value_)); }
    bool is_null() const { return cJSON_IsNull(value_); }
    bool is_true() const { return cJSON_IsTrue(value_); }
    std::string name() const { return value_->string; }
    std::string printed() const {
        char *const text = cJSON_PrintUnformatted(value_);
        const std::string copy = text;
        cJSON_free(text);
        return copy;
    }
    double number() const { return value_->valuestring ? std::strtod(value_->valuestring, nullptr) : value_->valuedouble; }
    int integer(int otherwise = 0) const { return value_ ? value_->valueint : otherwise; }
    const char *text() const { return cJSON_GetStringValue(value_); }
    template <class T>
    std::vector<T> list() const {
        std::vector<T> out;
        for (size_t i = 0; i < size(); i++) out.push_back(T((*this)[i].number()));
        return out;
    }
    /* The rows one after the other. */
    std::vector<float> rows() const {
        std::vector<float> out;
        for (size_t i = 0; i < size(); i++)
            for (float value : (*this)[i].list<float>()) out.push_back(value);
        return out;
    }

   private:
    const cJSON *value_;
};

static bytes read_file(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    CHECK(file.good());
    return bytes(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

static bool is_damaged(json where) { return where["keep_bytes"] || where["flip_byte"]; }

/* A file of tests/, damaged as the case says. */
static bytes damaged_file(json where, const char *name) {
    bytes data = read_file(tests_folder + where[name].text());
    const int flip = where["flip_byte"].integer();
    if (where["keep_bytes"]) data.resize(size_t(where["keep_bytes"].integer()));
    if (where["flip_byte"]) data[flip < 0 ? data.size() - size_t(-flip) : size_t(flip)] ^= 1;
    return data;
}

/* --- inputs -------------------------------------------------------------------------------------------------------------------------- */

static void add_items(const retrieve::index &index, json add) {
    const std::vector<float> vectors = add["vectors"].rows();
    const std::vector<int64_t> ids = add["ids"].list<int64_t>();
    const std::vector<int32_t> classes = add["classes"].list<int32_t>(), predicted = add["predicted"].list<int32_t>();
    std::vector<const char *> keys;
    retrieve::items items;
    for (size_t i = 0; i < add["keys"].size(); i++) keys.push_back(add["keys"][i].text());
    items.vectors = vectors.data();
    if (add["ids"]) items.ids = ids.data();
    if (add["classes"]) items.classes = classes.data();
    if (add["predicted"]) items.predicted = predicted.data();
    if (add["keys"]) items.keys = keys.data();
    index.add(items, int64_t(add["vectors"].size()));
}

static retrieve::index make_index(json dim, json adds) {
    retrieve::index index = retrieve::index::create(dim.integer());
    for (size_t i = 0; i < adds.size(); i++) add_items(index, adds[i]);
    return index;
}

static retrieve::model open_model(json from) {
    retrieve::import_options how;
    if (from["load"] && is_damaged(from)) return retrieve::model::load_bytes(damaged_file(from, "load"));
    if (from["load"]) return retrieve::model::load(tests_folder + from["load"].text());
    how.architecture = from["architecture"].text();
    how.descriptors = from["descriptors"].text();
    how.input_width = from["input_width"].integer(how.input_width);
    how.input_height = from["input_height"].integer(how.input_height);
    return retrieve::model::from_checkpoint(tests_folder + from["import"].text(), &how);
}

/* The hash of tests/golden/models/README.md. */
static uint32_t hash_at(uint32_t i) {
    uint32_t h = i * 2654435761u;
    h = (h ^ h >> 15) * 2246822519u;
    h = (h ^ h >> 13) * 3266489917u;
    return h ^ h >> 16;
}

static int32_t pixel_format(const std::string &name) {
    static const char *const names[] = {"RGB8", "BGR8", "RGBA8", "BGRA8", "GRAY8"}; /* from RTV_PIXEL_RGB8 on */
    for (int32_t i = 0; i < 5; i++)
        if (name == names[i]) return RTV_PIXEL_RGB8 + i;
    return 0;
}

/* Pictures and what they point to. */
struct pictures {
    std::vector<rtv_picture> list;
    std::list<bytes> owned;
    std::list<std::string> paths;
    std::list<std::vector<float>> tensors;

    explicit pictures(json from) {
        for (size_t i = 0; i < from.size(); i++) list.push_back(read(from[i]));
    }

    rtv_picture read(json from) {
        if (from["path"]) {
            paths.push_back(tests_folder + from["path"].text());
            return retrieve::picture_from_path(paths.back().c_str());
        }
        if (from["encoded"]) {
            owned.push_back(damaged_file(from, "encoded"));
            return retrieve::picture_from_encoded(owned.back());
        }
        return from["pixels"] ? read_pixels(from["pixels"]) : read_tensor(from["tensor"]);
    }

    rtv_picture read_pixels(json from) {
        const int stride = from["stride"].integer(), height = from["height"].integer();
        bytes data;
        for (int i = 0; i < stride * height; i++) data.push_back(uint8_t(hash_at(uint32_t(from["first"].integer() + i)) >> 24));
        owned.push_back(std::move(data));
        return retrieve::picture_from_pixels(owned.back().data(), pixel_format(from["format"].text()), from["width"].integer(), height,
                                             stride);
    }

    rtv_picture read_tensor(json from) {
        std::vector<float> values;
        for (int i = 0; i < from["count"].integer(); i++)
            values.push_back(float(double(hash_at(uint32_t(from["first"].integer() + i)) >> 8) / 4194304 - 2));
        tensors.push_back(std::move(values));
        return retrieve::picture_from_tensor(tensors.back());
    }
};

/* --- the cases ----------------------------------------------------------------------------------------------------------------------- */

static void check_hits(json expect, const retrieve::index &index, const std::vector<retrieve::index::hits> &found) {
    const double tolerance = expect["tolerance"] ? expect["tolerance"].number() : 0;
    CHECK(found.size() == expect["ids"].size());
    for (size_t q = 0; q < found.size(); q++) {
        CHECK(found[q].size() == expect["ids"][q].size());
        for (size_t i = 0; i < found[q].size(); i++) {
            const rtv_hit &hit = found[q][i];
            CHECK(hit.id == int64_t(expect["ids"][q][i].number()));
            CHECK(std::fabs(double(hit.score) - double(float(expect["scores"][q][i].number()))) <= tolerance);
            if (!expect["keys"]) continue;
            CHECK(hit.class_id == expect["classes"][q][i].integer());
            CHECK(index.key(hit.id) == expect["keys"][q][i].text());
        }
    }
}

static void run_search(json test) {
    const retrieve::index index = make_index(test["dim"], test["add"]);
    const json given = test["options"];
    const std::vector<int64_t> exclude = given["exclude_ids"].list<int64_t>();
    retrieve::search_options options;
    options.class_id = given["class_id"].integer(options.class_id);
    options.predicted_class = given["predicted_class"].integer(options.predicted_class);
    if (given["min_score"]) options.min_score = float(given["min_score"].number());
    if (given["exclude_ids"]) options.exclude_ids = exclude.data();
    check_hits(test["expect"], index, index.search(test["queries"].rows(), test["k"].integer(), &options));
    CHECK(index.info().count == test["expect"]["count"].integer());
}

static void run_open_index(json test) {
    const json expect = test["expect"];
    const retrieve::index index = is_damaged(test) ? retrieve::index::open_bytes(damaged_file(test, "file"))
                                                   : retrieve::index::open(tests_folder + test["file"].text());
    CHECK(index.info().dim == expect["dim"].integer() && index.info().count == expect["count"].integer());
    for (size_t i = 0; i < expect["keys"].size(); i++) {
        const json pair = expect["keys"][i];
        CHECK(index.key(pair[size_t(0)].integer()) == pair[size_t(1)].text());
    }
}

static void run_open_model(json test) {
    const json expect = test["expect"];
    const rtv_model_info info = open_model(test["model"]).info();
    CHECK(info.descriptor_dim == expect["dim"].integer() && info.num_classes == expect["classes"].integer());
    CHECK(info.input_width == expect["input_width"].integer() && info.input_height == expect["input_height"].integer());
}

static void run_embed(json test) {
    const json expect = test["expect"];
    const retrieve::model model = open_model(test["model"]);
    const pictures given(test["pictures"]);
    const size_t dim = size_t(model.info().descriptor_dim);
    std::vector<float> descriptors(given.list.size() * dim);
    std::vector<int32_t> statuses(given.list.size()), predicted(given.list.size());
    retrieve::embedding into;
    into.descriptors = descriptors.data();
    into.statuses = statuses.data();
    into.classes = predicted.data();
    model.embed(given.list, into);
    for (size_t i = 0; i < given.list.size(); i++) {
        const json wanted = expect["descriptors"][i];
        double largest = 0;
        CHECK(rtv_status_name(statuses[i]) == std::string(expect["statuses"][i].text()));
        CHECK(predicted[i] == expect["predicted"][i].integer());
        if (wanted.is_null()) continue;
        CHECK(wanted.size() == dim);
        for (double value : wanted.list<double>()) largest = std::fmax(largest, std::fabs(value));
        for (size_t j = 0; j < dim; j++)
            CHECK(std::fabs(double(descriptors[i * dim + j]) - wanted[j].number()) <= expect["tolerance"].number() * largest);
    }
}

static void run_similar(json test) {
    const retrieve::model model = open_model(test["model"]);
    const retrieve::index index = retrieve::index::create(model);
    const retrieve::searcher searcher = retrieve::searcher::create(model, index);
    searcher.add(pictures(test["pictures"]).list);
    check_hits(test["expect"], index, searcher.search(pictures(test["queries"]).list, test["k"].integer()));
}

/* The number of a word, as in an enumeration that begins with 1. */
static int32_t word(const std::string &name, const std::vector<const char *> &words) {
    for (size_t i = 0; i < words.size(); i++)
        if (name == words[i]) return int32_t(i) + 1;
    CHECK(false && "unknown word");
    return 0;
}

static void check_evaluation(json expect, const retrieve::evaluation &evaluation) {
    const json metrics = expect["metrics"];
    const std::vector<rtv_query_result> queries = evaluation.queries();
    CHECK(metrics.size() > 0);
    for (size_t i = 0; i < metrics.size(); i++) {
        const int32_t metric = word(metrics[i]["metric"].text(), {"recall", "precision", "r_precision", "map_at_r", "map", "mrr"});
        const int32_t rule = word(metrics[i]["rule"].text(), {"miss", "left_out"});
        const double value = evaluation.metric(metric, metrics[i]["k"].integer(), rule).value;
        CHECK(std::fabs(value - metrics[i]["value"].number()) <= expect["tolerance"].number());
    }
    CHECK(evaluation.info().num_queries == expect["queries"].integer());
    CHECK(evaluation.info().num_answerable == expect["answerable"].integer());
    CHECK(queries.size() == expect["ids"].size());
    for (size_t i = 0; i < queries.size(); i++) {
        CHECK(queries[i].id == int64_t(expect["ids"][i].number()));
        CHECK(queries[i].num_relevant == expect["relevant"][i].integer());
        CHECK(queries[i].first_rank == expect["first_ranks"][i].integer());
    }
}

static void run_evaluate(json test) {
    const std::vector<int64_t> ks = test["ks"].list<int64_t>();
    const retrieve::index gallery = make_index(test["dim"], test["add"]);
    const retrieve::index queries = test["queries"] ? make_index(test["queries_dim"], test["queries"]) : retrieve::index();
    retrieve::evaluation_options options;
    options.ks = ks.data();
    options.num_ks = int64_t(ks.size());
    options.predicted = test["predicted"].is_true();
    check_evaluation(test["expect"], retrieve::evaluation::create(gallery, queries, &options));
}

static void check_layers(json expect, const retrieve::model &model) {
    for (size_t i = 0; i < expect.size(); i++) {
        std::string found = "no such layer";
        for (const rtv_quantized_layer &layer : model.quantized_layers())
            if (expect[i].name() == std::string(layer.name)) found = layer.precision;
        CHECK(found == expect[i].text());
    }
}

static void run_quantize(json test) {
    const json expect = test["expect"];
    const std::string settings = test["settings"].printed();
    retrieve::quantizer_options options;
    options.json = settings.c_str();
    const retrieve::quantizer quantizer = retrieve::quantizer::create(open_model(test["model"]), &options);
    quantizer.add(pictures(test["pictures"]).list);
    const retrieve::model quantized = quantizer.finish();
    const std::vector<float> descriptors = quantized.embed(pictures(test["queries"]).list);
    const size_t dim = size_t(quantized.info().descriptor_dim);
    check_layers(expect["layers"], quantized);
    CHECK(descriptors.size() == expect["descriptors"].size() * dim);
    for (size_t i = 0; i < expect["descriptors"].size(); i++) {
        double product = 0, own = 0, others = 0;
        for (size_t j = 0; j < dim; j++) {
            const double got = double(descriptors[i * dim + j]), wanted = expect["descriptors"][i][j].number();
            product += got * wanted;
            own += got * got;
            others += wanted * wanted;
        }
        CHECK(product / std::sqrt(own * others) >= expect["least_cosine"].number());
    }
}

static void run(json test) {
    const std::string op = test["op"].text();
    if (op == "search") return run_search(test);
    if (op == "open_index") return run_open_index(test);
    if (op == "open_model") return run_open_model(test);
    if (op == "embed") return run_embed(test);
    if (op == "similar") return run_similar(test);
    if (op == "evaluate") return run_evaluate(test);
    if (op == "quantize") return run_quantize(test);
    CHECK(false && "unknown op");
}

int main() {
    const bytes text = read_file(tests_folder + "vectors/vectors.json");
    cJSON *const file = cJSON_ParseWithLength(reinterpret_cast<const char *>(text.data()), text.size());
    const json cases = json(file)["cases"];
    CHECK(json(file)["version"].integer() == 1 && cases.size() > 0);
    for (size_t i = 0; i < cases.size(); i++) {
        const json expect = cases[i]["expect"];
        const char *wanted = expect["status"] ? expect["status"].text() : "RTV_OK";
        const int before = failures;
        std::string status = "RTV_OK";
        try {
            run(cases[i]);
        } catch (const retrieve::error &e) {
            status = rtv_status_name(e.status());
            CHECK(!expect["says"] || std::strstr(e.what(), expect["says"].text()));
        }
        CHECK(status == wanted);
        if (failures > before)
            std::fprintf(stderr, "in the case \"%s\": got %s, expected %s\n", cases[i]["name"].text(), status.c_str(), wanted);
    }
    cJSON_Delete(file);
    return failures == 0 ? 0 : 1;
}
