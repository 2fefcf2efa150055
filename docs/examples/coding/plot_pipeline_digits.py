"""
Sparse codes as features, in a Pipeline
=======================================

Learn atoms from handwritten digits, code each digit with few of them, and let a grid search choose how many: everything
is a scikit-learn estimator.
"""

# %%
# 1,797 digits of 8 × 8 pixels; a third is kept for the end.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from sparsela.dictionary import OnlineDictionaryLearning

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=1 / 3, stratify=y, random_state=0)

# %%
# Atoms, then a linear classifier on the codes. Cross-validation learns the atoms anew in each fold. The folds are
# small, so one thread does it: the library keeps to what threadpoolctl says.

N_ATOMS, N_NONZERO = [32, 64, 128, 256], [1, 2, 3, 5, 10, 20]

pipeline = Pipeline(
    [
        ("codes", OnlineDictionaryLearning(alpha=0.5, max_iter=5, random_state=0)),
        ("classifier", RidgeClassifier()),
    ]
)
grid = {"codes__n_components": N_ATOMS, "codes__transform_n_nonzero_coefs": N_NONZERO}
with threadpool_limits(1):
    search = GridSearchCV(pipeline, grid, cv=3).fit(X_train, y_train)
accuracy = search.cv_results_["mean_test_score"].reshape(len(N_ATOMS), len(N_NONZERO))

# %%
# On the digits kept for the end: the codes, the pixels under the same classifier, and a classifier that is not linear.

on_codes = search.score(X_test, y_test)
on_pixels = RidgeClassifier().fit(X_train, y_train).score(X_test, y_test)
by_kernel = SVC().fit(X_train, y_train).score(X_test, y_test)

atoms = search.best_estimator_["codes"].components_
best = search.best_estimator_["codes"].get_params()

figure, axes = plt.subplots(1, 2, figsize=(12, 4.6), width_ratios=[3, 2], layout="constrained")
for n_atoms, row in zip(N_ATOMS, accuracy, strict=True):
    axes[0].plot(N_NONZERO, row, "o-", markersize=4, label=f"{n_atoms} atoms")
axes[0].set(
    xscale="log",
    xticks=N_NONZERO,
    xticklabels=N_NONZERO,
    xlabel="atoms a digit",
    ylabel="accuracy, cross-validated",
    title=f"{best['transform_n_nonzero_coefs']} of {best['n_components']} atoms a digit. "
    f"Test: codes {on_codes:.1%}, pixels {on_pixels:.1%}, kernel SVM {by_kernel:.1%}",
)
axes[0].minorticks_off()
axes[0].legend()

users = np.count_nonzero(search.best_estimator_["codes"].transform(X_train), axis=0)
most_used = atoms[np.argsort(-users)[:60]]
tiles = (most_used / abs(most_used).max(axis=1, keepdims=True)).reshape(60, 8, 8)
tiles = np.pad(tiles, ((0, 0), (0, 1), (0, 1)), constant_values=1)
mosaic = tiles.reshape(6, 10, 9, 9).swapaxes(1, 2).reshape(54, 90)[:-1, :-1]
axes[1].imshow(mosaic, cmap="gray", vmin=-1, vmax=1)
axes[1].set_title("The sixty atoms used most: ways of writing a digit")
axes[1].axis("off")

# %%
# **When not to use it.** Codes give a *linear* classifier something to add up, and a reader something to look at. Where
# accuracy on a small table is all that counts, a kernel machine on the raw pixels is both simpler and better, as the
# title says; and with few atoms a digit and few atoms in all, codes throw away what pixels had.
