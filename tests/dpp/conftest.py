"""Laws of small processes by determinants of all subsets, and the tests that samples of them must pass."""

import numpy as np
import pytest
from scipy.stats import chi2
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True, scope="session")
def one_thread_a_worker():
    """Two workers of pytest share two cores; the matrices of these tests are small."""
    with threadpool_limits(1, user_api="blas"):
        yield


class Laws:
    """Numbers of sets as bits."""

    @staticmethod
    def all_sets(n):
        return [[i for i in range(n) if m >> i & 1] for m in range(2**n)]

    @classmethod
    def of(cls, L, size=None):
        """P(S) ∝ det L_S for all subsets, or for those of one size."""
        p = np.array([np.linalg.det(L[np.ix_(S, S)]).real if S else 1.0 for S in cls.all_sets(len(L))])
        if size is not None:
            p[[len(S) != size for S in cls.all_sets(len(L))]] = 0
        return p / p.sum()

    @staticmethod
    def check(sets, p):
        """Chi-square over all subsets at 1e-7, cells of fewer than ten expected taken together."""
        n = int(np.log2(len(p)))
        assert all(S.dtype == np.int64 and (np.diff(S) > 0).all() for S in sets)
        counts = np.bincount([int((1 << S).sum()) for S in sets], minlength=2**n)
        assert counts[p < 1e-15].sum() == 0
        check_counts(counts, p)


def check_counts(counts, p, level=1e-7):
    expected = p * counts.sum()
    common = expected >= 10
    seen = np.append(counts[common], counts[~common].sum())
    wanted = np.append(expected[common], expected[~common].sum())
    if wanted[-1] < 10:  # too few for a cell of their own
        seen, wanted = (np.append(a[:-2], a[-2:].sum()) for a in (seen, wanted))
    statistic = ((seen - wanted) ** 2 / wanted).sum()
    assert statistic <= chi2.isf(level, len(seen) - 1), f"{statistic:.1f} for {len(seen) - 1} degrees of freedom"


@pytest.fixture(scope="session")
def laws():
    return Laws


@pytest.fixture(scope="session")
def law_of_counts():
    return check_counts


@pytest.fixture(params=["real", "complex"])
def matrix(request):
    """A kernel on eight items, its factor of rank 6, and a rest that makes it of full rank."""
    rng = np.random.default_rng(1)
    B = 0.6 * rng.normal(size=(8, 6))
    if request.param == "complex":
        B = B + 0.6j * rng.normal(size=(8, 6))
    L = B @ B.conj().T
    return (L + L.conj().T) / 2 + 0.1 * np.eye(8), B


def gaussian(X, gamma):
    return np.exp(-gamma * ((X[:, None] - X) ** 2).sum(axis=-1))


@pytest.fixture(scope="session")
def rbf():
    return gaussian
