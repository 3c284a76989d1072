# Everything from a bare machine: Python >= 3.11, make, and a C compiler for packages without wheels.
PYTHON ?= python3
LANES ?= 2
VENV := .venv
BIN := $(VENV)/bin
LOCAL := $(BIN)/python -m routing_platform.local

.PHONY: help install install-dev demo run test bench chaos lint lock clean
help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# A stamp per list of packages: a second run installs nothing.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3-venv is missing: install your system's python3-venv package"; exit 1; }

$(VENV)/.core: requirements.txt requirements-embedded.txt | $(BIN)/python
	@echo "Installing the platform's packages (about a minute, once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt -r requirements-embedded.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.core
	@echo "Installing what tests and lint need …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

install: $(VENV)/.core  ## virtualenv, pinned packages, local secrets
	@$(LOCAL) init

install-dev: install $(VENV)/.dev

demo: install  ## the whole platform with simulated exchanges, and six signals; ONCE=1 stops after them
	@$(LOCAL) demo $(if $(ONCE),--once) $(if $(PORT),--port $(PORT))

run: install  ## the same without the show
	@$(LOCAL) run $(if $(PORT),--port $(PORT))

test: install-dev  ## all tests, in lanes side by side; ARGS="-k name" for some
	@deploy/ensure-chromium.sh
	@$(BIN)/python -m pytest --numprocesses=$(LANES) --dist=loadgroup --no-loadscope-reorder $(ARGS)

bench: install  ## orders per second, beside raw ccxt in the same run
	@$(LOCAL) exec -- $(BIN)/python -m benchmarks $(ARGS)
	@$(BIN)/python -m benchmarks.split
	@$(LOCAL) exec -- $(BIN)/python -m benchmarks.routing

chaos: install  ## break everything on purpose, and prove: never twice, never lost; ARGS="--help" for more
	@$(BIN)/python -m chaos $(ARGS)

lint: install-dev  ## ruff, types, Django's own checks
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy .
	@$(LOCAL) exec -- $(BIN)/python manage.py makemigrations --check --dry-run
	@env DEBUG=False INSECURE_HTTP=False $(BIN)/python manage.py check --deploy --fail-level WARNING

lock: install-dev  ## pin requirements*.in anew
	@for name in requirements requirements-embedded requirements-dev; do $(BIN)/uv pip compile --quiet --no-emit-index-url --no-emit-find-links --generate-hashes --universal --python-version 3.11 --custom-compile-command "make lock" $$name.in -o $$name.txt || exit 1; done

clean:  ## forget virtualenv, local database and secrets
	rm -rf $(VENV) .local
