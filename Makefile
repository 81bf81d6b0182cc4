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

.PHONY: run test check gates bench nightly wheels setup format clean

run: setup ## Set up and run the main job.
	$(RUN) holdfast demo

test: gates ## Set up and run every test, the executed documents among them.
	$(RUN) pytest -q

check: gates ## The fast gate: everything in `gates`, public names, fast tests, executed documents.
	$(RUN) pytest -q -m "not slow" tests/gate tests/core tests/laws tests/docs

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

nightly: setup ## The long campaigns: property tests with many more examples, long texts, 5,000 kills.
	HOLDFAST_CAMPAIGN=nightly $(RUN) pytest -q
	$(RUN) python -m bench.kill --kills 5000 --seconds 900
	$(RUN) python -m bench.powercut --states 5000
	$(RUN) python -m bench.iofaults
	$(RUN) python -m bench.bitrot --flips 1000
	$(RUN) python -m bench.upgrades
	$(RUN) python -m bench.contention --writes 2500
	$(RUN) python -m bench.mixed --keys 4000
	$(RUN) python -m bench.retries --keys 10000
	$(RUN) python -m bench.interleaving --count 1000
	$(RUN) python -m bench.outage --rounds 3
	$(RUN) python -m bench.group_commit
	$(RUN) python -m bench.replay --histories 1000 --events 200000
	$(RUN) python -m bench.time_travel --histories 1000
	$(RUN) python -m bench.converge --histories 20000
	$(RUN) python -m bench.prune_kill --kills 100
	$(RUN) python -m bench.long_life --events 300000
	$(RUN) python -m bench.import_kill --megabytes 50 --kills 20
	$(RUN) python -m bench.backups --rounds 50
	$(RUN) python -m bench.forgetting canaries
	$(RUN) python -m bench.forgetting interleavings --count 2000
	$(RUN) python -m bench.forgetting receipts
	$(RUN) python -m bench.forgetting speed
	$(RUN) python -m bench.fuzz --queries 10000

wheels: setup ## Build both distributions into dist/.
	$(UV) build --all-packages --out-dir dist

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
