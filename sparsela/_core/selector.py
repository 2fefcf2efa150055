"""Selectors of features: scikit-learn's mixin, with sparse indices looked at before SciPy follows them."""

from __future__ import annotations

from sklearn.feature_selection import SelectorMixin

from sparsela._core.validation import check_indices


class FeatureSelector(SelectorMixin):
    """Columns of X kept and put back; an estimator says which by ``_get_support_mask``."""

    def transform(self, X):
        """Keep the selected features.

        Parameters
        ----------
        X : array or sparse array of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        array or sparse array of shape (n_samples, n_features_to_select)
            The columns of X that `get_support` names.
        """
        check_indices(X, "X")
        return super().transform(X)

    def inverse_transform(self, X):
        """Put zeros where features were left out.

        Parameters
        ----------
        X : array or sparse array of shape (n_samples, n_features_to_select)
            Samples of selected features.

        Returns
        -------
        array or sparse array of shape (n_samples, n_features)
            X, with a column of zeros for each feature that was not selected.
        """
        check_indices(X, "X")
        return super().inverse_transform(X)
