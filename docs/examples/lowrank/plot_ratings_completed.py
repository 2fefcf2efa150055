"""
Films that were not rated
=========================

671 users rated 1.6 % of 9,066 films. A mean, a bias for each user and film, and fifty factors predict the ratings that
are held back: how well, against the seconds that it took.
"""

# %%
# A tenth of the ratings is held back. The same objective is minimised by exact alternating least squares, by three
# steps
# of conjugate gradients a row, and by sketched rows; ``max_iter`` goes up from left to right.

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
import scipy.sparse as sp
from matplotlib.ticker import LogLocator, NullFormatter
from threadpoolctl import threadpool_limits

from sparsela.datasets import load_movielens
from sparsela.lowrank import MatrixCompletion

ratings = sp.coo_array(load_movielens())
i, j = ratings.coords
test = np.random.default_rng(0).random(ratings.nnz) < 0.1
train = sp.csr_array((ratings.data[~test], (i[~test], j[~test])), shape=ratings.shape)


def evaluated(**how):
    start = time.process_time()
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # it is stopped early on purpose
        model = MatrixCompletion(alpha=0.15, tol=0, random_state=0, n_jobs=1, **how).fit(train)
    seconds = time.process_time() - start
    return seconds, np.sqrt(np.mean((model.predict_entries(i[test], j[test]) - ratings.data[test]) ** 2))


evaluated(n_components=2, max_iter=1)  # the first call loads what it needs
sweeps = [1, 2, 4, 8, 16]
curves = {
    solver: np.array([evaluated(n_components=50, solver=solver, max_iter=n) for n in sweeps])
    for solver in ("als", "als-cg", "als-sketch")
}

# %%
# The three end at one error; the cheap sweeps get there first.

_, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
names = {"als": "exact (als)", "als-cg": "conjugate gradients (als-cg)", "als-sketch": "sketched rows (als-sketch)"}
for solver, curve in curves.items():
    ax.plot(curve[:, 0], curve[:, 1], "o-", label=names[solver])
ax.set(xscale="log", xlabel="seconds of one thread", ylabel="RMSE on ratings held back, stars")
ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
ax.xaxis.set_major_formatter("{x:g}")
ax.xaxis.set_minor_formatter(NullFormatter())
ax.legend()
fastest = curves["als"][-1, 0] / curves["als-cg"][-1, 0]
ax.set_title(f"The same error {fastest:.0f} times sooner by inexact steps")

# %%
# **When not to use it.** A film that nobody rated gets its mean and no factors. Clicks and purchases, where what is not
# there says something, need a model of implicit feedback: this one takes what is missing as unknown.
