/* A chain of structured factors times a panel of columns: contract of kronecker_kernel.c / kronecker_body.h.
 *
 * A pass is Z = alpha F X for one factor F, or two (a pair), on a panel of `vectors` * LANES columns:
 *     PASS_BLOCK     F[(i b + k) d + j, (i c + l) d + j] = v(i, j)[k, l]      i < a, j < d, k < b, l < c
 *     PASS_PAIR      two factors of 2 x 2 blocks that mix different digits of the row index, each row read and written
 *                    once: the memory traffic of one
 *     PASS_SPARSE    F in CSR, by spmm_rows
 *     PASS_DIAGONAL, PASS_PERMUTE
 * v(i, j)[k, l] is values[(i d + j) b c + k sk + l sl], so that a transpose reads the values of the matrix in place.
 *
 * X and Z have rows of whole vectors, lds and ldd elements apart, of any alignment. X and Z are apart, or the same for
 * the passes that load a block before they store it (pass_in_place). `matvec` is the pass on one contiguous column,
 * `complex` that of a complex factor on rows of `vectors` vectors of real parts, then as many of imaginary ones (no
 * pairs, alpha = 1, rows one after the other).
 * Cost: 2 nnz columns flops. Sums have a fixed order: the bits of a column depend on nothing else. No allocation,
 * no GIL, no check of input. Called through kronecker.pyx. */
#ifndef SPARSELA_KRONECKER_H
#define SPARSELA_KRONECKER_H

#include <stddef.h>
#include <stdint.h>

#include "spmm_kernel.h"

enum { PASS_BLOCK, PASS_PAIR, PASS_SPARSE, PASS_DIAGONAL, PASS_PERMUTE };

struct block { /* one factor of blocks; first and second of a pair */
    const void *values;
    ptrdiff_t a, b, c, d, sk, sl;
};

struct pass {
    int kind;
    ptrdiff_t rows, columns;
    struct block first, second;         /* `second` is applied after `first` */
    const int32_t *indptr, *indices, *perm; /* CSR, and where its values are as in spmm_kernel.h */
    const void *data;                   /* CSR values or the diagonal */
    const ptrdiff_t *index;             /* permutation: row r of Z is row index[r] of X */
};

#define PASS_ARGS(REAL) \
    (const struct pass *, int vectors, const REAL *X, ptrdiff_t lds, REAL *Z, ptrdiff_t ldd, REAL alpha)
#define MATVEC_ARGS(REAL) (const struct pass *, const REAL *x, REAL *z, REAL alpha)

SL_DECLARE(void, chain_pass_f64, PASS_ARGS(double))
SL_DECLARE(void, chain_pass_f32, PASS_ARGS(float))
#define COMPLEX_ARGS(REAL) (const struct pass *, int vectors, const REAL *X, REAL *Z)

SL_DECLARE(void, chain_complex_f64, COMPLEX_ARGS(double))
SL_DECLARE(void, chain_complex_f32, COMPLEX_ARGS(float))
SL_DECLARE(void, chain_matvec_f64, MATVEC_ARGS(double))
SL_DECLARE(void, chain_matvec_f32, MATVEC_ARGS(float))

typedef void(*pass_double_t) PASS_ARGS(double);
typedef void(*pass_float_t) PASS_ARGS(float);
typedef void(*complex_double_t) COMPLEX_ARGS(double);
typedef void(*complex_float_t) COMPLEX_ARGS(float);
typedef void(*matvec_double_t) MATVEC_ARGS(double);
typedef void(*matvec_float_t) MATVEC_ARGS(float);
static inline pass_double_t pass_double_pick(void) { return SL_PICK(chain_pass_f64); }
static inline pass_float_t pass_float_pick(void) { return SL_PICK(chain_pass_f32); }
static inline complex_double_t complex_double_pick(void) { return SL_PICK(chain_complex_f64); }
static inline complex_float_t complex_float_pick(void) { return SL_PICK(chain_complex_f32); }
static inline matvec_double_t matvec_double_pick(void) { return SL_PICK(chain_matvec_f64); }
static inline matvec_float_t matvec_float_pick(void) { return SL_PICK(chain_matvec_f32); }

static inline int pass_in_place(const struct pass *p)
{
    return p->kind == PASS_PAIR || p->kind == PASS_DIAGONAL
        || (p->kind == PASS_BLOCK && p->first.b == 2 && p->first.c == 2);
}

#endif
