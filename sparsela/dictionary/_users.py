"""Sparse codes seen from the atoms: which signals use an atom, and where their coefficients stand."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from sparsela._ext import atoms as kernel


class Users(NamedTuple):
    """For atom j: ``colptr[j]:colptr[j + 1]`` selects its signals in `rows` and their places in the codes' `data`."""

    colptr: np.ndarray
    rows: np.ndarray
    pos: np.ndarray

    def of(self, j: int) -> tuple[np.ndarray, np.ndarray]:
        mine = slice(self.colptr[j], self.colptr[j + 1])
        return self.rows[mine], self.pos[mine]

    def counts(self) -> np.ndarray:
        return np.diff(self.colptr)


def users_of(codes: csr_array) -> Users:
    """The index of the codes turned around, by one counting sort."""
    places = csr_array((np.arange(codes.nnz), codes.indices, codes.indptr), shape=codes.shape).tocsc()
    return Users(places.indptr.astype(np.int64), places.indices.astype(np.int32, copy=False), places.data)


def add_normal_equations(A, B, X, codes: csr_array, weight: float, n_threads: int) -> Users:
    """A += weight·CᵀC and B += weight·CᵀX in place; returns the users that it went by."""
    users = users_of(codes)
    indptr, indices = codes.indptr.astype(np.int64), codes.indices.astype(np.int32, copy=False)
    kernel.normal_equations(X, indptr, indices, codes.data, *users, weight, A, B, n_threads)
    return users


def merge_rows(new: csr_array, old: csr_array, keep_old: np.ndarray) -> csr_array:
    """The rows of `new`, those of `old` where asked for."""
    chosen = [(new, ~keep_old), (old, keep_old)]
    counts = np.where(keep_old, np.diff(old.indptr), np.diff(new.indptr))
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(new.indptr.dtype)
    indices, data = np.empty(indptr[-1], np.int32), np.empty(indptr[-1], new.dtype)
    for source, rows in chosen:
        to, from_ = np.repeat(rows, counts), np.repeat(rows, np.diff(source.indptr))
        indices[to] = source.indices[from_]
        data[to] = source.data[from_]
    return csr_array((data, indices, indptr), shape=new.shape)
