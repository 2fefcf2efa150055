"""What is asked of a fitted truncated SVD: coordinates of rows, and its vectors."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsela._core.validation import check_indices, check_matrix
from sparsela.lowrank._batches import as_rows

INPUT = {"accept_sparse": ("csr", "csc", "coo"), "dtype": (np.float64, np.float32)}


class ReadableSVD(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A transformer over the factors in `_model`; `_components` holds the right vectors once they were asked for."""

    def transform(self, X):
        """Coordinates of rows, ``X components_.T``, without making `components_`.

        Parameters
        ----------
        X : {ndarray, sparse array} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        ndarray of shape (n_samples, k)
        """
        check_is_fitted(self)
        check_indices(X, "X")
        X = validate_data(self, X, reset=False, **INPUT)
        dtype = self._model.right.dtype
        return self._model.project(as_rows(X, "X", dtype)).astype(dtype, copy=False)

    def inverse_transform(self, Z):
        """Back to the features, ``Z components_``.

        Parameters
        ----------
        Z : ndarray of shape (n_samples, k)
            Coordinates.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        return check_matrix(Z, "Z", n_columns=len(self.singular_values_)) @ self.components_

    def left_singular_vectors(self, rows=None):
        """Left singular vectors, of all rows or of some.

        Parameters
        ----------
        rows : slice, int or array of int, optional
            Which rows; all by default.

        Returns
        -------
        ndarray of shape (n_rows, k)
        """
        check_is_fitted(self)
        return self._model.left.rows(slice(None) if rows is None else rows)

    @property
    def components_(self):
        """Right singular vectors as rows."""
        if not hasattr(self, "_model"):
            raise AttributeError(f"{type(self).__name__} has no components_ before fit")
        if self._components is None:
            self._components = np.ascontiguousarray(self._model.right.rows().T)
        return self._components

    @property
    def _n_features_out(self):
        return len(self.singular_values_)
