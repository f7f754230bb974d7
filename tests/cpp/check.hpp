/* check.hpp - what the C++ tests share: a check that counts failures, paths, a model to work with. */
#ifndef TESTS_CHECK_HPP
#define TESTS_CHECK_HPP

#include <cstdio>
#include <cstring>
#include <string>

#include <retrieve/retrieve.hpp>

static int failures = 0;

#define CHECK(condition)                                                                   \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
            failures++;                                                                    \
        }                                                                                  \
    } while (0)

static const std::string tests_folder = RTV_GOLDEN_DIR "/../";
static const std::string toy_checkpoint = RTV_GOLDEN_DIR "/models/cgd_sg.pth";
static const int toy_side = 32;

inline retrieve::import_options toy_options() {
    retrieve::import_options options;
    options.input_width = options.input_height = toy_side;
    return options;
}

/* Two pictures of another colour each. */
struct two_pictures {
    unsigned char pixels[2][16 * 16 * 4];
    rtv_picture list[2];
    two_pictures() {
        for (int i = 0; i < 2; i++) {
            for (int j = 0; j < 16 * 16 * 4; j++) pixels[i][j] = static_cast<unsigned char>(j % 4 == i ? 250 : j / 64 * 10);
            list[i] = retrieve::picture_from_pixels(pixels[i], RTV_PIXEL_BGRA8, 16, 16, 64);
        }
    }
};

#endif
