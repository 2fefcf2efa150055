"""
Which terms of sixty-five predict diabetes?
===========================================

Ten measurements of 442 patients, and all their products of two: 65 candidate terms, strongly correlated. How many does
a prediction need, and does it matter who chooses them?
"""

# %%
# The progress of the disease a year later, by all terms of degree two, standardised. A third of the patients is held
# out.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LassoCV, OrthogonalMatchingPursuitCV
from sklearn.model_selection import RepeatedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from sparsela.recovery import SparseRegressor, SparseRegressorCV

data = load_diabetes()
terms = make_pipeline(StandardScaler(), PolynomialFeatures(2, include_bias=False), StandardScaler())
X, names = terms.fit_transform(data.data), terms[1].get_feature_names_out(data.feature_names)
X_train, X_test, y_train, y_test = train_test_split(X, data.target, test_size=1 / 3, random_state=0)

# %%
# Test error along the number of terms for three ways to choose them, and the number that cross-validation picks.

sizes = np.arange(1, 31)
courses = {
    solver: [SparseRegressor(solver, int(k)).fit(X_train, y_train).score(X_test, y_test) for k in sizes]
    for solver in ("sp", "htp", "omp")
}
folds = RepeatedKFold(n_splits=5, n_repeats=4, random_state=0)
chosen = SparseRegressorCV("sp", cv=folds, rule="1se", n_nonzero_coefs=sizes).fit(X_train, y_train)
lasso = LassoCV(cv=folds, max_iter=50_000).fit(X_train, y_train)
omp = OrthogonalMatchingPursuitCV(cv=5, max_iter=30).fit(X_train, y_train)

# %%
# Left: R² on the patients that were held out. Right: cross-validation alone, which sees the training patients only.

figure, axes = plt.subplots(1, 2, figsize=(12, 4.6), layout="constrained")
for solver, course in courses.items():
    axes[0].plot(sizes, course, "o-", markersize=3, label=f"SparseRegressor({solver!r})")
for name, model, marker in (("LassoCV", lasso, "s"), ("OrthogonalMatchingPursuitCV", omp, "^")):
    axes[0].plot(np.count_nonzero(model.coef_), model.score(X_test, y_test), marker, color="k", ms=9, label=name)
axes[0].plot(
    chosen.n_nonzero_coefs_, chosen.score(X_test, y_test), "*", color="C3", ms=18, label="SparseRegressorCV, 1se rule"
)
axes[0].set(xlabel="terms", ylabel="R² on held-out patients", ylim=(0.2, 0.5))
axes[0].legend(fontsize="small", loc="lower center", ncols=2)
mean = chosen.cv_path_.mean(axis=1)
error = chosen.cv_path_.std(axis=1, ddof=1) / np.sqrt(chosen.cv_path_.shape[1])
axes[1].errorbar(chosen.candidates_, mean, error, fmt="o-", markersize=3, color="C0", ecolor="0.7")
axes[1].axhline(mean.max() - error[mean.argmax()], color="0.5", ls="--", label="best less one standard error")
axes[1].axvline(chosen.n_nonzero_coefs_, color="C3", label=f"chosen: {chosen.n_nonzero_coefs_} terms")
axes[1].set(xlabel="terms", ylabel="R² in cross-validation")
axes[1].legend(fontsize="small", loc="lower right")
figure.suptitle(
    f"{chosen.n_nonzero_coefs_} terms, R² = {chosen.score(X_test, y_test):.2f}; "
    f"the lasso takes {np.count_nonzero(lasso.coef_)} for {lasso.score(X_test, y_test):.2f}"
)
print(*(names[i].replace(" ", " × ") for i in chosen.support_), sep=", ")

# %%
# **When not to use it.** If prediction is all that counts and terms cost nothing, ridge regression or boosting will not
# be worse. A chosen set is not *the* set: with correlated terms another third of the patients gives others that predict
# as well. And with more samples than features leave out ``solver="nst"``: null-space tuning then thresholds the least
# squares solution, which correlated columns spoil.
