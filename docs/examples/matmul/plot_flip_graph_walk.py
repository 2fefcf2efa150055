"""
Eight walks on the flip graph reach rank 23 from rank 27
========================================================

From the 27 products of the definition of a 3×3 product to 23, by random moves that never change the result.
"""

# %%
# A flip rewrites two products that share a factor; now and then one of the two becomes zero, or equal to another one,
# and the rank falls. A walk that is stuck goes up by one product (a plus move) and comes down elsewhere.

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap

from sparsela.matmul import search_scheme

found = search_scheme((3, 3, 3), max_flips=6_000_000, random_state=3, return_history=True)
scheme, history = found.scheme, found.history
first = np.flatnonzero(history["rank"] == found.rank)
first = first[np.argmin(history["flip"][first])]

figure = plt.figure(figsize=(12, 6.2), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1.25, 1])
axes = left.subplots(8, 1, sharex=True, sharey=True)
for walker, ax in enumerate(axes):
    mine = history["walker"] == walker
    flip, rank, plus = (history[name][mine] for name in ("flip", "rank", "plus"))
    flip, rank = np.r_[0, flip, found.n_flips / 8], np.r_[27, rank, rank[-1]]
    ax.step(flip / 1e3, rank, where="post", color="C0", linewidth=1)
    up = np.flatnonzero(plus) + 1
    ax.plot(flip[up] / 1e3, rank[up], "^", color="C1", markersize=3.5)
    ax.axhline(23, color="0.8", linewidth=0.8, zorder=0)
    ax.set_yticks([23, 27])
    ax.spines[["top", "right"]].set_visible(False)
    if walker == history["walker"][first]:
        ax.plot(history["flip"][first] / 1e3, found.rank, "o", color="C3", markersize=7)
axes[-1].set_xlabel("flips of the walker, thousands")
left.supylabel("rank")
left.suptitle(f"Rank of eight walks; plus moves in orange, the first rank {found.rank} in red")

panels = right.subplots(23, 3, gridspec_kw={"wspace": 0.05, "hspace": 0.15})
colours = ListedColormap(["#b2182b", "#f2f2f2", "#2166ac"])
for column, (letter, factor) in enumerate(zip("ABC", (scheme.u, scheme.v, scheme.w), strict=True)):
    for row, panel in enumerate(panels[:, column]):
        panel.imshow(factor[row].reshape(1, 9), cmap=colours, vmin=-1, vmax=1, aspect="auto")
        panel.set(xticks=[], yticks=[])
        for edge in (2.5, 5.5):
            panel.axvline(edge, color="white", linewidth=2)
    panels[0, column].set_title(f"in {letter}")
right.suptitle(f"The {scheme.rank} products found: coefficients 1 blue, −1 red")

# %%
# **When not to use it.** A walk knows the ranks that it passes, not the least one: where it stops says nothing about
# what is possible. Formats beyond 4×4×4 from the definition take hours; start from sums and products of smaller
# schemes instead (``start=``). To multiply matrices, take one that is there: :func:`sparsela.matmul.get_scheme`.
