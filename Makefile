# `make help` lists what there is. Python 3.11 or newer and make are all a machine must have.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UI := addin_web/ui
STATIC := addin_web/outlook_addin_web/static
SANDBOX := $(BIN)/outlook-addin-sandbox

.DEFAULT_GOAL := help

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STATIC)/.built ## Run the product on a local cluster (ONCE=1 plays the story and ends, CLUSTER=kind uses kind)
	@$(SANDBOX) demo $(if $(ONCE),--once) $(if $(CLUSTER),--cluster=$(CLUSTER))

test: $(STATIC)/.built ## Run every test: unit, component, control plane, browser
	@$(SANDBOX) doctor
	@cd $(UI) && ../../$(SANDBOX) run npm test
	@$(BIN)/pytest $(ARGS)

test-long: $(STATIC)/.built ## Storms and fuzz with new seeds for SECONDS (600); tells in build/test-long-report.json what was tried
	@OUTLOOK_ADDIN_LONG_SECONDS=$(or $(SECONDS),600) $(BIN)/pytest tests/sync $(ARGS)

check: $(STATIC)/.built ## Format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy tests bench
	$(BIN)/mypy gitops/build.py manifests/monitoring/dashboard.py requirements/lock.py
	$(BIN)/lint-imports
	cd $(UI) && ../../$(SANDBOX) run npm run check
	cd $(UI) && ../../$(SANDBOX) run npm exec -- tsc --noEmit -p ../../sandbox/outlook_addin_sandbox/outlook/web/jsconfig.json

bench: $(STATIC)/.built ## Measure, as ratios against a peer in the same run; results go to bench/results
	$(BIN)/python -m bench.run

bench-operator: $(VENV)/.installed ## Measure the operator with up to 50,000 objects beside controller-runtime (about an hour)
	$(BIN)/python -m bench.operator $(ARGS)

chaos: $(VENV)/.installed ## Ten minutes of crashes and outages over 2,000 subscriptions (ARGS=--short: one minute)
	$(BIN)/python -m bench.chaos $(ARGS)

upgrade: $(VENV)/.installed ## Exchange the operator over 200 live subscriptions: REF (latest tag), this version, back, forward
	$(BIN)/python -m bench.upgrade $(REF) $(ARGS)

lock: $(VENV)/.installed ## Pin the newest allowed versions again, with hashes
	$(BIN)/pip install --quiet uv
	$(BIN)/python requirements/lock.py

clean: ## Remove what was built here (the compiled control plane stays in the user's cache folder)
	rm -rf $(VENV) $(STATIC) $(UI)/node_modules build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.installed: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name it with make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	  || { echo "Python's venv module is not complete; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Installing the Python packages into $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(STATIC)/.built: $(VENV)/.installed $(UI)/package-lock.json $(shell find $(UI) -path $(UI)/node_modules -prune -o -type f -print)
	@echo "Building the task pane …"
	@cd $(UI) && ../../$(SANDBOX) run npm ci --silent && ../../$(SANDBOX) run npm run --silent build >/dev/null
	@touch $@

.PHONY: help demo test test-long check bench bench-operator chaos upgrade lock clean
