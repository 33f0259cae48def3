.DEFAULT_GOAL := help
.PHONY: help build test docs clean
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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

test: $(VENV)/.installed-test ## Style, types, conventions, and all tests (on a server of their own)
	$(BIN)/ruff check python_hooks tests/python
	$(BIN)/ruff format --check python_hooks tests/python
	$(BIN)/mypy
	$(BIN)/dbt --quiet parse --profiles-dir profiles
	$(BIN)/sqlfluff lint models tests/data
	$(BIN)/yamllint --strict .
	$(BIN)/dbt-bouncer run --config-file dbt-bouncer.yml
	DBT_PROFILES_DIR=profiles $(BIN)/dbt-score lint --manifest target/manifest.json
	$(BIN)/pytest tests/python -n 2 --dist loadfile

docs: $(VENV)/.installed ## Write docs/site/index.html
	$(BIN)/encore docs

clean: ## Remove build results, not the state folder
	rm -rf target logs docs/site
