"""
A truncated SVD that follows the users as they come
===================================================

Ratings of films arrive user by user. A model that starts from the first half of the users takes each batch of new ones
as it comes: it loses next to nothing against a factorization of all ratings, and a batch costs the same however large
the matrix has become.
"""

# %%
# Users in the order of their first rating; the first 335 are there at the start, 12 more come at a time. What a model
# captures is compared with what the best vectors of that moment could.

import time

import matplotlib.pyplot as plt
import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from sparsela.datasets import load_movielens
from sparsela.lowrank import UpdatableTruncatedSVD, randomized_svd

ratings, times = load_movielens(return_times=True)
first_rating = np.minimum.reduceat(times, ratings.indptr[:-1])
ratings = ratings[np.argsort(first_rating)]
k, start = 16, 335


def captured(model, seen):
    gram = (seen @ seen.T).toarray()
    best = np.sort(np.linalg.eigvalsh(gram))[-k:].sum()
    return np.sqrt((model.transform(seen) ** 2).sum() / best)


models = {
    "all new directions": UpdatableTruncatedSVD(k, random_state=0),
    "two of a batch, by Golub–Kahan": UpdatableTruncatedSVD(k, augmentation="gkl", n_augment=2, random_state=0),
    "not updated": UpdatableTruncatedSVD(k, random_state=0),
}
ends = np.arange(start, ratings.shape[0] + 1, 12)
share = {name: [] for name in models}
for name, model in models.items():
    model.fit(ratings[:start])
    for end in ends:
        if end > start and name != "not updated":
            model.partial_fit(ratings[end - 12 : end])
        share[name].append(captured(model, ratings[:end]))

# %%
# Now matrices with n rows and n columns, up to a million, and batches of 16 rows with 20 entries each.


def seconds(update, batches):
    spent = []
    for batch in batches:
        begin = time.process_time()
        update(batch)
        spent.append(time.process_time() - begin)
    return np.median(spent)


def of_size(n, rng):
    indptr = np.arange(0, 321, 20)
    return [
        sp.csr_array((rng.standard_normal(320) / 4, rng.integers(n, size=320), indptr), shape=(16, n)) for _ in range(9)
    ]


sizes = [4_000, 16_000, 64_000, 256_000, 1_000_000]
spent = {"fast": [], "zha-simon": []}
rng = np.random.default_rng(0)
with threadpool_limits(1):
    for n in sizes:
        factor, s = np.eye(n, k), np.linspace(10, 5, k)
        for method, row in spent.items():
            if method == "fast" or n < 300_000:
                model = UpdatableTruncatedSVD.from_svd(factor, s, factor.T, method=method)
                batches = of_size(n, rng)
                model.add_rows(batches[0])
                row.append(seconds(model.add_rows, batches[: 9 if method == "fast" else 4]))
# %%
# Left: nothing is lost. Right: nothing grows.

figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
for (name, values), style in zip(share.items(), ("C0-", "C1--", "C7:"), strict=True):
    left.plot(ends, values, style, label=name)
left.axhline(1, color="0.8", linewidth=1)
left.set(xlabel="users seen", ylabel="captured, of what a refit would", title="Updates lose next to nothing")
left.legend()
for row, label in zip(spent.values(), ("sparsela", "Zha and Simon, written out"), strict=True):
    slope = np.polyfit(np.log(sizes[: len(row)]), np.log(row), 1)[0]
    right.loglog(sizes[: len(row)], 1e3 * np.array(row), "o-", label=f"{label}: slope {slope:.2f}")
right.set(xlabel="rows and columns", ylabel="milliseconds a batch", title="A batch costs the same in any matrix")
right.set_ylim(0.1, 1000)
right.legend()

# %%
# The whole table of ratings is small: one refit of it takes a few hundred milliseconds.

begin = time.perf_counter()
whole = randomized_svd(ratings, k, tol=1e-6, random_state=0)
milliseconds = 1e3 * (time.perf_counter() - begin)
followed = models["all new directions"].singular_values_[0]
print(f"refit: {milliseconds:.0f} ms, largest singular value {whole.s[0]:.2f}; of the updated model {followed:.2f}")

# %%
# **When not to use it.** Where a refit takes less than half a second, as here, hundreds of single updates cost more
# than one refit at the end: update when the vectors are needed in between. And what a truncation has cut off does not
# come back: if the leading directions change entirely over a long stream, refit from time to time.
