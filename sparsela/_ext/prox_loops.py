"""Elementwise shrinkage: x = argmin ½(x − z)² + a φ(x) for one penalty φ a loop (Numba).

Contract: z, out 1-D and contiguous, float32 or float64, of one length, and may be the same array; the arithmetic is in
double. The strength (the array beside z) has one number or one a coefficient, finite and ≥ 0. Infinite z stays, NaN
stays, a tie gives 0. Cost: one pass; all but two_thirds, power and log_sum are straight code that becomes vectors.
Scalar code with branches, no BLAS inside: Numba. Compiled at the first call, kept on disk. Called by _core.elementwise.
"""

import math

from numba import njit

SCALAR = {"cache": True, "error_model": "numpy", "nogil": True, "inline": "never"}
LOOP = {"cache": True, "error_model": "numpy", "nogil": True}


@njit(**SCALAR)
def _soft(z, a):
    s = abs(z)
    return 0.0 if s <= a else math.copysign(s - a, z)


@njit(**SCALAR)
def _hard(z, a):
    return 0.0 if abs(z) <= math.sqrt(2.0 * a) else z


@njit(**SCALAR)
def _half(z, a):
    # Xu et al.'s (2/3) s (1 + cos(...)) is s w², w the largest root of w³ − w + h = 0: four Newton steps from above
    # reach it to the last bits (h ≤ 0.273 past the threshold) and, having no cosine, run in vectors.
    s = abs(z)
    h = 0.5 * a / s / math.sqrt(s)
    w = 1.0 - h * (0.5 + 0.375 * h)
    for _ in range(4):
        w = (2.0 * w * w * w - h) / (3.0 * w * w - 1.0)
    return 0.0 if s <= 1.5 * a ** (2.0 / 3.0) else math.copysign(s * w * w, z)


@njit(**SCALAR)
def _two_thirds(z, a):
    # s w³, w the largest root of w⁴ − w + h = 0; past the threshold h ≤ 0.397
    s = abs(z)
    if s <= 2.0 * (2.0 * a / 3.0) ** 0.75:
        return 0.0
    h = (2.0 * a / 3.0) / s / s ** (1.0 / 3.0)
    w = 1.0 - h * (1.0 / 3.0 + 2.0 / 9.0 * h)
    for _ in range(5):
        w3 = w * w * w
        w = (3.0 * w3 * w - h) / (4.0 * w3 - 1.0)
    return math.copysign(s * w * w * w, z)


@njit(**SCALAR)
def _power_threshold(a, q):
    if a == 0.0:
        return 0.0
    m = (2.0 * a * (1.0 - q)) ** (1.0 / (2.0 - q))
    return m + a * q * m ** (q - 1.0)


@njit(**SCALAR)
def _power(z, a, q, tau):
    # s y, y the largest root of y + h y^(q−1) = 1: convex, so Newton's steps from above fall to it, and once a step is
    # below 1e-9 the next would be below 1e-16
    s = abs(z)
    if s <= tau:
        return 0.0
    h = a * q / s / s ** (1.0 - q)
    y = 1.0 - h * (1.0 + (1.0 - q) * h)
    for _ in range(30):
        p = h * y ** (q - 1.0)
        step = (y + p - 1.0) / (1.0 - (1.0 - q) * p / y)
        y -= step
        if not step > 1e-9:
            break
    return math.copysign(s * y, z)


@njit(**SCALAR)
def _cel0(z, alpha, step, c):
    s = abs(z)
    w = step * c * c
    if w < 1.0:
        r = s - math.sqrt(2.0 * alpha) * step * c
        x = r / (1.0 - w)
        return 0.0 if r <= 0.0 else math.copysign(x if x < s else s, z)
    return 0.0 if s <= math.sqrt(2.0 * step * alpha) else z


@njit(**SCALAR)
def _scad(z, alpha, step, gamma):
    s = abs(z)
    if s <= step * alpha:
        return 0.0
    if s <= (1.0 + step) * alpha:
        return math.copysign(s - step * alpha, z)
    if s <= gamma * alpha:
        return math.copysign(((gamma - 1.0) * s - step * gamma * alpha) / (gamma - 1.0 - step), z)
    return z


@njit(**SCALAR)
def _mcp(z, alpha, step, gamma):
    s = abs(z)
    if s <= step * alpha:
        return 0.0
    return math.copysign((s - step * alpha) / (1.0 - step / gamma), z) if s <= gamma * alpha else z


@njit(**SCALAR)
def _firm(z, a, mu):
    s = abs(z)
    if a < mu:
        if s <= a:
            return 0.0
        return math.copysign(mu * (s - a) / (mu - a), z) if s <= mu else z
    return 0.0 if s <= math.sqrt(a * mu) else z  # concave up to mu and beyond the crossing with 0: nothing between


@njit(**SCALAR)
def _log_sum(z, a, eps):
    # the larger root of (x − s)(x + ε) + a = 0, where there is one and it beats 0
    s = abs(z)
    if a == 0.0 or math.isinf(s) or math.isnan(s):
        return z
    root = 2.0 * math.sqrt(a)
    if s + eps <= root:
        return 0.0
    d = math.sqrt(s + eps - root) * math.sqrt(s + eps + root)
    x = 0.5 * (s - eps + d) if s >= eps else 2.0 * (s * eps - a) / (eps - s + d)  # whichever does not cancel
    if x <= 0.0 or x * (s - 0.5 * x) <= a * math.log1p(x / eps):
        return 0.0
    return math.copysign(x, z)


@njit(**LOOP)
def soft(z, a, out):
    if a.size == 1:
        for i in range(z.size):
            out[i] = _soft(z[i], a[0])
    else:
        for i in range(z.size):
            out[i] = _soft(z[i], a[i])


@njit(**LOOP)
def hard(z, a, out):
    if a.size == 1:
        for i in range(z.size):
            out[i] = _hard(z[i], a[0])
    else:
        for i in range(z.size):
            out[i] = _hard(z[i], a[i])


@njit(**LOOP)
def half(z, a, out):
    if a.size == 1:
        for i in range(z.size):
            out[i] = _half(z[i], a[0])
    else:
        for i in range(z.size):
            out[i] = _half(z[i], a[i])


@njit(**LOOP)
def two_thirds(z, a, out):
    if a.size == 1:
        for i in range(z.size):
            out[i] = _two_thirds(z[i], a[0])
    else:
        for i in range(z.size):
            out[i] = _two_thirds(z[i], a[i])


@njit(**LOOP)
def power(z, a, q, out):
    if a.size == 1:
        tau = _power_threshold(a[0], q)
        for i in range(z.size):
            out[i] = _power(z[i], a[0], q, tau)
    else:
        for i in range(z.size):
            out[i] = _power(z[i], a[i], q, _power_threshold(a[i], q))


@njit(**LOOP)
def cel0(z, c, alpha, step, out):
    if c.size == 1:
        for i in range(z.size):
            out[i] = _cel0(z[i], alpha, step, c[0])
    else:
        for i in range(z.size):
            out[i] = _cel0(z[i], alpha, step, c[i])


@njit(**LOOP)
def scad(z, alpha, step, gamma, out):
    if alpha.size == 1:
        for i in range(z.size):
            out[i] = _scad(z[i], alpha[0], step, gamma)
    else:
        for i in range(z.size):
            out[i] = _scad(z[i], alpha[i], step, gamma)


@njit(**LOOP)
def mcp(z, alpha, step, gamma, out):
    if alpha.size == 1:
        for i in range(z.size):
            out[i] = _mcp(z[i], alpha[0], step, gamma)
    else:
        for i in range(z.size):
            out[i] = _mcp(z[i], alpha[i], step, gamma)


@njit(**LOOP)
def firm(z, a, mu, out):
    if a.size == 1:
        for i in range(z.size):
            out[i] = _firm(z[i], a[0], mu)
    else:
        for i in range(z.size):
            out[i] = _firm(z[i], a[i], mu)


@njit(**LOOP)
def log_sum(z, a, eps, out):
    if a.size == 1:
        for i in range(z.size):
            out[i] = _log_sum(z[i], a[0], eps)
    else:
        for i in range(z.size):
            out[i] = _log_sum(z[i], a[i], eps)
