# make demo    train the embedded default for about two minutes, measure it beside bicubic, draw a picture
# make test    run the tests
# make lint    check the style
# Each sets up a virtual environment in .venv first; PYTHON says which Python it is made from, WORKERS how many tests run at a time.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
READY := $(VENV)/.ready

.PHONY: demo test lint clean

$(READY): setup.py pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $(READY)

demo: $(READY)
	$(BIN)/python train.py --minutes=2
	$(BIN)/python evaluate.py --run=latest

test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --durations=15

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf $(VENV) build *.egg-info
