/* test_kernels_gram.c - sums of products of columns: in order, and the same bits in every form. */
#include "flat_world.h"

#include "kernels/kernels_gram.h"

enum { WIDTH = RTVI_GRAM_WIDTH, STRIDE = 24, ROWS = 131 };

static void in_every_form(void **state) {
    static double a[ROWS][WIDTH], b[ROWS][WIDTH], expected[WIDTH * STRIDE], sums[WIDTH * STRIDE];
    uint64_t seed = 3;
    (void)state;
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < WIDTH; i++) {
            a[r][i] = (double)(test_random_float(&seed) * 1e3F);
            b[r][i] = (double)test_random_float(&seed);
        }
    for (size_t rows = 0; rows <= ROWS; rows += 1 + rows / 3) {
        for (size_t i = 0; i < WIDTH * STRIDE; i++) expected[i] = (double)i / 7;
        for (size_t r = 0; r < rows; r++)
            for (size_t i = 0; i < WIDTH; i++)
                for (size_t j = 0; j < WIDTH; j++) {
                    volatile double product = a[r][i] * b[r][j]; /* volatile: nothing is fused or reordered */
                    expected[i * STRIDE + j] += product;
                }
        for (size_t isa = 0; isa < WORLD_ISAS; isa++) {
            if (world_isas[isa] > rtvi_cpu_isa()) continue;
            for (size_t i = 0; i < WIDTH * STRIDE; i++) sums[i] = (double)i / 7;
            rtvi_gram_select(world_isas[isa])(a[0], b[0], rows, sums, STRIDE);
            assert_memory_equal(sums, expected, sizeof sums);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_every_form)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
