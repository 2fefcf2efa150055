"""The documentation: Sphinx, numpydoc and a gallery that is run. Nothing is fetched, while building or viewing."""

import logging
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before OpenMP starts: the build may share its cores

from sphinx_gallery.sorting import ExplicitOrder  # noqa: E402

import sparsela  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "sparsela"
author = "The sparsela developers"
copyright = f"2026, {author}"
version = release = sparsela.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "mathml",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "examples", "**/GALLERY_HEADER.rst"]
default_role = "code"
html_math_renderer = "mathml"

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc says the types, with shapes
numpydoc_show_class_members = False  # the template lists them
numpydoc_class_members_toctree = False

# of the gallery, in the order of the guide
ROOMS = ("recovery", "coding", "dictionary", "transforms", "sketch", "phase", "dpp", "lowrank", "matmul", "nn")

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "subsection_order": ExplicitOrder([f"examples/{room}" for room in ROOMS]),
    "within_subsection_order": "gallery_order.position",
    "thumbnail_size": (640, 400),
    "doc_module": ("sparsela",),
    "backreferences_dir": "api/generated/backreferences",
    "reference_url": {"sparsela": None},
    "abort_on_example_error": True,
    "download_all_examples": False,
    "capture_repr": (),
    "remove_config_comments": True,
    "show_signature": False,
    "write_computation_times": False,
    "image_srcset": ["2x"],
}

html_theme = "pydata_sphinx_theme"
html_title = "sparsela"
html_static_path = ["_static"]
html_css_files = ["sparsela.css"]
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"index": [], "benchmarks/*": []}  # wide tables
html_theme_options = {
    "navbar_align": "left",
    "navigation_with_keys": False,
    "header_links_before_dropdown": 7,
    "show_toc_level": 2,
    "secondary_sidebar_items": dict.fromkeys(["index", "guide/*", "api/**", "auto_examples/**"], ["page-toc"]),
    "footer_start": ["copyright"],
    "footer_end": [],
}


def no_benchmarks_yet(record) -> bool:
    """The list of benchmark pages is empty until ``make bench`` writes one: nothing to warn of."""
    return getattr(record, "subtype", None) != "empty_glob"


def setup(app):
    logging.getLogger("sphinx.sphinx.directives.other").addFilter(no_benchmarks_yet)
    app.connect("autodoc-skip-member", lambda app, what, name, obj, skip, options: skip or is_scikit_learns(obj))


def is_scikit_learns(member) -> bool:
    """Inherited as it is: scikit-learn documents it."""
    return (getattr(member, "__module__", None) or "").startswith("sklearn.")
