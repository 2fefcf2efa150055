"""
A hundred thousand points, forty of them: by chance they clump, by a determinantal process they keep apart
==========================================================================================================

Both samples are random, and every point may be in either. In the second, near points rarely come together.
"""

# %%
# Points of four clusters of very different weight; the kernel says what is near.

import time

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial.distance import pdist

from sparsela.dpp import KernelDPP

rng = np.random.default_rng(0)
centres, shares = [(0, 0), (3, 1), (1, 3), (-2, 2)], [0.7, 0.2, 0.08, 0.02]
X = np.concatenate(
    [c + rng.normal(0, 0.6, (int(100_000 * share), 2)) for c, share in zip(centres, shares, strict=True)]
)

start = time.perf_counter()
process = KernelDPP(gamma=2.0, expected_size=40, random_state=0).fit(X)
fit = time.perf_counter() - start
start = time.perf_counter()
sets = process.sample(20)
draw = (time.perf_counter() - start) / 20

# %%
# A uniform sample of as many points, beside it.

S = sets[0]
uniform = [rng.choice(len(X), len(S), replace=False) for _ in range(20)]
figure, axes = plt.subplots(1, 2, figsize=(12, 5.4), layout="constrained", sharex=True, sharey=True)
for ax, chosen, name, colour in ((axes[0], uniform[0], "uniform", "C1"), (axes[1], S, "determinantal", "C0")):
    ax.plot(*X[::20].T, ",", color="0.8")
    ax.plot(*X[chosen].T, "o", color=colour, markeredgecolor="white")
    ax.set(title=f"{name}: {len(chosen)} points, nearest two {pdist(X[chosen]).min():.2f} apart", aspect="equal")
figure.suptitle(f"{len(X):,} points, exact samples of {len(S)}: fit {fit:.1f} s, {1000 * draw:.0f} ms a set")

# %%
# **When not to use it.** Where the sample must have the proportions of the whole, as in a survey: a determinantal
# sample gives small clusters more than their share. One good set, not a random
# one, is :func:`~sparsela.dpp.greedy_map`'s.
