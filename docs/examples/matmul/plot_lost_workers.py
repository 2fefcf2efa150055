"""
A product that survives lost workers
====================================

Strassen's seven products and Winograd's seven, and two more that a search found, are sixteen small tasks for sixteen
workers. Any two of them may fail, and nearly all sets of three: the others still determine the matrix product. Here a
photograph is multiplied by a cosine transform, and three workers are lost.
"""

# %%
# Left: the blocks that Strassen's own formulas give without the three, transformed back. Middle: the product as the
# other thirteen nodes determine it, transformed back.
import matplotlib.pyplot as plt
import numpy as np
from scipy.fft import dct
from sklearn.datasets import load_sample_image

from sparsela.matmul import FaultTolerantProduct, get_scheme

photograph = load_sample_image("china.jpg").mean(axis=2)[:426, :640] / 255
transform = dct(np.eye(640), norm="ortho", axis=0)
lost = ["S1", "S4", "W6"]

code = FaultTolerantProduct()
answers = {node.name: task() for node, task in zip(code.nodes, code.submit(photograph, transform.T), strict=True)}
answers = {name: block for name, block in answers.items() if name not in lost}
product = code.decode(answers, shape=(426, 640))

# Strassen alone: a block of C is there if none of its products is lost.
weights = get_scheme("strassen").w
whole = np.full((426, 640), np.nan)
for c in range(4):
    terms = [f"S{t + 1}" for t in np.flatnonzero(weights[:, c])]
    if not set(terms) & set(lost):
        i, l = divmod(c, 2)
        block = sum(w * answers[name] for w, name in zip(weights[weights[:, c] != 0, c], terms, strict=True))
        whole[i * 213 : (i + 1) * 213, l * 320 : (l + 1) * 320] = block

fig, axes = plt.subplots(1, 3, figsize=(12, 3.2), layout="constrained")
axes[0].imshow(np.nan_to_num(whole) @ transform, cmap="gray", vmin=0, vmax=1)
axes[0].set_title(f"Strassen without {' and '.join(name for name in lost if name[0] == 'S')}")
axes[1].imshow(product @ transform, cmap="gray", vmin=0, vmax=1)
axes[1].set_title(f"decoded without {', '.join(lost)}")
error = np.abs(product @ transform - photograph)
picture = axes[2].imshow(np.log10(error + 1e-18), cmap="viridis", vmin=-17, vmax=-13)
axes[2].set_title("its error, log10")
fig.colorbar(picture, ax=axes[2])
for ax in axes:
    ax.set(xticks=[], yticks=[])

# %%
# How likely a product is lost, when each worker fails with probability p. Sixteen nodes do what three copies of
# Strassen's seven do with twenty-one.
p = np.logspace(-3, np.log10(0.3), 40)
plans = {
    "7 nodes: Strassen": FaultTolerantProduct(["strassen"], n_parity=0),
    "14 nodes: Strassen twice": FaultTolerantProduct(["strassen"] * 2, n_parity=0),
    "14 nodes: Strassen and Winograd": FaultTolerantProduct(n_parity=0),
    "16 nodes: and two parities": code,
    "21 nodes: Strassen three times": FaultTolerantProduct(["strassen"] * 3, n_parity=0),
}
fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
for (name, plan), style in zip(plans.items(), ["C7-", "C0--", "C1-", "C3-", "k:"], strict=True):
    ax.loglog(p, plan.failure_probability(p), style, label=name)
ax.set(xlabel="probability that a worker is lost", ylabel="probability that the product is lost", ylim=(1e-9, 1))
ax.legend()
plt.show()

# %%
# **When not to use it.** One machine does not lose its cores. The sixteen products are twice the work of the classical
# one: where workers that fail can be started again before anybody notices, that is cheaper.
