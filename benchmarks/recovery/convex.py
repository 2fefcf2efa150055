"""The lasso, sparse Bayesian learning and the best subset on a dense matrix.

FISTA against the coordinate descent of celer and skglm: 500 × 5000, a thirtieth of the largest penalty, both to a
duality gap of 1e-6 ‖y‖²; coordinate descent is the right tool there. ``sbl`` against ``ARDRegression`` on 200 × 2000
with 20 non-zeros at 30 dB, at no larger an error. The half threshold of ten million numbers against PyLops's. Best
subset: 500 × 5000 with 40 coefficients and correlated columns (0.8), against abess with its path of sizes up to 60; the
errors of the coefficients are in the last column.
"""

import warnings
from functools import partial

import numpy as np

from benchmarks._pairs import Case, versioned
from benchmarks.recovery._problems import autoregressive, dense, error
from sparsela.recovery import SparseRegressor, fista, sbl
from sparsela.recovery.prox import prox_lhalf


def cases(quick: bool):
    yield from lassos(*((100, 500) if quick else (500, 5000)))
    yield bayes(*((60, 300, 6) if quick else (200, 2000, 20)))
    yield threshold(10**5 if quick else 10**7)
    yield subset(*((100, 500, 8) if quick else (500, 5000, 40)))


def lassos(m, n):
    import celer
    import skglm

    A, y, _ = dense(m, n, m // 25, noise=0.1)
    alpha = np.abs(A.T @ y).max() / 30

    def objective(x):
        return 0.5 * np.sum((y - A @ x) ** 2) + alpha * np.abs(x).sum()

    def check(ours, peer):
        a, b = objective(ours.x), objective(peer.coef_)
        assert abs(a - b) <= 1e-6 * (y @ y), f"objectives {a:.8g} and {b:.8g}"
        return f"objectives agree to {abs(a / b - 1):.0e}"

    ours = partial(fista, A, y, alpha, max_iter=10_000)
    note = "Dense data of this kind are the home of coordinate descent with a working set."
    for package in (celer, skglm):
        model = package.Lasso(alpha=alpha / m, fit_intercept=False, tol=1e-6)
        name = versioned(package.__name__)
        yield Case(f"fista, {m} × {n}", ours, partial(model.fit, A, y), check, name, bar=1 / 3, note=note)


def bayes(m, n, k):
    from sklearn.linear_model import ARDRegression

    A, y, x = dense(m, n, k, noise=10 ** (-30 / 20))

    def check(ours, peer):
        a, b = error(ours.x, x), error(peer.coef_, x)
        assert a <= b * 1.05, f"error {a:.3f} against {b:.3f}"
        return f"error {a:.3f}, peer's {b:.3f}"

    peer = partial(ARDRegression(fit_intercept=False).fit, A, y)
    return Case(f"sbl, {m} × {n}", partial(sbl, A, y), peer, check, versioned("scikit-learn"), bar=10.0)


def threshold(n):
    from pylops.optimization.cls_sparsity import _halfthreshold

    z = np.random.default_rng(0).standard_normal(n)

    def check(ours, peer):
        # PyLops thresholds ‖x − z‖² + a |x|^½ at another point, by its own formula: what both keep must agree
        both = (ours != 0) & (peer != 0)
        gap = np.abs(ours[both] - peer[both]).max()
        assert gap <= 1e-8, f"they differ by {gap:.1e}"
        return f"equal to {gap:.0e} where both are not 0"

    def peer():
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return _halfthreshold(z, 1.0)

    return Case(f"prox_lhalf, {n} numbers", partial(prox_lhalf, z, 0.5), peer, check, versioned("pylops"), bar=5.0)


def subset(m, n, k):
    from abess import LinearRegression

    X, y, coef = autoregressive(m, n, k, 0.8, 30)
    model = LinearRegression(support_size=range(k + k // 2 + 1))

    def check(ours, peer):
        a, b = error(ours.coef_, coef), error(np.ravel(peer.coef_), coef)
        return f"error {a:.4f}, peer's {b:.4f}"

    ours = partial(SparseRegressor("nst", k).fit, X, y)
    return Case(f"SparseRegressor('nst'), {m} × {n}", ours, partial(model.fit, X, y), check, versioned("abess"))
