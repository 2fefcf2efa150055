"""
How much accuracy do fast products cost?
========================================

Sums of blocks before the products and after them magnify rounding errors. There is a bound, and there is what happens.
"""

# %%
# Strassen's scheme has 18 additions and a growth factor of 12, Winograd's form 15 and 18: fewer additions, larger
# errors. Laderman's scheme for 3 × 3 blocks reaches further with one level. Against each number of levels: the largest
# error of a product of order 729 over the largest entry of the product, and the bound.

import matplotlib.pyplot as plt
import numpy as np

from sparsela.matmul import get_scheme, measure_error

ORDER, TRIALS = 729, 3
SCHEMES = {"strassen": 4, "winograd": 4, "laderman": 2}
DISTRIBUTIONS = ("normal", "uniform", "graded")

reports = {
    (name, distribution): measure_error(
        name, levels, (ORDER,) * 3, n_trials=TRIALS, distribution=distribution, random_state=0
    )
    for name, levels in SCHEMES.items()
    for distribution in DISTRIBUTIONS
}

# %%
# The bound allows every rounding to go wrong in the same direction, and they never do: errors stay some powers of ten
# below it, and grow by a factor of about two a level, not by the growth factor. On entries of one sign the product is
# large and errors weigh less, and Winograd's differences of blocks even help. Rows of graded size change little here:
# the largest entry hides the errors of small ones.

figure, axes = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
for color, (name, levels) in zip(("C0", "C1", "C2"), SCHEMES.items(), strict=True):
    scheme = get_scheme(name)
    depth = np.arange(levels + 1)
    saved = 1 - (scheme.rank / np.prod(scheme.shape)) ** depth  # share of the multiplications
    report = reports[name, "normal"]
    allowed = np.median(report.max_error / report.bound_fraction, axis=1)  # the bound in units of the largest entry
    middle = np.median(report.max_error, axis=1)
    axes[0].fill_between(
        100 * saved, report.max_error.min(axis=1), report.max_error.max(axis=1), color=color, alpha=0.2
    )
    axes[0].plot(100 * saved, middle, "o-", color=color, label=name)
    axes[0].plot(100 * saved, allowed, "--", color=color, linewidth=1)
axes[0].plot([], [], "k--", linewidth=1, label="bound")
axes[0].set(yscale="log", xlabel="multiplications saved (%)", ylabel="largest error / largest entry of the product")
axes[0].set_title("Errors stay far below the bound")
axes[0].legend()
for marker, distribution in zip("os^", DISTRIBUTIONS, strict=True):
    for color, name in zip(("C0", "C1"), ("strassen", "winograd"), strict=True):
        report = reports[name, distribution]
        label = f"{distribution}, {name}"
        axes[1].plot(report.levels, np.median(report.frobenius_error, axis=1), marker + "-", color=color, label=label)
axes[1].set(yscale="log", xlabel="levels", ylabel="error in the Frobenius norm, relative", xticks=range(5))
axes[1].set_title("Which form errs more depends on the signs")
axes[1].legend(fontsize=8)

# %%
# **When not to use it.** Where single entries of a product must be right to their own last digits, as in residuals or
# where rows have very different sizes, use ``numpy.matmul``: its error is small against each entry's own sum, that of a
# fast product against the largest. ``accuracy=`` of :func:`~sparsela.matmul.multiply` caps the levels.
