"""
From which size on is Strassen's idea faster than BLAS?
=======================================================

Every level of Winograd's form of it saves one multiplication in eight, and pays with sums of blocks: memory traffic.
The larger the matrix, the less that weighs.
"""

# %%
# The matrix is made of what correlates in a photograph: patches of 8 × 8 × 3 pixels, their Gram matrix G, and of that
# the square. One thread, single precision; times of ``multiply`` and ``numpy.matmul`` are taken in turn, as CPU time.

import time
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image
from sklearn.feature_extraction.image import extract_patches_2d
from threadpoolctl import threadpool_limits

from sparsela.matmul import MachineModel, measure_error, plan_multiply

SIZES, LEVELS, TURNS = (500, 750, 1000, 1400, 2000, 2800), (1, 2, 3), 3

image = load_sample_image("china.jpg")
X = extract_patches_2d(image, (8, 8), max_patches=SIZES[-1], random_state=0).reshape(SIZES[-1], -1)
X = np.float32(X - X.mean(axis=0)) / 255


def seconds(call):
    start = time.process_time()
    call()
    return time.process_time() - start


ratios = np.empty((len(SIZES), len(LEVELS), TURNS))
predicted = np.empty((len(SIZES), len(LEVELS)))
model = MachineModel.nominal("float32")
with threadpool_limits(1):
    for i, n in enumerate(SIZES):
        G = X[:n] @ X[:n].T
        out = np.empty_like(G)
        plans = [
            plan_multiply(G.shape, G.shape, G.dtype, scheme="winograd", levels=level, n_jobs=1) for level in LEVELS
        ]
        repeats = max(1, int((1000 / n) ** 3))
        for j, plan in enumerate(plans):
            plan.run(G, G, out)
            predicted[i, j] = model.predict_blas((n, n, n)) / model.predict(plan)
        for turn in range(TURNS):
            blas = min(seconds(partial(np.matmul, G, G, out=out)) for _ in range(repeats))
            for j, plan in enumerate(plans):
                ratios[i, j, turn] = blas / min(seconds(partial(plan.run, G, G, out)) for _ in range(repeats))

# %%
# The shaded bands reach from the slowest to the fastest turn, the dashed lines are what the machine model expects of a
# usual server core that has nothing else to do, and the dotted ones the ceiling of 8/7 a level, where sums cost
# nothing. By default ``multiply`` takes a level only from about 1500 on, and below it is BLAS itself.

figure, axes = plt.subplots(1, 2, figsize=(12, 4.8), layout="constrained", width_ratios=(3, 2))
for j, level in enumerate(LEVELS):
    color = f"C{j}"
    name = f"{level} level{'s' if level > 1 else ''}"
    axes[0].fill_between(SIZES, ratios[:, j].min(axis=1), ratios[:, j].max(axis=1), color=color, alpha=0.2, linewidth=0)
    axes[0].plot(SIZES, np.median(ratios[:, j], axis=1), "o-", color=color, label=name)
    axes[0].plot(SIZES, predicted[:, j], "--", color=color, linewidth=1)
    axes[0].axhline((8 / 7) ** level, color=color, linestyle=":", linewidth=1)
axes[0].axhline(1, color="0.3", linewidth=1)
axes[0].set(xscale="log", xlabel="order of G", ylabel="speed over numpy.matmul")
axes[0].set_xticks(SIZES, [str(n) for n in SIZES])
axes[0].minorticks_off()
axes[0].set_title("The larger the matrix, the less the sums weigh")
axes[0].legend()

report = measure_error("winograd", 3, (1000, 1000, 1000), "float32", n_trials=3, random_state=0)
axes[1].bar(report.levels, np.median(report.max_error, axis=1), color=["0.6", *(f"C{j}" for j in range(3))])
axes[1].set(xlabel="levels", ylabel="largest error over the largest entry", xticks=report.levels)
axes[1].set_title("The price: some accuracy (order 1000)")

# %%
# **When not to use it.** Below an order of about 1500, or where one dimension is small, BLAS alone is as fast or
# faster, and that is what :func:`~sparsela.matmul.multiply` then calls. Where entries of very different size meet,
# errors are relative to the largest of the matrix and small entries of the product may lose all their digits.
