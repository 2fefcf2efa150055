"""Factorizing a Hadamard matrix.

``hierarchical_factorization`` against ``pyfaust.fact.hierarchical(H, 'hadamard', backend=2020)``, the same method with
the same preset (two non-zeros a row and column, residuals n / 2^ℓ, 30 + 30 sweeps at most), one thread each. Both must
end at a relative error of 1e-9 with 2 n log₂ n non-zeros. Ours fits values over settled supports by conjugate gradients
and multiplies chains of sparse factors, which takes fewer sweeps and no dense n × n products. The last case is real
data: 256 handwritten digits as a 64 × 256 matrix, J = 4, k = 16, s = 8; there the answers are different local minima,
and the table says both errors.
"""

from functools import partial

import numpy as np
from scipy.linalg import hadamard
from sklearn.datasets import load_digits

from benchmarks._pairs import Case, Growth, versioned
from sparsela.transforms import hierarchical_factorization


def cases(quick: bool):
    try:
        name = versioned("pyfaust")
    except ImportError:
        name = "pyfaust"
    for n in (16, 32) if quick else (64, 128, 256):
        H = hadamard(n) / np.sqrt(n)
        ours, peer = partial(hierarchical_factorization, H), partial(faust, H, "hadamard")
        yield Case(f"Hadamard, n = {n}", ours, peer, partial(both_exact, H), name, bar=10.0 if n >= 128 else None)
    D = load_digits().data[:256].T / 16
    ours = partial(hierarchical_factorization, D, preset=("rect", 16, 8), n_factors=4)
    yield Case("digits, 64 × 256", ours, partial(faust, D, ["rectmat", 4, 16, 8]), partial(near, D), name)

    def factorize(n):
        return partial(hierarchical_factorization, hadamard(n) / np.sqrt(n))

    yield Growth("n, Hadamard", [16, 32, 64] if quick else [64, 128, 256, 512], factorize, bar=3.2)


def faust(A, preset):
    versioned("pyfaust")
    from pyfaust.fact import hierarchical

    return hierarchical(A, preset, backend=2020)


def relative_error(A, found):
    return float(np.linalg.norm(A - found.toarray()) / np.linalg.norm(A))


def both_exact(H, ours, peer):
    n = len(H)
    errors = relative_error(H, ours.operator), relative_error(H, peer)
    assert max(errors) <= 1e-9 or errors[0] <= 1e-12, f"errors {errors[0]:.1e} and {errors[1]:.1e}"
    assert ours.operator.nnz == 2 * n * (n.bit_length() - 1)
    return f"errors {errors[0]:.0e} and {errors[1]:.0e}"


def near(D, ours, peer):
    errors = relative_error(D, ours.operator), relative_error(D, peer)
    assert errors[0] <= errors[1] + 0.02, f"errors {errors[0]:.3f} and {errors[1]:.3f}"
    return f"errors {errors[0]:.3f} and {errors[1]:.3f}, {ours.operator.nnz} and {peer.nnz_sum()} non-zeros"
