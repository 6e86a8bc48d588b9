# Two commands matter: `make run` and `make test`; `make help` lists the others.
# Needs Linux, make and Python 3.11 to 3.13; everything else is built into .venv and var.

# Recipes use relative paths only, so that a checkout's path may hold a space.
VENV := .venv/bin/python
EMBEDDED := $(VENV) -m config.embedded --until-parent-exits
MANAGE := env -u DATABASE_OWNER_URL -u DATABASE_APP_URL -u DATABASE_SYSTEM_URL $(VENV) -W ignore::RuntimeWarning manage.py
TEMPLATES := $$(find . -name .venv -prune -o -name node_modules -prune -o -path '*/templates/*.html' -print)

# The newest of the supported ones; python3 last, whatever it is: the builder says what it lacks.
FIND_PYTHON := for name in python3.13 python3.12 python3.11 python3; do \
	if command -v $$name >/dev/null 2>&1 && $$name -c '' >/dev/null 2>&1; then \
		echo $$name; exit; fi; done
SETUP = python=$$($(FIND_PYTHON)); \
	if [ -z "$$python" ]; then echo "Python 3.11, 3.12 or 3.13 is needed (package python3)."; exit 1; fi; \
	$$python config/embedded/environment.py

# How many tests run at once, and what else pytest is told: make test PYTEST="-k money".
JOBS ?= 2
PYTEST ?=

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help run seed manage test lint format bench clean distclean venv venv-dev chromium

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | tr '|' '\t' | expand -t 20

run: venv ## Start everything at http://127.0.0.1:8000; Ctrl-C stops it
	@exec $(EMBEDDED) run

seed: venv ## Fill the demo company, beside a running make run or without one
	@exec $(EMBEDDED) seed

manage: ## A manage.py command beside make run: make manage DO="verify_audit"
	@exec $(EMBEDDED) manage $(DO)

test: lint chromium ## Lint, then run every test, a browser's too
	@exec $(VENV) -m pytest -n $(JOBS) $(PYTEST)

lint: venv-dev ## Formatting, rules, imports, types, templates, missing migrations
	@echo "ruff format";   $(VENV) -m ruff format --check --quiet . || { echo "Run make format."; exit 1; }
	@echo "ruff check";    $(VENV) -m ruff check --quiet .
	@echo "lint-imports";  $(VENV) .venv/bin/lint-imports --no-logo >.venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	@echo "mypy";          $(VENV) -m mypy --no-error-summary .
	@echo "djade";         .venv/bin/djade --check --target-version 5.2 $(TEMPLATES)
	@echo "djlint";        $(VENV) -m djlint --quiet --lint $(TEMPLATES)
	@echo "migrations";    $(MANAGE) makemigrations --check --dry-run --skip-checks -v1

format: venv-dev ## Let the formatters write
	@$(VENV) -m ruff check --fix --quiet . || true
	@$(VENV) -m ruff format --quiet .
	@.venv/bin/djade --target-version 5.2 $(TEMPLATES) || true

bench: venv-dev ## Measure on servers of its own; results in benchmarks/RESULTS.md
	@exec $(VENV) -m benchmarks

clean: ## Stop this checkout's servers; remove var and caches
	@if $(VENV) -c 'import rich' 2>/dev/null; then $(VENV) -m config.embedded clean; else rm -rf var; fi
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis staticfiles
	@find . -name .venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## clean, and remove .venv too
	@rm -rf .venv

venv:
	@$(SETUP) --requirements requirements.txt

venv-dev:
	@$(SETUP) --requirements requirements-dev.txt

chromium:
	@$(SETUP) --chromium
