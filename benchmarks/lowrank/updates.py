"""Updates of a truncated SVD.

One thread. ``UpdatableTruncatedSVD.add_rows`` against explicit updates by Zha and Simon, against ``IncSVD`` (the
package of the authors of the fast update; ``method="ZhaSimon"``, its exact one), gensim's LSI, a new factorization by
scikit-learn, and ``IncrementalPCA``, which takes dense batches: there the column to read is memory. Every call is the
next batch of a stream, 16 rows of 20 entries where nothing else is said. Both sides start from the same factors; the
singular values after the first batch must agree, or ours must capture no less. Below, how an update grows with the
matrix and with the entries of a batch.
"""

import contextlib
import io
import itertools
from functools import partial
from unittest import mock

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import norm
from sklearn.decomposition import IncrementalPCA, TruncatedSVD

from benchmarks._pairs import Case, Growth, agree, versioned
from sparsela.lowrank import UpdatableTruncatedSVD


def cases(quick: bool):
    for n, bar_incsvd, bar_explicit in (
        ((2000, None, None),) if quick else ((16_000, 2.0, None), (1_000_000, 20.0, 500.0))
    ):
        start = orthonormal(n, 32, 0), np.linspace(10, 5, 32), orthonormal(n, 32, 1)
        batches = [window(n, seed=seed) for seed in range(20)]
        name = f"n = m = {n}, k = 32"
        for peer, label, bar in (
            (explicit, "Zha–Simon", bar_explicit),
            (incsvd, installed("IncSVD"), bar_incsvd),
        ):
            ours = following(UpdatableTruncatedSVD.from_svd(start[0], start[1], start[2].T), batches)
            yield Case(name, ours, peer(start, batches), same_values, label, bar=bar)
        del start, ours
    bars = (None, None, None) if quick else (500.0, 100.0, 15.0)
    yield from corpus(2000 if quick else 20_000, 5000 if quick else 100_000, 10 if quick else 50, bars)
    yield network(3000 if quick else 77_000, 9000 if quick else 460_000, 16 if quick else 64, bars[2])
    sizes = [2000, 4000] if quick else [16_000, 64_000, 256_000, 1_000_000]
    yield Growth("n = m, k = 32, 16 rows of 20", sizes, lambda n: stream(n, 20), bar=0.2)
    entries = [112, 224] if quick else [112, 1_000, 10_000, 100_000]
    yield Growth("entries of 16 rows, n = 100,000", entries, lambda nnz: stream(100_000, nnz // 16), bar=1.1)


def window(n, *, rows=16, each=20, seed=0):
    """Rows of unit length on average, at random places."""
    rng = np.random.default_rng(seed)
    indptr = np.arange(0, rows * each + 1, each)
    values = rng.standard_normal(rows * each) / each**0.5
    return sp.csr_matrix((values, rng.integers(n, size=rows * each), indptr), shape=(rows, n))


def orthonormal(n, k, seed):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((n, k)))[0]


def installed(package):
    try:
        return versioned(package)
    except ImportError:
        return package


def following(model, batches):
    """A call that adds the next batch."""
    batches = itertools.cycle(batches)
    return lambda: model.add_rows(next(batches)).singular_values_.copy()


def stream(n, each):
    model = UpdatableTruncatedSVD.from_svd(orthonormal(n, 32, 0), np.linspace(10, 5, 32), orthonormal(n, 32, 1).T)
    return following(model, [window(n, each=each, seed=seed) for seed in range(8)])


def explicit(start, batches):
    U, s, V = start
    return following(UpdatableTruncatedSVD.from_svd(U, s, V.T, method="zha-simon"), batches)


def incsvd(start, batches):
    """The package factorizes what it is given by svds: it is handed the same start as the others instead."""
    U, s, V = start
    made, batches = [], itertools.cycle(batches)

    def add():
        if not made:
            versioned("IncSVD")
            import scipy.sparse.linalg
            from IncSVD.EvolvingMatrix import EvolvingMatrix

            given = U.copy(), s.copy(), V.T.copy()
            with (
                contextlib.redirect_stdout(io.StringIO()),
                mock.patch.object(scipy.sparse.linalg, "svds", lambda data, k: given),
            ):
                made.append(EvolvingMatrix(sp.csr_matrix((len(U), len(V))), len(s), sparse=True, method="ZhaSimon"))
        made[0].add_row(next(batches))
        return np.sort(made[0].Sigmak)[::-1].copy()

    return add


def same_values(ours, peer):
    return agree(ours, peer, rtol=1e-9, what="singular values differ by")


def corpus(n_documents, n_terms, k, bars):
    """Documents of 60 words from 40 topics come 20 at a time."""
    rng = np.random.default_rng(0)
    common = np.arange(1, n_terms + 1) ** -1.0
    topics = [rng.permutation(n_terms)[:400] for _ in range(40)]
    words = rng.choice(n_terms, (n_documents + 2000, 60), p=common / common.sum())
    for document, row in enumerate(words):
        row[:30] = rng.choice(topics[document % 40], 30)
    ones, indptr = np.ones(words.size), np.arange(0, words.size + 1, 60)
    X = sp.csr_matrix((ones, words.ravel(), indptr), shape=(len(words), n_terms))
    X.sum_duplicates()
    seen, batches = X[:n_documents], [X[i : i + 20] for i in range(n_documents, n_documents + 2000, 20)]
    upto = sp.vstack([seen, batches[0]]).tocsr()
    first = UpdatableTruncatedSVD(k, tol=1e-6, random_state=0).fit(seen)
    given = first.left_singular_vectors(), first.singular_values_, first.components_

    def ours():
        model = UpdatableTruncatedSVD.from_svd(*given)
        coming = itertools.cycle(batches)
        return lambda: model.add_rows(next(coming))

    no_less = partial(captures_no_less, upto)
    name = f"{n_documents} documents, {n_terms} terms, k = {k}"
    yield Case(name, ours(), gensim_lsi(seen, batches, k), no_less, installed("gensim"), bar=bars[0])
    refit = TruncatedSVD(k, algorithm="arpack", random_state=0)
    label = f"{versioned('scikit-learn')}, TruncatedSVD anew"
    nearly = partial(captures_no_less, upto, slack=1e-3)
    yield Case(name, ours(), lambda: refit.fit(upto), nearly, label, bar=bars[1])
    narrow = X[:, : n_terms // 10].tocsr()
    small = UpdatableTruncatedSVD(k, tol=1e-6, random_state=0).fit(narrow[:400])
    coming, dense = (itertools.cycle([narrow[i : i + 100] for i in range(400, 1400, 100)]) for _ in range(2))
    pca = IncrementalPCA(k).fit(narrow[:400].toarray())
    yield Case(
        f"batches of 100 documents, {narrow.shape[1]} terms, k = {k}",
        lambda: small.add_rows(next(coming)),
        lambda: pca.partial_fit(next(dense).toarray()),
        partial(captures_no_less, narrow[:500], slack=0.01),
        f"{versioned('scikit-learn')}, IncrementalPCA",
    )


def gensim_lsi(seen, batches, k):
    made, coming = [], itertools.cycle(batches)

    def add():
        if not made:
            versioned("gensim")
            from gensim.matutils import Sparse2Corpus
            from gensim.models import LsiModel

            names = dict(zip(range(seen.shape[1]), map(str, range(seen.shape[1])), strict=True))
            made.append(LsiModel(Sparse2Corpus(seen, documents_columns=False), num_topics=k, id2word=names))
            made.append(Sparse2Corpus)
        made[0].add_documents(made[1](next(coming), documents_columns=False))
        return made[0].projection.u.T

    return add


def captures_no_less(X, ours, peer, slack=0.0):
    vectors = (getattr(x, "components_", x) for x in (ours, peer))
    one, other = (np.linalg.norm(X @ np.linalg.qr(V.T)[0]) / norm(X) for V in vectors)
    assert one >= other * (1 - slack), f"ours captures {one:.4f}, the peer {other:.4f}"
    return f"captured {one:.4f} and {other:.4f} of the norm"


def network(n, edges, k, bar):
    """Half of a graph, then 38 vertices at a time: their rows, then their columns."""
    A = community_graph(n, edges)
    half, size = n // 2, 38
    first = UpdatableTruncatedSVD(k, init="arpack", random_state=0).fit(A[:half][:, :half])
    given = first.left_singular_vectors(), first.singular_values_, first.components_

    def growing(method):
        model, ends = UpdatableTruncatedSVD.from_svd(*given, method=method), itertools.count(half + size, size)

        def add():
            end = next(ends)
            rows, columns = A[end - size : end, : end - size], A[:end, end - size : end]
            return model.add_rows(rows).add_columns(columns).singular_values_.copy()

        return add

    name = f"network, {n} vertices, k = {k}"
    return Case(name, growing("fast"), growing("zha-simon"), same_values, "Zha–Simon", bar=bar)


def community_graph(n, edges, n_communities=40, kept=0.3):
    """Vertices of weights i^−0.7 in communities; of the edges between communities a share is kept."""
    rng = np.random.default_rng(0)
    weights = np.arange(1, n + 1) ** -0.7
    weights = rng.permutation(weights / weights.sum())
    community = rng.integers(n_communities, size=n)
    i, j = rng.choice(n, 2 * edges, p=weights), rng.choice(n, 2 * edges, p=weights)
    fine = (i != j) & ((community[i] == community[j]) | (rng.random(2 * edges) < kept))
    i, j = i[fine], j[fine]
    A = sp.coo_array((np.ones(2 * len(i)), (np.r_[i, j], np.r_[j, i])), shape=(n, n)).tocsr()
    A.data[:] = 1
    return A
