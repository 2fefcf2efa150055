/* Truncated E-steps: contract of the kernels in truncated_kernel.c, which truncated.pyx calls on a chunk of samples.
 *
 * A sample's states are, in this order: none on; one of the other units on; then, in preorder, those that turn on 1 ... gamma
 * of its candidates (a state is followed by those that extend it by candidates of higher position). With V values a unit may
 * take when it is on, n_states = 1 + (H - H') V + sum_k C(H', k) V^k.
 *
 *     discrete_rows    y ~ N(sum_h s_h W_h, sigma^2), s_h = 0 or one of the values
 *     slab_rows        the same with s_h z_h, s_h = 0 or 1, z_h normal and integrated out
 *     maximal_rows     y_d ~ N((sum_h s_h W_hd^rho)^(1 / rho), sigma^2)
 *     excess_rows      out (n, H) = -sum_d max(W_hd - y_d, 0), by how much W_h sticks out of a sample
 *     exp_array, log_array   what the tests hold against libm
 *
 * For every row of perm (H; the candidates first, ascending, then the other units, ascending) they give log_z, the log of
 * the sum over the states of exp(F), F relative to the state with none on, and posterior moments, and copy F (n_states a row)
 * to `joint` where that is not NULL. Moments that are sums over samples are added to; with moments == 0 they are left out.
 *
 * discrete_rows and slab_rows take a vector's worth of samples at a time, a sample a lane, and walk the tree of states three
 * times: F = log joint by one multiplication a state, from what is left of every unit's gain after those that are on;
 * exp(F - max F) without branches; and backwards, as in the reverse mode of differentiation: moments are derivatives of
 * log_z by gains and couplings, so that each state costs another two or three operations, however many units are on.
 * Nothing of length D is touched. maximal_rows has its states in lanes and D-dimensional means for each set of candidates, so
 * rows of equal candidates should follow each other.
 *
 * No allocation, no GIL, no check. `space` is aligned to 64 bytes and as long as the *_space function says. */
#ifndef SPARSELA_TRUNCATED_H
#define SPARSELA_TRUNCATED_H

#include <stddef.h>
#include <stdint.h>

#include "dispatch.h"

typedef struct {
    int n_units, n_candidates, max_active, n_states; /* H, H', gamma */
    double inv_t;                                    /* 1 / T */
    const double *gram;                              /* (H, H): W W' / sigma^2 T; slab: W W' / sigma^2 + diag(1 / psi) */
    const double *log_odds;                          /* of a value against 0 (V); slab: of each unit (H) */
    /* discrete */
    int n_values;
    const double *values; /* (V) */
    /* slab */
    const double *evidence; /* (H): -log(psi) / 2 - mu^2 / 2 psi */
    /* maximal */
    int n_features;
    const int32_t *parent, *last; /* (n_combinations) of the states of candidates, in preorder; -1: none */
    const double *W;              /* (H, D) > 0 */
    double rho, precision;        /* precision: 1 / (sigma^2 T) */
} truncated_problem;

/* A (n, H) y W' / sigma^2 (discrete: / T too; slab: + mu / psi), means (n, H): of s, or of s z; on (H): sums of s (slab);
 * pairs (H, H), upper triangle: sums of products of two; counts (V): sums of how many units have a value (discrete) */
#define DISCRETE_ARGS                                                                                                  \
    (const truncated_problem *p, int n, const double *A, const int32_t *perm, int moments, double *log_z,             \
     double *means, double *pairs, double *counts, double *joint, double *space)
#define SLAB_ARGS DISCRETE_ARGS
/* X (n, D), energy (n) = |y|^2; singles (n, H): F of the states with one unit on, on return the mean of s; weights, targets
 * (H, D) += A_hd and A_hd y_d, error += |y - mean|^2, over the states of candidates */
#define MAXIMAL_ARGS                                                                                                   \
    (const truncated_problem *p, int n, const double *X, const double *energy, double *singles, const int32_t *perm,  \
     int moments, double *log_z, double *weights, double *targets, double *error, double *joint, double *space)
#define EXCESS_ARGS (const double *X, const double *W, int n, int H, int D, double *out)
#define ARRAY_ARGS (const double *x, double *y, size_t n)

typedef void(*discrete_rows_t) DISCRETE_ARGS;
typedef void(*maximal_rows_t) MAXIMAL_ARGS;
typedef void(*excess_rows_t) EXCESS_ARGS;
typedef void(*array_t) ARRAY_ARGS;
SL_DECLARE(void, discrete_rows_f64, DISCRETE_ARGS)
SL_DECLARE(void, slab_rows_f64, SLAB_ARGS)
SL_DECLARE(void, maximal_rows_f64, MAXIMAL_ARGS)
SL_DECLARE(void, excess_rows_f64, EXCESS_ARGS)
SL_DECLARE(void, exp_array_f64, ARRAY_ARGS)
SL_DECLARE(void, log_array_f64, ARRAY_ARGS)

static inline discrete_rows_t discrete_rows_pick(void) { return SL_PICK(discrete_rows_f64); }
static inline discrete_rows_t slab_rows_pick(void) { return SL_PICK(slab_rows_f64); }
static inline maximal_rows_t maximal_rows_pick(void) { return SL_PICK(maximal_rows_f64); }
static inline excess_rows_t excess_rows_pick(void) { return SL_PICK(excess_rows_f64); }
static inline array_t exp_array_pick(void) { return SL_PICK(exp_array_f64); }
static inline array_t log_array_pick(void) { return SL_PICK(log_array_f64); }

#define SL_MOST_LANES 8 /* doubles in the widest vector */

static inline size_t discrete_space(const truncated_problem *p)
{
    const size_t H = p->n_units, C = p->n_candidates, depth = p->max_active + 1;
    return SL_MOST_LANES * (3 * H + C * C * 2 + 2 * depth * C + p->n_values + p->n_states);
}

static inline size_t slab_space(const truncated_problem *p)
{
    const size_t H = p->n_units, C = p->n_candidates, depth = p->max_active + 1;
    return SL_MOST_LANES * (6 * H + 2 * depth * (C * C + C) + p->n_states);
}

static inline size_t maximal_padded(const truncated_problem *p)
{
    const size_t n = p->n_states - 1 - (p->n_units - p->n_candidates);
    return (n + SL_MOST_LANES - 1) / SL_MOST_LANES * SL_MOST_LANES;
}

static inline size_t maximal_space(const truncated_problem *p)
{
    const size_t D = p->n_features, M = maximal_padded(p);
    return (3 * D + 6) * M + 2 * (size_t)p->n_candidates * D + D;
}

#endif
