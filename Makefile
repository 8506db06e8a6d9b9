# `make demo` runs the main job, `make test` passes the tests; each sets up what it needs first.

VENV ?= .venv
PYTHON ?= python3
CONSTRAINTS ?= constraints.txt
BIN := $(VENV)/bin

.PHONY: setup fonts browser servers snac demo test newest pins check fix faults bench bench-train bench-smollm2 bench-say bench-serve bench-report bench-networks bench-gpu docs clean

setup: $(VENV)/.ready

# Fonts for the picture's tests, some 80 MB: only where Debian's packages can be had and installed. Elsewhere those tests skip.
FONTS := fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji libegl1 libgl1

fonts:
	@if dpkg -s $(FONTS) >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		{ apt-get update -qq && apt-get install -qq -y --no-install-recommends $(FONTS) >/dev/null; } || echo "No fonts could be installed ($(FONTS)): some tests of pictures will skip."; \
	elif command -v apt-get >/dev/null; then echo "For every script in pictures: sudo apt-get install $(FONTS)"; \
	fi

# A browser for the tests of the report's page, some 300 MB: as with the fonts, Debian's, and only where it can be installed.
browser:
	@if command -v chromium >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		{ apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium >/dev/null; } || echo "No browser could be installed (chromium): the tests that look at the report's page will skip."; \
	elif command -v apt-get >/dev/null; then echo "To test the report's page in a browser: sudo apt-get install chromium"; \
	fi

# A real Bluesky server for the tests of that source, from npm: some 250 MB in a cache folder of the user's, installed once.
servers:
	@$(PYTHON) tests/support/servers/install.py

# A real server that speaks Mastodon's API, some 250 kB of Debian's, unpacked beside the packages: nothing is installed. Without it those tests skip.
snac: setup
	@sh tests/support/servers/get_snac.sh $(VENV)/snac

# The known-good set of packages, so that nothing depends on what was published this morning. It keeps torch's CUDA packages
# (gigabytes) from coming along, too; keep it on every pip call in this environment.
$(VENV)/.ready: pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=$(CURDIR)/$(CONSTRAINTS) $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@$(MAKE) --no-print-directory fonts
	touch $@

demo: setup
	$(BIN)/popinjay demo

# Two processes, a file of tests to one of them, so that what its tests share is made once; in conftest's order, the dear ones first.
test: setup browser servers snac
	$(BIN)/python -m pytest -m 'not slow' -n 2 --dist loadfile --no-loadscope-reorder

# The suite on the newest release of everything that pyproject.toml allows, torch apart. To be run before each release.
newest:
	rm -rf .venv-newest
	grep '^torch==' constraints.txt > .newest.txt
	$(MAKE) --no-print-directory VENV=.venv-newest CONSTRAINTS=.newest.txt test

# Write the known-good set from the environment as it is, after the suite has passed on it.
pins: setup
	{ sed -n '/^#/p' constraints.txt; $(BIN)/python -m pip freeze --all --exclude-editable | sed 's/+cpu//' | grep -v '^pip==' | sort -f; } > .pins.txt
	mv .pins.txt constraints.txt
	touch $(VENV)/.ready

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Nothing is lost or half-written, whatever happens: kills, full disks, signals and the rest; some 30 minutes on two cores.
# POPINJAY_KILLS says how many kills, POPINJAY_SEED where they hit.
faults: setup
	$(BIN)/python -m pytest tests/faults -n 2 --dist worksteal

bench: setup
	$(BIN)/python -m pytest -m slow --ignore tests/faults
	$(BIN)/python bench/startup.py
	$(BIN)/python bench/archive_import.py
	$(BIN)/python bench/overlap.py
	if [ -d ../shared/personas ]; then $(BIN)/python bench/tokenizer.py --personas ../shared/personas --gpt2 ../shared/tokenizer; fi
	if [ -d ../shared/personas ]; then $(BIN)/python bench/base.py --personas ../shared/personas --work $(VENV)/bench; fi
	if [ -d ../shared/seeds ]; then $(BIN)/python bench/seeds.py --seeds ../shared/seeds --personas ../shared/personas --work $(VENV)/seeds; fi

# Some 13 minutes; real posts and GPT-2's tokenizer where they lie beside the project.
bench-train: setup
	$(BIN)/python bench/train.py --work $(VENV)/bench $(if $(wildcard ../shared/personas),--personas ../shared/personas) $(if $(wildcard ../shared/tokenizer),--gpt2 ../shared/tokenizer)

# SmolLM2's training beside Trainer's with the same weights trained, if that base is here; some five minutes.
bench-smollm2: setup
	$(BIN)/python bench/train_smollm2.py $(if $(wildcard ../shared/personas),--personas ../shared/personas)

bench-say: setup
	$(BIN)/python bench/sampling.py --work $(VENV)/bench-say $(if $(wildcard ../shared/personas),--personas ../shared/personas) $(if $(wildcard ../shared/tokenizer),--gpt2 ../shared/tokenizer)

# Some five minutes.
bench-serve: setup
	$(BIN)/python bench/serve.py --work $(VENV)/bench-serve $(if $(wildcard ../shared/personas),--personas ../shared/personas)

# Some 40 minutes, and more for the English authors if smollm2 is on this machine.
bench-report: setup
	if [ -d ../shared/personas ]; then $(BIN)/python bench/report.py --personas ../shared/personas --work $(VENV)/bench-report; fi

# Posts a second of each network's source beside the raw transfer; about a minute.
bench-networks: setup
	$(BIN)/python bench/networks.py

# Where torch can use a GPU; elsewhere it says so. SMOLLM2 names the folder of its files.
bench-gpu: setup
	$(BIN)/python bench/gpu.py $(if $(SMOLLM2),--smollm2 $(SMOLLM2)) $(if $(wildcard ../shared/personas),--personas ../shared/personas) $(if $(wildcard ../shared/tokenizer),--gpt2 ../shared/tokenizer)

docs: setup
	$(BIN)/python docs/make_reference.py

clean:
	rm -rf $(VENV) .venv-newest .newest.txt .import_linter_cache .mypy_cache .ruff_cache .pytest_cache
