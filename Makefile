# make demo | test | test-all | docs | bench | lint | clean. Each sets up .venv when it is missing or stale.
PYTHON ?= python3
CC ?= cc
PY := .venv/bin/python
ROOM ?=
SOURCES := pyproject.toml setup.py $(wildcard sparsela/_ext/*.pyx sparsela/_ext/*.pxd sparsela/_ext/*.h sparsela/_ext/*_kernel.c)
EXTRAS := mkl,test,docs,lint
# Peers that are measured, never needed: some have no wheel for the newest Python.
PEERS := bench

.PHONY: demo test test-all doctest docs bench lint clean tools
.DELETE_ON_ERROR:

demo: .venv/installed
	$(PY) -m sparsela.demo

test: .venv/installed
	$(PY) -m pytest -m "not slow" -n 2 --dist worksteal

test-all: .venv/installed-bench
	$(PY) -m pytest -m "slow or not slow"

doctest: .venv/installed
	$(PY) -m pytest --doctest-modules --ignore=sparsela/demo.py sparsela

docs: .venv/installed
	$(PY) -m sphinx -W --keep-going -b html docs docs/_build/html

bench: .venv/installed-bench
	$(PY) -m benchmarks $(ROOM) $(if $(QUICK),--quick)

lint: .venv/installed
	$(PY) -m ruff check .
	$(PY) -c "from importlinter.cli import lint_imports_command as run; run()"

clean:
	rm -rf .venv build dist *.egg-info docs/_build docs/auto_examples docs/api/generated
	find sparsela -name '*.so' -delete
	find sparsela -name __pycache__ -type d -prune -exec rm -rf {} +
	for pyx in sparsela/_ext/*.pyx; do rm -f "$${pyx%.pyx}.c"; done

# What a build needs and make cannot bring; each is said in one line.
tools:
	@command -v "$(firstword $(CC))" > /dev/null || { echo "sparsela needs a C compiler: '$(firstword $(CC))' was not found. Install gcc or clang, or run make CC=..." >&2; exit 1; }
	@command -v "$(PYTHON)" > /dev/null || { echo "sparsela needs Python 3.10 or newer: '$(PYTHON)' was not found. Run make PYTHON=..." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "sparsela needs Python 3.10 or newer; '$(PYTHON)' is older. Run make PYTHON=..." >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2> /dev/null || { echo "sparsela needs Python's venv with pip: '$(PYTHON)' is without. Install python3-venv, or run make PYTHON=..." >&2; exit 1; }
	@"$(PYTHON)" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || { echo "sparsela needs the headers of Python: '$(PYTHON)' has no Python.h. Install python3-dev, or run make PYTHON=..." >&2; exit 1; }

$(PY): | tools
	"$(PYTHON)" -m venv .venv || { rm -rf .venv; exit 1; }

.venv/installed: $(SOURCES) | tools $(PY)
	$(PY) -m pip install --quiet "setuptools>=70" "cython>=3.1" "numpy>=2.0" "scipy>=1.13" wheel
	CC="$(CC)" $(PY) -m pip install --quiet --no-build-isolation -e ".[$(EXTRAS)]"
	touch $@

.venv/installed-bench: .venv/installed
	$(PY) -m pip install --quiet --no-build-isolation -e ".[$(EXTRAS),$(PEERS)]"
	touch $@
