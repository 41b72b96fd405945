"""What the tests with real transformers share: they are left out where transformers is not installed."""

from __future__ import annotations

import importlib.util
import os
import warnings
from pathlib import Path
from typing import Any

import pytest
from activations_helper import TEXTS, WORDS

MISSING = importlib.util.find_spec("transformers") is None
collect_ignore = ["test_collect.py", "test_downstream.py", "test_commands.py"] if MISSING else []

if not MISSING:
    os.environ["HF_HUB_OFFLINE"] = "1"
    with warnings.catch_warnings():  # what the library and its own dependencies warn of is not ours
        warnings.simplefilter("ignore")
        import transformers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "activations" in item.path.parts:
            item.add_marker(pytest.mark.filterwarnings("ignore"))


def _tokenizer(prefix: bool) -> Any:
    """Return a tokenizer of words and signs that puts <s> before a text, or nothing."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    vocabulary = {"<pad>": 0, "<s>": 1, "<unk>": 2}
    for word in [*WORDS, "Document", "b", "<", ">", "/", "&", "more", "</", "><"]:
        vocabulary.setdefault(word, len(vocabulary))
    own = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    own.pre_tokenizer = pre_tokenizers.Whitespace()
    if prefix:
        own.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return transformers.PreTrainedTokenizerFast(tokenizer_object=own, unk_token="<unk>", pad_token="<pad>")


SMALL = {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2}
LLAMA = SMALL | {"intermediate_size": 32, "num_key_value_heads": 1, "max_position_embeddings": 128}


def _config(kind: str) -> Any:
    if kind == "gpt2":
        return transformers.GPT2Config(vocab_size=64, n_embd=16, n_layer=3, n_head=2, n_positions=128)
    if kind == "qwen2":
        return transformers.Qwen2Config(**LLAMA)
    return transformers.Gemma2Config(**LLAMA, head_dim=8, sliding_window=16)


@pytest.fixture(scope="session", params=["gpt2", "qwen2", "gemma2"])
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small causal language model in a folder, as its authors' would be; Gemma has a first token."""
    return make_tiny(request.param, tmp_path_factory)


@pytest.fixture(scope="session")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny("gpt2", tmp_path_factory)


def make_tiny(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    folder = tmp_path_factory.getbasetemp() / f"tiny-{kind}"
    if not folder.exists():
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_config(_config(kind))
        _train(model, _tokenizer(prefix=kind == "gemma2"))
        model.save_pretrained(folder)
        _tokenizer(prefix=kind == "gemma2").save_pretrained(folder)
    return folder


def _train(model: Any, tokenizer: Any) -> None:
    """Teach it the texts a little, so that ablation costs something."""
    import torch

    batch = tokenizer(TEXTS[:8], return_tensors="pt", padding=True)
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(40):
        optimizer.zero_grad()
        ids, mask = batch["input_ids"], batch["attention_mask"]
        model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
        optimizer.step()
