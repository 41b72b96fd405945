# Two commands do everything on a fresh machine: `make reproduce` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
export MPLBACKEND := Agg

.PHONY: reproduce test lint types results benchmark clean

.venv/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev]'
	touch $@

reproduce: .venv/.installed
	$(BIN)/sae-recovery reproduce --preset quick --n-jobs 2

test: .venv/.installed lint types
	$(BIN)/python -m pytest -n 2

lint: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.installed
	$(BIN)/mypy

# Committed evidence and the README gallery, remade from nothing.
results: .venv/.installed
	$(BIN)/sae-recovery reproduce --preset quick --n-jobs 2 --out results
	$(BIN)/sae-recovery benchmark --large --out results
	$(BIN)/sae-recovery figure all --rows results --out results/gallery
	$(BIN)/sae-recovery scorecard --rows results --out results
	$(BIN)/python -m simulations.evidence.readme

benchmark: .venv/.installed
	$(BIN)/sae-recovery benchmark --json

clean:
	rm -rf .venv out
