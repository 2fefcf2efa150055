"""Phase transitions: where in the plane of m/n and k/m a solver recovers, by trial and in theory."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import ndtr

from sparsela._core.float_range import in_float_range
from sparsela._core.progress import check_verbose, progress_bar
from sparsela._core.random import seed_from
from sparsela._core.results import Result
from sparsela._core.threads import effective_n_jobs, on_cluster
from sparsela._core.validation import check_count, check_dtype, check_positive
from sparsela.recovery._adaptive import adaptive_nst_ht_fb
from sparsela.recovery._basis_pursuit import basis_pursuit
from sparsela.recovery._nst import nst_ht_fb
from sparsela.recovery._omp import omp
from sparsela.recovery._operators import PartialDCT, PartialWHT
from sparsela.recovery._pursuits import cosamp, subspace_pursuit
from sparsela.recovery._reweighted import irls, reweighted_l1
from sparsela.recovery._sbl import sbl
from sparsela.recovery._thresholding import htp, iht, niht

SOLVERS: dict[str, Callable] = {
    "nst": nst_ht_fb,
    "adaptive_nst": lambda A, y, k: adaptive_nst_ht_fb(A, y),
    "omp": omp,
    "htp": htp,
    "niht": niht,
    "iht": iht,
    "cosamp": cosamp,
    "sp": subspace_pursuit,
    "basis_pursuit": lambda A, y, k: basis_pursuit(A, y),
    "reweighted_l1": lambda A, y, k: reweighted_l1(A, y),
    "irls": lambda A, y, k: irls(A, y),
    "sbl": lambda A, y, k: sbl(A, y),
}
ENSEMBLES = ("gaussian", "bernoulli", "partial_dct", "partial_hadamard", "ill_conditioned")
SIGNALS = ("gaussian", "flat", "uniform", "geometric")
CONDITION, DECAY = 100.0, 0.7  # of "ill_conditioned"; of "geometric"
HOPELESS = 2  # cells in a row without a success, after which a column of the diagram ends

SMALLEST_DELTA = 1e-12  # below it the integrals of `weak_threshold` have no digit right


@dataclass(frozen=True, repr=False, eq=False)
class PhaseDiagram(Result):
    """How often a solver recovers, over the undersampling δ = m/n and the sparsity ρ = k/m.

    Parameters
    ----------
    success : ndarray of shape (n_deltas, n_rhos)
        Share of the trials that recovered x.
    deltas, rhos : ndarray
        The grid.
    n_trials : int
        Trials a cell.
    time : ndarray of shape (n_deltas, n_rhos)
        Mean seconds a trial; NaN in cells that were not run.
    n_iter : ndarray of shape (n_deltas, n_rhos)
        Mean iterations a trial; NaN where there are none.
    n_errors : ndarray of int of shape (n_deltas, n_rhos)
        Trials that raised or warned that they did not converge; they count as failures.
    n_features : int
        n.
    solver : str
        Its name.

    References
    ----------
    D. Donoho, J. Tanner. Observed universality of phase transitions in high-dimensional geometry, with implications for
    modern data analysis and signal processing. Philosophical Transactions of the Royal Society A, 2009.

    Examples
    --------
    >>> diagram = phase_transition("omp", n_features=64, deltas=[0.5], rhos=[0.1, 0.9], n_trials=5, random_state=0)
    >>> diagram.success
    array([[1., 0.]])
    """

    success: np.ndarray
    deltas: np.ndarray
    rhos: np.ndarray
    n_trials: int
    time: np.ndarray
    n_iter: np.ndarray
    n_errors: np.ndarray
    n_features: int
    solver: str

    def transition(self, level: float = 0.5) -> np.ndarray:
        """For each δ the ρ at which it succeeds with probability `level`, by logistic regression on ρ.

        Half a success and half a failure in each outermost cell keep separable data from diverging.

        Parameters
        ----------
        level : float, default=0.5
            A probability in (0, 1).

        Returns
        -------
        ndarray of shape (n_deltas,)
            NaN where success does not fall with ρ.
        """
        level = check_positive(level, "level")
        if level >= 1:
            raise ValueError(f"level must be below 1, got {level:g}")
        return np.array([logistic_crossing(self.rhos, row, self.n_trials, level) for row in self.success])

    def plot(self, ax: Any = None, *, theory: bool = True) -> Any:
        """Draw the diagram, its 50 % curve and, unless told not to, the threshold of ℓ1 in theory; returns the axes."""
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.gca()
        mesh = ax.pcolormesh(self.deltas, self.rhos, self.success.T, cmap="gray", vmin=0, vmax=1, shading="nearest")
        ax.plot(self.deltas, self.transition(), "C1-", lw=2, label=f"{self.solver}, 50 %")
        if theory:
            fine = np.linspace(*np.clip([self.deltas.min(), self.deltas.max()], 0.01, 0.99), 60)
            ax.plot(fine, weak_threshold(fine), "C0--", lw=2, label="ℓ1, theory")
        ax.set(xlabel="δ = m / n", ylabel="ρ = k / m", title=f"{self.solver}, n = {self.n_features}")
        if len(self.rhos) > 1:
            ax.set_ylim(self.rhos.min(), self.rhos.max())
        ax.legend(loc="upper left", fontsize="small")
        ax.figure.colorbar(mesh, ax=ax, label="share recovered")
        return ax

    def to_dict(self) -> dict:
        """Plain lists and numbers, for JSON."""
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, data: dict) -> PhaseDiagram:
        """The diagram of :meth:`to_dict`."""
        missing = set(cls.__dataclass_fields__) - set(data)
        if missing:
            raise ValueError(f"data must have the keys of to_dict(), lacks {sorted(missing)}")
        return cls(
            **{k: np.asarray(v) if isinstance(v, list) else v for k, v in data.items() if k in cls.__dataclass_fields__}
        )


@in_float_range
def weak_threshold(delta: Any, *, sign: str = "real") -> Any:
    """The asymptotic phase transition of ℓ1: the k/m up to which it recovers most signals from δ = m/n.

    Parameters
    ----------
    delta : float or array_like
        m/n, in (0, 1).
    sign : {"real", "nonnegative"}, default="real"
        Whether x is known to be nonnegative.

    Returns
    -------
    float or ndarray
        ρ = k/m.

    Raises
    ------
    ValueError
        If a δ is not in (0, 1) or sign is unknown.

    Notes
    -----
    ``max_{z ≥ 0} (1 − (c/δ) h(z)) / (1 + z² − c h(z))`` with ``h(z) = (1 + z²) Φ(−z) − z φ(z)``, c = 2 for real x, 1
    for nonnegative.

    References
    ----------
    D. Donoho, J. Tanner. Counting faces of randomly projected polytopes when the projection radically lowers dimension.
    Journal of the AMS, 2009.

    D. Donoho, A. Maleki, A. Montanari. Message-passing algorithms for compressed sensing. PNAS, 2009.

    Examples
    --------
    >>> round(weak_threshold(0.5), 4)
    0.3857
    """
    if sign not in ("real", "nonnegative"):
        raise ValueError(f"sign must be 'real' or 'nonnegative', got {sign!r}")
    delta = _reals(delta, "delta").astype(float)
    if not np.all((delta >= SMALLEST_DELTA) & (delta < 1)):
        raise ValueError(f"delta must be in (0, 1) and at least {SMALLEST_DELTA:g}, got {delta}")
    c = 2.0 if sign == "real" else 1.0

    def rho(z, d):
        h = (1 + z * z) * ndtr(-z) - z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
        return (1 - c / d * h) / (1 + z * z - c * h)

    best = [
        -minimize_scalar(lambda z, d=d: -rho(z, d), bounds=(0, 8), method="bounded", options={"xatol": 1e-9}).fun
        for d in delta.ravel()
    ]
    return float(best[0]) if delta.ndim == 0 else np.reshape(best, delta.shape)


def phase_transition(
    solver: Any,
    *,
    n_features: int = 256,
    deltas: Any = None,
    rhos: Any = None,
    n_trials: int = 20,
    ensemble: Any = "gaussian",
    signal: str = "gaussian",
    noise: float = 0.0,
    success_tol: float = 1e-4,
    fill: bool = True,
    random_state: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> PhaseDiagram:
    """Measure where a solver recovers sparse signals: success over m/n and k/m.

    Parameters
    ----------
    solver : str or callable
        "nst", "adaptive_nst", "omp", "htp", "niht", "iht", "cosamp", "sp", "basis_pursuit", "reweighted_l1", "irls" or
        "sbl"; or ``solver(A, y, k)``, which returns x or a result with one.
    n_features : int, default=256
        n.
    deltas, rhos : array_like, optional
        m/n and k/m, in (0, 1], ascending; None: 12 values from 0.08 to 0.96.
    n_trials : int, default=20
        Trials a cell.
    ensemble : {"gaussian", "bernoulli", "partial_dct", "partial_hadamard", "ill_conditioned"} or callable
        A of shape (m, n): N(0, 1/m) entries, ±1/√m, random rows of a cosine or (with random signs) Hadamard transform,
        Gaussian with singular values spread from 1 to 1/100; or ``ensemble(m, n, rng)``.
    signal : {"gaussian", "flat", "uniform", "geometric"}, default="gaussian"
        Non-zeros of x: N(0, 1), ±1, uniform on [−1, 1], ±0.7^i.
    noise : float, default=0.0
        Norm of white noise relative to that of A x.
    success_tol : float, default=1e-4
        A trial succeeds when ``‖x̂ − x‖ ≤ success_tol ‖x‖``.
    fill : bool, default=True
        At each δ, end after two ρ in a row without a success and take the rest for failures.
    random_state : None, int, RandomState or Generator
        Seed. A trial depends on it and on the trial's place in the diagram alone.
    n_jobs : int, optional
        Processes over the δ; None is the library's setting. Inside ``joblib.parallel_config`` with the backend of a
        cluster, its workers take them instead.
    verbose : {0, 1, 2}, default=0
        Progress bar.

    Returns
    -------
    PhaseDiagram
        ``success`` and the grid, ``time``, ``n_iter``, ``n_errors``; ``transition()``, ``plot()``, ``to_dict()``.

    Raises
    ------
    TypeError
        If the solver or ensemble is neither known nor callable.
    ValueError
        If a grid is empty, not ascending or outside (0, 1], or a number is out of range.

    References
    ----------
    D. Donoho, J. Tanner. Observed universality of phase transitions in high-dimensional geometry, with implications for
    modern data analysis and signal processing. Philosophical Transactions of the Royal Society A, 2009.

    Examples
    --------
    >>> diagram = phase_transition("nst", n_features=64, deltas=[0.5], rhos=[0.1, 0.9], n_trials=5, random_state=0)
    >>> diagram.success
    array([[1., 0.]])
    """
    run, name = _named(solver, SOLVERS, "solver"), solver if isinstance(solver, str) else _name_of(solver)
    _named(ensemble, dict.fromkeys(ENSEMBLES), "ensemble")
    if signal not in SIGNALS:
        raise ValueError(f"signal must be one of {SIGNALS}, got {signal!r}")
    n = check_count(n_features, "n_features", low=2)
    if ensemble == "partial_hadamard" and n & (n - 1):
        raise ValueError(f"n_features must be a power of two for partial_hadamard, got {n}")
    deltas, rhos = _grid(deltas, "deltas"), _grid(rhos, "rhos")
    n_trials = check_count(n_trials, "n_trials")
    noise = check_positive(noise, "noise", allow_zero=True)
    success_tol, verbose = check_positive(success_tol, "success_tol"), check_verbose(verbose)
    problem = Problem(n, ensemble, signal, noise, seed_from(random_state))
    jobs = [(run, problem, i, d, rhos, n_trials, success_tol, fill) for i, d in enumerate(deltas)]
    workers = None if on_cluster() else min(effective_n_jobs(n_jobs), len(jobs))
    with progress_bar(len(jobs), f"phase transition of {name}", "δ", verbose) as bar:
        if workers == 1:
            columns = [_counted(_column(*job), bar) for job in jobs]
        else:
            from joblib import Parallel, delayed

            # the largest δ take longest: they go first
            tasks = (delayed(_column)(*job) for job in reversed(jobs))
            found = Parallel(n_jobs=workers, return_as="generator")(tasks)
            columns = [_counted(column, bar) for column in found][::-1]
    success, seconds, n_iter, n_errors = (np.array(part) for part in zip(*columns, strict=True))
    return PhaseDiagram(success, deltas, rhos, n_trials, seconds, n_iter, n_errors, n, name)


@dataclass(frozen=True)
class Problem:
    """What a trial draws."""

    n: int
    ensemble: Any
    signal: str
    noise: float
    entropy: int

    def draw(self, m: int, k: int, place: tuple[int, int, int]):
        """A, y and x of one trial."""
        rng = np.random.default_rng(np.random.SeedSequence(self.entropy, spawn_key=place))
        A = self._matrix(m, rng)
        x = np.zeros(self.n)
        T = rng.choice(self.n, k, replace=False)
        signs = rng.choice([-1.0, 1.0], k)
        x[T] = {
            "gaussian": lambda: rng.standard_normal(k),
            "flat": lambda: signs,
            "uniform": lambda: rng.uniform(-1, 1, k),
            "geometric": lambda: signs * DECAY ** np.arange(k),
        }[self.signal]()
        y = A @ x
        if self.noise:
            e = rng.standard_normal(y.shape)
            y = y + self.noise * np.linalg.norm(y) / np.linalg.norm(e) * e
        return A, y, x

    def _matrix(self, m: int, rng: np.random.Generator):
        n = self.n
        if callable(self.ensemble):
            return self.ensemble(m, n, rng)
        if self.ensemble == "bernoulli":
            return rng.choice([-1.0, 1.0], (m, n)) / np.sqrt(m)
        if self.ensemble == "partial_dct":
            return PartialDCT(n, np.sort(rng.choice(n, m, replace=False)))
        if self.ensemble == "partial_hadamard":
            return PartialWHT(n, np.sort(rng.choice(n, m, replace=False)), signs=rng.choice([-1.0, 1.0], n))
        A = rng.standard_normal((m, n)) / np.sqrt(m)
        if self.ensemble == "ill_conditioned":
            U, _, Vh = np.linalg.svd(A, full_matrices=False)
            A = U * np.geomspace(1, 1 / CONDITION, m) @ Vh
        return A


def _column(run: Callable, problem: Problem, i: int, delta: float, rhos, n_trials: int, tol: float, fill: bool):
    """One δ: success, seconds, iterations and errors at each ρ."""
    m = max(1, round(delta * problem.n))
    success, n_errors = np.zeros(len(rhos)), np.zeros(len(rhos), int)
    seconds, n_iter = np.full(len(rhos), np.nan), np.full(len(rhos), np.nan)
    hopeless = 0
    for j, rho in enumerate(rhos):
        k = max(1, round(rho * m))
        trials = [_trial(run, *problem.draw(m, k, (i, j, t)), k, tol) for t in range(n_trials)]
        hits, errors, times, steps = zip(*trials, strict=True)
        success[j], n_errors[j], seconds[j] = np.mean(hits), sum(errors), np.mean(times)
        n_iter[j] = np.mean(steps)
        hopeless = hopeless + 1 if success[j] == 0 else 0
        if fill and hopeless == HOPELESS:
            break
    return success, seconds, n_iter, n_errors


def _trial(run: Callable, A, y, x, k: int, tol: float) -> tuple[bool, bool, float, float]:
    from sklearn.exceptions import ConvergenceWarning

    start, failed, steps, found = time.perf_counter(), False, np.nan, None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            found = run(A, y, k)
        except Exception:  # whatever a solver does wrong is a failure of this trial, and is counted
            failed = True
    took = time.perf_counter() - start
    if hasattr(found, "x"):
        found, steps = found.x, float(np.mean(getattr(found, "n_iter", np.nan)))
    hit = found is not None and bool(np.linalg.norm(found - x) <= tol * np.linalg.norm(x))
    return hit, failed, took, steps


def logistic_crossing(rhos: np.ndarray, shares: np.ndarray, n_trials: int, level: float) -> float:
    """Where a logistic curve through the successes crosses `level`, by Newton's method."""
    successes, trials = shares * n_trials, np.full(len(rhos), float(n_trials))
    for edge in (0, -1):
        successes[edge] += 0.5
        trials[edge] += 1
    spread = np.ptp(rhos) or 1.0
    X = np.stack([np.ones_like(rhos), (rhos - rhos.mean()) / spread], axis=1)
    b = np.zeros(2)
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(X @ b, -500, 500)))
        H = X.T @ (X * (trials * p * (1 - p))[:, None]) + 1e-12 * np.eye(2)
        step = np.linalg.solve(H, X.T @ (successes - trials * p))
        length = np.abs(step).max()
        b = b + step / max(1.0, length / 5)
        if length < 1e-10:
            break
    if not b[1] < 0:
        return np.nan
    return float(rhos.mean() + spread * (np.log(level / (1 - level)) - b[0]) / b[1])


def _counted(column, bar):
    bar.update(1)
    return column


def _named(choice: Any, known: dict, name: str) -> Any:
    if callable(choice):
        return choice
    if not isinstance(choice, str):
        raise TypeError(f"{name} must be a callable or one of {tuple(known)}, got {type(choice).__name__}")
    if choice not in known:
        raise ValueError(f"{name} must be a callable or one of {tuple(known)}, got {choice!r}")
    return known[choice]


def _name_of(solver: Callable) -> str:
    return getattr(solver, "__name__", type(solver).__name__)


def _reals(values: Any, name: str) -> np.ndarray:
    array = np.asarray(values)
    return array.astype(check_dtype(array.dtype, name, allow_complex=False))


def _grid(values: Any, name: str) -> np.ndarray:
    values = np.linspace(0.08, 0.96, 12) if values is None else np.atleast_1d(_reals(values, name))
    if values.ndim != 1 or not values.size:
        raise ValueError(f"{name} must be a vector with at least one value, got shape {values.shape}")
    if not np.all((values > 0) & (values <= 1)) or np.any(np.diff(values) <= 0):
        raise ValueError(f"{name} must be ascending and in (0, 1], got {values}")
    return values
