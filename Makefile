# The two commands are `make demo` and `make test`; `make help` lists the rest.
SHELL := /bin/bash
PYTHON ?= python3
PORT ?= 8000
MINUTES ?= 15
BIN := .venv/bin

.PHONY: help demo dev test test-postgres test-deploy bench torture lint audit format lock chromium servers proxies

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

demo: .venv/production ## install, migrate, seed and serve the portal with its workers (RESET=1 starts afresh, PORT=8000)
	@DEMO=1 $(BIN)/python manage.py demo --port $(PORT) $(if $(RESET),--reset)

dev: .venv/development ## the same on Django's own server, which reloads when a file changes
	@DEMO=1 DEBUG=1 $(BIN)/python manage.py demo --port $(PORT) --reload $(if $(RESET),--reset)

test: .venv/development chromium ## all tests, the journeys in real Chromium included (ARGS="-k name")
	$(BIN)/pytest $(ARGS)

test-postgres: .venv/development chromium servers ## the tests on a PostgreSQL and a Redis that are thrown away after
	$(BIN)/python -m tests.support.servers $(ARGS)

test-deploy: .venv/development servers proxies ## install the portal on an empty machine, and check what is in deploy/ (needs root)
	@[ "$$(id -u)" = 0 ] || { echo "These tests make users and mounts of their own, so they need root: sudo make test-deploy"; exit 1; }
	$(BIN)/pytest -n 2 --dist loadfile $(ARGS) tests/deploy

bench: .venv/development ## measure against peers in the same run, into benchmarks/results.md (QUICK=1 for a short one)
	$(BIN)/python -m benchmarks.run

torture: .venv/development servers ## faults in random order on real processes under load (MINUTES=15, ARGS="--only kill"; needs root)
	$(BIN)/python -m tests.torture.run --minutes $(MINUTES) $(ARGS)

lint: .venv/development ## style, format, types, allowed imports, missing migrations, templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	DEMO=1 $(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/djlint --quiet --lint templates

audit: .venv/development ## look all locked requirements up in the database of known vulnerabilities (ends with 2 if it cannot be reached)
	$(BIN)/python .ci/audit.py $(ARGS) requirements.txt requirements-redis.txt requirements-dev.txt

format: .venv/development ## fix and format the code with ruff
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

lock: .venv/bin/python ## lock the requirements in pyproject.toml, for every Python from 3.11.0 on
	$(BIN)/pip install -q --disable-pip-version-check uv
	$(COMPILE) -o requirements.txt pyproject.toml
	$(COMPILE) -c requirements.txt --extra redis -o requirements-redis.txt pyproject.toml
	$(COMPILE) -c requirements.txt --extra dev -o requirements-dev.txt pyproject.toml

COMPILE = $(BIN)/uv pip compile -q --universal --python-version 3.11.0 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed; this is $$($(PYTHON) --version). Say which with PYTHON=python3.12."; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && apt-get install -y -qq python3-venv; \
	    else echo "Python's venv module is missing. On Debian and Ubuntu: sudo apt-get install python3-venv"; exit 1; fi; }
	$(PYTHON) -m venv .venv

.venv/production: requirements.txt | .venv/bin/python
	@[ -e .venv/development ] || $(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/development: requirements-dev.txt | .venv/bin/python
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# Install the packages $(1) for $(2), as root on Debian and Ubuntu. Elsewhere, say what is missing.
install = if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing $(1) for $(2)"; apt-get update -qq && apt-get install -y -qq $(1) >/dev/null; \
	else echo "Needed for $(2): $(1). On Debian and Ubuntu: sudo apt-get install $(1)"; exit 1; fi

chromium:
	@command -v chromium chromium-browser google-chrome >/dev/null && exit 0; \
	$(call install,chromium,the browser journeys)

servers:
	@{ command -v postgres || ls /usr/lib/postgresql/*/bin/postgres; } >/dev/null 2>&1 && command -v redis-server >/dev/null && exit 0; \
	$(call install,postgresql redis-server,the tests)

DEPLOY_PROGRAMS = adduser caddy git ip nginx openssl promtool systemd-analyze unshare
# The package prometheus has promtool.
DEPLOY_PACKAGES = adduser caddy git iproute2 nginx-light openssl prometheus python3-venv systemd util-linux

proxies:
	@PATH=$$PATH:/usr/sbin; for program in $(DEPLOY_PROGRAMS); do command -v $$program || missing=1; done >/dev/null; \
	[ -z "$$missing" ] && /usr/bin/python3 -c 'import ensurepip' 2>/dev/null && exit 0; \
	$(call install,$(DEPLOY_PACKAGES),the tests of deploy/)
