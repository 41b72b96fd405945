"""`saelens:` algorithms without SAELens: settings, names and the one line that says what is missing."""

from __future__ import annotations

import importlib.util
import pickle
import subprocess
import sys

import pytest

from simulations.algorithms.base import algorithm_class
from simulations.algorithms.kinds.saelens import KINDS
from simulations.runs.cell import Cell
from simulations.runs.columns import flat


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_are_cells_and_their_settings_go_into_options(kind: str) -> None:
    cell = Cell(algorithm=f"saelens:{kind}", n_neurons=64, decoder_init_norm=0.5)
    assert cell.decoder_init_norm == 0.5 and cell.leaves.algorithm.name == f"saelens:{kind}"
    assert "decoder_init_norm=0.5" in flat(cell.settings())["options"].split()
    assert pickle.loads(pickle.dumps(cell)) == cell
    if "topk" in kind:
        assert Cell(algorithm=f"saelens:{kind}", sparsity=5).k == 5


def test_the_default_of_matryoshka_is_nested() -> None:
    assert Cell(algorithm="saelens:matryoshka", n_neurons=64).matryoshka_widths == "8/16/32/64"
    assert Cell(algorithm="saelens:matryoshka", n_neurons=2).matryoshka_widths == "1/2"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"algorithm": "saelens:topkk"}, r"^algorithm=saelens='topkk', but should be .* \(did you mean 'topk'\?\)$"),
        ({"algorithm": "saelens:matryoshka", "matryoshka_widths": "8/4/64"}, "^matryoshka_widths='8/4/64', but should"),
        ({"algorithm": "saelens:matryoshka", "matryoshka_widths": "8/16"}, "^matryoshka_widths='8/16', but should"),
        ({"algorithm": "saelens:standard", "l1_coefficient": -1}, "^l1_coefficient=-1"),
        ({"algorithm": "saelens:standard", "k": 3}, "k"),
        ({"algorithm": "saelens:jumprelu", "jumprelu_sparsity_loss_mode": "quadratic"}, "^jumprelu_sparsity_loss"),
        ({"algorithm": "saelens:topk", "batch_size": 512, "n_samples": 100}, "^batch_size=512"),
    ],
)  # fmt: skip
def test_what_is_not_allowed_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Cell(**{"n_neurons": 64} | given)


def test_without_the_library_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: None if name == "sae_lens" else found(name))
    message = r"^algorithm='saelens:topk' needs SAELens: pip install 'sae-recovery\[saelens\]'$"
    with pytest.raises(ValueError, match=message):
        algorithm_class("saelens:topk")().check_ready()
    cell = Cell(algorithm="saelens:topk", n_features=8, d_model=4, n_neurons=8)
    with pytest.raises(ValueError, match=message):
        cell.leaves.algorithm.fit(cell.leaves.model.stream())


def test_names_of_kinds_load_neither_torch_nor_the_library() -> None:
    code = "from simulations.runs.cell import Cell; Cell(algorithm='saelens:topk'); import sys; print({'torch', 'sae_lens'} & set(sys.modules))"  # fmt: skip  # noqa: E501
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "set()"  # fmt: skip  # noqa: E501
