/* kernels_eigen.c - eigenvalues and eigenvectors of a symmetric matrix: Householder's reflections to a tridiagonal matrix, then the
 * implicit QL method (Golub and Van Loan, Matrix Computations, 8.3). The textbook's methods and an order of every sum that is written down
 * here, for the result has to be the same bits on every processor, which no library of linear algebra promises. */
#include "kernels/kernels_eigen.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define STEP RTVI_EIGEN_STEP
#define MOST_ROUNDS 100  /* for one eigenvalue; two or three are usual */
#define BLOCK 64         /* columns that are turned at once: of 1536 rows 0.8 MB, which stay in a core's second-level cache */
#define MOST_TURNS 16384 /* kept until they are applied */

/* A rotation of two neighbouring rows. */
typedef struct turn {
    double c, s;
    size_t row;
} turn;

/* Vectors have stride doubles and zeros where nothing is. */
typedef struct solver {
    size_t n, stride, num_turns;
    double *a;         /* [n][stride] the matrix; row k becomes the reflection of step k */
    double *d, *e;     /* diagonal and what is beside it */
    double *beta;      /* of the reflections */
    double *v, *w, *p; /* of the step before (v, w) and of this one */
    double *z;         /* [n][stride] rows become eigenvectors of the tridiagonal matrix */
    turn *turns;       /* [MOST_TURNS] */
} solver;

size_t rtvi_eigen_work_size(size_t n) {
    return 6 * rtvi_eigen_stride(n) + n * rtvi_eigen_stride(n) + MOST_TURNS * sizeof(turn) / sizeof(double);
}

static double join(const double l[STEP]) { return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7])); }

static double dot(const double *x, const double *y, size_t first, size_t end) {
    double sums[STEP] = {0};
    for (size_t j = first; j < end; j += STEP)
        for (size_t i = 0; i < STEP; i++) sums[i] += x[j + i] * y[j + i];
    return join(sums);
}

static void add_scaled(double *restrict x, double scale, const double *restrict y, size_t first, size_t end) {
    for (size_t j = first; j < end; j++) x[j] += scale * y[j];
}

/* The length of (a, b), by operations that round alike everywhere. */
static double length_of(double a, double b) {
    const double x = fabs(a), y = fabs(b), large = x > y ? x : y, small = x > y ? y : x;
    return large > 0 ? large * sqrt(1 + small / large * (small / large)) : 0;
}

/* --- to a tridiagonal matrix ------------------------------------------------------------------------------------------------------------
 */

/* Row i -= v[i] * w + w[i] * v; returns its product with x. */
static double update_row(const solver *s, size_t i, size_t first, const double *restrict x) {
    double *restrict row = s->a + i * s->stride, sums[STEP] = {0};
    const double *restrict v = s->v, *restrict w = s->w, vi = v[i], wi = w[i];
    for (size_t j = first; j < s->stride; j += STEP) {
        for (size_t l = 0; l < STEP; l++) {
            row[j + l] -= vi * w[j + l] + wi * v[j + l];
            sums[l] += row[j + l] * x[j + l];
        }
    }
    return join(sums);
}

/* The reflection that takes x[k + 1 ..] to (e, 0, ..): x becomes its vector. Returns its beta, 0 when there is nothing to do. */
static double reflect(double *x, size_t k, size_t stride, double *e) {
    double largest = 0, length, squares, leading;
    for (size_t j = k + 1; j < stride; j++) largest = fmax(largest, fabs(x[j]));
    *e = x[k + 1];
    if (largest == 0) return 0;
    for (size_t j = k + 1; j < stride; j++) x[j] /= largest; /* so that squares neither vanish nor overflow */
    squares = dot(x, x, (k + 1) / STEP * STEP, stride);
    leading = x[k + 1];
    if (squares == leading * leading) return 0; /* zeros behind it already */
    length = leading > 0 ? -sqrt(squares) : sqrt(squares);
    *e = length * largest;
    x[k + 1] = leading - length;
    return 1 / (squares - length * leading);
}

/* The update of one step is done in the pass of the next one, which has to read the matrix anyway. */
static void tridiagonalize(solver *s) {
    for (size_t k = 0; k < s->n; k++) {
        double *row = s->a + k * s->stride, *keep;
        const size_t first = (k + 1) / STEP * STEP;
        double share;
        update_row(s, k, k / STEP * STEP, s->v);
        s->d[k] = row[k];
        s->e[k] = s->beta[k] = 0;
        for (size_t j = k / STEP * STEP; j <= k; j++) row[j] = s->p[j] = 0;
        if (k + 1 < s->n) s->beta[k] = reflect(row, k, s->stride, &s->e[k]);
        if (s->beta[k] == 0) memset(row, 0, s->stride * sizeof *row);
        for (size_t i = k + 1; i < s->n; i++) s->p[i] = s->beta[k] * update_row(s, i, first, row);
        share = s->beta[k] / 2 * dot(s->p, row, first, s->stride);
        add_scaled(s->p, -share, row, first, s->stride);
        memcpy(s->v, row, s->stride * sizeof *row);
        keep = s->w;
        s->w = s->p;
        s->p = keep;
    }
}

/* --- the QL method ----------------------------------------------------------------------------------------------------------------------
 */

static void turn_rows(double *restrict upper, double *restrict lower, double c, double s, size_t count) {
    for (size_t j = 0; j < count; j++) {
        const double x = upper[j], y = lower[j];
        lower[j] = s * x + c * y;
        upper[j] = c * x - s * y;
    }
}

/* Applies the turns that were kept, a few columns at a time. */
static void apply_turns(solver *s) {
    for (size_t first = 0; first < s->stride; first += BLOCK) {
        const size_t count = s->stride - first < BLOCK ? s->stride - first : BLOCK;
        for (size_t t = 0; t < s->num_turns; t++) {
            double *upper = s->z + s->turns[t].row * s->stride + first;
            turn_rows(upper, upper + s->stride, s->turns[t].c, s->turns[t].s, count);
        }
    }
    s->num_turns = 0;
}

static void keep_turn(solver *s, size_t row, double cosine, double sine) {
    if (s->num_turns == MOST_TURNS) apply_turns(s);
    s->turns[s->num_turns++] = (turn){cosine, sine, row};
}

/* One round on the rows first..last, which hang together. */
static void ql_round(solver *s, size_t first, size_t last) {
    double *d = s->d, *e = s->e, sine = 1, cosine = 1, p = 0;
    double g = (d[first + 1] - d[first]) / (2 * e[first]), r = length_of(g, 1);
    g = d[last] - d[first] + e[first] / (g + (g < 0 ? -r : r));
    for (size_t i = last; i-- > first;) {
        const double f = sine * e[i], b = cosine * e[i];
        e[i + 1] = r = length_of(f, g);
        if (r == 0) { /* it falls apart here */
            d[i + 1] -= p;
            e[last] = 0;
            return;
        }
        sine = f / r;
        cosine = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * sine + 2 * cosine * b;
        p = sine * r;
        d[i + 1] = g + p;
        g = cosine * r - b;
        keep_turn(s, i, cosine, sine);
    }
    d[first] -= p;
    e[first] = g;
    e[last] = 0;
}

static int diagonalize(solver *s) {
    double norm = 0;
    for (size_t i = 0; i < s->n; i++) norm = fmax(norm, fabs(s->d[i]) + fabs(s->e[i]));
    memset(s->z, 0, s->n * s->stride * sizeof *s->z);
    for (size_t i = 0; i < s->n; i++) s->z[i * s->stride + i] = 1;
    for (size_t first = 0; first < s->n; first++) {
        for (size_t round = 0;; round++) {
            size_t last = first;
            while (last + 1 < s->n && fabs(s->e[last]) > DBL_EPSILON / 2 * norm) last++; /* as exact as the reflections were */
            if (last == first) break;
            if (round == MOST_ROUNDS) return 0;
            ql_round(s, first, last);
        }
    }
    apply_turns(s);
    return 1;
}

/* --- the result
 * --------------------------------------------------------------------------------------------------------------------------- */

/* Back through the reflections, from an eigenvector of the tridiagonal matrix to one of the matrix. */
static void reflect_back(const solver *s, double *x) {
    for (size_t k = s->n; k-- > 0;) {
        const double *v = s->a + k * s->stride;
        const size_t first = (k + 1) / STEP * STEP;
        if (s->beta[k] != 0) add_scaled(x, -s->beta[k] * dot(v, x, first, s->stride), v, first, s->stride);
    }
}

/* The largest of the values from k on comes to k, with its vector. */
static void sort_out(solver *s, size_t k) {
    double *x = s->z + k * s->stride, *y, value;
    size_t best = k;
    for (size_t i = k + 1; i < s->n; i++)
        if (s->d[i] > s->d[best]) best = i;
    y = s->z + best * s->stride;
    value = s->d[k];
    s->d[k] = s->d[best];
    s->d[best] = value;
    for (size_t j = 0; j < s->stride; j++) {
        value = x[j];
        x[j] = y[j];
        y[j] = value;
    }
}

static void fix_sign(double *x, size_t n) {
    size_t largest = 0;
    for (size_t j = 1; j < n; j++)
        if (fabs(x[j]) > fabs(x[largest])) largest = j;
    if (x[largest] > 0) return;
    for (size_t j = 0; j < n; j++) x[j] = -x[j];
}

static double *carve(double **work, size_t count) {
    double *block = *work;
    memset(block, 0, count * sizeof *block);
    *work += count;
    return block;
}

int rtvi_eigen_symmetric(double *matrix, size_t n, size_t count, double *values, double *vectors, double *work) {
    solver s = {.n = n, .stride = rtvi_eigen_stride(n), .a = matrix};
    double **const rows[] = {&s.d, &s.e, &s.beta, &s.v, &s.w, &s.p};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) *rows[i] = carve(&work, s.stride);
    s.z = carve(&work, n * s.stride);
    s.turns = (turn *)(void *)work;
    tridiagonalize(&s);
    if (!diagonalize(&s)) return 0;
    for (size_t k = 0; k < n; k++) sort_out(&s, k);
    memcpy(values, s.d, n * sizeof *values);
    for (size_t k = 0; k < count; k++) {
        double *x = vectors + k * s.stride;
        memcpy(x, s.z + k * s.stride, s.stride * sizeof *x);
        reflect_back(&s, x);
        fix_sign(x, n);
    }
    return 1;
}
