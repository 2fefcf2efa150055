"""Topologies that change while a network trains: drop weights, grow others, always as many as before."""

from __future__ import annotations

import math
from numbers import Real
from typing import NamedTuple

import numpy as np

from sparsela._core.validation import check_count
from sparsela.nn._growth import grow_in_rows, share_out, top
from sparsela.nn._linear import SparseLinear
from sparsela.nn._optim import initial_values
from sparsela.nn._topology import draw_free, keys_of


class UpdateRecord(NamedTuple):
    """What one update did to one layer."""

    layer: int
    n_dropped: int
    n_grown: int
    n_ablated: int = 0


def cosine_count(nnz: int, alpha: float, step: int, stop: float) -> int:
    """Weights that an update moves: ⌊nnz · (α/2)(1 + cos(π t / stop))⌋."""
    return int(nnz * alpha / 2 * (1 + math.cos(math.pi * step / stop)))


class Topology:
    """A rule that changes supports during training; subclass it, or give any object with the same two methods.

    Attributes
    ----------
    window : int
        How many of the last batches the gradients given to :meth:`update` cover; 0 if it needs none.
    kind : str
        How the first supports are drawn.
    """

    window = 1
    kind = "uniform"

    def due(self, step: int, steps_per_epoch: int, total_steps: int) -> bool:
        """Whether an update follows step number `step`, which counts from 1."""
        raise NotImplementedError

    def update(self, layers, grads, step, total_steps, rng) -> list[UpdateRecord]:
        """Change the supports of `layers` by :meth:`SparseLinear.exchange`.

        Parameters
        ----------
        layers : list of SparseLinear
            From the inputs on.
        grads : list of DenseGradient or None
            One a layer; None where `window` is 0.
        step, total_steps : int
            Where training stands.
        rng : numpy Generator
            What draws.
        """
        raise NotImplementedError

    def _is_time(self, every, step, steps_per_epoch, total_steps) -> bool:
        period = steps_per_epoch if every == "epoch" else every
        return step % period == 0 and step < total_steps

    def __repr__(self):
        fields = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({fields})"

    def __eq__(self, other):
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None


class SET(Topology):
    """Sparse evolutionary training: drop the weights nearest zero, grow as many anywhere.

    Parameters
    ----------
    zeta : float, default=0.3
        Fraction of the positive, and of the negative, weights of a layer that an update drops, in [0, 1).
    every : int or "epoch", default="epoch"
        Steps between updates.
    grow_init : {"init", "zeros"}, default="init"
        New weights start as those of the layer did, or at zero.
    skip_last : bool, default=True
        Leave the output layer as it is.

    See Also
    --------
    RigL : Grows where the gradient is large.

    Notes
    -----
    No gradient of missing weights is needed: an update is O(nnz log nnz). With few epochs new values of full size cost
    accuracy against a static topology, and far more where the learning rate falls before the updates end: what is grown
    then stays as it was drawn. Keep ``learning_rate="constant"``; the published regime is hundreds of epochs.

    References
    ----------
    D. C. Mocanu, E. Mocanu, P. Stone, P. H. Nguyen, M. Gibescu, A. Liotta. Scalable training of artificial neural
    networks with adaptive sparse connectivity inspired by network science. Nature Communications, 2018. arXiv
    1707.04780.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sparsela.nn import SET, SparseMLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = SparseMLPClassifier(density=0.1, topology=SET(zeta=0.2), max_iter=10, learning_rate="cosine")
    >>> model = model.set_params(random_state=0).fit(X / 16, y)
    >>> len(model.topology_)
    9
    """

    window = 0

    def __init__(self, zeta=0.3, every="epoch", grow_init="init", skip_last=True):
        self.zeta = check_fraction(zeta, "zeta")
        self.every = check_every(every)
        if grow_init not in ("init", "zeros"):
            raise ValueError(f"grow_init must be 'init' or 'zeros', got {grow_init!r}")
        self.grow_init = grow_init
        self.skip_last = bool(skip_last)

    def due(self, step, steps_per_epoch, total_steps):
        return self._is_time(self.every, step, steps_per_epoch, total_steps)

    def update(self, layers, grads, step, total_steps, rng):
        return [
            self._update(l, layer, rng)
            for l, layer in enumerate(layers)
            if not (self.skip_last and l == len(layers) - 1) and layer.nnz < layer.n_in * layer.n_out
        ]

    def _update(self, l, layer, rng):
        kept = smallest_of_each_sign(layer.data, self.zeta)
        np.logical_not(kept, out=kept)
        n = layer.nnz - np.count_nonzero(kept)
        staying = keys_of(layer.indptr, layer.indices, layer.n_in)[kept]
        grown = draw_free(staying, n, layer.n_in * layer.n_out, int(rng.integers(2**63)))
        values = 0.0
        if self.grow_init == "init":
            rows = grown // layer.n_in
            fan = np.bincount(rows, minlength=layer.n_out) + np.bincount(staying // layer.n_in, minlength=layer.n_out)
            shape = (layer.n_out, layer.n_in)
            values = initial_values(layer.init, fan[rows], layer.nnz / layer.n_in, shape, rng)
        layer.exchange(kept, grown, values)
        return UpdateRecord(l, n, n)


def smallest_of_each_sign(w: np.ndarray, zeta: float) -> np.ndarray:
    """Mask of the ⌊ζ n₊⌋ smallest positive and the ⌊ζ n₋⌋ largest negative weights."""
    chosen = np.zeros(w.size, bool)
    for side in (np.flatnonzero(w > 0), np.flatnonzero(w < 0)):
        chosen[side[top(-np.abs(w[side]), int(zeta * side.size))]] = True
    return chosen


class RigL(Topology):
    """Rigging the lottery: drop the smallest weights, grow where the gradient of a missing weight is largest.

    Parameters
    ----------
    alpha : float, default=0.3
        Fraction of the weights of a layer that the first update moves, in [0, 1); it falls to 0 as a cosine.
    every : int or "epoch", default=100
        Steps between updates.
    stop : float, default=0.75
        Fraction of training after which the topology stays, in (0, 1].
    grow : {"gradient"}, default="gradient"
        Score of missing weights.

    See Also
    --------
    SRigL : The same with constant fan-in.
    SET : Without gradients.

    Notes
    -----
    Every `every` steps while t < stop · T: n = ⌊nnz (α/2)(1 + cos(π t / (stop T)))⌋ weights of each layer are dropped
    by magnitude, and the n positions of largest ``|∂L/∂W|`` among all that were not kept are grown at zero, with no
    velocity. The gradient of a batch is scanned in blocks of 64 rows: O(n_out n_in B) flops an update, O(64 n_in + nnz)
    memory.

    References
    ----------
    U. Evci, T. Gale, J. Menick, P. S. Castro, E. Elsen. Rigging the lottery: making all tickets winners. ICML, 2020.
    arXiv 1911.11134.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sparsela.nn import RigL, SparseMLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = SparseMLPClassifier(density=0.1, topology=RigL(every=20), max_iter=5, learning_rate="cosine")
    >>> model = model.set_params(random_state=0).fit(X / 16, y)
    >>> len(model.topology_), model.n_connections_
    (2, 1894)
    """

    def __init__(self, alpha=0.3, every=100, stop=0.75, grow="gradient"):
        self.alpha = check_fraction(alpha, "alpha")
        self.every = check_every(every)
        self.stop = check_stop(stop)
        if grow != "gradient":
            raise ValueError(f"grow must be 'gradient', got {grow!r}")
        self.grow = grow

    def due(self, step, steps_per_epoch, total_steps):
        return step < self.stop * total_steps and self._is_time(self.every, step, steps_per_epoch, total_steps)

    def update(self, layers, grads, step, total_steps, rng):
        records = []
        for l, (layer, gradient) in enumerate(zip(layers, grads, strict=True)):
            n = cosine_count(layer.nnz, self.alpha, step, self.stop * total_steps)
            if n == 0 or layer.nnz == layer.n_in * layer.n_out:
                continue
            kept = np.ones(layer.nnz, bool)
            kept[top(-np.abs(layer.data), n)] = False
            staying = keys_of(layer.indptr, layer.indices, layer.n_in)[kept]
            layer.exchange(kept, gradient.largest(n, staying))
            records.append(UpdateRecord(l, n, n))
        return records


class SRigL(Topology):
    """RigL with constant fan-in: every output keeps as many inputs as any other, or none at all.

    Parameters
    ----------
    alpha : float, default=0.3
        Fraction of the weights that the first update moves, as in :class:`RigL`.
    every : int or "epoch", default=100
        Steps between updates.
    stop : float, default=0.75
        Fraction of training after which the topology stays, in (0, 1].
    min_salient : float, default=0.3
        An output with fewer salient positions than this fraction of its inputs loses them all, in [0, 1].
    ablate : bool, default=True
        Whether outputs may lose all inputs.

    See Also
    --------
    CondensedLinear : What the fitted layers become, by ``condense()``.

    Notes
    -----
    Salient are the nnz − n largest weights and the n largest gradients of a layer, n as in RigL. Outputs with fewer
    than max(1, ⌊min_salient k⌋) of them are ablated, never in the last layer and never below ⌈nnz / n_in⌉ outputs; the
    others get k′ = ⌊nnz / n_active⌋ inputs each: their strongest kept weights (ties to the lower index), then those of
    largest gradient. nnz is that of the first support, so that what a floor takes away can come back.

    References
    ----------
    M. Lasby, A. Golubeva, U. Evci, M. Nica, Y. Ioannou. Dynamic sparse training with structured sparsity. ICLR, 2024.
    arXiv 2305.02299.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sparsela.nn import SRigL, SparseMLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = SparseMLPClassifier(density=0.1, topology=SRigL(every=20), max_iter=5, learning_rate="cosine")
    >>> model = model.set_params(random_state=0).fit(X / 16, y)
    >>> [type(layer).__name__ for layer in model.condense()]
    ['CondensedLinear', 'CondensedLinear']
    """

    kind = "constant_fan_in"

    def __init__(self, alpha=0.3, every=100, stop=0.75, min_salient=0.3, ablate=True):
        self.alpha = check_fraction(alpha, "alpha")
        self.every = check_every(every)
        self.stop = check_stop(stop)
        if not (isinstance(min_salient, Real) and 0 <= min_salient <= 1):
            raise ValueError(f"min_salient must be in [0, 1], got {min_salient!r}")
        self.min_salient = float(min_salient)
        self.ablate = bool(ablate)

    due = RigL.due

    def update(self, layers, grads, step, total_steps, rng):
        records = []
        for l, (layer, gradient) in enumerate(zip(layers, grads, strict=True)):
            target = layer.n_allotted
            n = cosine_count(target, self.alpha, step, self.stop * total_steps)
            if n == 0 or layer.nnz == layer.n_in * layer.n_out:
                continue
            records.append(self._update(l, layer, gradient, n, target, l == len(layers) - 1))
        return records

    def _update(self, l, layer, gradient, n, target, is_last):
        n_in, n_out = layer.n_in, layer.n_out
        keys = keys_of(layer.indptr, layer.indices, n_in)
        strong = np.zeros(layer.nnz, bool)
        strong[top(np.abs(layer.data), max(0, layer.nnz - n))] = True
        steep = gradient.largest(n, keys[strong])
        salient = np.bincount(np.concatenate([keys[strong], steep]) // n_in, minlength=n_out)

        was_active = np.diff(layer.indptr) > 0
        fan = -(-layer.nnz // max(1, np.count_nonzero(was_active)))
        bar = max(1, int(self.min_salient * fan)) if self.ablate and not is_last else 0
        least = -(-target // n_in)
        while bar and np.count_nonzero(salient >= bar) < least:
            bar -= 1
        active = salient >= bar
        k = min(n_in, target // np.count_nonzero(active))

        kept = strong & strongest_in_rows(layer, strong, k) & active[keys // n_in]
        counts = np.bincount(keys[kept] // n_in, minlength=n_out)
        wanted = np.where(active, k - counts, 0)
        grown = grow_in_rows(gradient, keys[kept], wanted)
        before = layer.nnz
        layer.exchange(kept, grown)
        ablated = np.count_nonzero(was_active & ~active)
        return UpdateRecord(l, before - np.count_nonzero(kept), grown.size, int(ablated))


def strongest_in_rows(layer: SparseLinear, among: np.ndarray, k: int) -> np.ndarray:
    """Mask of the at most k largest |w| of each row, of those in `among`; ties to the lower index."""
    rows = np.repeat(np.arange(layer.n_out), np.diff(layer.indptr))
    size = np.where(among, np.abs(layer.data), -1)
    order = np.lexsort((np.arange(rows.size), -size, rows))
    chosen = np.zeros(rows.size, bool)
    chosen[order] = np.arange(rows.size) - layer.indptr[rows[order]] < k
    return chosen & among


class SparseMomentum(Topology):
    """Sparse momentum: weights move between layers, to where the momentum is large.

    Parameters
    ----------
    rate : float, default=0.5
        Fraction of the weights of each layer that the first update drops, in [0, 1).
    every : int or "epoch", default="epoch"
        Steps between updates.
    decay : {"cosine", "constant"}, default="cosine"
        How the rate falls: to 0.005 at the end, or not at all.
    window : int, default=10
        Batches whose gradients make the momentum of missing weights.

    See Also
    --------
    RigL : Keeps the number of weights of each layer.

    Notes
    -----
    c_l is the mean size of the momentum of the weights of layer l over the sum of all layers'. Each layer drops
    ⌈p nnz_l⌉ of its smallest weights, and what all have dropped is shared out by c_l, at most 0.99 of a layer's free
    places each, and what does not fit evenly among the others; in a layer the places of largest momentum grow, at zero.
    A layer over 80 % dense that would grow drops at most its sparsity.

    The paper keeps the momentum of every weight, stored or not. Here it is the sum of the gradients of the last
    `window` batches, taken in blocks of rows: O(window · B (n_in + n_out)) memory, nothing of the dense size.

    References
    ----------
    T. Dettmers, L. Zettlemoyer. Sparse networks from scratch: faster training without losing performance. 2019. arXiv
    1907.04840.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sparsela.nn import SparseMLPClassifier, SparseMomentum
    >>> X, y = load_digits(return_X_y=True)
    >>> model = SparseMLPClassifier(density=0.1, topology=SparseMomentum(), max_iter=5, learning_rate="cosine")
    >>> model = model.set_params(random_state=0).fit(X / 16, y)
    >>> model.n_connections_
    1894
    """

    def __init__(self, rate=0.5, every="epoch", decay="cosine", window=10):
        self.rate = check_fraction(rate, "rate")
        self.every = check_every(every)
        if decay not in ("cosine", "constant"):
            raise ValueError(f"decay must be 'cosine' or 'constant', got {decay!r}")
        self.decay = decay
        self.window = check_count(window, "window")

    def due(self, step, steps_per_epoch, total_steps):
        return self._is_time(self.every, step, steps_per_epoch, total_steps)

    def update(self, layers, grads, step, total_steps, rng):
        p = self.rate
        if self.decay == "cosine":
            p = 0.005 + (self.rate - 0.005) / 2 * (1 + math.cos(math.pi * step / total_steps))
        places = np.array([layer.n_in * layer.n_out for layer in layers])
        nnz = np.array([layer.nnz for layer in layers])
        momentum = [float(np.abs(g.on_support(layer)).mean()) for layer, g in zip(layers, grads, strict=True)]
        share = np.array(momentum)
        share = share / share.sum() if share.sum() > 0 else np.full(share.size, 1 / share.size)

        dropped = np.ceil(p * nnz).astype(np.int64)
        growing = share * dropped.sum() > dropped
        packed = (nnz > 0.8 * places) & growing
        dropped[packed] = np.minimum(dropped, np.ceil((places - nnz) * 1.0).astype(np.int64))[packed]
        dropped = np.minimum(dropped, nnz - 1)
        grown = share_out(int(dropped.sum()), share, dropped, places - nnz + dropped)

        records = []
        for l, (layer, gradient) in enumerate(zip(layers, grads, strict=True)):
            if dropped[l] == grown[l] == 0:
                continue
            kept = np.ones(layer.nnz, bool)
            kept[top(-np.abs(layer.data), int(dropped[l]))] = False
            staying = keys_of(layer.indptr, layer.indices, layer.n_in)[kept]
            layer.exchange(kept, gradient.largest(int(grown[l]), staying))
            records.append(UpdateRecord(l, int(dropped[l]), int(grown[l])))
        return records


NAMED = {"set": SET, "rigl": RigL, "srigl": SRigL, "sparse_momentum": SparseMomentum}


def topology_of(topology):
    """The object that a `topology` parameter stands for; None for "static"."""
    if isinstance(topology, str):
        if topology != "static" and topology not in NAMED:
            raise ValueError(f"topology must be one of {('static', *NAMED)} or an object, got {topology!r}")
        return NAMED[topology]() if topology != "static" else None
    if not (hasattr(topology, "update") and hasattr(topology, "due")):
        raise TypeError(f"topology must be a name or an object with update and due, got {type(topology).__name__}")
    return topology


def check_fraction(value, name: str) -> float:
    if not (isinstance(value, Real) and 0 <= value < 1):
        raise ValueError(f"{name} must be in [0, 1), got {value!r}")
    return float(value)


def check_stop(stop) -> float:
    if not (isinstance(stop, Real) and 0 < stop <= 1):
        raise ValueError(f"stop must be in (0, 1], got {stop!r}")
    return float(stop)


def check_every(every):
    if isinstance(every, str) and every != "epoch":
        raise ValueError(f"every must be 'epoch' or a number of steps, got {every!r}")
    return "epoch" if every == "epoch" else check_count(every, "every")
