"""Sparse phase retrieval: find a sparse x from the magnitudes ``y = |A x|``, fewer of them than unknowns.

The sign of x (its phase, for complex A) is lost for good: answers have their largest entry real and positive, and
:func:`phase_error` compares without it.

:func:`retrieve` is the front door: many starts, the residual tells which one worked. From one start:

- :func:`newton_projection`: converges quadratically; the fastest and, from one start, the most successful
- :func:`htp`: finitely many steps for real x
- :func:`copram`, :func:`sparta`: linear convergence
- :func:`thwf`: is not told the number of non-zeros, needs more measurements

:func:`spectral_init` and :func:`null_init` are the starts; :class:`SparsePhaseRetrieval` is a scikit-learn regressor.

    from sparsela.phase import retrieve

    result = retrieve(A, y, n_nonzero_coefs=10)
    result.residual_norm < 1e-8 * np.linalg.norm(y)     # then x is a solution
"""

from sparsela.phase._alternating import copram, htp
from sparsela.phase._error import align_phase, phase_error
from sparsela.phase._estimators import SparsePhaseRetrieval
from sparsela.phase._gradient import sparta, thwf
from sparsela.phase._newton import newton_projection
from sparsela.phase._retrieve import retrieve
from sparsela.phase._start import null_init, spectral_init

__all__ = [
    "SparsePhaseRetrieval",
    "align_phase",
    "copram",
    "htp",
    "newton_projection",
    "null_init",
    "phase_error",
    "retrieve",
    "sparta",
    "spectral_init",
    "thwf",
]
