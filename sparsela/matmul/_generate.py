"""Write the C loops of the sums that ``multiply`` runs most: ``python -m sparsela.matmul._generate``.

``_ext/sums_generated.h`` holds one loop a program, with everything in registers, ``_ext/sums_table.h`` the step tables
they are found by. Programs without a loop take the step table of ``sums_body.h``: same answer.
"""

from pathlib import Path

from sparsela.matmul import get_scheme
from sparsela.matmul._lowering import ADD, COPY, CUT, EXACT, FUSED, GROUPED, INTO, MINUS, NEGATE, SUB, Sums, lower

SCHEMES = ("winograd", "strassen")
FORMULA = {ADD: "{x} + {y}", SUB: "{x} - {y}", NEGATE: "-{x} - {y}", COPY: "{x}", MINUS: "-{x}"}


def programs() -> list[Sums]:
    """The different programs of the schemes above, in all three variants and both modes."""
    found: dict[tuple, Sums] = {}
    for name in SCHEMES:
        for mode in (FUSED, GROUPED):
            for variant in (EXACT, CUT, INTO):
                for sums in lower(get_scheme(name), variant, mode).sums:
                    found.setdefault((sums.n_in, len(sums.variables), sums.steps), sums)
    return list(found.values())


def loop(kernel: int, sums: Sums) -> str:
    """One C function: load every source, carry out the steps, store every result."""
    n_mem = len(sums.variables)
    written = sorted({step[0] for step in sums.steps if step[0] < n_mem})
    read, known = set(), set()  # from memory, before anything is written there
    for into, x, y, _ in sums.steps:
        read |= {x, y} - known
        known.add(into)
    body = [f"{{T}} v{i} = LOAD(p{i} + c);" for i in sorted(read)]
    value = {i: f"v{i}" for i in read}
    for s, (into, x, y, operation) in enumerate(sums.steps):
        body.append(f"{{T}} r{s} = {FORMULA[operation].format(x=value[x], y=value[y])};")
        value[into] = f"r{s}"
    body += [f"STORE(p{i} + c, {value[i]});" for i in written]
    pointers = " ".join(f"REAL *p{i} = at[{i}];" for i in sorted({*read, *written}))

    def lines(kind: str, load: str, store: str, step: str) -> list[str]:
        text = [line.replace("{T}", kind).replace("LOAD", load).replace("STORE", store) for line in body]
        return [f"for (; {step}) {{", *(f"    {line}" for line in text), "}"]

    vectors = "c + LANES <= n; c += LANES"
    out = [
        pointers,
        "int64_t c = 0;",
        "if (stream)",
        *(f"    {line}" for line in lines("vec", "vec_load", "SUMS_STREAM", vectors)),
        *lines("vec", "vec_load", "vec_store", vectors),
        *lines("REAL", "*", "SUMS_PUT", "c < n; c++"),
    ]
    head = f"static void SL_NAME(sums_{kernel})(REAL *const *at, int64_t n, int stream)"
    return "\n".join([head, "{", *(f"    {line}" for line in out), "}", ""])


def files() -> dict[str, str]:
    """The text of both files."""
    note = "/* Written by `python -m sparsela.matmul._generate`; see sums_body.h. */\n"
    found = programs()
    cases = "\n".join(f"    case {i}: SL_NAME(sums_{i})(at, n, stream); break;" for i in range(len(found)))
    dispatch = (
        "static void SL_NAME(sums_generated)(int kernel, REAL *const *at, int n_in, int n_mem, int64_t n, int stream)\n"
        "{\n"
        "    for (int v = n_in; v < n_mem; v++)\n"
        "        stream &= ((uintptr_t)at[v] & (SL_WIDTH - 1)) == 0;\n"
        f"    switch (kernel) {{\n{cases}\n    }}\n"
        "}\n"
    )
    generated = "\n".join(
        [
            note,
            "#undef SUMS_PUT",
            "#define SUMS_PUT(p, v) (*(p) = (v))",
            "",
            *map(loop, range(len(found)), found),
            dispatch,
        ]
    )
    tables, rows = [], []
    for i, sums in enumerate(found):
        numbers = ", ".join(str(x) for step in sums.steps for x in step)
        tables.append(f"static const int32_t sums_steps_{i}[] = {{{numbers}}};")
        rows.append(
            f"    {{{sums.n_in}, {len(sums.variables)}, {sums.n_temp}, {len(sums.steps)}, {i}, sums_steps_{i}, 0}},"
        )
    table = "\n".join(
        [
            note,
            "#include <string.h>\n",
            '#include "sums_kernel.h"\n',
            *tables,
            "\nstatic const sl_sums sums_table[] = {",
            *rows,
            "};\n",
            "/* The generated loop of a program, -1 where there is none. */",
            "static int sums_find(const sl_sums *f)",
            "{",
            "    for (size_t i = 0; i < sizeof sums_table / sizeof *sums_table; i++) {",
            "        const sl_sums *g = sums_table + i;",
            "        if (f->n_in == g->n_in && f->n_mem == g->n_mem && f->n_steps == g->n_steps",
            "            && !memcmp(f->steps, g->steps, 4 * sizeof(int32_t) * (size_t)f->n_steps))",
            "            return g->kernel;",
            "    }",
            "    return -1;",
            "}",
            "",
        ]
    )
    return {"sums_generated.h": generated, "sums_table.h": table}


def main() -> None:
    folder = Path(__file__).parents[1] / "_ext"
    for name, text in files().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main()
