"""Fused sums: every program of a scheme against NumPy, at every vector width; the generated loops are up to date."""

from pathlib import Path

import numpy as np
import pytest
from sparsela._ext.bilinear import find_loop

import sparsela
from sparsela.matmul import _generate, get_scheme, list_schemes
from sparsela.matmul._lowering import CUT, EXACT, FUSED, GROUPED, INTO, LEAN, PRODUCT, SUMS, A, B, C, lower

WIDTHS = """
import numpy as np
from sparsela.matmul import multiply
rng = np.random.default_rng(0)
for dtype in ("float32", "float64", "complex64", "complex128"):
    for m, k, n in ((64, 64, 64), (61, 47, 83), (130, 5, 7)):
        A, B = rng.integers(-2, 3, (m, k)).astype(dtype), rng.integers(-2, 3, (k, n)).astype(dtype)
        for scheme in ("winograd", "strassen", "laderman", "hopcroft-kerr"):
            for levels in (1, 2):
                assert np.array_equal(multiply(A, B, scheme=scheme, levels=levels), A @ B), (dtype, m, scheme)
"""


@pytest.mark.parametrize("width", [16, 32, 64])
def test_every_width_multiplies(width, at_width):
    at_width(width, WIDTHS)


def carry_out(code, scheme, a, b, c):
    """The instructions of a level on scalars, with the memory they share."""
    m, k, n = scheme.shape
    memory = {}
    blocks = {A: a.ravel(), B: b.ravel(), C: c.ravel()}

    def cell(v):
        x = code.variables[v]
        if v < (m + n) * k + m * n:
            return (x.where, x.row * {A: k, B: n, C: n}[x.where] + x.column)
        if x.home >= 0:
            return cell(x.home)
        return (x.where, x.slot)

    for where, values in blocks.items():
        for i, value in enumerate(values):
            memory[where, i] = value
    n_products = 0
    for kind, x, y, z, add, alpha in code.instructions:
        if kind == SUMS:
            sums = code.sums[x]
            local = {}

            def get(i, sums=sums, local=local):
                return memory[cell(sums.variables[i])] if i < len(sums.variables) else local[i]

            for (into, i, j, op), (c0, c1) in zip(sums.steps, sums.coefficients, strict=True):
                left, right = get(i), get(j)
                value = (left + right, left - right, -left - right, left, -left, c0 * left + c1 * right, c0 * left)[op]
                if into < len(sums.variables):
                    memory[cell(sums.variables[into])] = value
                else:
                    local[into] = value
        elif kind == PRODUCT:
            n_products += 1
            product = alpha * memory[cell(x)] * memory[cell(y)]
            memory[cell(z)] = memory[cell(z)] + product if add else product
    assert n_products == scheme.rank
    return np.array([memory[C, i] for i in range(m * n)]).reshape(m, n)


@pytest.mark.parametrize("mode", [FUSED, GROUPED, LEAN])
@pytest.mark.parametrize("variant", [EXACT, CUT, INTO])
def test_instructions_multiply(mode, variant):
    rng = np.random.default_rng(mode)
    chosen = [*list_schemes(), get_scheme((2, 2, 3)), get_scheme((3, 2, 4)), get_scheme("classical", (2, 3, 2))]
    chosen.append(chosen[0].change_basis([[1, 2], [0, 1]], [[1, 0], [3, 1]], [[2, 1], [1, 1]]))
    for scheme in chosen:
        m, k, n = scheme.shape
        a, b, c = (rng.integers(-9, 10, s).astype(float) for s in ((m, k), (k, n), (m, n)))
        got = carry_out(lower(scheme, variant, mode), scheme, a, b, c)
        np.testing.assert_allclose(got, a @ b + (c if variant == INTO else 0), atol=1e-9)


def test_a_level_of_winograd_is_fifteen_additions_in_23_passes():
    code = lower(get_scheme("winograd"), EXACT)
    assert sum(len(sums.steps) for sums in code.sums) == 12  # and three that BLAS does
    assert sum(len(sums.variables) for sums in code.sums) == 23
    assert sum(add for kind, _, _, _, add, _ in code.instructions if kind == PRODUCT) == 3
    assert code.n_slots == [4, 4, 0]  # no buffer for a product
    assert lower(get_scheme("winograd"), EXACT, GROUPED).n_slots == [2, 2, 0]
    assert lower(get_scheme("winograd"), EXACT, LEAN).n_slots == [1, 1, 1]


def test_generated_loops_are_up_to_date_and_used():
    folder = Path(sparsela.__file__).parent / "_ext"
    for name, text in _generate.files().items():
        assert (folder / name).read_text() == text, "run python -m sparsela.matmul._generate"
    for name in _generate.SCHEMES:
        for mode in (FUSED, GROUPED):
            for variant in (EXACT, CUT, INTO):
                assert all(find_loop(sums) >= 0 for sums in lower(get_scheme(name), variant, mode).sums)
    assert all(find_loop(sums) == -1 for sums in lower(get_scheme("laderman"), EXACT).sums)
