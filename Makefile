# Everything is run from here; `make help` lists it.
PYTHON := .venv/bin/python
# Hypothesis' examples are the same in every run; plain pytest looks for new ones.
REPEATABLE := --hypothesis-profile=ci
.DEFAULT_GOAL := help
.PHONY: help setup demo up test test-fast test-servers lint bench lock

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: ## Install what is missing: RabbitMQ, the virtual environment, locked dependencies
	@sh deploy/machine/setup.sh

demo: setup ## Train two models on real data, from nothing to a table of metrics
	@$(PYTHON) -m foretide demo

up: setup ## Start everything on http://127.0.0.1:8080; Ctrl-C stops it
	@$(PYTHON) -m foretide up

test: setup-test ## All checks and tests, with real servers that the tests start themselves
	@echo "Checks, unit and integration tests run side by side; the output of each comes when it has ended."
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target lint test-fast test-servers

test-fast: setup-test ## Unit tests only: no servers
	$(PYTHON) -m pytest -q -m "not integration" $(REPEATABLE)

test-servers: setup-test ## Integration tests only: they start their own servers
	$(PYTHON) -m pytest -q -m integration --numprocesses=2 --dist=loadfile $(REPEATABLE)

lint: setup-test ## ruff, mypy, import-linter and the deployment files
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	$(PYTHON) -m deploy.validate

bench: setup-test ## Every benchmark; each prints one JSON object as its last line
	$(PYTHON) -m benchmarks.bus
	$(PYTHON) -m benchmarks.upload
	$(PYTHON) -m benchmarks.windows
	$(PYTHON) -m benchmarks.accuracy
	$(PYTHON) -m benchmarks.day_ahead
	$(PYTHON) -m benchmarks.memory
	$(PYTHON) -m benchmarks.training
	$(PYTHON) -m benchmarks.kills
	$(PYTHON) -m benchmarks.offload
	$(PYTHON) -m benchmarks.fanout

.PHONY: setup-test
setup-test:
	@sh deploy/machine/setup.sh test

lock: ## Renew the locked dependencies from pyproject.toml
	@sh deploy/machine/lock.sh
