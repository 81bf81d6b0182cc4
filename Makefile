# `make run` sets everything up and runs the main job; `make test` sets everything up and passes the tests.
# Needs Python 3.11 or later, git and the package registries; uv is installed into .tools if it is missing.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
export UV_PYTHON_DOWNLOADS := never
export ORT_DISABLE_TELEMETRY := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
RUN := $(UV) run --no-sync
MODEL := packages/holdfast-minilm/src/holdfast_minilm/model.onnx

.PHONY: run test check gates bench nightly wheels site setup format clean

run: setup ## Set up and run the main job.
	$(RUN) holdfast demo

test: gates ## Set up and run every test, the executed documents among them.
	$(RUN) pytest -q -n auto --dist worksteal

check: gates ## The fast gate: everything in `gates`, public names, fast tests, executed documents.
	$(RUN) pytest -q -n auto --dist worksteal -m "not slow" tests/gate tests/core tests/laws tests/docs

gates: setup ## Format, lint, types, import rules, sizes.
	$(RUN) ruff format --no-cache --check .
	$(RUN) ruff check --no-cache .
	$(RUN) pyright --warnings
	$(RUN) lint-imports --no-cache
	$(RUN) python tools/size_gate.py
	$(RUN) python tools/repository_gate.py

bench: setup ## Print every figure with its bound.
	$(RUN) python -m bench.figures
	$(RUN) python -m bench.recall
	$(RUN) python -m bench.profile
	$(RUN) python -m bench.sizes --entries 10000 100000
	$(RUN) python -m bench.group_commit
	$(RUN) python -m bench.metrics_speed
	$(RUN) python -m bench.working
	$(RUN) python -m bench.mentions
	$(RUN) python -m bench.summaries
	$(RUN) python -m bench.procedures_speed
	$(RUN) python -m bench.install_size
	$(RUN) python -m bench.hooks
	$(RUN) python -m bench.mcp
	$(RUN) python -m bench.window
	$(RUN) python -m bench.context
	$(RUN) python -m bench.agent_run

nightly: setup ## The long campaigns: property tests with many more examples, 5,000 kills, 5,000 power cuts.
	HOLDFAST_CAMPAIGN=nightly $(RUN) pytest -q -n auto --dist worksteal
	$(RUN) python -m bench.nightly
	$(RUN) python -m bench.from_wheels

wheels: setup ## Build both distributions into dist/.
	$(UV) build --all-packages --out-dir dist

site: setup ## Build the documentation into build/site.
	$(RUN) mkdocs build --strict --site-dir build/site

setup: .venv/ready $(MODEL)

.venv/ready: pyproject.toml uv.lock packages/holdfast-minilm/pyproject.toml
	@command -v $(UV) >/dev/null 2>&1 || { $(PYTHON) -m venv .tools && .tools/bin/python -m pip install --quiet uv; }
	$(UV) sync --quiet --frozen
	touch .venv/ready

$(MODEL): packages/holdfast-minilm/build_model.py | .venv/ready
	$(RUN) python packages/holdfast-minilm/build_model.py

format: setup ## Format and mend what can be mended.
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

clean:
	rm -rf .venv .tools dist build
