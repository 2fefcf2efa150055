"""Phase retrieval as a regression: cross-validation, pipelines, complex measurements, intensities."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from sparsela.datasets import make_phaseless
from sparsela.phase import SparsePhaseRetrieval, phase_error, retrieve


def test_fit_is_retrieve():
    X, y, x = make_phaseless(100, 90, 5, random_state=0)
    model = SparsePhaseRetrieval(5, random_state=0).fit(X, y)
    found = retrieve(X, y, 5, random_state=0)
    np.testing.assert_array_equal(model.coef_, found.x)
    np.testing.assert_array_equal(model.support_, np.flatnonzero(x))
    assert model.n_iter_ == found.n_iter and model.residual_norm_ == found.residual_norm < 1e-8
    np.testing.assert_allclose(model.predict(X), y, atol=1e-10)
    np.testing.assert_allclose(pickle.loads(pickle.dumps(model)).predict(sp.csr_array(X)), y, atol=1e-10)
    assert clone(model).get_params() == model.get_params()


def test_default_sparsity_is_a_tenth():
    X, y, _ = make_phaseless(100, 90, 5, random_state=0)
    assert len(SparsePhaseRetrieval(n_init=3).fit(X, y).support_) == 10
    assert len(SparsePhaseRetrieval(n_init=3).fit(X[:, :7], y).support_) == 1


@pytest.mark.parametrize("is_complex", [False, True])
def test_intensities(is_complex):
    X, y, x = make_phaseless(80, 160, 4, is_complex, random_state=1)
    model = SparsePhaseRetrieval(4, measurements="intensity").fit(X, y**2)
    assert phase_error(model.coef_, x) < 1e-10
    np.testing.assert_allclose(model.predict(X), y**2, atol=1e-10)
    assert model.score(X, y**2) > 1 - 1e-12


def test_complex_measurements():
    X, y, x = make_phaseless(80, 160, 4, complex=True, random_state=2)
    model = SparsePhaseRetrieval(4)
    assert phase_error(model.fit(X, y).coef_, x) < 1e-10
    assert model.n_features_in_ == 80
    assert cross_val_score(model, X, y, cv=3).min() > 0.99
    with pytest.raises(ValueError, match="79 features"):
        model.predict(X[:, :-1])
    with pytest.raises(ValueError, match="contains NaN"):
        model.fit(X * np.nan, y)
    with pytest.raises(ValueError, match="contains NaN"):
        model.predict(X * np.nan)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # of too few non-zeros
def test_grid_search_finds_the_planted_sparsity():
    """On at least 9 of 10 problems; from noisy magnitudes it never takes too few."""
    found = {0.0: [], 0.02: []}
    for noise, chosen in found.items():
        for seed in range(10):
            X, y, _ = make_phaseless(100, 200, 6, noise=noise, random_state=seed)
            search = GridSearchCV(SparsePhaseRetrieval(n_init=6), {"n_nonzero_coefs": [2, 4, 6, 8, 10]}, cv=3)
            chosen.append(search.fit(X, y).best_params_["n_nonzero_coefs"])
    print(found)
    assert found[0.0].count(6) >= 9
    assert min(found[0.02]) == 6


def test_in_a_pipeline():
    X, y, x = make_phaseless(60, 120, 4, random_state=3)
    model = make_pipeline(MaxAbsScaler(), SparsePhaseRetrieval(4)).fit(X, y)
    assert model.score(X, y) > 1 - 1e-12


def test_bad_input():
    X, y, _ = make_phaseless(60, 120, 4, random_state=3)
    with pytest.raises(ValueError, match="y must be measurements='magnitude', at least 0"):
        SparsePhaseRetrieval().fit(X, -y)
    with pytest.raises(ValueError, match="n_nonzero_coefs must be between 1 and 60"):
        SparsePhaseRetrieval(61).fit(X, y)
    with pytest.raises(ValueError, match="n_nonzero_coefs"):
        SparsePhaseRetrieval(0).fit(X, y)
    with pytest.raises(ValueError, match="Complex data not supported"):
        SparsePhaseRetrieval().fit(X, y * 1j)
