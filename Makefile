# `make demo` and `make test` work on a fresh clone with python3 (3.11 or newer) and a package registry.
PYTHON ?= python3
BIN := .venv/bin
KAGGLE ?= digit-recognizer.zip

.PHONY: help demo test fuzz lint format docs reproduce bench serve keras-peer old-runtime clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# Two stamp files: what the demo needs, and everything that the tests and the benchmarks need besides.
.venv/demo-installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("tenfold needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --constraint constraints.txt --editable '.[train]'
	@touch $@

.venv/dev-installed: .venv/demo-installed
	$(BIN)/python -m pip install --constraint constraints.txt --editable '.[all]'
	@touch $@

demo: .venv/demo-installed  ## install into .venv; check, train, evaluate and submit on the included digits
	$(BIN)/tenfold check digits --report runs/demo/check.html
	$(BIN)/tenfold train digits --recipe fast --epochs 30 --set batch_size=64 --out runs/demo/fast --overwrite
	$(BIN)/tenfold evaluate runs/demo/fast digits:test
	$(BIN)/tenfold submit runs/demo/fast digits --out runs/demo/submission.csv
	@echo
	@echo "report:      $(CURDIR)/runs/demo/fast/report.html"
	@echo "submission:  $(CURDIR)/runs/demo/submission.csv"
	@echo "to go on:    . .venv/bin/activate && tenfold --help"

test: .venv/dev-installed  ## the tests, with coverage
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal --cov --cov-report=term

fuzz: .venv/dev-installed  ## read 10,000 damaged files of each data format
	TENFOLD_FUZZ=10000 $(BIN)/python -m pytest --numprocesses 2 tests/data/formats/test_fuzz.py

lint: .venv/dev-installed  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/dev-installed  ## format the code and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/dev-installed  ## write docs/cli.md from the help texts
	$(BIN)/python scripts/write_cli_reference.py

reproduce: .venv/dev-installed  ## train the write-ups' recipes on KAGGLE=FILE (hours; stop it and run it again to resume)
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python benchmarks/reproduce.py $(KAGGLE)

bench: .venv/dev-installed  ## short runs of the benchmarks
	$(BIN)/python benchmarks/csv_reading.py --quick
	$(BIN)/python benchmarks/training_speed.py --quick
	$(BIN)/python benchmarks/reading_speed.py --quick
	$(BIN)/python benchmarks/serving.py --quick
	$(BIN)/python benchmarks/fixed_cost.py --quick

serve: .venv/dev-installed  ## serve the page and the API at http://127.0.0.1:8000
	$(BIN)/tenfold serve

keras-peer:  ## install Keras, a peer in the training benchmark, into its own environment
	$(PYTHON) -m venv .venv-keras
	.venv-keras/bin/python -m pip install --quiet 'keras>=3' tensorflow-cpu scipy

old-runtime:  ## install the oldest ONNX Runtime that models load in, for a test, into its own environment (Python 3.11)
	$(PYTHON) -m venv .venv-old-runtime
	.venv-old-runtime/bin/python -m pip install --quiet onnxruntime==1.16.3 'numpy<2'

clean:  ## remove the virtual environments, but no runs
	rm -rf .venv .venv-keras .venv-old-runtime
