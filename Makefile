# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

# Bare `make` lists the tasks. Each makes what it needs: a Python 3.11 or later with venv is enough.

PYTHON ?= python3
BIN := .venv/bin
PIP_FLAGS := --quiet --disable-pip-version-check
MATRIX := 2.11 3.0 3.1 3.2
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test test-privacy test-kills test-distributed check format docs bench test-matrix clean $(MATRIX:%=test-airflow-%)

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## a day of real purchases: ETL, database, Airflow, simulator, receipt; nothing leaves the machine
	$(BIN)/python example_dags/run_demo.py

# A process for each core; the tests of a file stay together, and share what they set up.
test: $(READY) ## all tests on the pinned Airflow
	$(BIN)/python -m pytest --numprocesses=logical --dist=loadfile $(ARGS)

test-privacy: $(READY) ## planted values, searched for on a whole Airflow; takes minutes
	WHOLE_AIRFLOW=1 $(BIN)/python -m pytest tests/end_to_end/test_privacy.py tests/privacy $(ARGS)

check: $(READY) ## style, types and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## put the source into its form
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: $(READY) ## write the reference pages from the tables of the code
	$(BIN)/python docs/generate.py

bench: $(READY) ## how fast it is, in figures
	$(BIN)/python tests/benchmarks/run_bench.py --write
	$(BIN)/python tests/benchmarks/run_pace.py
	$(BIN)/python tests/benchmarks/run_readers.py
	$(BIN)/python tests/benchmarks/run_page.py

test-kills: $(READY) ## uploads killed at 200 random points, and what came again; takes minutes
	$(BIN)/python tests/benchmarks/run_kills.py $(ARGS)

# ROWS=30000 takes as many of the 1.47 million line items, to try the script itself.
test-distributed: .venv-distributed/.ready ## PostgreSQL, Redis, Celery workers, one of them lost; takes an hour or more
	.venv-distributed/bin/python tests/distributed/run_distributed.py $(if $(ROWS),--rows $(ROWS),--write)

test-matrix: $(MATRIX:%=test-airflow-%) ## the Airflow tests on every older Airflow that is supported

$(MATRIX:%=test-airflow-%): test-airflow-%: .venv-%/.ready
	.venv-$*/bin/python -m pytest tests/airflow tests/test_packaging.py $(ARGS)

clean: ## remove what the tasks made
	rm -rf .venv .venv-* .demo .bench dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# --no-deps and --no-build-isolation: the pinned list is all there is, nothing is resolved anew.
$(READY): requirements/development.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install $(PIP_FLAGS) -r requirements/development.txt
	$(BIN)/python -m pip install $(PIP_FLAGS) --no-deps --no-build-isolation --editable .
	@touch $@

.venv-distributed/.ready: requirements/distributed.txt requirements/development.txt pyproject.toml
	$(PYTHON) -m venv .venv-distributed
	.venv-distributed/bin/python -m pip install $(PIP_FLAGS) -r requirements/development.txt -r requirements/distributed.txt
	.venv-distributed/bin/python -m pip install $(PIP_FLAGS) --no-deps --no-build-isolation --editable .
	@touch $@

.venv-%/.ready: requirements/airflow-%.txt pyproject.toml
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install $(PIP_FLAGS) --constraint requirements/airflow-$*.txt --editable '.[test]'
	@touch $@
