# `make demo` and `make test` do all the set-up themselves, on any machine with Python 3.11 or newer.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet
export PYTHONUNBUFFERED = 1
unexport PYTHONDONTWRITEBYTECODE  # else each process that is started compiles everything anew

.DEFAULT_GOAL = help
.PHONY: help demo test test-quick test-long mutants check fmt translations audit bench lock clean

help:  ## say what can be made
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

demo: $(VENV)/runs  ## a real competition in this folder, served on UNSEEN_PORT (default 8000)
	@$(BIN)/unseen-server demo

test: $(VENV)/develops  ## the whole test suite
	@$(BIN)/python -m pytest -n auto --dist worksteal -m "not long"

test-quick: $(VENV)/develops  ## the tests that take no longer than a moment
	@$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow and not long"

test-long: $(VENV)/develops  ## the long forms of the figures
	@UNSEEN_LONG=1 $(BIN)/python -m pytest -n auto --dist worksteal -m "figure or long"
	@$(BIN)/python tests/mutants.py

mutants: $(VENV)/develops  ## put faults into a copy of the code and see each caught (part of test-long)
	@$(BIN)/python tests/mutants.py

check: $(VENV)/develops  ## style, types and import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

fmt: $(VENV)/develops  ## put the code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

translations: $(VENV)/develops  ## collect what pages and refusals say, for the translators
	@$(BIN)/pybabel -q extract -F pyproject.toml -k N_ -k say --omit-header --no-location --sort-output -o $(MESSAGES)/messages.pot server/unseen_server
	@$(BIN)/pybabel -q update --omit-header --no-fuzzy-matching --ignore-obsolete --width 120 \
		-i $(MESSAGES)/messages.pot -d $(MESSAGES) -l zh_Hant_TW
	@rm $(MESSAGES)/messages.pot

MESSAGES = server/unseen_server/web/translations

audit: $(VENV)/develops  ## ask the registry's advisories about every version that is pinned (needs the network)
	@$(PYTHON) -m venv $(VENV)/audit
	@$(VENV)/audit/bin/python -m pip --disable-pip-version-check --quiet install "pip-audit>=2.9"
	@$(VENV)/audit/bin/pip-audit --strict --require-hashes --disable-pip -r requirements.lock
	@$(VENV)/audit/bin/pip-audit --strict --require-hashes --disable-pip -r requirements-dev.lock

bench: $(VENV)/measures  ## side-by-side measurements
	@$(BIN)/python benchmarks

lock: $(VENV)/develops  ## choose the newest versions again and write the lock files
	@$(PIP) install uv
	@$(BIN)/uv pip compile --quiet pyproject.toml --all-extras $(LOCK_FLAGS) -o requirements.lock
	@$(BIN)/uv pip compile --quiet pyproject.toml --all-extras --group dev -c requirements.lock $(LOCK_FLAGS) \
		-o requirements-dev.lock

LOCK_FLAGS = --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock"

clean:  ## remove the virtual environment and the demo's installation
	rm -rf $(VENV) instance

# What runs, what tests and checks need besides, and what the measurements compare with.

$(VENV)/runs: requirements.lock pyproject.toml
	@echo "Setting up a virtual environment in $(VENV) (once, about a minute) ..." >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; run: make demo PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps -e .
	@touch $@

$(VENV)/develops: $(VENV)/runs requirements-dev.lock
	@echo "Adding what the tests and checks need ..." >&2
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/measures: $(VENV)/develops
	@$(PIP) install "polars>=1.30"
	@touch $@
