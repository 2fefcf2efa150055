"""The entrywise steps of robust PCA, each one pass over a block of rows (Numba).

Contract: M, L and the other arrays are 2-D, C-contiguous, float32 or float64, of one shape and dtype; NaN in M is an
entry that was not seen, and lies in the sparse part whatever L says. L is overwritten. The sum of squares that is
returned is in double. Branches, and no BLAS inside: Numba. Compiled at the first call, kept on disk. Called by
lowrank._robust.
"""

from numba import njit

LOOP = {"cache": True, "error_model": "numpy", "nogil": True, "fastmath": {"reassoc", "contract"}}


@njit(**LOOP)
def hard_step(M, L, zeta):
    """L ← M − S for ``S = HT_ζ(M − L)``; returns ‖M − L − S‖²."""
    total = 0.0
    for i in range(M.shape[0]):
        for j in range(M.shape[1]):
            r = M[i, j] - L[i, j]
            if abs(r) <= zeta:
                L[i, j] = M[i, j]
                total += r * r
    return total


@njit(**LOOP)
def hard_part(M, L, zeta):
    """L ← ``HT_ζ(M − L)``, zero where M was not seen."""
    for i in range(M.shape[0]):
        for j in range(M.shape[1]):
            r = M[i, j] - L[i, j]
            L[i, j] = r if abs(r) > zeta else 0.0


@njit(**LOOP)
def soft_step(M, L, S, Y, mu, following, alpha):
    """S, then Y += μ (M − L − S), then L ← M − S + Y / following; returns ‖M − L − S‖²."""
    total = 0.0
    for i in range(M.shape[0]):
        for j in range(M.shape[1]):
            if M[i, j] == M[i, j]:
                g = M[i, j] - L[i, j] + Y[i, j] / mu
                s = max(g - alpha / mu, 0.0) + min(g + alpha / mu, 0.0)
                r = M[i, j] - L[i, j] - s
                total += r * r
                S[i, j] = s
                Y[i, j] += mu * r
                L[i, j] = M[i, j] - s + Y[i, j] / following
    return total
