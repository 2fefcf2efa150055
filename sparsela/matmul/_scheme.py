"""The bilinear scheme: three exact factors that multiply matrices, verified, with their algebra."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cached_property
from math import log
from typing import Any

import numpy as np

from sparsela._core.validation import check_count
from sparsela.matmul import _algebra
from sparsela.matmul._evaluate import evaluate
from sparsela.matmul._factors import Factors, check_factors, check_shape, ring_of, violation_message, violations
from sparsela.matmul._programs import AdditionProgram
from sparsela.matmul._show import describe, grids


class BilinearScheme:
    """A way to multiply an m × k by a k × n matrix with r products of sums, in exact coefficients.

    ``C = Σ_t W[t] · (U[t]·vec A) (V[t]·vec B)``. The entries of A and B may be blocks of matrices: no product commutes.

    Parameters
    ----------
    u : array_like of shape (rank, m * k)
        Coefficients of the entries of A, row-major, one row a product: ints, ``fractions.Fraction`` or ``"p/q"``.
    v : array_like of shape (rank, k * n)
        Coefficients of the entries of B, row-major.
    w : array_like of shape (rank, m * n)
        Weights of each product in the entries of C, row-major and not transposed.
    shape : tuple of three ints
        (m, k, n).
    denominators : tuple of three ints, default=(1, 1, 1)
        Positive; the factors are ``u / denominators[0]`` and so on.
    name : str or None, default=None
        What the scheme is called.
    check : bool, default=True
        Verify that the scheme multiplies.

    Attributes
    ----------
    u, v, w : ndarray of int64
        Numerators, read-only, in lowest terms with `denominators`.
    shape : tuple of int
    rank : int
        Number of products r.
    denominators : tuple of int
    ring : {"ternary", "integer", "rational"}
        Where the coefficients are.
    exponent : float
        ω of ``O(n^ω)``: ``3 ln r / ln(m k n)``.
    nnz : int
        Coefficients that are not zero, in the three factors together.
    naive_additions : int
        Additions when every sum is formed by itself: ``nnz − 2 r − m n``.
    programs : tuple of three AdditionProgram
        How the sums of U, V and of C (the columns of W, in the products) are formed; the naive ones unless reduced.
        They compute the numerators.
    additions : int
        Additions of the three programs.
    growth_factor : float
        ``max_c Σ_t |W_tc| ‖U_t‖₁ ‖V_t‖₁``: how much one level may magnify an error;
        Strassen 12, Winograd 18, classical k.
    name : str or None
    provenance : tuple of str
        How the scheme was built.

    Raises
    ------
    TypeError
        If a coefficient is a float that is not an integer, or no number at all.
    ValueError
        If shapes do not fit, a row is ragged or zero, a coefficient is 2³¹ or more, or (with `check`) the scheme does
        not multiply; the message names the first equation that fails.

    See Also
    --------
    get_scheme : Schemes that come with the library.
    search_scheme : Find one.
    reduce_additions : Fewer additions for the same factors.

    Notes
    -----
    Schemes are immutable, hashable and compare by shape and coefficients; every method returns a new one. The equations
    of Brent, for all i, i' < m, j, j' < k and l, l' < n::

        Σ_t U[t, i k + j] V[t, j' n + l] W[t, i' n + l'] = [i = i'] [j = j'] [l = l']

    are checked as one integer matrix product of (mk × r) by (r × kn·mn): O(r (mkn)²).

    References
    ----------
    R. Brent. Algorithms for matrix multiplication. Stanford University, 1970.

    V. Strassen. Gaussian elimination is not optimal. Numerische Mathematik, 1969.

    Examples
    --------
    >>> from sparsela.matmul import get_scheme
    >>> strassen = get_scheme("strassen")
    >>> strassen
    BilinearScheme(⟨2,2,2; 7⟩, ternary, 18 additions, 'strassen')
    >>> strassen.verify(), strassen.growth_factor, round(strassen.exponent, 4)
    (True, 12.0, 2.8074)
    >>> (strassen * strassen).rank
    49
    """

    u: np.ndarray
    v: np.ndarray
    w: np.ndarray
    shape: tuple[int, int, int]
    denominators: tuple[int, int, int]
    name: str | None
    provenance: tuple[str, ...]

    def __init__(
        self,
        u: Any,
        v: Any,
        w: Any,
        shape: Sequence[int],
        *,
        denominators: Sequence[int] = (1, 1, 1),
        name: str | None = None,
        check: bool = True,
    ):
        factors = check_factors(u, v, w, shape, denominators)
        if check and (found := violations(factors, first=True)):
            raise ValueError(violation_message(factors, found[0]))
        self._set(factors, name, ())

    def _set(self, factors: Factors, name: str | None, provenance: tuple[str, ...]) -> BilinearScheme:
        for key in ("u", "v", "w"):
            getattr(factors, key).flags.writeable = False
        given = {**factors._asdict(), "name": None if name is None else str(name), "provenance": provenance}
        self.__dict__.update(given)
        return self

    @classmethod
    def _of(cls, factors: Factors, name: str | None = None, provenance: Iterable[str] = ()) -> BilinearScheme:
        # From factors that are in lowest terms and multiply by construction.
        return object.__new__(cls)._set(factors, name, tuple(provenance))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a BilinearScheme is immutable: {name} cannot be set")

    __delattr__ = __setattr__

    def __reduce__(self) -> tuple:
        return _restore, (tuple(self._factors), self.name, self.provenance, self.__dict__.get("programs"))

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, BilinearScheme) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    @cached_property
    def _key(self) -> tuple:
        return self.shape, self.denominators, self.u.tobytes(), self.v.tobytes(), self.w.tobytes()

    @property
    def _factors(self) -> Factors:
        return Factors(self.u, self.v, self.w, self.shape, self.denominators)

    @property
    def rank(self) -> int:
        return len(self.u)

    @cached_property
    def ring(self) -> str:
        return ring_of(self._factors)

    @property
    def exponent(self) -> float:
        volume = int(np.prod(self.shape))
        return 3 * log(self.rank) / log(volume) if volume > 1 else 3.0

    @cached_property
    def nnz(self) -> int:
        return sum(int(np.count_nonzero(x)) for x in (self.u, self.v, self.w))

    @property
    def naive_additions(self) -> int:
        return self.nnz - 2 * self.rank - self.shape[0] * self.shape[2]

    @cached_property
    def programs(self) -> tuple[AdditionProgram, AdditionProgram, AdditionProgram]:
        return tuple(AdditionProgram.naive(x) for x in (self.u, self.v, self.w.T))

    @property
    def additions(self) -> int:
        return sum(program.additions for program in self.programs)

    @cached_property
    def growth_factor(self) -> float:
        sums = np.abs(self.u).sum(axis=1).astype(object) * np.abs(self.v).sum(axis=1).astype(object)
        return float(Fraction(int((sums @ np.abs(self.w).astype(object)).max()), self._scale))

    @property
    def _scale(self) -> int:
        return self.denominators[0] * self.denominators[1] * self.denominators[2]

    def verify(self) -> bool:
        """Whether every equation of Brent holds, exactly."""
        return not violations(self._factors, first=True)

    def residual(self) -> list[tuple[int, int, int]]:
        """The equations that fail: (a, b, c) where the coefficient of a_a b_b in c_c is not what it must be.

        Returns
        -------
        list of tuple of int
            Row-major indices of entries of A, B and C; empty for a scheme that multiplies.
        """
        return violations(self._factors)

    def with_programs(self, programs: Sequence[AdditionProgram]) -> BilinearScheme:
        """The same scheme with programs for the sums of U, V and C.

        Parameters
        ----------
        programs : three AdditionProgram
            Of U (rank forms in mk inputs), of V (rank in kn) and of Wᵀ (mn in rank).

        Returns
        -------
        BilinearScheme

        Raises
        ------
        ValueError
            If one does not expand to its factor.
        """
        programs = tuple(programs)
        if len(programs) != 3 or not all(isinstance(program, AdditionProgram) for program in programs):
            raise TypeError("programs must be three AdditionProgram, of U, V and the transposed W")
        for name, program, matrix in zip("UVW", programs, (self.u, self.v, self.w.T), strict=True):
            if program.n_inputs != matrix.shape[1] or not np.array_equal(program.expand(), matrix):
                raise ValueError(f"the program of {name} does not compute that factor")
        return self._like(self._factors, *self.provenance, name=self.name, programs=programs, start=())

    def with_name(self, name: str | None, *provenance: str) -> BilinearScheme:
        """The same scheme under another name, and with the given lines added to its provenance."""
        programs = self.__dict__.get("programs")
        return self._like(self._factors, *provenance, name=name, programs=programs)

    def _like(
        self,
        factors: Factors,
        *provenance: str,
        name: str | None = None,
        programs: tuple[AdditionProgram, ...] | None = None,
        start: tuple[str, ...] | None = None,
    ) -> BilinearScheme:
        scheme = self._of(factors, name, (self.provenance if start is None else start) + provenance)
        if programs is not None:
            scheme.__dict__["programs"] = tuple(programs)
        return scheme

    def transpose(self) -> BilinearScheme:
        """⟨n,k,m⟩ by Cᵀ = Bᵀ Aᵀ, with its programs; its own inverse."""
        m, k, n = self.shape
        programs = None
        if "programs" in self.__dict__:
            pu, pv, pw = self.programs
            programs = (
                pv.rearranged(inputs=_places(n, k)),
                pu.rearranged(inputs=_places(k, m)),
                pw.rearranged(outputs=_places(n, m)),
            )
        return self._like(_algebra.transpose(self._factors), f"transposed to ⟨{n},{k},{m}⟩", programs=programs)

    def cycle(self, times: int = 1) -> BilinearScheme:
        """⟨k,n,m⟩ by the symmetry of the trace tr(A B C̃), with its programs; three times is the identity.

        Parameters
        ----------
        times : int, default=1
            Steps of the cycle; negative ones go back.

        Returns
        -------
        BilinearScheme
        """
        scheme = self
        for _ in range(check_count(times, "times", low=-(2**31)) % 3):
            m, k, n = scheme.shape
            programs = None
            if "programs" in scheme.__dict__:
                pu, pv, pw = scheme.programs
                third = pw.transposed().rearranged(inputs=_places(n, m))
                programs = (pv, third, pu.transposed().rearranged(outputs=_places(k, m)))
            line = f"cycled to ⟨{k},{n},{m}⟩"
            scheme = scheme._like(_algebra.cycle(scheme._factors), line, programs=programs)
        return scheme

    def permute(self, shape: Sequence[int]) -> BilinearScheme:
        """The scheme for a permutation of its shape, by :meth:`cycle` and :meth:`transpose`.

        Parameters
        ----------
        shape : tuple of three ints
            A permutation of ``self.shape``.

        Returns
        -------
        BilinearScheme
        """
        shape = check_shape(shape)
        if sorted(shape) != sorted(self.shape):
            raise ValueError(f"shape must be a permutation of {self.shape}, got {shape}")
        for scheme in (self, self.transpose()):
            for times in range(3):
                if (turned := scheme.cycle(times)).shape == shape:
                    return turned
        raise AssertionError("six permutations are reached by turns and one reflection")

    def change_basis(self, P: Any, Q: Any, R: Any) -> BilinearScheme:
        """The scheme of ``C = P⁻¹ [(P A Q⁻¹)(Q B R⁻¹)] R``.

        Parameters
        ----------
        P, Q, R : array_like of shape (m, m), (k, k), (n, n)
            Invertible, of ints, Fractions or "p/q".

        Returns
        -------
        BilinearScheme

        Raises
        ------
        ValueError
            If one is singular or of the wrong shape.
        """
        return self._like(_algebra.change_basis(self._factors, P, Q, R), "seen in another basis")

    def tensor(self, other: BilinearScheme) -> BilinearScheme:
        """⟨m₁m₂, k₁k₂, n₁n₂; r₁r₂⟩: this scheme over blocks that `other` multiplies. Also ``self * other``."""
        self._check_other(other)
        line = f"tensor product of {_label(self)} and {_label(other)}"
        return self._like(_algebra.tensor(self._factors, other._factors), line, start=_both(self, other))

    def __mul__(self, other: Any) -> BilinearScheme:
        return self.tensor(other) if isinstance(other, BilinearScheme) else NotImplemented

    def direct_sum(self, other: BilinearScheme, axis: int) -> BilinearScheme:
        """Both side by side along one dimension; the two other sizes must agree, and the ranks add.

        Parameters
        ----------
        other : BilinearScheme
            What comes after this scheme along the axis.
        axis : {0, 1, 2}
            The dimension that grows: m, k or n.

        Returns
        -------
        BilinearScheme
        """
        self._check_other(other)
        line = f"direct sum of {_label(self)} and {_label(other)} along {'mkn'[_axis(axis)]}"
        return self._like(_algebra.direct_sum(self._factors, other._factors, axis), line, start=_both(self, other))

    def extend(self, axis: int, by: int = 1) -> BilinearScheme:
        """The direct sum with a classical slab of thickness `by`."""
        slab = list(self.shape)
        slab[_axis(axis)] = check_count(by, "by")
        return self.direct_sum(classical(tuple(slab)), axis)

    def project(self, axis: int, index: int) -> BilinearScheme:
        """The scheme without one index of one dimension; products that become zero or alike go.

        Parameters
        ----------
        axis : {0, 1, 2}
            m, k or n, which must be at least 2.
        index : int
            From 0 to its size − 1.

        Returns
        -------
        BilinearScheme
        """
        size = self.shape[_axis(axis)]
        if size < 2:
            raise ValueError(f"axis {axis} has size 1: nothing would be left of {self.shape}")
        index = check_count(index, "index", low=0, high=size - 1)
        line = f"without index {index} of {'mkn'[axis]}"
        return self._like(_algebra.project(self._factors, axis, index), line)

    def permute_products(self, order: Sequence[int]) -> BilinearScheme:
        """The same products in another order: row t is row ``order[t]`` of this scheme."""
        if sorted(order) != list(range(self.rank)):
            raise ValueError(f"order must be a permutation of 0 … {self.rank - 1}, got {list(order)}")
        chosen = (x[list(order)] for x in self._factors[:3])
        return self._like(Factors(*chosen, self.shape, self.denominators), name=self.name)

    def normalize(self) -> BilinearScheme:
        """The representative of all schemes with these products: leading signs of U_t and V_t positive, rows sorted."""
        return self._like(_algebra.normalize(self._factors), name=self.name)

    def equivalent(self, other: BilinearScheme) -> bool:
        """Whether the two differ by the order of their products and by signs only."""
        self._check_other(other)
        return self.normalize() == other.normalize()

    def merge(self) -> BilinearScheme:
        """Products that agree in two factors up to sign made one, until there are none."""
        return self._like(_algebra.merge(self._factors), name=self.name)

    def evaluate(self, A: Any, B: Any) -> np.ndarray:
        """The product by the definition, in exact arithmetic, for entries that need not commute.

        Parameters
        ----------
        A : array_like of shape (m, k)
            Of ints or Fractions; or an object array whose entries are square matrices of such numbers.
        B : array_like of shape (k, n)
            As A.

        Returns
        -------
        ndarray of object of shape (m, n)
        """
        return evaluate(self._factors, A, B)

    def to_dict(self) -> dict[str, Any]:
        """A dict of plain numbers and strings, as in the files of :func:`save_scheme`."""
        from sparsela.matmul._files import to_dict

        return to_dict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> BilinearScheme:
        """The scheme of a dict of :meth:`to_dict`, verified."""
        from sparsela.matmul._files import from_dict

        return from_dict(data)

    def describe(self) -> str:
        """The products and the sums as readable lines."""
        return describe(self)

    def _repr_html_(self) -> str:
        return grids(self)

    def __repr__(self) -> str:
        m, k, n = self.shape
        name = "" if self.name is None else f", {self.name!r}"
        return f"BilinearScheme(⟨{m},{k},{n}; {self.rank}⟩, {self.ring}, {self.additions} additions{name})"

    @staticmethod
    def _check_other(other: Any) -> None:
        if not isinstance(other, BilinearScheme):
            raise TypeError(f"other must be a BilinearScheme, got {type(other).__name__}")


def classical(shape: tuple[int, int, int]) -> BilinearScheme:
    """The m k n products a_ij b_jl of the definition."""
    m, k, n = check_shape(shape)
    i, j, l = (x.ravel() for x in np.indices((m, k, n)))
    factors = [np.zeros((m * k * n, size), np.int64) for size in (m * k, k * n, m * n)]
    t = np.arange(m * k * n)
    for x, column in zip(factors, (i * k + j, j * n + l, i * n + l), strict=True):
        x[t, column] = 1
    return BilinearScheme._of(Factors(*factors, (m, k, n)), "classical", ("the definition of the product",))


def _restore(factors: tuple, name: str | None, provenance: tuple[str, ...], programs: tuple | None) -> BilinearScheme:
    scheme = BilinearScheme._of(Factors(*factors), name, provenance)
    if programs is not None:
        scheme.__dict__["programs"] = programs
    return scheme


def _axis(axis: Any) -> int:
    if axis not in (0, 1, 2) or isinstance(axis, bool):
        raise ValueError(f"axis must be 0 (m), 1 (k) or 2 (n), got {axis!r}")
    return int(axis)


def _places(p: int, q: int) -> list[int]:
    # For each place of a p × q matrix, row-major, its place in the q × p matrix that it is the transpose of.
    return [j * p + i for i in range(p) for j in range(q)]


def _label(scheme: BilinearScheme) -> str:
    m, k, n = scheme.shape
    return f"⟨{m},{k},{n}; {scheme.rank}⟩" + (f" {scheme.name}" if scheme.name else "")


def _both(one: BilinearScheme, two: BilinearScheme) -> tuple[str, ...]:
    return one.provenance + tuple(line for line in two.provenance if line not in one.provenance)
