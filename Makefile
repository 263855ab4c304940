# Everything that a developer types. Needs only Python and make; the environment is .venv, made once and made again
# when pyproject.toml changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers
JOBS ?= 2
OUT ?= demo

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-gpu lint format bench evaluate docs clean

help:  ## Say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "filterbank needs Python 3.11 or newer; pass PYTHON=..."'
	$(PYTHON) -m venv $(VENV)

# Two stages of the environment: what a user has, and everything.
$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.all: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[deep,scale,docs,dev]'
	@touch $@ $(VENV)/.core

demo: $(VENV)/.core  ## Run the main job on built-in data and say where the report is
	$(BIN)/filterbank compare epidemics --out $(OUT)
	@echo "The report: $(CURDIR)/$(OUT)/report.html"
	@echo "The model:  $(CURDIR)/$(OUT)/model.skops"

test: $(VENV)/.all  ## Run the tests, documentation's examples included (under 10 minutes on two cores)
	$(BIN)/python -m pytest -n $(JOBS) -m 'not slow and not gpu'

test-slow: $(VENV)/.all  ## Run the tests that take long: simulations of coverage
	$(BIN)/python -m pytest -n $(JOBS) -m slow

test-gpu: $(VENV)/.all  ## Run the tests that need a GPU
	$(BIN)/python -m pytest -m gpu

lint: $(VENV)/.all  ## Check format, style, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.all  ## Bring the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Peers have an environment of their own, since some hold numba or NumPy back.
$(PEERS)/.all: pyproject.toml constraints.txt
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[deep,bench]'
	@touch $@

bench: $(PEERS)/.all  ## Measure the speed against peers, and write docs/benchmarks.md
	$(PEERS)/bin/python -m benchmarks --markdown docs/benchmarks.md

evaluate: $(VENV)/.all  ## Measure the accuracy on real data (needs FILTERBANK_DATA; long)
	$(BIN)/python -m benchmarks.accuracy

docs: $(VENV)/.all  ## Build the documentation into docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "The documentation: $(CURDIR)/docs/_build/html/index.html"

clean:  ## Remove what was made, the environment too
	rm -rf $(VENV) $(PEERS) demo docs/_build docs/api docs/tutorial build .pytest_cache .mypy_cache .ruff_cache .hypothesis
