# make run      start the hub on http://127.0.0.1:8000        HUB_PORT=8001 HUB_DATA=/srv/hub make run
# make test     everything, browser tests included            make test ARGS="tests/hub -k token"
# make check    formatting, lint, types, tests
# make bench    what an evaluation costs, beside the reference  make bench BASE=folder/of/a/base/model
# make bench-search   searches among 100,000 modules
# make starter  train the starter modules that are missing    make starter DATA=folder/of/jsonl
# make plots    draw the figures of docs/composer.md from benchmarks/results

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

# One line per package while they are fetched, then one for the installation; errors as pip says them.
define install
$(BIN)/python -m pip --disable-pip-version-check install --progress-bar off -r $(1) 2>&1 | awk -v all="$$(cat requirements*.txt | grep -c ==)" ' \
	/^(Collecting|Processing) / { n++; sub(/.*\//, "", $$2); printf "  %3d of about %d  %s\n", n, all, $$2; fflush() } \
	/^Installing collected/ { print "  unpacking them all"; fflush() } \
	/^ERROR|^error|^  error|No matching|Could not/ { print; fflush() }'
endef

.PHONY: run test check lint format types bench bench-search starter plots browser clean

run: $(VENV)/.run
	@exec $(BIN)/python manage.py runhub --with-parent

test: $(VENV)/.dev $(VENV)/.clients browser
	@$(BIN)/python -m pytest $(ARGS)

check: lint types test

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(VENV)/.dev
	$(BIN)/mypy

starter: $(VENV)/.run
	$(BIN)/python starter/train.py $(if $(DATA),--data "$(DATA)") $(ARGS)

plots: $(VENV)/.run
	$(BIN)/python -m benchmarks.plots $(ARGS)

# Without BASE: the default base model, prepared first where `make run` has not done so.
BASE ?=
bench: $(VENV)/.dev
	@base="$(BASE)"; test -n "$$base" || base="$$($(BIN)/python -m benchmarks.default_base)"; \
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m benchmarks.evaluator --base "$$base" $(ARGS)

bench-search: $(VENV)/.run
	$(BIN)/python -m benchmarks.search $(ARGS)

# A stamp says which requirements were installed; a change of the file installs again.
$(VENV)/.run: requirements.txt | $(BIN)/python
	@echo "Installing the requirements (the first time: a few minutes)"
	@$(call install,requirements.txt)
	@touch $@

$(VENV)/.dev: requirements-dev.txt requirements-reference.txt $(VENV)/.run
	@echo "Installing the tools for tests"
	@$(call install,requirements-dev.txt)
	@$(call install,requirements-reference.txt --no-deps)
	@touch $@

# The versions of huggingface_hub that the hub is tested with, each in an environment of its own.
$(VENV)/.clients: $(wildcard tests/clients/requirements-*.txt) tests/clients/environments.py $(VENV)/.dev
	@echo "Installing the Hugging Face clients for tests"
	@$(BIN)/python -m tests.clients.environments
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 …"; exit 2; }
	@echo "Making $(VENV)"
	@$(PYTHON) -m venv $(VENV)

# Browser tests use the system's chromium. Where it is missing and can be installed (Debian, root), it is; else they skip.
browser:
	@if ! command -v chromium >/dev/null && test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
		echo "Installing chromium for the browser tests"; \
		{ apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium; } >/dev/null 2>&1 \
		|| echo "chromium could not be installed: the browser tests will be skipped"; fi

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
