# `make demo` runs the main job, `make test` passes the tests; each sets up what it needs first:
# `make demo` what users need, the others what developers need as well. Only the targets fonts,
# browser and snac install Debian packages or unpack them, and each says so.

VENV ?= .venv
PYTHON ?= python3
CONSTRAINTS ?= constraints.txt
BIN := $(VENV)/bin

.PHONY: setup fonts browser servers snac engine demo test wheel newest pins check fix faults bench \
	bench-train bench-smollm2 bench-say bench-serve bench-report bench-networks bench-web bench-mix \
	bench-dials bench-blends bench-update bench-gpu \
	docs clean

setup: $(VENV)/.ready

# $(call debian,PACKAGES,SIZE,WHAT FOR): install missing Debian packages, as root and where apt is.
define debian
	@if dpkg -s $(1) >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Debian packages for $(3), about $(2): $(1)"; \
		{ apt-get update -qq \
			&& apt-get install -qq -y --no-install-recommends $(1) >/dev/null; } \
			|| echo "They could not be installed: $(3) will skip."; \
	elif command -v apt-get >/dev/null; then \
		echo "For $(3) (otherwise skipped): sudo apt-get install $(1)"; \
	fi
endef

FONTS := fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji libegl1 libgl1

fonts:
	$(call debian,$(FONTS),80 MB,some tests of pictures)

browser:
	$(call debian,chromium,300 MB,the tests of the page)

# From npm, in the user's cache folder: a real Bluesky server for the tests of that source (250 MB),
# and transformers.js for those of exports (470 MB).
servers:
	@$(PYTHON) tests/support/servers/install.py

# A real server that speaks Mastodon's API: a Debian package of 250 kB, unpacked in $(VENV) and not
# installed. Without it those tests skip.
snac: setup
	@sh tests/support/servers/get_snac.sh $(VENV)/snac

# The engine of exported pages, from npm's registry: 33 MB in the user's cache folder.
engine: setup
	@$(BIN)/python tests/support/servers/get_web_engine.py

# The known-good set of packages, so that nothing depends on what was published this morning. It also
# keeps torch's CUDA packages (gigabytes) away where a wheel without them is at hand, and where
# PIP_EXTRA_INDEX_URL names PyTorch's index of them; keep it on every pip call in this environment.
PIP := PIP_CONSTRAINT=$(CURDIR)/$(CONSTRAINTS) $(BIN)/python -m pip install --quiet \
	--disable-pip-version-check

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.users: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	@echo "Installing popinjay and what it needs into $(VENV) (about 1.8 GB, or 5 GB with CUDA; minutes)"
	$(PIP) -e '.[serve,picture]'
	touch $@

$(VENV)/.ready: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	@echo "Installing popinjay and its developers' tools into $(VENV) (about 2.5 GB, or 6 GB with CUDA; minutes)"
	$(PIP) -e '.[dev]'
	@$(MAKE) --no-print-directory fonts
	touch $(VENV)/.users $@

demo: $(VENV)/.users
	$(BIN)/popinjay demo

# Two processes; a file of tests goes to one of them, so that what its tests share is made once. In
# the order of conftest.py, which begins with the slowest.
test: setup browser servers snac engine
	$(BIN)/python -m pytest -m 'not slow' -n 2 --dist loadfile --no-loadscope-reorder

# The wheel in an empty environment, without the checkout: the demo, the page, a picture.
wheel: setup
	$(BIN)/python -m pytest tests/project/test_wheel.py -n 0

# The suite on the newest release of everything that pyproject.toml allows, except torch. Run it
# before each release.
newest:
	rm -rf .venv-newest
	grep '^torch==' constraints.txt > .newest.txt
	$(MAKE) --no-print-directory VENV=.venv-newest CONSTRAINTS=.newest.txt test

# Write the known-good set from the environment as it is, after the suite has passed on it.
pins: setup
	{ sed -n '/^#/p' constraints.txt; \
		$(BIN)/python -m pip freeze --all --exclude-editable | sed 's/+cpu//' \
		| grep -v '^pip==' | sort -f; } > .pins.txt
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

# Nothing is lost or half-written, whatever happens: kills, full disks, signals and the rest; about
# 30 minutes on two cores. POPINJAY_KILLS says how many kills, POPINJAY_SEED where they hit.
faults: setup
	$(BIN)/python -m pytest tests/faults -n 2 --dist worksteal

# Real posts and GPT-2's tokenizer, if they lie beside the project.
PERSONAS := $(if $(wildcard ../shared/personas),--personas ../shared/personas)
GPT2 := $(if $(wildcard ../shared/tokenizer),--gpt2 ../shared/tokenizer)

bench: setup
	$(BIN)/python -m pytest -m slow --ignore tests/faults
	$(BIN)/python bench/startup.py
	$(BIN)/python bench/archive_import.py
	$(BIN)/python bench/overlap.py
	if [ -d ../shared/personas ]; then \
		$(BIN)/python bench/tokenizer.py --personas ../shared/personas --gpt2 ../shared/tokenizer; fi
	if [ -d ../shared/personas ]; then \
		$(BIN)/python bench/base.py --personas ../shared/personas \
			--work $(VENV)/bench; fi
	if [ -d ../shared/seeds ]; then \
		$(BIN)/python bench/seeds.py --seeds ../shared/seeds --personas ../shared/personas \
			--work $(VENV)/seeds; fi

# About 13 minutes.
bench-train: setup
	$(BIN)/python bench/train.py --work $(VENV)/bench $(PERSONAS) $(GPT2)

# SmolLM2's training beside Trainer's with the same weights trained, if that base is here; about five
# minutes.
bench-smollm2: setup
	$(BIN)/python bench/train_smollm2.py $(PERSONAS)

bench-say: setup
	$(BIN)/python bench/sampling.py --work $(VENV)/bench-say $(PERSONAS) $(GPT2)

# About five minutes.
bench-serve: setup
	$(BIN)/python bench/serve.py --work $(VENV)/bench-serve $(PERSONAS)

# About 40 minutes, and more for the English authors if smollm2 is on this machine.
bench-report: setup
	if [ -d ../shared/personas ]; then \
		$(BIN)/python bench/report.py --personas ../shared/personas \
			--work $(VENV)/bench-report; fi

# Posts a second of each network's source beside the raw transfer; about a minute.
bench-networks: setup
	$(BIN)/python bench/networks.py

# Personas as static pages in Chromium: sizes, the first post, tokens a second. NAMES are personas.
# With transformers.js beside it, which `make servers` fetches, if TRANSFORMERS_JS names its folder.
bench-web: setup
	$(BIN)/python bench/web.py $(NAMES) \
		$(if $(TRANSFORMERS_JS),--transformers-js $(TRANSFORMERS_JS))

# Two voices mixed beside one of them: tokens a second, memory, the start. NAMES are two personas.
bench-mix: setup
	$(BIN)/python bench/mix.py $(NAMES)

# What dials and blends do, at five settings; hours, in pieces that go on where they stopped. FOLDERS
# are personas' folders, for blends in pairs.
bench-dials: setup
	$(BIN)/python bench/dials.py $(FOLDERS) --out $(VENV)/bench-dials

bench-blends: setup
	$(BIN)/python bench/blends.py $(FOLDERS) --out $(VENV)/bench-blends

# An update beside a fresh training on the same posts: time, held-out bits a byte.
bench-update: setup
	if [ -d ../shared/personas ]; then \
		$(BIN)/python bench/update.py ../shared/personas/wl_barackobama.jsonl.gz --posts 660 \
			--work $(VENV)/bench-update; fi

# Where torch can use a GPU; elsewhere it says so. SMOLLM2 names the folder of its files.
bench-gpu: setup
	$(BIN)/python bench/gpu.py $(if $(SMOLLM2),--smollm2 $(SMOLLM2)) $(PERSONAS) $(GPT2)

docs: setup
	$(BIN)/python docs/make_reference.py

clean:
	rm -rf $(VENV) .venv-newest .newest.txt .import_linter_cache .mypy_cache .ruff_cache .pytest_cache
