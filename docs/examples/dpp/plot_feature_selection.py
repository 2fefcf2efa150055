"""
Eight of thirty measurements say nearly what all of them say
============================================================

Columns of a table chosen without looking at the target, by the volume that they span.
"""

# %%
# Thirty measurements of cell nuclei, many of them nearly the same: radius, perimeter and area. A set of columns is
# drawn with probability the squared volume they span, so that one of the three is seldom there with another.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sparsela.dpp import DPPFeatureSelector

table = load_breast_cancer()
X, y = StandardScaler().fit_transform(table.data), table.target
rng = np.random.default_rng(0)


def residual(columns):
    Q = np.linalg.qr(X[:, columns])[0]
    return 1 - ((Q.T @ X) ** 2).sum() / (X**2).sum()


sizes = [2, 4, 8, 12, 16]
methods = {"best of 20": "best_of", "one draw": "volume", "greedy": "greedy"}
curves = {name: [] for name in (*methods, "uniform", "most different between classes")}
for k in sizes:
    for name, method in methods.items():
        curves[name].append(DPPFeatureSelector(k, method=method, random_state=0).fit(X).residual_ / (X**2).sum())
    curves["uniform"].append(np.mean([residual(rng.choice(30, k, replace=False)) for _ in range(50)]))
    curves["most different between classes"].append(residual(SelectKBest(k=k).fit(X, y).get_support()))

# %%
# What the columns chosen do not explain of the table, and what a classifier makes of them, in a pipeline.

figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
for name, values in curves.items():
    left.semilogy(sizes, values, "o-" if name in methods else "o--", label=name)
spectrum = np.linalg.svd(X, compute_uv=False) ** 2
left.semilogy(sizes, [spectrum[k:].sum() / spectrum.sum() for k in sizes], "k:", label="principal components")
left.set(xlabel="columns kept", ylabel="share of the table not explained")
left.set_title(f"Eight columns leave {100 * curves['best of 20'][2]:.0f} % of thirty unexplained")
left.legend()

for name, step in (
    ("best of 20", lambda k: DPPFeatureSelector(k, method="best_of", scale=True, random_state=0)),
    ("greedy", lambda k: DPPFeatureSelector(k, method="greedy", scale=True)),
    ("most different between classes", lambda k: SelectKBest(k=k)),
):
    model = [make_pipeline(step(k), StandardScaler(), LogisticRegression()) for k in sizes]
    right.plot(sizes, [cross_val_score(m, table.data, y, cv=5).mean() for m in model], "o-", label=name)
everything = make_pipeline(StandardScaler(), LogisticRegression())
right.axhline(cross_val_score(everything, table.data, y, cv=5).mean(), color="k", linestyle=":", label="all thirty")
right.set(xlabel="columns kept", ylabel="accuracy (five folds)", title="Two columns need the target, eight do not")
right.legend()

# %%
# **When not to use it.** Where there is one target and nothing else matters: a selector that sees it needs fewer
# columns. Volume is for tables whose use is not known yet.
