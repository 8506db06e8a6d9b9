# `make demo` runs the main job, `make test` passes the tests; both set up what they need first.

VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: setup demo test check fix bench docs clean

setup: $(VENV)/.ready

# The constraint keeps torch's CUDA packages (gigabytes) from coming along; keep it on every pip call in this environment.
$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: setup
	$(BIN)/popinjay demo

test: setup
	$(BIN)/python -m pytest -m 'not slow'

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

fix: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	$(BIN)/python -m pytest -m slow
	$(BIN)/python bench/startup.py
	$(BIN)/python bench/archive_import.py
	if [ -d ../shared/personas ]; then $(BIN)/python bench/tokenizer.py --personas ../shared/personas --gpt2 ../shared/tokenizer; fi
	if [ -d ../shared/personas ]; then $(BIN)/python bench/base.py --personas ../shared/personas --work $(VENV)/bench; fi

docs: setup
	$(BIN)/python docs/make_reference.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
