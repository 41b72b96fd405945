# Two commands do everything on a fresh machine: `make reproduce` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
export MPLBACKEND := Agg
# Where results depend on the instruction set of the processor, if anywhere.
NUMERICAL := tests/theory tests/simulations/autoencoders tests/simulations/test_evaluation.py \
	tests/simulations/test_kernel.py tests/simulations/test_modified_ba.py tests/simulations/test_learnability.py \
	tests/simulations/test_width.py tests/simulations/test_measures.py

.PHONY: reproduce test portable lint types results benchmark saelens clean

.venv/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev]'
	touch $@

reproduce: .venv/.installed
	$(BIN)/sae-recovery reproduce --preset quick --n-jobs 2

test: .venv/.installed lint types
	$(BIN)/python -m pytest -n 2

# The numerical tests as on another processor: no vector extensions of this one.
portable: .venv/.installed
	ATEN_CPU_CAPABILITY=default NUMBA_CPU_NAME=generic $(BIN)/python -m pytest -n 2 $(NUMERICAL)

lint: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.installed
	$(BIN)/mypy

# Committed evidence, the pages made from it, and the gallery.
results: .venv/.installed
	$(BIN)/sae-recovery reproduce --preset quick --n-jobs 2 --out results
	$(BIN)/sae-recovery benchmark --large --out results
	$(BIN)/sae-recovery figure all --rows results --out results/gallery
	$(BIN)/sae-recovery scorecard --rows results --out results
	$(BIN)/python -m simulations.evidence.readme

benchmark: .venv/.installed
	$(BIN)/sae-recovery benchmark --json

# SAELens' own trainers beside ours, in an environment of their own: about 1 GB.
saelens:
	test -x .venv-saelens/bin/python || $(PYTHON) -m venv .venv-saelens
	.venv-saelens/bin/python -m pip install --disable-pip-version-check -q -c constraints.txt torch
	.venv-saelens/bin/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev,saelens]'
	.venv-saelens/bin/python -m pytest tests/saelens

clean:
	rm -rf .venv .venv-saelens out
