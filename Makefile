# make demo   fetch real models, find the face on a photograph, draw it
# make test   lint, types, tests
# make bench  measure the CPU device beside LiteRT (docs/bench.md)
# All set up a virtual environment in .venv first, once.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test bench docs protos clean

demo: .venv/ready
	$(BIN)/python -m tools.demo

test: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

bench: .venv/ready
	mkdir -p build
	$(BIN)/nnhal bench --against litert --json build/bench.json --plot build/bench.svg

docs: .venv/ready
	$(BIN)/python -m tools.operations_table
	$(BIN)/python -m tools.devices_table

protos: .venv/ready
	$(BIN)/python protos/generate.py

clean:
	rm -rf .venv build *.egg-info

.venv/ready: setup.cfg tools/make_venv.sh
	sh tools/make_venv.sh "$(PYTHON)" .venv
	$(BIN)/pip install --quiet --editable ".[dev]"
	touch $@
