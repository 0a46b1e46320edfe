# Everything runs in .venv, which the first target that needs it makes; nothing else has to be installed before.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help install demo lint type test docs test-oldest test-avx2 bench fonts clean

help: ## Show the targets
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: .venv/installed ## Make .venv with ocrx and all it needs

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch .venv/installed

demo: install ## Set up and read text from images
	$(BIN)/ocrx predict datasets/demo/images

lint: install ## Style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: install ## Types
	$(BIN)/mypy

test: install ## Set up and run the tests, in parallel, with the coverage gate
	$(BIN)/python -m pytest -n auto --dist loadfile --cov --cov-report=term:skip-covered --cov-fail-under=92

docs: install ## Build the documentation into site/; warnings are errors
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	$(BIN)/mkdocs build --strict --quiet

test-oldest: .venv-oldest/installed ## Run the tests with the oldest versions that pyproject.toml allows
	.venv-oldest/bin/python -m pytest -n auto --dist loadfile

.venv-oldest/installed: pyproject.toml tests/oldest.txt
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --editable ".[dev]" --constraint tests/oldest.txt
	touch .venv-oldest/installed

test-avx2: install ## Run the int8 tests as on a processor without AVX-512 and VNNI (needs qemu-user)
	qemu-x86_64 -cpu Haswell $(BIN)/python -m pytest --timeout 7200 -k int8 tests/export tests/backends

BENCH ?=
bench: install ## Measure speed beside other programs into docs/performance.md (options: BENCH="--only start --data DATASET")
	$(BIN)/python benchmarks/performance.py $(BENCH)

fonts: install ## Install the fonts and word lists of the printed_* recipes (Debian, root; npm)
	apt-get update -qq && xargs apt-get install -y -qq --no-install-recommends < datasets/fonts.txt
	$(BIN)/python -m pip install --quiet --editable ".[synth]"
	sed 's|^|@fontsource/|' datasets/fonts_npm.txt | xargs npm install --prefix build/npm --ignore-scripts --no-audit --no-fund
	$(BIN)/python benchmarks/embed_fonts.py build/npm/node_modules datasets/fonts
	$(BIN)/python benchmarks/embed_words.py datasets/words

clean: ## Remove what make and the tests wrote
	rm -rf .venv .venv-oldest build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
