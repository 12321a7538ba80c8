# The two commands of the README are `make run` and `make test`; `make help` lists all.

PYTHON ?= python3
HTTP ?= 127.0.0.1:8000

# One interpreter for everything: the binary embeds it, the wheel is built for it.
export PYTHON
export PYO3_PYTHON := $(shell $(PYTHON) -c 'import sys; print(sys.executable)')
VENV := .venv/bin
DEMO := target/demo

.PHONY: help run test soak bench bench-proto lint fmt fuzz fuzz-check miri wheel test-rust test-python test-interpreters setup-build setup-python setup-servers setup-bench

help: ## what there is to make
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: wheel ## a Django site with its admin behind the preview front, at http://$(HTTP)/
	@mkdir -p $(DEMO)
	@cd examples/django && $(call demo_env) ../../$(VENV)/python manage.py setup_demo
	@cd examples/django && exec env $(call demo_env) ../../$(VENV)/fcgi-run http=$(HTTP) static=/static/=$(CURDIR)/$(DEMO)/static

demo_env = MYSITE_DATABASE=$(CURDIR)/$(DEMO)/db.sqlite3 MYSITE_STATIC_ROOT=$(CURDIR)/$(DEMO)/static MYSITE_MEDIA_ROOT=$(CURDIR)/$(DEMO)/media

test: test-rust fuzz-check test-python test-interpreters ## every test: Rust, Python, real web servers

# Tests wait more than they compute: one program of them more runs at once than there are processors.
export JOBS ?= $(shell echo $$(($$(nproc) + 1)))

test-rust: setup-build
	tools/test-rust

test-python: wheel setup-servers
	$(VENV)/python -m pytest tests/python -q --maxfail=40 -n $(JOBS)

soak: wheel setup-servers ## long runs, for an hour: millions of requests, kills, reloads, stops, full disks
	SOAK=1 $(VENV)/python -m pytest tests/python/faults -q

ROUNDS ?= 5
SECS ?= 1
CASES ?=

bench: wheel setup-bench ## fcgi-run beside other servers, for a quarter of an hour; writes BENCHMARKS.md (a trial: ROUNDS=1 SECS=0.5)
	cargo build --release --package fcgi-tests --bin fcgi-rate
	$(VENV)/python -B -m benches --rounds $(ROUNDS) --secs $(SECS) --cases "$(CASES)"

test-interpreters: setup-python
	tools/test-interpreters

bench-proto: setup-build ## fcgi-proto beside other FastCGI crates, for two minutes; fcgi-proto/BENCHMARKS.md tells what it found
	@fcgi-proto/bench/run

lint: setup-build setup-python ## formatting, clippy, types
	cargo fmt --all --check
	cargo clippy --workspace --features fcgi-proto/codec --all-targets -- -D warnings
	cargo check --quiet --manifest-path fcgi-proto/bench/Cargo.toml --all-targets --target-dir target
	$(VENV)/ruff check --no-cache python benches tests/python/package tests/python/bench
	$(VENV)/ruff format --check --no-cache python benches tests/python/package tests/python/bench
	$(VENV)/mypy --config-file python/pyproject.toml python/fcgi_runner
	$(VENV)/mypy --config-file python/pyproject.toml benches/*.py

fmt: ## puts everything into form
	cargo fmt --all

wheel: setup-build setup-python ## builds the Python package and installs it into .venv
	@rm -rf target/wheels
	cd python && ../$(VENV)/maturin build --quiet -i ../$(VENV)/python --target-dir ../target/wheel --out ../target/wheels
	@$(VENV)/pip install --quiet --disable-pip-version-check --force-reinstall --no-deps target/wheels/*.whl

FUZZED := fcgi-proto/fuzz fcgi-runner/fuzz
FUZZ_SECONDS ?= 60

fuzz: setup-build ## 60 seconds on each fuzz target, with the address sanitizer where cargo-fuzz and a nightly compiler are there
	@for fuzzed in $(FUZZED); do (cd $$fuzzed; if cargo +nightly fuzz --version >/dev/null 2>&1; then \
	  for target in $$(cargo +nightly fuzz list); do mkdir -p corpus/$$target; \
	    cargo +nightly fuzz run $$target corpus/$$target seeds/$$target -- -max_total_time=$(FUZZ_SECONDS) || exit 1; done; \
	else SECONDS_EACH=$(FUZZ_SECONDS) ./check; fi) || exit 1; done

fuzz-check: setup-build ## runs every fuzz target on its seeds, and a little beyond
	@for fuzzed in $(FUZZED); do $$fuzzed/check || exit 1; done

miri: ## the tests of fcgi-proto where every instruction is interpreted and checked (needs a nightly compiler with miri)
	MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test -p fcgi-proto --lib --tests

setup-build:
	@tools/setup build

setup-python: setup-build
	@tools/setup python

setup-servers:
	@tools/setup servers

setup-bench:
	@tools/setup bench
