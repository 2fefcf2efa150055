"""
Users who are alike, treated alike
==================================

A table of ratings with most of them missing treats two users of one taste as different as two strangers: they rated
different films. Estimates from few singular directions bring their rows together.
"""

# %%
# Users with at least 100 ratings and films with at least 50. The ratio of two users is the distance between their rows
# of
# the table that is used, over the distance between what was observed of them. Of two tables that predict, the one with
# smaller ratios is fairer.

import matplotlib.pyplot as plt
import numpy as np

from sparsela.datasets import load_movielens
from sparsela.lowrank import SingularValueThresholding, individual_fairness_ratios

ratings = load_movielens()
ratings = ratings[np.diff(ratings.indptr) >= 100]
ratings = ratings[:, np.bincount(ratings.indices, minlength=ratings.shape[1]) >= 50].tocsr()

model = SingularValueThresholding(bounds=(0.5, 5.0))
estimate = model.fit_transform(ratings)
seen = ratings.toarray() > 0
observed = np.where(seen, (ratings.toarray() - 2.75) / 2.25, 0)  # −1 to 1, nothing for what is missing
before = observed / model.observed_fraction_
after = (estimate - 2.75) / 2.25
ratios = {
    "ratings as they are, rescaled": individual_fairness_ratios(before, observed),
    f"estimate of rank {model.rank_}": individual_fairness_ratios(after, observed),
}

# %%
# All pairs of users.

_, ax = plt.subplots(figsize=(7, 4), layout="constrained")
bins = np.linspace(0, np.quantile(ratios["ratings as they are, rescaled"], 0.999), 80)
for name, values in ratios.items():
    ax.hist(values, bins=bins, alpha=0.6, density=True, label=f"{name}: median {np.median(values):.2f}")
ax.set(xlabel="distance of estimates over distance of what was observed", ylabel="density of pairs of users")
ax.legend()
medians = [np.median(values) for values in ratios.values()]
ax.set_title(f"Pairs of users are treated {medians[0] / medians[1]:.1f} times more alike")

# %%
# **When not to use it.** The estimate is fair between rows that are observed to be alike; it knows nothing of groups,
# and a
# bias that is in the ratings stays. It needs low rank and a good share of the entries: with one in a hundred nothing is
# above the threshold, and everybody is treated the same because nothing is known.
