# Two commands do everything: `make run` and `make test`.
SHELL := /bin/bash
PY := .venv/bin/python
export PYTHONUNBUFFERED := 1

.PHONY: help setup setup-dev run test lint journey bench lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup:  ## install what running needs into .venv and node_modules
	@scripts/setup

setup-dev:  ## install what linting and testing need as well
	@scripts/setup dev

run: setup  ## start the portal with its workers and demo data (PORT=8000)
	@$(PY) -m portal.supervisor

test: setup-dev  ## run every test (ARGS are pytest's)
	@$(PY) -m pytest $(ARGS)

lint: setup-dev  ## formatting, style, types of the pure cores, layers
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --verbose >/tmp/lint-imports.$$$$ 2>&1 || { cat /tmp/lint-imports.$$$$; exit 1; }

journey: setup  ## the whole chain without a browser (RECORDINGS=dir SCRIPT=file OUT=dir)
	@$(PY) manage.py journey $(if $(RECORDINGS),--recordings $(RECORDINGS)) $(if $(SCRIPT),--script $(SCRIPT)) --out $(or $(OUT),journey-out)

bench: setup-dev  ## measure and write bench.json (ONLY=journey,web,...)
	@$(PY) -m tests.bench $(if $(ONLY),--only $(ONLY))

lock:  ## pin requirements.in and requirements-dev.in anew
	@scripts/lock

clean:  ## remove what set-up and tests made; the data folder stays
	rm -rf .venv node_modules static-root .pytest_cache .mypy_cache .ruff_cache bench.json journey-out
