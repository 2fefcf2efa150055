"""Products with a factorized operator.

A dyadic butterfly of random values, log₂ n factors of two non-zeros a row, times a batch: as Kronecker-sparse factors,
as plain CSR factors, and for one vector. The peer is what SciPy gives to everybody, ``for S in reversed(factors):
X = S @ X`` over CSR arrays, whose inner loop runs over the batch already; the dense product of NumPy; and pyfaust.
"""

import operator
from functools import partial

import numpy as np

from benchmarks._pairs import Case, Growth, agree, versioned
from sparsela.transforms import FactorizedOperator, KroneckerSparse


def cases(quick: bool):
    close, close32 = partial(agree, rtol=1e-12), partial(agree, rtol=1e-4)
    n = 256 if quick else 1024
    A, csr, X = butterfly(n, 256)
    chain, name = partial(scipy_chain, csr, X), f"n = {n}, batch 256"
    product = partial(operator.matmul, A, X)
    yield Case(name, product, chain, close, "SciPy CSR chain", bar=2.5)
    yield Case(name, product, partial(np.matmul, A.toarray(), X), close, "NumPy, dense", bar=20.0)
    yield Case(name, product, pyfaust_product(csr, X), close, pyfaust_name(), bar=8.0)
    yield Case(f"{name}, Aᴴ", partial(A.rmatmat, X), partial(scipy_chain, transposed(csr), X), close, "SciPy CSR chain")
    general = FactorizedOperator(csr)
    yield Case(f"{name}, CSR", partial(operator.matmul, general, X), chain, close, "SciPy CSR chain", bar=1.2)
    B, csr32, X32 = butterfly(n, 256, np.float32)
    chain32 = partial(scipy_chain, csr32, X32)
    yield Case(f"{name}, float32", partial(operator.matmul, B, X32), chain32, close32, "SciPy CSR chain")
    x = np.ascontiguousarray(X[:, 0])
    yield Case(f"n = {n}, a vector", partial(A.matvec, x), partial(scipy_chain, csr, x), close, "SciPy chain", bar=1.5)
    yield Case(f"n = {n}, a vector", partial(A.matvec, x), pyfaust_product(csr, x), close, pyfaust_name(), bar=1.0)
    for size, batch in ((64, 8), (64, 256), (256, 8), (4096, 64), (16384, 32)):
        size = min(size, 256) if quick else size
        A, csr, X = butterfly(size, batch)
        chain, name = partial(scipy_chain, csr, X), f"n = {size}, batch {batch}"
        yield Case(name, partial(operator.matmul, A, X), chain, close, "SciPy CSR chain", bar=1.0)
        general = FactorizedOperator(csr)
        yield Case(f"{name}, CSR", partial(operator.matmul, general, X), chain, close, "SciPy CSR chain", bar=1.0)

    def product_of(n):
        A, _, X = butterfly(n, 64)
        return partial(operator.matmul, A, X)

    yield Growth("n, batch 64 (n log n)", [256, 512, 1024, 2048] if not quick else [64, 128, 256], product_of, bar=1.3)


def butterfly(n, batch, dtype=np.float64):
    rng = np.random.default_rng(0)
    factors = []
    for s in range(1, n.bit_length()):
        a, d = 2 ** (s - 1), n >> s
        factors.append(KroneckerSparse(rng.standard_normal((a, d, 2, 2)).astype(dtype), a, 2, 2, d))
    X = rng.standard_normal((n, batch)).astype(dtype)
    return FactorizedOperator(factors), [S.tocsr() for S in factors], X


def scipy_chain(csr, X):
    for S in reversed(csr):
        X = S @ X
    return X


def transposed(csr):
    return [S.T.tocsr() for S in reversed(csr)]


def pyfaust_name():
    try:
        return versioned("pyfaust")
    except ImportError:
        return "pyfaust"


def pyfaust_product(csr, X):
    operands = []

    def product():
        if not operands:
            versioned("pyfaust")
            import scipy.sparse as sp
            from pyfaust import Faust

            operands[:] = Faust([sp.csr_matrix(S) for S in csr]), np.asfortranarray(X)  # its own layout
        return operands[0] @ operands[1]

    return product
