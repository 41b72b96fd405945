# Two commands do everything on a fresh machine: `make reproduce` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
export MPLBACKEND := Agg
# Two workers on two cores: more threads would only get in each other's way.
test portable: export OMP_NUM_THREADS := 1
# Where results depend on the instruction set of the processor, if anywhere.
NUMERICAL := tests/theory tests/simulations/autoencoders tests/simulations/test_evaluation.py \
	tests/simulations/test_kernel.py tests/simulations/test_modified_ba.py tests/simulations/test_learnability.py \
	tests/simulations/test_width.py tests/simulations/test_measures.py

LOWEST := tests/simulations/test_storage.py tests/simulations/test_sweep.py tests/simulations/test_cli.py \
	tests/simulations/test_kernel.py tests/simulations/test_modified_ba.py tests/simulations/autoencoders/test_trainer.py \
	tests/simulations/autoencoders/test_checkpoint.py tests/figures tests/theory/test_conditions.py

.PHONY: reproduce test test-lowest soak portable lint types results benchmark docs gpu distributed saelens activations clean

.venv/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev]'
	touch $@

reproduce: .venv/.installed
	$(BIN)/sae-recovery reproduce --preset quick --n-jobs 2

test: .venv/.installed lint types
	$(BIN)/python -m pytest -n 2

# Faults and fuzzing at length: twenty SIGKILLs in mid-sweep, twenty times the examples.
soak: .venv/.installed
	SOAK=20 $(BIN)/python -m pytest -p no:cacheprovider tests/simulations/test_faults.py tests/simulations/test_fuzz.py

# A short list of tests with the lowest versions that pyproject.toml allows; torch stays that of constraints.txt.  The
# layout of matplotlib 3.9 differs by a pixel from one drawing of the same rows to the next.
test-lowest:
	test -x .venv-lowest/bin/python || $(PYTHON) -m venv .venv-lowest
	sed -n 's/^ *"\([a-z]*\)>=\([0-9.]*\)",$$/\1==\2/p' pyproject.toml | grep -v torch > .venv-lowest/lowest.txt
	.venv-lowest/bin/python -m pip install --disable-pip-version-check -q -c constraints.txt -c .venv-lowest/lowest.txt \
		-e . pytest hypothesis
	.venv-lowest/bin/python -m pytest -p no:cacheprovider -W default::DeprecationWarning -k "not same_picture" $(LOWEST)

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

# Pages of the API, from the docstrings, into out/docs.
docs: .venv/.installed
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[docs]'
	$(BIN)/python -W ignore -m simulations.evidence.docs out/docs

# Everything that wants a GPU, straight from the checkout with PYTHON's own torch: nothing is installed.
gpu:
	PYTHONPATH=.:simulations/face $(PYTHON) -m simulations.evidence.gpu --budget-minutes 25 --out results

# Sweeps over a scheduler of dask.distributed with two workers, one of which is killed.
distributed: .venv/.installed
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev,distributed]'
	$(BIN)/python -m pytest tests/simulations/test_distributed.py

# SAELens' own trainers beside ours, in an environment of their own: about 1 GB.
saelens:
	test -x .venv-saelens/bin/python || $(PYTHON) -m venv .venv-saelens
	.venv-saelens/bin/python -m pip install --disable-pip-version-check -q -c constraints.txt torch
	.venv-saelens/bin/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev,saelens]'
	.venv-saelens/bin/python -m pip install --disable-pip-version-check -q --no-deps dictionary-learning==0.1.0
	.venv-saelens/bin/python -m pytest tests/saelens

# Real activations: their tests, then those of the committed rows, collected offline from a packaged model in 3 minutes.
activations:
	test -x .venv-activations/bin/python || $(PYTHON) -m venv .venv-activations
	.venv-activations/bin/python -m pip install --disable-pip-version-check -q -c constraints.txt torch
	.venv-activations/bin/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev,activations]'
	HF_HUB_OFFLINE=1 .venv-activations/bin/python -m pytest tests/activations
	HF_HUB_OFFLINE=1 .venv-activations/bin/sae-recovery activations --model all-MiniLM-L6-v2 --layer 3 \
		--tokens 150000 --context 64 --out out/activations/minilm

clean:
	rm -rf .venv .venv-saelens .venv-activations .venv-lowest out
