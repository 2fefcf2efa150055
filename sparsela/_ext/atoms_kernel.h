/* Dictionary updates on sparse codes: contract of the kernels in atoms_kernel.c / atoms_body.h.
 *
 * Codes C (n, K) are CSR values `data`; `rows` and `pos` list, for one atom, the signals that use it and where in `data` their
 * coefficients stand (CSC with a permutation instead of values). M is a matrix of n rows of length m, C order.
 *     atoms_gather   g (m) = sum_i c_i M[rows_i]; returns sum_i c_i^2
 *     atoms_apply    c'_i = M[rows_i] d' + c_i (d d');  M[rows_i] += c_i d - c'_i d'        (R = X - C D follows D and C)
 * Cost: 2 m, then 6 m flops an entry. No allocation, no GIL, no check. Called by atoms.pyx. */
#ifndef SPARSELA_ATOMS_H
#define SPARSELA_ATOMS_H

#include <stdint.h>

#include "dispatch.h"

#define ATOMS_GATHER_ARGS (const void *M, int m, const int32_t *rows, const int64_t *pos, const void *data, int n, void *g)
#define ATOMS_APPLY_ARGS                                                                                               \
    (void *M, int m, const int32_t *rows, const int64_t *pos, void *data, int n, const void *d, const void *d_new,     \
     double cosine)

typedef double(*atoms_gather_t) ATOMS_GATHER_ARGS;
typedef void(*atoms_apply_t) ATOMS_APPLY_ARGS;
SL_DECLARE(double, atoms_gather_f64, ATOMS_GATHER_ARGS)
SL_DECLARE(double, atoms_gather_f32, ATOMS_GATHER_ARGS)
SL_DECLARE(void, atoms_apply_f64, ATOMS_APPLY_ARGS)
SL_DECLARE(void, atoms_apply_f32, ATOMS_APPLY_ARGS)

static inline atoms_gather_t atoms_gather_pick(int is_double)
{
    return is_double ? SL_PICK(atoms_gather_f64) : SL_PICK(atoms_gather_f32);
}

static inline atoms_apply_t atoms_apply_pick(int is_double)
{
    return is_double ? SL_PICK(atoms_apply_f64) : SL_PICK(atoms_apply_f32);
}

#endif
