# genoboard: make help tells what there is. Every target sets up .venv first; a second call re-installs nothing.

# the first Python on PATH that is new enough
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
PLUGINS := $(wildcard plugins/*/pyproject.toml)
STAMP := $(VENV)/.installed

.PHONY: help setup demo demo-text demo-bins demo-report test test-slow test-all check docs bench clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-11s %s\n", $$1, $$2}'

setup: $(STAMP) ## create .venv with genoboard, every plugin and what the tests need

# through constraints.txt: an unpinned torch would bring gigabytes of GPU libraries to a machine without one
$(STAMP): pyproject.toml constraints.txt $(PLUGINS)
	@test -n "$(PYTHON)" || { echo "genoboard needs Python 3.11 or newer, and found none on PATH. Install one, or say: make PYTHON=/path/to/python3 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev]' $(patsubst %/pyproject.toml,-e ./%,$(PLUGINS))
	@touch $@

demo: $(STAMP) ## run a competition of several models on the demo cohort and print its leaderboard
	$(BIN)/genoboard run brain-region logistic-regression random-forest extra-trees knn xgboost
	@echo
	$(BIN)/genoboard leaderboard brain-region

demo-text: $(STAMP) ## the same with models that read, on generated cancer variants
	$(BIN)/genoboard run variant-class variant-features tfidf-logistic xgboost-text
	@echo
	$(BIN)/genoboard leaderboard variant-class

demo-bins: $(STAMP) ## the same with models of chromatin openness, on a generated genome
	$(BIN)/genoboard run expression-regression lasso ridge xgboost-bins
	@echo
	$(BIN)/genoboard leaderboard expression-regression

demo-report: demo ## the demo's best entry as a report, and its board as a page
	@echo
	$(BIN)/genoboard report xgboost
	$(BIN)/genoboard leaderboard brain-region --format html -o board.html

# a file's tests share what takes long to make, so they stay together; benchmarks are not among them
SIDE_BY_SIDE := -n logical --dist loadfile --no-loadscope-reorder -p no:benchmark

test: $(STAMP) ## every test that is not slow
	$(BIN)/pytest $(SIDE_BY_SIDE) -m "not slow"

test-slow: $(STAMP) ## the slow ones
	$(BIN)/pytest $(SIDE_BY_SIDE) -m slow

# in one go, since slow tests and others share what takes long to make
test-all: $(STAMP) ## all of them
	$(BIN)/pytest $(SIDE_BY_SIDE) --durations=40

check: $(STAMP) ## ruff, mypy (strict) and the import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check -q .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(STAMP) ## the documentation as a site, in site/: open site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(STAMP) ## the benchmarks behind the figures of benchmarks/README.md
	@mkdir -p benchmarks/results
	$(BIN)/pytest benchmarks --benchmark-json=benchmarks/results/latest.json

clean: ## remove .venv and caches; entries stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
