.DEFAULT_GOAL := help
.PHONY: help build dev test test-deep bench quality docs clean
PYTHON ?= python3
DEEP ?= 500
LISTENS ?= 1000000
VENV := .venv
BIN := $(VENV)/bin

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed requirements-test.lock
	$(BIN)/pip install --quiet --require-hashes -r requirements-test.lock
	touch $@

build: $(VENV)/.installed ## Land, dbt build, artifacts, docs (DATA='files' lands those)
	$(BIN)/encore run batch $(DATA)

dev: $(VENV)/.installed ## A shell in which dbt builds in a schema of your own: docs/tutorial.md
	$(BIN)/encore dev

test: $(VENV)/.installed-test ## Style, types, conventions, and all tests (on a server of their own)
	$(BIN)/ruff check python_hooks benchmarks tests/python
	$(BIN)/ruff format --check python_hooks benchmarks tests/python
	$(BIN)/mypy
	$(BIN)/dbt --quiet parse --profiles-dir profiles
	$(BIN)/sqlfluff lint models tests/data
	$(BIN)/yamllint --strict .
	$(BIN)/dbt-bouncer run --config-file dbt-bouncer.yml
	DBT_PROFILES_DIR=profiles $(BIN)/dbt-score lint --manifest target/manifest.json
	$(BIN)/pytest tests/python -n 2 --dist loadfile --no-loadscope-reorder --durations 15

test-deep: $(VENV)/.installed-test ## Hours: DEEP=500 interleavings, kills, faults put in on purpose, a thousand listeners, a hundred moments
	ENCORE_DEEP=$(DEEP) $(BIN)/pytest tests/python/test_crashes.py tests/python/test_faults.py tests/python/test_layers.py tests/python/test_publishing_kills.py tests/python/test_layer_faults.py tests/python/test_artifact_damage.py tests/python/test_interrupts.py tests/python/test_everybodys_lists.py tests/python/test_feature_moments.py

bench: $(VENV)/.installed-test ## Measure every claim, LISTENS=1000000; results go to benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks.batch --listens $(LISTENS)
	$(BIN)/python -m benchmarks.speed --history $(LISTENS)
	$(BIN)/python -m benchmarks.features
	$(BIN)/python -m benchmarks.loader
	$(BIN)/python -m benchmarks.retrieval
	$(BIN)/python -m benchmarks.nulls
	$(BIN)/python -m benchmarks.metrics_peer
	test ! -d ../shared/data || $(BIN)/python -m benchmarks.vectors ../shared/data/classic_rock/tracks.csv.gz

quality: $(VENV)/.installed-test ## Evaluate the recommendations; fails where NDCG@10 fell below what is recorded
	$(BIN)/python -m benchmarks.quality

docs: $(VENV)/.installed ## Write docs/site: lineage, features, artifacts, accounts, runs, evaluation
	$(BIN)/encore docs

clean: ## Remove build results, not the state folder
	rm -rf target logs docs/site
