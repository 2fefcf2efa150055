"""Newton projection: against reading A, against plain NumPy, against the first-order methods.

A Gaussian A of 3000 × 5000 in Fortran order, 80 non-zeros, no noise, one thread. No Python package has these methods.
The yardsticks: as many products ``Aᵀ r`` as there are steps, and 3 more from a given start, 8 more with the start (a
ratio of 1 would be the limit of memory); plain NumPy that does, operation by operation, what the MATLAB solver of the
method's authors does (SparsePR: ``A ** 2``, a loop that builds the matrix of the start, two full products with ``Aᵀ``
and the gathers ``A[:, T]`` at each step, at most 20 conjugate gradients to 1e-4), on a C-ordered A, with LAPACK in
place of its random power iteration, and run on until x moves by 1e-10 instead of 1e-5; and the other methods of the
room, each stopped as soon as its error is below 1e-10, on two problems that all of them solve.
"""

from functools import partial

import numpy as np

from benchmarks._pairs import Case, Growth
from sparsela.datasets import make_phaseless
from sparsela.phase import copram, htp, newton_projection, phase_error, sparta, spectral_init


def cases(quick: bool):
    n, m, s = (1000, 700, 15) if quick else (5000, 3000, 80)
    A, y, x = make_phaseless(n, m, s, random_state=1)
    F, r, x0 = np.asfortranarray(A), np.ones(m), spectral_init(A, y, s)
    n_iter = newton_projection(F, y, s).n_iter
    size = f"{m} × {n}, s = {s}"
    for name, start, extra in (("from a given start", x0, 3), ("with the start", None, 8)):
        yield Case(
            f"newton_projection {name}, {size}, {n_iter} steps",
            partial(newton_projection, F, y, s, x0=start),
            partial(products, F, r, n_iter + extra),
            partial(solved, x),
            f"{n_iter + extra} products Aᵀ r",
            bar=1 / 1.5,
            note="A limit: the reads of A that the steps cannot do without.",
        )
    yield Case(
        f"newton_projection, {size}, C order",
        partial(newton_projection, A, y, s),
        partial(as_in_sparsepr, A, y, s),
        partial(both_solved, x),
        "NumPy, as SparsePR",
        bar=5.0,
    )
    for seed in (1, 2):
        A, y, x = make_phaseless(n, m, s, random_state=seed)
        F = np.asfortranarray(A)
        for peer, bar in ((copram, 4.0), (sparta, 4.0), (htp, None)):
            yield Case(
                f"to an error of 1e-10, {size}, problem {seed}",
                partial(until_near, newton_projection, F, y, s, x),
                partial(until_near, peer, F, y, s, x),
                partial(near, x),
                f"sparsela {peer.__name__}",
                bar=bar,
            )
    sizes = [250, 500, 1000] if quick else [1000, 2000, 4000, 8000]
    yield Growth(f"n_features (m = {m}, s = {s // 2})", sizes, partial(of_size, m, s // 2), bar=1.15)


def products(A, r, count):
    for _ in range(count):
        A.T @ r


def until_near(method, A, y, s, x):
    return method(A, y, s, callback=lambda state: phase_error(state.x, x) < 1e-10)


def of_size(m, s, n):
    A, y, _ = make_phaseless(n, m, s, random_state=0)
    return partial(newton_projection, np.asfortranarray(A), y, s)


def solved(x, ours, _) -> str:
    error = phase_error(ours.x, x)
    assert error < 1e-13, f"error {error:.0e}"
    return f"error {error:.0e}"


def both_solved(x, ours, peer) -> str:
    errors = phase_error(ours.x, x), phase_error(peer, x)
    assert errors[0] < 1e-12, f"our error {errors[0]:.0e}"
    assert errors[1] < 1e-9, f"the peer's error {errors[1]:.0e}"
    return f"errors {errors[0]:.0e}, {errors[1]:.0e}"


def near(x, ours, peer) -> str:
    errors = phase_error(ours.x, x), phase_error(peer.x, x)
    assert max(errors) < 1e-10, f"errors {errors[0]:.0e}, {errors[1]:.0e}"
    return f"{ours.n_iter} and {peer.n_iter} steps"


def as_in_sparsepr(A, y, s, eta=0.95, tol=1e-10, max_iter=100):
    """The operations of github.com/jxying/SparsePR, solver_newton_projection.m, whatever could be saved of them."""
    m, n = A.shape
    intensities = y**2
    S = np.sort(np.argsort(-(intensities @ A**2) / m)[:s])
    columns, Y = A[:, S], np.zeros((s, s))
    for i in range(m):
        Y += intensities[i] * np.outer(columns[i], columns[i])
    x = np.zeros(n)
    x[S] = np.sqrt(intensities.mean()) * np.linalg.eigh(Y)[1][:, -1]
    T0 = np.flatnonzero(x)
    u = A[:, T0] @ x[T0]
    smooth = A.T @ ((u**2 - intensities) * u)  # of all columns, though s of its entries are used
    for _ in range(max_iter):
        before = x
        gradient = A.T @ (u - y * np.sign(u)) / m
        T = np.sort(np.argpartition(-np.abs(before - eta * gradient), s)[:s])
        leaving, T0 = np.setdiff1d(T0, T), T
        w = 3 * u**2 - intensities
        columns = A[:, T]
        H = columns.T @ (w[:, None] * columns)
        D = columns.T @ (w[:, None] * A[:, leaving])
        x = np.zeros(n)
        x[T] = before[T] + conjugate_gradients(H, D @ before[leaving] - smooth[T])
        u = A[:, T] @ x[T]
        smooth = A.T @ ((u**2 - intensities) * u)
        if min(np.linalg.norm(x - before), np.linalg.norm(x + before)) <= tol * np.linalg.norm(x):
            break
    return x


def conjugate_gradients(H, b, tol=1e-4, n_steps=20):
    d, r, p = np.zeros_like(b), b, b
    square = first = r @ r
    for _ in range(n_steps):
        if square <= tol**2 * first:
            break
        q = H @ p
        d = d + square / (p @ q) * p
        r = r - square / (p @ q) * q
        square, previous = r @ r, square
        p = r + square / previous * p
    return d
