"""Formulas as MathML, made at build time: pages need no script, no network and no TeX, only a browser."""

from __future__ import annotations

from xml.etree import ElementTree

from docutils import nodes
from latex2mathml.converter import convert_to_element
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

LIMITS_BELOW = {"min", "max", "argmin", "argmax"}


def mathml(formula: str, display: str) -> str:
    root = convert_to_element(formula, display=display)
    if display == "block":
        for node in root.iter("msub"):
            if node[0].text in LIMITS_BELOW:
                node.tag = "munder"
    # The converter escapes what it writes: what reads like an entity is one.
    return ElementTree.tostring(root, encoding="unicode").replace("&amp;#", "&#")


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def visit_displaymath(self: HTML5Translator, node: nodes.math_block) -> None:
    formulas = (part for part in node.astext().split("\n\n") if part.strip())
    self.body += [f'<div class="formula">{mathml(part, "block")}</div>\n' for part in formulas]
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict:
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displaymath, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
