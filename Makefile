# make demo   the main job on the bundled census table
# make test   lint, types, and every test, doctest and example
# Both make .venv first, with plain venv and pip, and do it again only when pyproject.toml or the pins change.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo test lint format types bench python clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

demo: $(VENV)/installed
	@$(BIN)/assay demo

test: lint types
	$(BIN)/python -m pytest -n 2

lint: $(VENV)/tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/tested
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/tested
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: $(VENV)/tested
	$(BIN)/python -m benchmarks

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Assay needs Python 3.11 or newer, but $(PYTHON) is `$(PYTHON) --version 2>&1`;" \
	       "name another one: make PYTHON=python3.12 ..." >&2; exit 1; }

$(BIN)/python: | python
	@echo "Making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "$(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/installed: pyproject.toml requirements/test.txt | $(BIN)/python
	@echo "Installing Assay into $(VENV) (once) ..."
	@$(PIP) install --constraint requirements/test.txt --editable .
	@touch $@

$(VENV)/tested: $(VENV)/installed requirements/test.txt
	@echo "Installing what the tests need (once) ..."
	@$(PIP) install --constraint requirements/test.txt --editable '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis demo
