/* What simd.h leaves out: lists of the lanes of a vector and permutations of them, as constants of the compiler.
 *
 * Included as simd.h is, once for each element type, with ITEM_BITS = log2 sizeof(REAL) defined beside REAL and TAG.
 *     SIXTEEN(M)           M(0) ... M(15)
 *     LIST(F, h)           F(0, h), ..., F(LANES - 1, h)
 *     SHUFFLE(a, b, ...)   lanes of a (0 ... LANES - 1) and of b (from LANES on), by their indices */
#include "simd.h"

#ifndef SPARSELA_LANES_H
#define SPARSELA_LANES_H

#define SIXTEEN(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14) M(15)
#define SWAP(i, h) ((i) ^ (h))
#define SIGN(i, h) ((i) & (h) ? -1 : 1)
#define BIT(i, h) (1 << (i))
#define LIST2(F, h) F(0, h), F(1, h)
#define LIST4(F, h) LIST2(F, h), F(2, h), F(3, h)
#define LIST8(F, h) LIST4(F, h), F(4, h), F(5, h), F(6, h), F(7, h)
#define LIST16(F, h) LIST8(F, h), F(8, h), F(9, h), F(10, h), F(11, h), F(12, h), F(13, h), F(14, h), F(15, h)

#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (ivec){__VA_ARGS__})
#endif

#endif

#undef LIST
#if SL_WIDTH >> ITEM_BITS == 16
#define LIST LIST16
#elif SL_WIDTH >> ITEM_BITS == 8
#define LIST LIST8
#elif SL_WIDTH >> ITEM_BITS == 4
#define LIST LIST4
#else
#define LIST LIST2
#endif
