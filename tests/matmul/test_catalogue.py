"""The schemes that come with the library: formulas, own finds with their provenance, compositions for any shape."""

import itertools
import json
import re
from importlib import resources

import pytest

from sparsela.matmul import get_scheme, list_schemes

BEST = {  # least rank over −1, 0, 1 as of July 2026
    (2, 2, 2): 7, (2, 2, 3): 11, (2, 2, 4): 14, (2, 2, 5): 18, (2, 3, 3): 15, (2, 3, 4): 20, (2, 3, 5): 25,
    (2, 4, 4): 26, (3, 3, 3): 23, (3, 3, 4): 29, (3, 4, 4): 38, (4, 4, 4): 49,
}  # fmt: skip


@pytest.mark.parametrize("shape", BEST)
def test_best_known_ranks_up_to_four(shape):
    for turned in itertools.permutations(shape):
        s = get_scheme(turned)
        assert s.shape == turned
        assert s.rank == BEST[shape]
        assert s.ring == "ternary"
        assert s.verify()
        assert s.with_programs(s.programs) == s
        assert s.additions <= s.naive_additions


def test_every_packaged_file_says_how_it_was_found():
    folder = resources.files("sparsela.matmul") / "schemes"
    files = [entry for entry in folder.iterdir() if entry.name.endswith(".json")]
    assert len(files) >= 9
    for entry in files:
        data = json.loads(entry.read_text(encoding="utf-8"))
        s = get_scheme(entry.name[:-5])
        assert entry.name == f"{'x'.join(map(str, s.shape))}_r{s.rank}.json"
        assert s.shape == tuple(sorted(s.shape))
        assert s.additions == data["additions"] < data["naive_additions"]
        lines = " ".join(s.provenance)
        assert re.search(r"random_state=\d+\): after \d+ flips|Winograd 1971|Strassen 1969|Hopcroft", lines)
        assert "reduce_additions(" in lines


def test_compositions():
    for shape, rank in {
        (2, 2, 7): 25,
        (4, 4, 8): 98,
        (6, 6, 6): 161,
        (1, 5, 3): 15,
        (3, 6, 9): 23 * 6,
        (8, 8, 8): 343,
    }.items():
        s = get_scheme(shape)
        assert s.shape == shape
        assert s.rank <= rank
        assert s.verify()
    for n in range(1, 9):
        assert get_scheme((2, 2, n)).rank == -(-7 * n // 2)
    assert get_scheme((5, 2, 3)).rank <= 25


def test_table():
    table = list_schemes()
    assert len(table) == len(list(table)) == len(table.names)
    assert {"strassen", "winograd", "laderman", "hopcroft-kerr", "3x3x3_r23"} <= set(table.names)
    text = repr(table).splitlines()
    assert text[0].split() == ["name", "format", "rank", "ring", "additions", "naive", "growth", "exponent"]
    assert len(text) == len(table) + 1
    assert all(get_scheme(name) == table[i] for i, name in enumerate(table.names))
    assert "<table>" in table._repr_html_()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("smith",), ValueError, "name must be 'classical' or one of strassen"),
        (("classical",), ValueError, "needs its shape"),
        (("strassen", (2, 2, 2)), ValueError, "'classical' alone"),
        (((2, 2, 2), (2, 2, 2)), ValueError, "'classical' alone"),
        ((5,), TypeError, "a name or a tuple"),
        (((2, 2),), TypeError, "three ints"),
        (((2, 2, 0),), ValueError, "positive"),
        (((2, 2, 2.0),), TypeError, "three ints"),
        (((2, 2, 25),), ValueError, "up to 24"),
    ],
)
def test_bad_names_and_shapes(arguments, error, words):
    with pytest.raises(error, match=words):
        get_scheme(*arguments)
