"""What a type checker of a user's code sees: names, results and their fields. Read by mypy (`make lint`), never run."""

from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import sparsela
from sparsela import coding, dpp, lowrank, matmul, phase, recovery, sketch, transforms
from sparsela.coding import SparseCoder
from sparsela.datasets import image_patches, make_sparse_signal
from sparsela.dictionary import KSVD
from sparsela.nn import SparseMLPClassifier
from sparsela.sketch import CountSketch

sparsela.set_config(n_jobs=2)
with sparsela.config_context(n_jobs=1):
    A, y, x = make_sparse_signal(200, 80, 8, random_state=0)
patches: NDArray = image_patches(np.zeros((32, 32)), 8)

found = recovery.nst_ht_fb(A, y, 8)
answer: NDArray = found.x
steps: int | NDArray = found.n_iter
settled: bool | NDArray = found.converged
picked: NDArray = recovery.omp(A, y, n_nonzero_coefs=8).x

codes = coding.batch_omp(patches, np.eye(64), n_nonzero_coefs=3)
coder: SparseCoder = SparseCoder(np.eye(64))
learner: KSVD = KSVD(64, n_nonzero_coefs=3)

svd = lowrank.randomized_svd(A, 5, random_state=0)
left: NDArray = svd.U

scheme: matmul.BilinearScheme = matmul.get_scheme("strassen")
assert_type(scheme.rank, int)
product: NDArray = matmul.multiply(A, A.T)

items: list[int] = dpp.greedy_map(np.eye(4), max_size=2).tolist()
magnitudes: NDArray = phase.htp(A, np.abs(y), 8).x
small = CountSketch(64, random_state=0)
count: int = sketch.sketch_size("countsketch", goal="embedding", eps=0.5, rank=5)
factors = transforms.hierarchical_factorization(np.eye(8), preset="hadamard")
assert_type(factors.operator, transforms.FactorizedOperator)
network: SparseMLPClassifier = SparseMLPClassifier(density=0.1)
