"""Sets of ten of many points, against DPPy's samplers of the same two papers.

One thread. Normal data in five dimensions, Gaussian kernel of length √5. "Fit" is everything before the first set: the
peer makes it in its first call, from which the time of a further call is not taken off (it is a few per cent). A
sample is a set of exactly ten points. Both sides must give sets of ten distinct points; that ours have the right law is
tested over all subsets of small processes, in the tests. Growth: time against the number of points.
"""

from functools import partial
from itertools import count

import numpy as np

from benchmarks._pairs import Case, Growth, versioned
from sparsela.dpp import KernelDPP

K, GAMMA, D = 10, 0.1, 5
MADE = {}


def cases(quick: bool):
    seeds = count()
    for n, fit_bar, sample_bar in ((1000, None, None),) if quick else ((10_000, 5.0, 5.0), (100_000, 50.0, 15.0)):
        X = points(n)
        yield Case(
            f"fit, n = {n}",
            lambda X=X: fitted(X),
            lambda X=X: first_set(X, "vfx"),
            lambda a, b: ten(a.sample(size=K)[0], b[1]),
            versioned("dppy") + " vfx",
            bar=fit_bar,
        )
        process = fitted(X)
        process.sample(size=K)
        for mode in ("vfx", "alpha"):
            theirs = prepared(X, mode)
            rng = np.random.RandomState(1)
            yield Case(
                f"a set of ten, n = {n}",
                lambda process=process: process.sample(size=K, random_state=next(seeds))[0],
                lambda theirs=theirs, mode=mode, rng=rng: draw(theirs, mode, rng),
                ten,
                versioned("dppy") + f" {mode}",
                bar=sample_bar,
            )
    sizes = [2000, 4000] if quick else [100_000, 200_000, 400_000, 800_000]
    yield Growth("fit, number of points", sizes, lambda n: partial(fitted, points(n)), bar=1.1)
    yield Growth("a hundred sets of ten, number of points", sizes, hundred, bar=0.15)


def hundred(n):
    process = fitted(points(n))
    process.sample(size=K)
    return lambda: process.sample(100, size=K, random_state=0)


def points(n):
    return np.random.default_rng(0).normal(size=(n, D))


def fitted(X):
    return KernelDPP(gamma=GAMMA, expected_size=K, random_state=0).fit(X)


def first_set(X, mode):
    versioned("dppy")
    from dppy.finite_dpps import FiniteDPP
    from sklearn.gaussian_process.kernels import RBF

    process = FiniteDPP("likelihood", L_eval_X_data=(RBF((2 * GAMMA) ** -0.5), X))
    MADE[len(X), mode] = process
    return process, draw(process, mode, np.random.RandomState(0))


def prepared(X, mode):
    """The last process that a fit made, where there is one: a fit of theirs takes a minute."""
    made = MADE.get((len(X), mode))
    return made or first_set(X, mode)[0]


def draw(process, mode, rng):
    while True:
        try:
            return process.sample_exact_k_dpp(size=K, mode=mode, random_state=rng, verbose=False)
        except ValueError as error:  # alpha gives up after a hundred sets of other sizes: once more
            if "maximum number of rejections" not in str(error):
                raise


def ten(a, b):
    assert len(set(a)) == len(set(b)) == K, f"{len(set(a))} and {len(set(b))} points"
    return "ten points each"
