import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsela._core.random import bucket_hash, hash_ids, normal_hash, seed_from, sign_hash, subset_hash, uniform_hash

MASK = 2**64 - 1
G = 0x9E3779B97F4A7C15


def mix(v):
    v = (v ^ v >> 30) * 0xBF58476D1CE4E5B9 & MASK
    v = (v ^ v >> 27) * 0x94D049BB133111EB & MASK
    return v ^ v >> 31


def h(seed, stream, i):
    return mix(mix((seed + G * (stream + 1)) & MASK) ^ mix((i + G) & MASK))


def u(seed, stream, i):
    return ((h(seed, stream, i) >> 11) + 0.5) * 2.0**-53


word = st.integers(0, 2**63 - 1)


@settings(max_examples=200, deadline=None)
@given(seed=word, stream=word, ids=st.lists(word, max_size=20), k=st.integers(1, 2**32 - 1))
def test_is_the_definition_in_whole_numbers(seed, stream, ids, k):
    want = [h(seed, stream, i) for i in ids]
    assert hash_ids(ids, seed=seed, stream=stream).tolist() == want
    assert bucket_hash(ids, k, seed=seed, stream=stream).tolist() == [(v >> 32) * k >> 32 for v in want]
    assert sign_hash(ids, seed=seed, stream=stream).tolist() == [1 if v & 1 else -1 for v in want]
    assert uniform_hash(ids, seed=seed, stream=stream).tolist() == [u(seed, stream, i) for i in ids]


def test_numbers_that_must_never_change():
    """SplitMix64's first outputs for seed 1234567, as published with it, and our own first draws."""
    splitmix = [mix(1234567 + n * G & MASK) for n in range(1, 4)]
    assert splitmix == [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert hash_ids([0, 1, 2**40], seed=0).tolist() == [0, 10257114587443610966, 11240427648595828919]


def test_uniform_is_open_at_both_ends(monkeypatch):
    from sparsela._core import random

    assert (2**64 - 1 >> 11) + 0.5 == 2.0**53  # the bare formula gives 1
    for bits in (2**64 - 1, 2**64 - 2**11, 0):
        monkeypatch.setattr(random, "hash_ids", lambda *a, bits=bits, **k: np.array([bits], np.uint64))
        assert 0 < random.uniform_hash([0], seed=0)[0] < 1


STREAMS = {
    "consecutive": np.arange(6400),
    "stride 64": 64 * np.arange(6400),
    "stride 4096": 4096 * np.arange(6400),
    "below 2**31": 2**31 - 6400 + np.arange(6400),
}


@pytest.mark.parametrize("ids", STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize("seed", [0, 1, 2**62 + 12345])
def test_statistics(ids, seed):
    n, k = len(ids), 64
    bucket, sign = bucket_hash(ids, k, seed=seed), sign_hash(ids, seed=seed).astype(int)
    other = sign_hash(ids, seed=seed, stream=1).astype(int)
    next_seed = sign_hash(ids, seed=seed + 1).astype(int)
    uniform = uniform_hash(ids, seed=seed)
    chi2 = ((np.bincount(bucket, minlength=k) - n / k) ** 2).sum() / (n / k)
    collisions = (bucket[1:] == bucket[:-1]).sum()
    sigmas = {
        "bucket chi2": (chi2 - (k - 1)) / math.sqrt(2 * (k - 1)),
        "sign sum": sign.sum() / math.sqrt(n),
        "neighbour signs": (sign[1:] * sign[:-1]).sum() / math.sqrt(n - 1),
        "neighbour buckets": (collisions - (n - 1) / k) / math.sqrt((n - 1) / k * (1 - 1 / k)),
        "sign and bucket parity": (sign * (1 - 2 * (bucket & 1))).sum() / math.sqrt(n),
        "two streams": (sign * other).sum() / math.sqrt(n),
        "two seeds": (sign * next_seed).sum() / math.sqrt(n),
        "uniform mean": (uniform.mean() - 0.5) * math.sqrt(12 * n),
        "neighbour uniforms": ((uniform[1:] - 0.5) * (uniform[:-1] - 0.5)).sum() * 12 / math.sqrt(n - 1),
    }
    assert max(map(abs, sigmas.values())) < 5, sigmas
    assert scipy.stats.kstest(uniform, "uniform").pvalue > 1e-6


def test_every_bit_of_the_id_and_the_seed_moves_half_the_bits():
    for bit in range(63):
        flips = [(h(5, 0, i) ^ h(5, 0, i ^ 1 << bit)).bit_count() for i in range(200)]
        seeds = [(h(s, 0, 7) ^ h(s ^ 1 << bit, 0, 7)).bit_count() for s in range(200)]
        for counts in (flips, seeds):
            assert abs(np.mean(counts) - 32) < 6 * 4 / math.sqrt(200)


def test_normals_are_box_muller_pairs_of_the_streams():
    ids = np.array([0, 5, 2**50])
    N = normal_hash(ids, 5, seed=3)
    for i, row in zip(ids.tolist(), N, strict=True):
        for j in range(5):
            r = 2 * (j // 2)
            radius, angle = math.sqrt(-2 * math.log(u(3, r, i))), 2 * math.pi * u(3, r + 1, i)
            assert row[j] == pytest.approx(radius * (math.sin(angle) if j % 2 else math.cos(angle)), rel=1e-13)
    np.testing.assert_array_equal(normal_hash(ids, 2, seed=3), N[:, :2])
    np.testing.assert_array_equal(normal_hash(ids, 5, seed=3, dtype=np.float32), N.astype(np.float32))
    assert normal_hash([], 4, seed=0).shape == (0, 4) and normal_hash(ids, 0, seed=0).shape == (3, 0)
    X = normal_hash(np.arange(20_000), 8, seed=1)
    assert scipy.stats.kstest(X.ravel(), "norm").pvalue > 1e-6
    assert np.abs(X.T @ X / len(X) - np.eye(8)).max() < 6 * math.sqrt(2 / len(X))


def test_threads_order_and_slices_do_not_matter():
    ids = np.arange(200_000)
    whole = hash_ids(ids, seed=9, n_jobs=1)
    np.testing.assert_array_equal(hash_ids(ids, seed=9, n_jobs=2), whole)
    np.testing.assert_array_equal(hash_ids(ids[::-3], seed=9), whole[::-3])
    np.testing.assert_array_equal(hash_ids(ids.reshape(400, -1), seed=9), whole.reshape(400, -1))
    assert hash_ids(77, seed=9) == whole[77]
    normals = normal_hash(ids[:40_000], 3, seed=9, n_jobs=1)
    np.testing.assert_array_equal(normal_hash(ids[:40_000], 3, seed=9, n_jobs=2), normals)
    np.testing.assert_array_equal(normal_hash(ids[100:200], 3, seed=9), normals[100:200])


def test_subset_is_the_smallest_hashes(monkeypatch):
    for n, size in [(1, 1), (10, 0), (10, 10), (1000, 17), (1000, 999)]:
        chosen = subset_hash(n, size, seed=4, stream=2)
        assert chosen.tolist() == sorted(sorted(range(n), key=lambda i: (h(4, 2, i), i))[:size])
    from sparsela._core import random

    monkeypatch.setattr(random, "hash_ids", lambda ids, **k: np.array([5, 1, 5, 5, 0, 5], np.uint64))
    assert random.subset_hash(6, 4, seed=0).tolist() == [0, 1, 2, 4]


def test_seeds():
    assert seed_from(12) == 12 and seed_from(np.int64(12)) == 12
    assert seed_from(2**63 + 5) == 5 and seed_from(-1) == 2**63 - 1
    assert seed_from(np.random.default_rng(3)) == int(np.random.default_rng(3).integers(2**63))
    high, low = np.random.RandomState(3).randint(2**31, size=2)
    assert seed_from(np.random.RandomState(3)) == int(high) * 2**31 + int(low)
    assert 0 <= seed_from(None) < 2**63 and seed_from(None) != seed_from(None)
    for bad in ("7", 1.5, True, [1]):
        with pytest.raises(
            TypeError, match="random_state must be an int, a numpy Generator, a RandomState or None, got"
        ):
            seed_from(bad)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: hash_ids([-1], seed=0), ValueError, r"ids must be between 0 and 2\*\*63 - 1, got -1"),
        (lambda: hash_ids(np.array([2**63], np.uint64), seed=0), ValueError, r"got 9223372036854775808"),
        (lambda: hash_ids([1.0], seed=0), TypeError, "ids must be integers, got dtype float64"),
        (lambda: hash_ids([1], seed=-1), ValueError, "seed must be between 0 and 9223372036854775807, got -1"),
        (lambda: hash_ids([1], seed=0, stream=0.5), TypeError, "stream must be an int, got float"),
        (lambda: bucket_hash([1], 0, seed=0), ValueError, "n_buckets must be between 1 and 4294967295, got 0"),
        (lambda: subset_hash(5, 6, seed=0), ValueError, "size must be between 0 and 5, got 6"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
