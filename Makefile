SHELL := /bin/bash
UV := $(shell command -v uv || echo .uv/bin/uv)
MEMBERS := shared sdk langfuse services/collector services/analyzer backtest evaluation services/proposer services/evaluator services/gatekeeper services/console deploy/local deploy/demo
PORT ?= 8080
DEMO ?= 1
FUZZ_S ?= 60
COUNT ?= 200000
SIDE_BY_SIDE := --numprocesses=logical --maxprocesses=4
# pytest keeps its rewritten modules as bytecode; without it, each process of each run rewrites all test files again
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run help test unit simulation integration coverage soak fuzz vectors sdk-js ragas bench bench-compare screenshots lint lock install clean

run: .venv/.installed  ## start everything on this machine behind one port; DEMO=0 without the demo, DEMO=healthy, DEMO=canary
	.venv/bin/ratchet-local --port $(PORT) --demo $(DEMO)

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

test: .venv/.installed lint  ## every suite this machine can run
	.venv/bin/python -m tests

unit: .venv/.installed  ## unit tests: no socket, fewer generated cases than `make test`
	.venv/bin/python -m tests.unit

simulation: .venv/.installed  ## detector and demo on streams with known truth; RATCHET_SOAK=1: more of them
	.venv/bin/python -m pytest -q $(SIDE_BY_SIDE) --dist=worksteal tests/simulation

integration: .venv/.installed  ## tests on real servers, one service at a time
	.venv/bin/python -m pytest -q $(SIDE_BY_SIDE) --dist=loadfile tests/integration

coverage: .venv/.installed  ## `make test` with line coverage; fails below 85 %
	.venv/bin/python -m tests --coverage

soak: .venv/.installed  ## reliability tests with full counts; ROW=name: only tests or files with this name
	RATCHET_SOAK=1 .venv/bin/python -m pytest -q -s --timeout=7200 $$(grep -rlE --include='test_*.py' 'RATCHET_SOAK|support.soak' tests) -k '$(ROW)'

fuzz: .venv/.installed  ## coverage-guided fuzzing of prompt documents for FUZZ_S seconds; needs Linux
	$(UV) pip install --quiet --python .venv --require-hashes -r tests/fuzz-requirements.txt
	.venv/bin/python -m tests.fuzz $(FUZZ_S)

ragas: .cache/ragas/.installed  ## Ragas in .cache/ragas, for its judges and their tests (600 MB)

.cache/ragas/.installed: evaluation/ragas-requirements.txt | $(UV)
	$(UV) venv --quiet --allow-existing .cache/ragas
	$(UV) pip sync --quiet --python .cache/ragas --compile-bytecode --require-hashes $<
	touch $@

vectors: .venv/.installed  ## digests of COUNT random documents by the clients in Python and JavaScript
	.venv/bin/python -m tests.client_digests $(COUNT)

sdk-js: .venv/.installed  ## build the JavaScript client in sdk-js/dist, and run its tests; needs node and npm
	.venv/bin/python -m pytest -q tests/integration/sdk_js

bench: .venv/.installed  ## figures with peers and limits in one table; SAVE=1: kept in benchmarks/RESULTS.md; QUICK=1: only to see that all run
	.venv/bin/python -m benchmarks $(if $(SAVE),--save) $(if $(QUICK),--quick)

bench-compare: .venv/.installed  ## processor time per item, compared with commit BASE; fails if it rises by 10 %
	.venv/bin/python -m benchmarks.compare $(BASE)

screenshots: .venv/.installed  ## take the pictures of docs/tour.md with the browser tests
	RATCHET_SCREENSHOTS=docs/images .venv/bin/python -m pytest -q tests/browser/test_story.py

lint: .venv/.installed  ## style, types and import rules
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy && .venv/bin/lint-imports

install: .venv/.installed  ## install everything into .venv, pinned and hash-checked

.env: | .venv/.installed  ## passwords and signing key for compose.yaml, made once
	umask 077 && .venv/bin/python -m deploy.docker.env > $@

deploy/docker/gateway.conf: deploy/local/src/ratchet_local/routes.py deploy/docker/gateway.py | .venv/.installed
	.venv/bin/python -m deploy.docker.gateway > $@

.venv/.installed: requirements.lock $(MEMBERS:%=%/pyproject.toml) | $(UV)
	$(UV) venv --quiet --allow-existing .venv
	$(UV) pip sync --quiet --python .venv --compile-bytecode --require-hashes requirements.lock
	$(UV) pip install --quiet --python .venv --no-deps $(MEMBERS:%=-e %)
	.venv/bin/python -m compileall -q $(MEMBERS:%=%/src)
	touch $@

.uv/bin/uv:
	python3 -m venv .uv && .uv/bin/pip install --quiet uv==0.13.8

lock: | $(UV)  ## update the lock file after a change of dependencies
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links $(foreach m,$(MEMBERS),--no-emit-package ratchet-$(notdir $(m))) \
	  pyproject.toml --group dev $(MEMBERS:%=%/pyproject.toml) -o requirements.lock
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links evaluation/ragas-requirements.in -o evaluation/ragas-requirements.txt

clean:  ## remove installed and cached files
	rm -rf .venv .uv .cache .ratchet sdk-js/node_modules sdk-js/dist
