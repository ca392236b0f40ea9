PYTHON ?= python3.11
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test test-matrix docs bench mutants sweep releases

demo: .venv/run.stamp
	rm -rf build/demo
	$(BIN)/python -m qeff_codegen blueprint --output build/demo
	$(BIN)/python -m qeff_codegen validate blueprint --generated build/demo

test: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/black --check --quiet .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2

test-matrix: .venv/dev.stamp
	$(BIN)/python -m tests.matrix

docs: .venv/dev.stamp
	$(BIN)/python -m tests.rewrite_rules.catalogue
	$(BIN)/python -m tests.docs.written

sweep: .venv/dev.stamp
	$(BIN)/python -m qeff_codegen sweep

releases: .venv/dev.stamp
	$(BIN)/python -m qeff_codegen.releases.survey

bench: .venv/dev.stamp
	$(BIN)/python -m tests.benchmarks

mutants: .venv/dev.stamp
	$(BIN)/python -W ignore -m tests.mutants

# A stamp is newer than pyproject.toml when the environment holds what it asks for.
.venv/run.stamp: pyproject.toml | .venv/bin/python
	$(PIP) --editable '.[run]'
	touch $@

.venv/dev.stamp: pyproject.toml | .venv/bin/python
	$(PIP) --editable '.[run,report,dev]'
	touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; say where it is with: make PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv .venv
