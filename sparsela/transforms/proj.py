"""Sets of matrices and the projection on each: the constraints of :func:`~sparsela.transforms.palm4msa`.

Each function returns a frozen object P: ``P(M)`` is the nearest matrix of the set (``P.sparse(M)`` the same as CSR),
``P.nnz_bound(shape)`` the most non-zeros it can have, and ``P.check(shape)`` raises ValueError where there is no matrix
of that shape in the set. ``normalize=True`` scales what is selected to unit Frobenius norm (zero stays zero): the
projection on the matrices of the set with that norm. ``nonneg=True`` admits no negative entries, of real matrices.

=====================  ==========================================================
by number of entries   `sp`, `splin`, `spcol`, `splincol`, `skperm`, `sptriu`, `sptril`, `spsymm`
by place               `supp`, `blockdiag`, `kronecker`
by norm                `normcol`, `normlin`, `identity`
by structure           `const`, `circ`, `toeplitz`, `hankel`
=====================  ==========================================================

Magnitudes are equal when they round to the same multiple of 1e-9 (single precision: 1e-4) of the largest. Structured
matrices have many equal entries; without this rule rounding errors decide among them, and a Hadamard matrix with noise
of 1e-15 no longer factorizes.
"""

from __future__ import annotations

from sparsela.transforms import _sets
from sparsela.transforms import _sets_counted as counted
from sparsela.transforms._sets import ProjectionSet

__all__ = [
    "blockdiag",
    "circ",
    "const",
    "hankel",
    "identity",
    "kronecker",
    "normcol",
    "normlin",
    "skperm",
    "sp",
    "spcol",
    "splin",
    "splincol",
    "spsymm",
    "sptril",
    "sptriu",
    "supp",
    "toeplitz",
]


def sp(k: int, normalize: bool = True, nonneg: bool = False) -> ProjectionSet:
    """At most k non-zeros in all: the k largest entries in modulus.

    Among equals the first in C order.

    Parameters
    ----------
    k : int
        At least 1.
    normalize, nonneg : bool
        Unit Frobenius norm; no negative entries.

    Returns
    -------
    ProjectionSet

    Examples
    --------
    >>> from sparsela.transforms import proj
    >>> proj.sp(2, normalize=False)([[3.0, 1.0], [-2.0, 0.5]])
    array([[ 3.,  0.],
           [-2.,  0.]])
    """
    return counted.Sp(normalize=normalize, nonneg=nonneg, k=k)


def splin(k: int, normalize: bool = True, nonneg: bool = False) -> ProjectionSet:
    """At most k non-zeros in each row.

    Among equals the lower column.

    Parameters
    ----------
    k : int
        At least 1.
    normalize, nonneg : bool
        Unit Frobenius norm; no negative entries.

    Returns
    -------
    ProjectionSet

    Examples
    --------
    >>> from sparsela.transforms import proj
    >>> proj.splin(1, normalize=False)([[3.0, 1.0], [-2.0, 2.0]])
    array([[ 3.,  0.],
           [-2.,  0.]])
    """
    return counted.SpLin(normalize=normalize, nonneg=nonneg, k=k)


def spcol(k: int, normalize: bool = True, nonneg: bool = False) -> ProjectionSet:
    """At most k non-zeros in each column.

    Among equals the lower row.

    Parameters
    ----------
    k : int
        At least 1.
    normalize, nonneg : bool
        Unit Frobenius norm; no negative entries.

    Returns
    -------
    ProjectionSet

    Examples
    --------
    >>> from sparsela.transforms import proj
    >>> proj.spcol(1, normalize=False)([[3.0, 1.0], [-2.0, 2.0]])
    array([[3., 0.],
           [0., 2.]])
    """
    return counted.SpCol(normalize=normalize, nonneg=nonneg, k=k)


def splincol(k: int, normalize: bool = True, nonneg: bool = False) -> ProjectionSet:
    """Entries that are among the k largest of their row or of their column.

    No projection: a row may keep more than k. It is the set under which Hadamard matrices factorize.

    Parameters
    ----------
    k : int
        At least 1.
    normalize, nonneg : bool
        Unit Frobenius norm; no negative entries.

    Returns
    -------
    ProjectionSet

    Examples
    --------
    >>> from sparsela.transforms import proj
    >>> proj.splincol(1, normalize=False)([[3.0, 2.0], [2.0, 0.5]])
    array([[3., 2.],
           [2., 0.]])
    """
    return counted.SpLinCol(normalize=normalize, nonneg=nonneg, k=k)


def skperm(k: int, normalize: bool = True, nonneg: bool = False) -> ProjectionSet:
    """Exactly k non-zeros in each row and each column of a square matrix, a sum of k permutation patterns.

    By a minimum-cost flow, O(k n³) at worst; of several optimal patterns one, always the same.

    Parameters
    ----------
    k : int
        At least 1.
    normalize, nonneg : bool
        Unit Frobenius norm; no negative entries.

    Returns
    -------
    ProjectionSet

    Examples
    --------
    >>> from sparsela.transforms import proj
    >>> proj.skperm(1, normalize=False)([[3.0, 2.5], [2.5, 0.5]])
    array([[0. , 2.5],
           [2.5, 0. ]])
    """
    return counted.SkPerm(normalize=normalize, nonneg=nonneg, k=k)


def supp(mask: int, normalize: bool = True, nonneg: bool = False) -> ProjectionSet:
    """Non-zeros only where a mask is true.

    Parameters
    ----------
    mask : array_like or sparse array of bool, of shape (m, n)
        Non-zero where entries may be.
    normalize, nonneg : bool
        Unit Frobenius norm; no negative entries.

    Returns
    -------
    ProjectionSet

    Examples
    --------
    >>> from sparsela.transforms import proj
    >>> proj.supp([[True, False]], normalize=False)([[3.0, 2.0]])
    array([[3., 0.]])
    """
    return _sets.Supp(normalize=normalize, nonneg=nonneg, mask=mask)


def blockdiag(block_shapes, normalize: bool = True, nonneg: bool = False) -> ProjectionSet:
    """Block diagonal.

    Parameters
    ----------
    block_shapes : sequence of (int, int)
        Rows and columns of each block, from the upper left.
    normalize, nonneg : bool
        Unit Frobenius norm; no negative entries.

    Returns
    -------
    ProjectionSet

    Examples
    --------
    >>> from sparsela.transforms import proj
    >>> proj.blockdiag([(1, 2), (1, 1)], normalize=False)([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    array([[1., 2., 0.],
           [0., 0., 6.]])
    """
    return _sets.BlockDiag(normalize=normalize, nonneg=nonneg, block_shapes=block_shapes)


def kronecker(a: int, b: int, c: int, d: int, normalize: bool = True, nonneg: bool = False) -> ProjectionSet:
    """Support ``I_a ⊗ 1_{b×c} ⊗ I_d``, that of :class:`~sparsela.transforms.KroneckerSparse`.

    Parameters
    ----------
    a, b, c, d : int
        The pattern; the matrix is (a b d, a c d).
    normalize, nonneg : bool
        Unit Frobenius norm; no negative entries.

    Returns
    -------
    ProjectionSet

    Examples
    --------
    >>> from sparsela.transforms import proj
    >>> proj.kronecker(2, 1, 2, 1).nnz_bound((2, 4))
    4
    """
    return _sets.Kronecker(normalize=normalize, nonneg=nonneg, a=a, b=b, c=c, d=d)


def sptriu(k: int, normalize: bool = True, nonneg: bool = False) -> ProjectionSet:
    """Upper triangular with at most k non-zeros.

    Among equals the first in C order.

    Parameters
    ----------
    k : int
        At least 1.
    normalize, nonneg : bool
        Unit Frobenius norm; no negative entries.

    Returns
    -------
    ProjectionSet

    Examples
    --------
    >>> from sparsela.transforms import proj
    >>> proj.sptriu(1, normalize=False)([[1.0, 2.0], [9.0, 0.0]])
    array([[0., 2.],
           [0., 0.]])
    """
    return counted.SpTriu(normalize=normalize, nonneg=nonneg, k=k)


def sptril(k: int, normalize: bool = True, nonneg: bool = False) -> ProjectionSet:
    """Lower triangular with at most k non-zeros.

    Among equals the first in C order.

    Parameters
    ----------
    k : int
        At least 1.
    normalize, nonneg : bool
        Unit Frobenius norm; no negative entries.

    Returns
    -------
    ProjectionSet

    Examples
    --------
    >>> from sparsela.transforms import proj
    >>> proj.sptril(1, normalize=False)([[1.0, 2.0], [9.0, 0.0]])
    array([[0., 0.],
           [9., 0.]])
    """
    return counted.SpTril(normalize=normalize, nonneg=nonneg, k=k)


def spsymm(k: int, normalize: bool = True, nonneg: bool = False) -> ProjectionSet:
    """Symmetric with at most k non-zeros.

    Entries off the diagonal come in pairs, so that k − 1 may be all that is used.

    Parameters
    ----------
    k : int
        At least 1.
    normalize, nonneg : bool
        Unit Frobenius norm; no negative entries.

    Returns
    -------
    ProjectionSet

    Examples
    --------
    >>> from sparsela.transforms import proj
    >>> proj.spsymm(2, normalize=False)([[1.0, 2.0], [4.0, 0.0]])
    array([[0., 3.],
           [3., 0.]])
    """
    return counted.SpSymm(normalize=normalize, nonneg=nonneg, k=k)


def normcol(s: float = 1.0, normalize: bool = True, nonneg: bool = False) -> ProjectionSet:
    """Columns of norm s.

    A zero column becomes s in its first row: every unit vector is as near.

    Parameters
    ----------
    s : float, default=1.0
        Positive.
    normalize, nonneg : bool
        Unit Frobenius norm; no negative entries.

    Returns
    -------
    ProjectionSet

    Examples
    --------
    >>> from sparsela.transforms import proj
    >>> proj.normcol(5.0, normalize=False)([[0.6, 0.0], [0.8, 0.0]])
    array([[3., 5.],
           [4., 0.]])
    """
    return _sets.NormCol(normalize=normalize, nonneg=nonneg, s=s)


def normlin(s: float = 1.0, normalize: bool = True, nonneg: bool = False) -> ProjectionSet:
    """Rows of norm s.

    A zero row becomes s in its first column: every unit vector is as near.

    Parameters
    ----------
    s : float, default=1.0
        Positive.
    normalize, nonneg : bool
        Unit Frobenius norm; no negative entries.

    Returns
    -------
    ProjectionSet

    Examples
    --------
    >>> from sparsela.transforms import proj
    >>> proj.normlin(5.0, normalize=False)([[0.6, 0.8]])
    array([[3., 4.]])
    """
    return _sets.NormLin(normalize=normalize, nonneg=nonneg, s=s)


def const(C, normalize: bool = False, nonneg: bool = False) -> ProjectionSet:
    """The one matrix C: a factor that is fixed.

    Parameters
    ----------
    C : array_like or sparse array of shape (m, n)
        Copied.
    normalize, nonneg : bool
        Unit Frobenius norm; no negative entries.

    Returns
    -------
    ProjectionSet

    Examples
    --------
    >>> from sparsela.transforms import proj
    >>> proj.const([[1.0, 2.0]])([[7.0, 7.0]])
    array([[1., 2.]])
    """
    return _sets.Const(normalize=normalize, nonneg=nonneg, C=C)


def identity(normalize: bool = True, nonneg: bool = False) -> ProjectionSet:
    """All matrices: no constraint but the norm.

    Parameters
    ----------
    normalize, nonneg : bool
        Unit Frobenius norm; no negative entries.

    Returns
    -------
    ProjectionSet

    Examples
    --------
    >>> from sparsela.transforms import proj
    >>> proj.identity()([[3.0, 4.0]])
    array([[0.6, 0.8]])
    """
    return _sets.Identity(normalize=normalize, nonneg=nonneg)


def circ(normalize: bool = True, nonneg: bool = False) -> ProjectionSet:
    """Circulant square matrices: constant along cyclic diagonals.

    Parameters
    ----------
    normalize, nonneg : bool
        Unit Frobenius norm; no negative entries.

    Returns
    -------
    ProjectionSet

    Examples
    --------
    >>> from sparsela.transforms import proj
    >>> proj.circ(normalize=False)([[1.0, 2.0], [4.0, 5.0]])
    array([[3., 3.],
           [3., 3.]])
    """
    return _sets.Circ(normalize=normalize, nonneg=nonneg)


def toeplitz(normalize: bool = True, nonneg: bool = False) -> ProjectionSet:
    """Toeplitz matrices: constant along diagonals.

    Parameters
    ----------
    normalize, nonneg : bool
        Unit Frobenius norm; no negative entries.

    Returns
    -------
    ProjectionSet

    Examples
    --------
    >>> from sparsela.transforms import proj
    >>> proj.toeplitz(normalize=False)([[1.0, 2.0], [4.0, 5.0]])
    array([[3., 2.],
           [4., 3.]])
    """
    return _sets.Toeplitz(normalize=normalize, nonneg=nonneg)


def hankel(normalize: bool = True, nonneg: bool = False) -> ProjectionSet:
    """Hankel matrices: constant along antidiagonals.

    Parameters
    ----------
    normalize, nonneg : bool
        Unit Frobenius norm; no negative entries.

    Returns
    -------
    ProjectionSet

    Examples
    --------
    >>> from sparsela.transforms import proj
    >>> proj.hankel(normalize=False)([[1.0, 2.0], [4.0, 5.0]])
    array([[1., 3.],
           [3., 5.]])
    """
    return _sets.Hankel(normalize=normalize, nonneg=nonneg)
