"""Real text that ships in other packages."""

from __future__ import annotations

import bz2
import inspect
import re
import xml.etree.ElementTree as ElementTree
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

DUMP = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
DOCUMENTED = (
    *("numpy", "numpy.linalg", "scipy.linalg", "scipy.sparse", "scipy.optimize", "scipy.stats", "scipy.signal"),
    *("sklearn.cluster", "sklearn.decomposition", "sklearn.linear_model", "sklearn.metrics", "sklearn.preprocessing"),
)
SHORTEST = 200  # characters of a paragraph
MARKUP = (  # from the inside out, so that nested templates and tables go too
    (re.compile(r"<!--.*?-->", re.S), ""),
    (re.compile(r"<ref[^>]*?/>"), ""),
    (re.compile(r"<(ref|math|gallery|timeline)\b.*?</\1>", re.S), ""),
    (re.compile(r"\[\[(?:File|Image|Category):[^\[\]]*(?:\[\[[^\[\]]*\]\][^\[\]]*)*\]\]", re.I), ""),
    (re.compile(r"\[\[(?:[^|\[\]]*\|)?([^\[\]]*)\]\]"), r"\1"),
    (re.compile(r"\[https?://\S+\s?([^\]]*)\]"), r"\1"),
    (re.compile(r"<[^>]+>"), ""),
    (re.compile(r"'{2,}"), ""),
    (re.compile(r"&\w+;"), " "),
)
NESTED = (re.compile(r"\{\{[^{}]*\}\}"), re.compile(r"\{\|[^{}]*\|\}"))


def load_wiki_paragraphs() -> list[str]:
    """Paragraphs of the English Wikipedia: a shortened dump that ships in gensim.

    Returns
    -------
    list of str
        Some thousand paragraphs of at least 200 characters, from 206 pages, without markup. Without gensim, and with
        a warning: a few hundred docstrings of NumPy, SciPy and scikit-learn.

    Warns
    -----
    UserWarning
        If gensim is not there: ``pip install sparsela[docs]`` brings it.

    Notes
    -----
    Nothing is downloaded; gensim is not imported, its file is read.

    References
    ----------
    R. Řehůřek, P. Sojka. Software framework for topic modelling with large corpora. LREC workshop on new challenges for
    NLP frameworks, 2010. The text is Wikipedia's, CC BY-SA.

    Examples
    --------
    >>> from sparsela.datasets import load_wiki_paragraphs
    >>> len(load_wiki_paragraphs()) > 100  # doctest: +SKIP
    True
    """
    found = find_spec("gensim")
    path = Path(found.origin).parent / "test" / "test_data" / DUMP if found and found.origin else None
    if path is not None and path.exists():
        return _wiki(path)
    import warnings

    warnings.warn(
        "gensim, whose data hold the paragraphs, is not installed (pip install sparsela[docs]): docstrings stand in",
        UserWarning,
        stacklevel=2,
    )
    return _docstrings()


def _wiki(path: Path) -> list[str]:
    paragraphs = []
    with bz2.open(path) as dump:
        for _, element in ElementTree.iterparse(dump):
            if element.tag.rpartition("}")[2] == "text":
                paragraphs += _plain(element.text or "")
                element.clear()
    return paragraphs


def _plain(text: str) -> list[str]:
    for pattern in NESTED:
        replaced = 1
        while replaced:
            text, replaced = pattern.subn("", text)
    for pattern, by in MARKUP:
        text = pattern.sub(by, text)
    lines = (" ".join(line.split()) for line in text.split("\n") if line[:1] not in "*#:;|!={<")
    return [line for line in lines if len(line) >= SHORTEST]


def _docstrings() -> list[str]:
    """Of what the packages' main modules offer, each once."""
    texts: dict[str, None] = {}  # in order
    for name in DOCUMENTED:
        module = import_module(name)
        for public in sorted(n for n in dir(module) if not n.startswith("_")):
            text = ""
            with suppress(ImportError):  # what scikit-learn calls experimental
                text = inspect.getdoc(getattr(module, public, None)) or ""
            if len(text) >= SHORTEST:
                texts[" ".join(text.split())] = None
    return list(texts)
