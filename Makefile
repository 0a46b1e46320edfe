# Everything runs in .venv, which the first target that needs it makes; nothing else has to be installed before.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help install demo lint type test bench fonts clean

help: ## Show the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

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

test: install ## Set up and run the tests
	$(BIN)/python -m pytest

bench: install ## Measure against other readers (needs ../shared/data; see benchmarks/)
	$(BIN)/python benchmarks/accuracy.py

fonts: ## Install the fonts and word lists of the embedded model's recipe (Debian, root)
	apt-get update -qq && xargs apt-get install -y -qq --no-install-recommends < datasets/fonts.txt

clean: ## Remove what make and the tests wrote
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
