"""
Where sparse recovery works, and where it stops
===============================================

How many measurements does a sparse signal need? Draw random problems over the whole plane of undersampling δ = m/n and
sparsity ρ = k/m, solve each, and count. The border is sharp, and theory knows where ℓ1's lies.
"""

# %%
# Three solvers on signals with Gaussian values, n = 100. Each trial is seeded by its place in the diagram, so that the
# picture is the same on any number of cores.

import matplotlib.pyplot as plt
import numpy as np

from sparsela.recovery import phase_transition, weak_threshold

deltas, rhos = np.linspace(0.1, 0.9, 7), np.linspace(0.05, 0.85, 13)
grid = {"n_features": 100, "deltas": deltas, "rhos": rhos, "n_trials": 8, "random_state": 0}
diagrams = {
    "OMP": phase_transition("omp", **grid),
    "NST + HT + feedback": phase_transition("nst", **grid),
    "NST, size unknown": phase_transition("adaptive_nst", **grid),
}

# %%
# White: every trial recovered. The dashed line is the asymptotic threshold of ℓ1 minimisation (Donoho and Tanner).

figure, axes = plt.subplots(1, 4, figsize=(15, 4.2), layout="constrained", sharey=True)
fine = np.linspace(0.1, 0.9, 80)
for ax, (name, diagram) in zip(axes, diagrams.items(), strict=False):
    ax.pcolormesh(deltas, rhos, diagram.success.T, cmap="gray", vmin=0, vmax=1, shading="nearest")
    ax.plot(deltas, diagram.transition(), "C1", lw=2.5, label="half recovered")
    ax.plot(fine, weak_threshold(fine), "C0--", lw=2, label="ℓ1, theory")
    ax.set(title=name, xlabel="δ = m / n")
axes[0].set_ylabel("ρ = k / m")
axes[0].legend(loc="upper left", fontsize="small")
for name, diagram in diagrams.items():
    axes[3].plot(deltas, diagram.transition(), "o-", label=name)
axes[3].plot(fine, weak_threshold(fine), "C0--", label="ℓ1, theory")
axes[3].set(title="where half is recovered", xlabel="δ = m / n", ylim=(0.05, 0.85))
axes[3].legend(fontsize="small")
figure.suptitle("On Gaussian values, tuning with feedback recovers more than ℓ1 can, even without knowing k")

# %%
# **When not to use it.** The diagram is of random matrices and of one kind of signal. On signals whose non-zeros are
# all of one size (``signal="flat"``) ℓ1 recovers more than any greedy method; for your own matrix, give a callable as
# ``ensemble`` and look.
