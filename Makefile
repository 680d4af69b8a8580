# Countersign. `make` alone lists the targets.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
LIGHT  ?=
PORT   ?=
DATA   ?= ../shared/data
PYTEST ?=
JOBS   ?= 2

.DEFAULT_GOAL := help
.PHONY: help run test test-fast fuzz check lint types contracts format lock models train tutorial bundle clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

run: $(VENV)/.runtime  ## models, samples, live-data service and Countersign on http://127.0.0.1:8080 (LIGHT=1: the small model)
	@exec $(BIN)/countersign up $(if $(LIGHT),--light) $(if $(PORT),--port $(PORT))

test: $(VENV)/.dev  ## everything the tests need, then all of them (PYTEST="-k gate" to choose)
	$(BIN)/countersign models pull --light
	COUNTERSIGN_DATA=$(DATA) $(BIN)/python -m pytest -n $(JOBS) $(PYTEST)

test-fast: $(VENV)/.dev  ## the tests that start no process, browser or model: for the time between two edits
	$(BIN)/python -m pytest -n $(JOBS) -m "not process and not browser and not models" $(PYTEST)

fuzz: $(VENV)/.dev  ## play 100,000 adversarial streams through every transport; say what leaked (STREAMS=n for fewer)
	$(BIN)/countersign models pull --light
	$(BIN)/python -m tests.faults.fuzz_streams --streams $(or $(STREAMS),100000)

check: lint types contracts  ## ruff, mypy --strict and the import contracts

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

contracts: $(VENV)/.dev
	$(BIN)/lint-imports --config setup.cfg

format: $(VENV)/.dev  ## put the code into the house's form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

models: $(VENV)/.runtime  ## fetch the models and check their digests
	$(BIN)/countersign models pull $(if $(LIGHT),--light)

train: $(VENV)/.dev  ## train the moderation heads from DATA anew, and write their card
	$(BIN)/python benchmarks/train_heads.py --data $(DATA)

tutorial: $(VENV)/.dev  ## record docs/tutorial.md again, while `make run` runs (FILINGS=folder of filings)
	FILINGS=$(or $(FILINGS),$(DATA)/finance_rag) $(BIN)/python docs/record.py docs/tutorial.md

lock: $(VENV)/.dev  ## pin every dependency with its hashes
	$(BIN)/pip install -q uv
	$(BIN)/uv pip compile -q setup.cfg requirements/build.in --extra test --extra check --generate-hashes \
	  --python-version 3.11 --no-emit-index-url --no-annotate --no-header -o requirements/dev.lock
	$(BIN)/uv pip compile -q setup.cfg requirements/build.in --generate-hashes -c requirements/dev.lock \
	  --python-version 3.11 --no-emit-index-url --no-annotate --no-header -o requirements/runtime.lock

bundle: $(VENV)/.runtime  ## one signed archive for a host without a network, in dist/ (LIGHT=1: without the models; KEY=minisign key)
	$(BIN)/python -m deploy.onprem.bundle $(if $(LIGHT),--light) $(if $(KEY),--key $(KEY)) $(if $(CHAT),--chat $(CHAT)) $(if $(VERSION),--version $(VERSION))

clean:  ## remove what was built; var/ and the models stay
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Countersign needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 …"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.lock setup.cfg setup.py $(wildcard inference/kernels/*.cc inference/kernels/*.h) | $(VENV)/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check -q --progress-bar=on --require-hashes -r requirements/runtime.lock
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --disable-pip-version-check -q --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.runtime
	$(BIN)/python -m pip install --disable-pip-version-check -q --require-hashes -r requirements/dev.lock
	@touch $@
