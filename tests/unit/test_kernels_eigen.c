/* test_kernels_eigen.c - eigenvalues and eigenvectors against NumPy's (tests/golden/make_reduction.py) and against what they have to be. */
#include "support_flat.h"

#include "kernels/kernels_eigen.h"

typedef struct solved {
    size_t n, stride, count;
    double *matrix, *values, *vectors; /* the matrix as it was */
} solved;

/* matrix[n][n] */
static solved solve(const double *matrix, size_t n, size_t count) {
    solved s = {n, rtvi_eigen_stride(n), count, NULL, NULL, NULL};
    double *work = malloc(rtvi_eigen_work_size(n) * sizeof *work), *used = calloc(n * s.stride, sizeof *used);
    s.matrix = calloc(n * s.stride, sizeof *s.matrix);
    s.values = malloc(n * sizeof *s.values);
    s.vectors = malloc(count * s.stride * sizeof *s.vectors);
    for (size_t i = 0; i < n; i++) memcpy(s.matrix + i * s.stride, matrix + i * n, n * sizeof *matrix);
    memcpy(used, s.matrix, n * s.stride * sizeof *used);
    assert_true(rtvi_eigen_symmetric(used, n, count, s.values, s.vectors, work));
    free(work);
    free(used);
    return s;
}

static void release(solved *s) {
    free(s->matrix);
    free(s->values);
    free(s->vectors);
}

static double product(const double *a, const double *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* A x = value x and unit length at right angles, to a few roundings of the largest value; sorted; signs as promised. */
static void check(const solved *s) {
    double norm = 0;
    for (size_t i = 0; i < s->n; i++) norm = fmax(norm, fabs(s->values[i]));
    for (size_t k = 0; k < s->count; k++) {
        const double *x = s->vectors + k * s->stride;
        size_t largest = 0;
        for (size_t i = 0; i < s->n; i++) {
            const double error = product(s->matrix + i * s->stride, x, s->n) - s->values[k] * x[i];
            assert_true(fabs(error) <= 1e-14 * norm * (double)s->n);
            if (fabs(x[i]) > fabs(x[largest])) largest = i;
        }
        assert_true(x[largest] > 0);
        for (size_t l = 0; l <= k; l++) assert_true(fabs(product(x, s->vectors + l * s->stride, s->n) - (l == k)) <= 1e-14 * (double)s->n);
        if (k > 0) assert_true(s->values[k] <= s->values[k - 1]);
    }
}

static double random_value(uint64_t *seed) { return (double)test_random_float(seed); }

/* Symmetric, with values of so many digits in their exponents. */
static double *make(size_t n, double digits, uint64_t seed) {
    double *a = malloc(n * n * sizeof *a);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            a[i * n + j] = a[j * n + i] = random_value(&seed) * pow(10, -digits * (double)(i + j) / (double)(2 * n));
    return a;
}

static void random_matrices(void **state) {
    (void)state;
    for (size_t n = 1; n < 75; n += 1 + n / 9) {
        for (int digits = 0; digits <= 20; digits += 10) {
            double *a = make(n, digits, n + 1);
            solved s = solve(a, n, n);
            check(&s);
            release(&s);
            free(a);
        }
    }
}

static void special_matrices(void **state) {
    enum { N = 19 };
    double a[N * N];
    (void)state;
    for (int kind = 0; kind < 7; kind++) {
        solved s;
        for (size_t i = 0; i < N; i++) {
            for (size_t j = 0; j < N; j++) {
                const double diagonal = i == j, beside = i + 1 == j || j + 1 == i;
                const double of_kind[] = {0,                           /* nothing */
                                          diagonal,                    /* all values equal */
                                          diagonal * (double)(i % 4),  /* sorted, many equal */
                                          1,                           /* of rank one */
                                          2 * diagonal - beside,       /* tridiagonal already */
                                          1e150 * (diagonal + beside), /* squares overflow */
                                          1e-150 * (diagonal + (i % 3 == j % 3))};
                a[i * N + j] = of_kind[kind];
            }
        }
        s = solve(a, N, N);
        check(&s);
        if (kind == 3) assert_true(fabs(s.values[0] - N) < 1e-12 && fabs(s.values[1]) < 1e-12);
        if (kind == 4) assert_true(fabs(s.values[0] - (2 + 2 * cos(3.14159265358979323846 / (N + 1)))) < 1e-13); /* in every textbook */
        release(&s);
    }
}

static void as_numpy_says(void **state) {
    size_t size;
    uint8_t *file = test_read_file(test_golden("reduction/pca.data"), &size);
    int32_t shape[3];
    double *covariance, *values;
    size_t n, at;
    solved s;
    (void)state;
    memcpy(shape, file, sizeof shape);
    n = (size_t)shape[1];
    at = sizeof shape + (size_t)shape[0] * n * sizeof(float);
    covariance = malloc(n * n * sizeof *covariance);
    values = malloc(n * sizeof *values);
    memcpy(covariance, file + at, n * n * sizeof *covariance);
    memcpy(values, file + at + n * n * sizeof *covariance, n * sizeof *values);
    s = solve(covariance, n, (size_t)shape[2]);
    check(&s);
    for (size_t k = 0; k < n; k++) assert_true(fabs(s.values[k] - values[k]) <= 1e-15 * values[0] * (double)n);
    for (size_t k = 0; k < s.count; k++) {
        for (size_t j = 0; j < n; j++) {
            double direction;
            memcpy(&direction, file + at + (n * n + n + k * n + j) * sizeof direction, sizeof direction);
            assert_true(fabs(s.vectors[k * s.stride + j] - direction) < 1e-12); /* rounding over the gaps between the values */
        }
    }
    release(&s);
    free(covariance);
    free(values);
    free(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_matrices),
        cmocka_unit_test(special_matrices),
        cmocka_unit_test(as_numpy_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
