# kws-app's verbs. `make` alone prints them.

VENV ?= .venv
# `make test EXTRAS=dev` does without torch; the tests of the training then skip.
EXTRAS ?= dev,training

# Of audio, for `make soak`.
HOURS ?= 24

BIN := $(VENV)/bin
INPUTS := setup.cfg setup.py scripts/setup.sh scripts/constraints.txt
RUNTIME := $(VENV)/.installed
DEVELOPMENT := $(VENV)/.installed-$(EXTRAS)
FUZZING := $(VENV)/.installed-dev,fuzz

# No process of ours sends ONNX Runtime's telemetry; kws_app/model/runtime.py says so again before its import.
export ORT_DISABLE_TELEMETRY := 1

.PHONY: help run setup check test bench soak fuzz format package install uninstall clean

help:  ## print the verbs
	@sed -n 's/^\([a-z]*\):.*##  *\(.*\)/\1\t\2/p' Makefile | expand -t 12

run: $(RUNTIME)  ## set up what is missing, then listen for "computer"
	@scripts/run.sh $(VENV)

setup: $(DEVELOPMENT)  ## make the environment with everything for development

check: $(DEVELOPMENT)  ## format, lint, types, floors: changes nothing
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test: $(DEVELOPMENT)  ## the suite, with coverage of kws_app
	$(BIN)/pytest --cov

bench: $(DEVELOPMENT)  ## time per frame, memory, start-up
	$(BIN)/python -m benchmarks

soak: $(DEVELOPMENT)  ## hours of words and mishaps in minutes: HOURS=24
	$(BIN)/python -m benchmarks.soak $(HOURS)

fuzz: $(FUZZING)  ## strange configurations, cards, models, requests and recordings: SECONDS=60
	$(BIN)/python -m scripts.fuzz $(SECONDS)

format: $(DEVELOPMENT)  ## repair format and lint
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

package: $(DEVELOPMENT)  ## build the wheel in dist/
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

install:  ## install the service, or upgrade it (as root)
	@systemd/install.sh

uninstall:  ## remove the service; its configuration and state stay (as root)
	@systemd/uninstall.sh

clean:  ## remove the environment, caches and builds
	rm -rf $(VENV) build dist *.egg-info .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

$(RUNTIME): $(INPUTS)
	@scripts/setup.sh $(VENV)

$(DEVELOPMENT): $(INPUTS)
	@scripts/setup.sh $(VENV) $(EXTRAS)

$(FUZZING): $(INPUTS)
	@scripts/setup.sh $(VENV) dev,fuzz
