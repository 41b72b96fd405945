"""What a reconstruction is worth to the transformer whose activations it stands for; blank for data of other kinds.

There is no ground truth here: nothing says that a feature of the model was learned.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from simulations.algorithms.base import Fitted
from simulations.base.streams import stream
from simulations.measures.base import ANY, POSITIVE, Column, measure
from simulations.measures.look import Look

Array = npt.NDArray[Any]
N_ABLATED, N_WINDOWS = 4, 4  # neurons, and windows of each
FEWEST_ROWS = 4  # on which a neuron fires, to be ablated


@measure(
    downstream_fidelity=Column("1 - loss with the reconstruction spliced in / loss of zero ablation (CE kept)", *ANY),
    downstream_fidelity_mean=Column("the same against ablation to the mean of the data", *ANY),
    downstream_clean=Column("cross-entropy of the model (nats), or cosine of its embedding: undisturbed", *ANY),
    downstream_spliced=Column("the same with the reconstruction spliced in", *ANY),
    downstream_zero=Column("the same with zeros", *ANY),
    downstream_mean=Column("the same with the mean of the data", *ANY),
)
def downstream(look: Look) -> dict[str, Any]:
    """Return what the model says with the reconstruction in the place of its activations."""
    model, code = getattr(look.source, "downstream", None), look.fitted.code
    if model is None or code is None:
        return {}
    spliced = model.spliced(code(model.rows)[1])
    mean = model.constant(look.source.moments[0])
    told = {"clean": model.clean, "spliced": spliced, "zero": model.zero, "mean": mean}
    return {
        "downstream_fidelity": kept(spliced.loss, model.zero.loss),
        "downstream_fidelity_mean": kept(spliced.loss, mean.loss),
    } | {f"downstream_{name}": each.told for name, each in told.items()}


def kept(loss: float, ablated: float) -> float:
    """Return 1 - loss / ablated; nan where the ablation costs nothing."""
    return 1 - loss / ablated if ablated > 0 else float("nan")


@measure(
    ablation_effect=Column("mean over neurons of the loss of ablating one, on windows where it fires most", *ANY),
    ablation_effect_chance=Column("the same, taking off random directions of equal norms", *ANY),
    ablation_effect_largest=Column("the largest of those neurons", *ANY),
    ablation_share=Column("mean squared norm that the neuron had there, as a share of that of x", *POSITIVE),
)
def ablation(look: Look) -> dict[str, Any]:
    """Return what ablating single neurons costs: x less their own part of the reconstruction; 4, by frequency."""
    model, code = getattr(look.source, "downstream", None), look.fitted.code
    parts = None if model is None or code is None else decoder(look.fitted)
    if model is None or code is None or parts is None:
        return {}
    codes = np.asarray(code(model.rows)[0])
    fires = np.flatnonzero((codes != 0).sum(axis=0) >= FEWEST_ROWS)
    if not len(fires):
        return {}
    ranked = fires[np.argsort((codes[:, fires] != 0).sum(axis=0), kind="stable")]
    chosen = ranked[np.unique(np.linspace(0, len(ranked) - 1, N_ABLATED + 2).round().astype(int)[1:-1])]
    rng = stream("init", look.source.seed, part="ablation")
    effects, chances, shares = [], [], []
    for neuron in chosen:
        windows = _most_active(codes[:, neuron], model.window_of_row)
        here = np.isin(model.window_of_row, windows)
        X, z = model.rows[here], codes[here, neuron][:, None]
        elsewhere = rng.standard_normal(X.shape[1])
        elsewhere *= np.linalg.norm(parts[neuron]) / np.linalg.norm(elsewhere)
        effects.append(model.spliced(X - z * parts[neuron], windows).loss)
        chances.append(model.spliced(X - z * elsewhere, windows).loss)
        shares.append(float(np.square(z * parts[neuron]).sum() / np.square(X).sum()))
    return {
        "ablation_effect": float(np.mean(effects)),
        "ablation_effect_chance": float(np.mean(chances)),
        "ablation_effect_largest": float(np.max(effects)),
        "ablation_share": float(np.mean(shares)),
    }


def _most_active(codes: Array, window_of_row: Array) -> Array:
    """Return the windows, in order, on which a neuron has its largest codes."""
    top = np.full(int(window_of_row.max()) + 1, -np.inf)
    np.maximum.at(top, window_of_row, codes)
    return np.sort(np.argsort(-top, kind="stable")[:N_WINDOWS])


def decoder(fitted: Fitted) -> Array | None:
    """Return D (M, d), in units of X: what each neuron adds to the reconstruction, per unit of its code.

    f(x) is affine in its codes, so that its derivative in them is D, whatever the kind of autoencoder; None for an
    algorithm whose codes are not those of a network here.
    """
    import torch

    network = getattr(fitted.code, "network", None)
    if network is None:
        return None
    coder: Any = fitted.code
    d = len(coder.mean)
    x = torch.zeros(1, d, d, dtype=network.dtype, device=network.device).requires_grad_()
    with torch.enable_grad():
        codes, output = network.forward(coder.parameters, x)
        (found,) = torch.autograd.grad(output[0].diagonal().sum(), codes)
    return np.asarray(found[0].T.double().cpu().numpy()) / float(coder.scale)
