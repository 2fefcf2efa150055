"""
How few additions a scheme needs
================================

The schemes that come with the library, each with its straight-line program, beside the fewest additions published for
the format.
"""

# %%
# A scheme with few products pays by additions. Formed one by one, the sums of a scheme need as many as its coefficients
# say; sums that share parts need far fewer. The published counts are those of July 2026, for other schemes of the same
# rank; ours are those of the packaged programs, which are expanded and compared with the scheme when they are loaded.

import matplotlib.pyplot as plt
import numpy as np

from sparsela.matmul import get_scheme

PUBLISHED = {
    (2, 2, 2): 15, (2, 2, 3): 20, (2, 2, 4): 31, (2, 2, 5): 33, (2, 3, 3): 46, (2, 3, 4): 58, (2, 3, 5): 71,
    (2, 4, 4): 92, (3, 3, 3): 58, (3, 3, 4): 92, (3, 4, 4): 133, (4, 4, 4): 159,
}  # fmt: skip

schemes = {shape: get_scheme("winograd") if shape == (2, 2, 2) else get_scheme(shape) for shape in PUBLISHED}
ours = np.array([scheme.additions for scheme in schemes.values()])
naive = np.array([scheme.naive_additions for scheme in schemes.values()])
theirs = np.array(list(PUBLISHED.values()))
rows = np.arange(len(schemes))[::-1]

figure, ax = plt.subplots(figsize=(9, 5.5), layout="constrained")
ax.hlines(rows, np.minimum(ours, theirs), naive, color="0.85", linewidth=2, zorder=0)
ax.hlines(rows, np.minimum(ours, theirs), np.maximum(ours, theirs), color="0.5", linewidth=2, zorder=1)
ax.scatter(naive, rows, s=30, color="0.75", label="one sum at a time")
ax.scatter(theirs, rows, s=110, facecolor="white", edgecolor="C1", linewidth=1.8, label="fewest published")
ax.scatter(ours, rows, s=36, color="C0", label="packaged program", zorder=3)
for row, mine, other, most in zip(rows, ours, theirs, naive, strict=True):
    ax.annotate(f"{mine}, published {other}", (most, row), (9, 0), textcoords="offset points", va="center", fontsize=8)
ax.set_yticks(rows, [f"{'×'.join(map(str, s.shape))}, rank {s.rank}" for s in schemes.values()])
ax.set(xlabel="additions", xlim=(10, naive.max() * 2.5), xscale="log")
ax.set_xticks([20, 50, 100, 200, 500], [20, 50, 100, 200, 500])
ax.minorticks_off()
better, equal = int((ours < theirs).sum()), int((ours == theirs).sum())
ax.set_title(f"Fewer additions than published in {better} of {len(ours)} formats, as many in {equal}")
ax.legend(loc="upper right")

# %%
# The same factors, many runs: how often a run of each kind reaches how few additions for Laderman's scheme.

from sparsela.matmul import reduce_additions  # noqa: E402

laderman = get_scheme("laderman")
figure, ax = plt.subplots(figsize=(9, 3.6), layout="constrained")
strategies = ("greedy-random-tie", "weighted", "greedy-potential", "greedy-intersections")
counts = {}
for strategy in strategies:
    counts[strategy] = [
        reduce_additions(
            laderman, strategy=strategy, n_trials=1, max_rounds=1, use_transpose=False, random_state=s
        ).additions
        for s in range(300)
    ]
low, high = min(map(min, counts.values())), max(map(max, counts.values()))
bins = np.arange(low - 0.5, high + 1)
for i, (strategy, values) in enumerate(counts.items()):
    heights = np.histogram(values, bins)[0] / len(values)
    ax.bar(np.arange(low, high + 1) + 0.2 * (i - 1.5), heights, 0.2, label=strategy)
best = reduce_additions(laderman, random_state=0).additions
ax.set(xlabel="additions after one run a factor", ylabel="share of 300 runs")
ax.set_title(f"Laderman's scheme: {laderman.additions} additions one by one, {best} after all runs together")
ax.legend()

# %%
# **When not to use it.** Additions matter where they take a good part of the time: for small blocks and for schemes
# with many products. On large matrices and one or two levels, Winograd's 15 additions are hard to beat. A program with
# fewer additions may also chain more of them, and round more.
