"""Sets from a plan, by trials: in compiled code where it knows the kernel, else here, number for number alike."""

from __future__ import annotations

import numpy as np

from sparsela._core.random import uniform_hash
from sparsela._core.threads import effective_n_jobs, one_blas_thread
from sparsela.dpp._inputs import rows_of
from sparsela.dpp._plan import Reference, _constant

BATCH = 4096  # sets a call
NOT_PSD = -2
EXHAUSTED = -3
NO_MEMORY = -4


def draw(reference: Reference, plan, size, max_trials, seed, first, n_samples, seen):
    """Sets first … first + n_samples − 1 of a seed, and the numbers of trials made and accepted."""
    compiled = reference.kernel.family is not None and isinstance(reference.X, np.ndarray)
    sets, made, accepted = [], 0, 0
    for start in range(first, first + n_samples, BATCH):
        count = min(BATCH, first + n_samples - start)
        call = _compiled if compiled else _interpreted
        out, sizes, trials = call(reference, plan, size, max_trials, seed, start, count, seen)
        made, accepted = made + int(trials[:, 0].sum()), accepted + int(trials[:, 1].sum())
        if (sizes == NOT_PSD).any():
            raise ValueError(
                "kernel must be positive semidefinite, but a determinant is above what any such kernel has"
            )
        if (sizes == NO_MEMORY).any():
            raise MemoryError("no memory for the kernel of the points of a trial")
        if (sizes == EXHAUSTED).any():
            wanted = "" if size is None else f" of {size} points"
            raise RuntimeError(
                f"no set{wanted} in max_trials={max_trials} trials; "
                f"{accepted} of {made} trials were accepted at any size"
            )
        sets += rows_of(out, sizes)
    return sets, made, accepted


def _compiled(reference, plan, size, max_trials, seed, first, count, seen):
    from sparsela._ext import dpp_trial

    kernel = reference.kernel
    numbers = {
        "family": kernel.family,
        "gamma": kernel.gamma,
        "coef0": kernel.coef0,
        "degree": kernel.degree,
        "alpha": plan.alpha,
        "r": plan.r,
        "offset": plan.offset,
        "total": plan.total,
        "least": plan.least,
    }
    diag = np.empty(0) if _constant(reference.diag, 1.0) else reference.diag
    landmarks, M = (plan.landmarks, plan.M) if plan.lazy else (np.empty((0, reference.X.shape[1])), np.empty((0, 0)))
    with one_blas_thread():
        return dpp_trial.trials(
            reference.X,
            plan.score,
            plan.cumulative,
            diag,
            landmarks,
            M,
            seen,
            numbers,
            -1 if size is None else size,
            max_trials,
            seed,
            first,
            count,
            min(effective_n_jobs(), count),
        )


class Stream:
    """The uniform numbers of one sample, in order."""

    def __init__(self, seed: int, sample: int):
        self.seed, self.sample, self.id = seed, sample, 0

    def look(self, count: int) -> np.ndarray:
        return uniform_hash(np.arange(self.id, self.id + count), seed=self.seed, stream=self.sample)

    def take(self, count: int) -> np.ndarray:
        u = self.look(count)
        self.id += count
        return u


def _interpreted(reference, plan, size, max_trials, seed, first, count, seen):
    sets, trials = [], np.zeros((count, 2), np.int64)
    sizes = np.empty(count, np.intc)
    with one_blas_thread():
        for j in range(count):
            S = _sample(reference, plan, size, max_trials, Stream(seed, first + j), seen, trials[j])
            sizes[j] = S if isinstance(S, int) else len(S)
            sets.append(np.empty(0, np.int64) if isinstance(S, int) else S)
    out = np.zeros((count, max(map(len, sets), default=0)), np.int64)
    for row, S in zip(out, sets, strict=True):
        row[: len(S)] = S
    return out, sizes, trials


def _sample(reference, plan, size, max_trials, stream, seen, made):
    from sparsela._ext import dpp

    while made[0] < max_trials:
        made[0] += 1
        points, t, score = _points(reference, plan, stream, seen)
        needed = np.log(stream.take(1)[0]) - plan.offset + t.sum() / plan.r
        w = np.sqrt(plan.alpha * t / (plan.r * score))
        if np.log1p(w**2 * reference.diag[points]).sum() < needed:  # Hadamard's bound
            continue
        rows = reference.X[points]
        L = w[:, None] * reference.kernel(rows, rows) * w if len(points) else np.empty((0, 0))
        try:
            R = np.linalg.cholesky(np.eye(len(L)) + (L + L.T) / 2)
        except np.linalg.LinAlgError:
            return NOT_PSD
        found = 2 * np.log(np.diagonal(R)).sum()
        if found > t.sum() / plan.r - plan.offset + 1e-6:
            return NOT_PSD
        if found < needed:
            continue
        made[1] += 1
        chosen = np.empty((1, len(L)), np.int64)
        count = 0
        if len(L):
            inverse = np.linalg.inv(R)
            K = np.ascontiguousarray(np.eye(len(L)) - inverse.T @ inverse)
            count = dpp.ldl(K, stream.seed, stream.sample, chosen, 1, stream.id)[0]
            stream.id += len(L)
        if size is None or count == size:
            return points[chosen[0, :count]]
    return EXHAUSTED


def _points(reference, plan, stream, seen):
    """Distinct points of a Poisson process, ascending, how often each comes, and their scores."""
    n = len(reference.X)
    end = plan.total * plan.r * np.exp(1 / plan.r)
    guess = int(end + 6 * np.sqrt(end) + 16)
    while True:
        at = np.cumsum(-np.log(stream.look(guess)))
        if at[-1] >= end:
            break
        guess *= 2
    count = int(np.searchsorted(at, end))
    stream.id += count + 1
    if len(plan.cumulative):
        places = np.searchsorted(plan.cumulative, at[:count] / end * plan.cumulative[-1], side="right")
    else:
        places = np.floor(at[:count] / end * n).astype(np.int64)
    points, t = np.unique(np.minimum(places, n - 1), return_counts=True)
    if not plan.lazy:
        return points, t, plan.score[points]
    seen[points] = 1
    score = reference.scores(plan, points)
    bound = np.repeat(score / (plan.alpha * reference.diag[points]), t)
    kept = stream.take(len(bound)) < bound
    t = np.add.reduceat(kept, np.r_[0, np.cumsum(t)[:-1]]) if len(points) else t
    return points[t > 0], t[t > 0], score[t > 0]
