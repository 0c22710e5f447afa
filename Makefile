# Everything runs from a local environment in .venv; nothing is installed outside this folder.
# Needed on the machine: Python 3.11 or newer (with venv) and make.

PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
	if command -v $$python >/dev/null 2>&1 && $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	then echo $$python; break; fi; done)
VENV := .venv
RUN := $(VENV)/bin/
export UV_PYTHON_DOWNLOADS := never
UV = $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test serve lint types unit mutation coverage conformance uses prefetch faults cases openapi docs bench soak fuzz audit sbom clean

help: ## show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

$(INSTALLED): pyproject.toml uv.lock
	@test -n "$(PYTHON)" || { \
		echo "Python 3.11 or newer was not found."; \
		echo "Debian, Ubuntu: apt install python3 python3-venv   macOS: brew install python   Windows: python.org"; \
		exit 1; }
	@command -v uv >/dev/null 2>&1 || test -x .tools/bin/uv || { \
		$(PYTHON) -m venv .tools || { \
			echo "The Python module venv is missing. Debian, Ubuntu: apt install python3-venv"; exit 1; }; \
		.tools/bin/python -m pip install --quiet --disable-pip-version-check uv; }
	$(UV) sync --quiet --frozen --python $(PYTHON) --extra dev --extra demo
	@touch $@

demo: $(INSTALLED) ## sandbox FHIR server and service on loopback, one call per demo patient, cards shown
	$(RUN)lencds demo

test: lint types unit ## ruff, mypy strict, all tests

lint: $(INSTALLED) ## ruff
	$(RUN)ruff check .
	$(RUN)ruff format --check .

types: $(INSTALLED) ## mypy strict
	$(RUN)mypy

unit: $(INSTALLED) ## the tests
	$(RUN)pytest -n 2 --dist worksteal -q

serve: $(INSTALLED) ## the service without authentication, loopback only
	LENCDS_AUTH=off $(RUN)lencds serve

mutation: $(INSTALLED) ## change every figure by one step and show which changes no clinical case notices (minutes)
	$(RUN)python -m tests.mutation.run

coverage: $(INSTALLED) ## write docs/coverage.md: the statements of the label and what answers for each
	@mkdir -p build
	$(RUN)lencds knowledge --coverage --markdown > build/coverage.md
	mv build/coverage.md docs/coverage.md

conformance: $(INSTALLED) ## write docs/conformance.md: what CDS Hooks asks of a service and the tests that show it
	@mkdir -p build
	$(RUN)python -m tests.conformance.page > build/conformance.md
	mv build/conformance.md docs/conformance.md
	$(RUN)python -m tests.conformance.page --tests > build/conformance_tests.yaml
	mv build/conformance_tests.yaml service/reports/conformance_tests.yaml

uses: $(INSTALLED) ## write service/reports/topic_uses.yaml: the figures each rule looks at and what it suggests
	@mkdir -p build
	$(RUN)python -m service.reports.topic_uses > build/topic_uses.yaml
	mv build/topic_uses.yaml service/reports/topic_uses.yaml

prefetch: $(INSTALLED) ## write docs/prefetch-sheet.md: keys and queries for EHRs that do not read discovery
	@mkdir -p build
	$(RUN)lencds knowledge --prefetch --markdown > build/prefetch-sheet.md
	mv build/prefetch-sheet.md docs/prefetch-sheet.md

faults: $(INSTALLED) ## write docs/faults.md: what the service answers while a FHIR server fails in every way of the suite
	$(RUN)python -m tests.faults.run

cases: $(INSTALLED) ## write build/cases.html: all clinical cases with what the service says about them
	@mkdir -p build
	$(RUN)lencds knowledge --cases build/cases.html

openapi: $(INSTALLED) ## record the examples of the OpenAPI document anew and write docs/openapi.json
	@mkdir -p build
	$(RUN)python -m service.openapi.record
	$(RUN)lencds openapi > build/openapi.json
	mv build/openapi.json docs/openapi.json

docs: $(INSTALLED) ## build the documentation into build/docs, every link checked
	NO_MKDOCS_2_WARNING=1 UV_PROJECT_ENVIRONMENT=.tools/docs $(UV) run --quiet --frozen --python $(PYTHON) --extra docs mkdocs build --strict
	@echo "build/docs/index.html"

fuzz: $(INSTALLED) ## fuzz calls, feedback and tokens deeper than the tests do, with other examples each time
	FUZZ_DEPTH=$(or $(DEPTH),20) $(RUN)pytest -n 2 -q tests/fuzz

# Tools and production dependencies in an environment of their own, so that .venv stays as it is.
AUDIT_ENVIRONMENT := build/audit-environment
$(AUDIT_ENVIRONMENT)/.installed: pyproject.toml uv.lock $(INSTALLED)
	UV_PROJECT_ENVIRONMENT=$(AUDIT_ENVIRONMENT) $(UV) sync --quiet --frozen --no-install-project \
		--python $(PYTHON) --extra audit --extra postgresql
	@touch $@

audit: $(AUDIT_ENVIRONMENT)/.installed ## look up all locked dependencies in the database of known vulnerabilities
	@rm -f build/audit.json
	@$(UV) export --quiet --frozen --no-emit-project --all-extras --output-file build/locked.txt >/dev/null
	@$(AUDIT_ENVIRONMENT)/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off \
		--requirement build/locked.txt --format json --output build/audit.json 2>build/audit.log || \
	if test -s build/audit.json; then \
		cat build/audit.log; echo "Known vulnerabilities were found; build/audit.json has the details."; exit 1; \
	else \
		tail -n 1 build/audit.log; \
		echo "The audit was NOT done: the database of vulnerabilities does not answer for every dependency."; \
		exit 2; \
	fi
	@echo "No known vulnerability in the locked dependencies; build/audit.json lists them."

sbom: $(AUDIT_ENVIRONMENT)/.installed ## write build/sbom.json: every runtime dependency with hashes and licence (CycloneDX)
	@$(UV) export --quiet --frozen --no-emit-project --extra postgresql --preview-features sbom-export \
		--format cyclonedx1.5 | $(AUDIT_ENVIRONMENT)/bin/python deploy/supply_chain/sbom.py build/sbom.json

bench: $(INSTALLED) ## speed beside an empty Flask endpoint, as ratios (minutes; LONG=1 also for 100,000 calls)
	$(RUN)python -m benchmarks $(if $(LONG),--long)

soak: $(INSTALLED) ## 30 minutes of mixed load while FHIR server, database and workers fail (MINUTES=n for another time)
	$(RUN)python -m benchmarks.soak $(if $(MINUTES),--minutes $(MINUTES))

clean: ## remove what the targets made
	rm -rf $(VENV) .tools build .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
