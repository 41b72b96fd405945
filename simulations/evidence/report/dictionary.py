"""The page of one's own dictionary: every cosine, recovery against feature frequency, lost and split features."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from simulations import __version__
from simulations.base.files import check_writable, replace
from simulations.data.matrices import Array, matrix
from simulations.data.model import Model
from simulations.evidence.report.page import render
from simulations.evidence.report.pictures import address
from simulations.evidence.report.svg import Scale, heat, picture, scale, shown, tag, text
from simulations.measures.look import TAU
from simulations.measures.score import score
from theory.identifiability import Comparison, compare

DICTIONARY_FILE = "dictionary.html"
PIXELS = 320  # of the picture of all cosines, on each side at most
BLOCK = 1_024  # neurons whose cosines are in memory at once
DRAWN = 1_500  # features in the picture of frequencies
LISTED = 40
SAMPLES = 20_000  # rows that frequencies are counted in
BINS = 8
SAID = {
    "feature_recovery_rate": "recovery rate: features with a neuron of cosine above 0.9",
    "feature_recovery_rate_080": "the same, above 0.8",
    "chance_recovery_rate": "recovery rate of as many random directions",
    "matched_recovery_rate": "recovery rate where each neuron counts for one feature",
    "mcc": "mean correlation after the best matching",
    "mean_max_cosine": "mean over features of the best cosine",
    "polysemantic_fraction": "neurons without a feature of cosine above 0.9",
    "neurons_per_feature": "neurons above 0.9 for each recovered feature",
    "uniqueness": "distinct nearest features over neurons",
}


def write_dictionary(
    path: str | Path, out: Path, command: Sequence[str], *, features: str = "", model: Model | None = None
) -> dict[str, Any]:
    """Write OUT/dictionary.html on the dictionary in a file; return its path, bytes and main numbers.

    True features come from the file `features`, of (n, d), or from `model`, which also tells how frequent they are.
    Raises ValueError, one line with the path, for files that cannot be used.
    """
    if bool(features) == (model is not None):
        raise ValueError("give the true features as a file (--features) or as the settings of a model: one of the two")
    W = matrix(path, "W", finite=False)
    V = matrix(features, "V") if model is None else model.fixed(SAMPLES).sample.features
    found = score(W, V)
    check_writable(out)
    frequency = None if model is None else frequencies(model)
    page = render("dictionary.html.j2", **_context(str(path), W, V, frequency, dict(found), command))
    replace(out / DICTIONARY_FILE, page.encode())
    told = {name: found[name] for name in ("n_features", "n_neurons", "feature_recovery_rate", "lost") if name in found}
    return {"report": str(out / DICTIONARY_FILE), "bytes": len(page.encode()), **told}


def frequencies(model: Model) -> npt.NDArray[np.float64]:
    """Return how often each feature (n,) of a model is active, counted in SAMPLES rows."""
    support, values, V = model.fixed(SAMPLES).sample
    counts = np.bincount(support[values != 0].ravel(), minlength=len(V))
    return np.asarray(counts / len(support), dtype=np.float64)


def _context(
    path: str, W: Array, V: Array, frequency: Any, found: dict[str, Any], command: Sequence[str]
) -> dict[str, Any]:
    best = compare(W, V)
    numbers = [(text, shown(float(found[name]))) for name, text in SAID.items() if found.get(name) is not None]
    return {
        "path": path,
        "sizes": {"M": len(W), "n": len(V), "d": V.shape[1]},
        "rate": float(found["feature_recovery_rate"]),
        "chance": float(found["chance_recovery_rate"]),
        "numbers": numbers,
        "matrix": cosine_picture(W, V, best),
        "frequency": "" if frequency is None else frequency_picture(frequency, best.best_cosine_per_feature),
        "lost": lost(best, frequency),
        "split": split(W, V, frequency),
        "listed": LISTED,
        "version": __version__,
        "command": " ".join(command),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def lost(best: Comparison, frequency: Any) -> list[dict[str, Any]]:
    """Return the features without a neuron above TAU, the farthest first, with frequency and nearest neuron."""
    cosines = best.best_cosine_per_feature
    order = [int(k) for k in np.argsort(cosines, kind="stable") if not cosines[k] > TAU]
    return [
        {"feature": k, "cosine": shown(round(float(cosines[k]), 4)), "neuron": int(best.best_neuron_per_feature[k])}
        | {"frequency": "" if frequency is None else shown(float(frequency[k]))}
        for k in order
    ]


def split(W: Array, V: Array, frequency: Any) -> list[dict[str, Any]]:
    """Return the features with several neurons above TAU, the most first."""
    counts = np.zeros(len(V), dtype=np.int64)
    for cosines in _blocks(W, V):
        counts += (cosines > TAU).sum(axis=0)
    order = [int(k) for k in np.argsort(-counts, kind="stable") if counts[k] > 1]
    return [
        {"feature": k, "count": int(counts[k]), "frequency": "" if frequency is None else shown(float(frequency[k]))}
        for k in order
    ]


def _blocks(W: Array, V: Array) -> Any:
    """Yield the cosines (rows, n) of W's rows, a block at a time; a row without a direction has cosine -1."""
    features = V / np.linalg.norm(V, axis=1, keepdims=True)
    for start in range(0, len(W), BLOCK):
        rows = np.asarray(W[start : start + BLOCK], dtype=np.float64)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        good = np.isfinite(norms[:, 0]) & (norms[:, 0] > 0)
        cosines = np.full((len(rows), len(features)), -1.0)
        cosines[good] = (rows[good] / norms[good]) @ features.T
        yield cosines


def sorted_cosines(W: Array, V: Array, best: Comparison) -> npt.NDArray[np.float64]:
    """Return the cosines of neurons (rows) and features (columns), both sorted so that matches lie on the diagonal.

    Features come from the best recovered to the worst; a neuron stands where its nearest feature does.  Larger than
    PIXELS on a side, a pixel is the largest cosine of its block.
    """
    columns = np.argsort(-best.best_cosine_per_feature, kind="stable")
    place = np.empty(len(V), dtype=np.int64)
    place[columns] = np.arange(len(V))
    rows = np.lexsort((-best.best_cosine_per_neuron, place[best.best_feature_per_neuron]))
    across = np.linspace(0, len(V), min(PIXELS, len(V)) + 1).astype(int)[:-1]
    pooled = [np.maximum.reduceat(each[:, columns], across, axis=1) for each in _blocks(W[rows], V)]
    down = np.linspace(0, len(W), min(PIXELS, len(W)) + 1).astype(int)[:-1]
    return np.asarray(np.maximum.reduceat(np.concatenate(pooled), down, axis=0))


def cosine_picture(W: Array, V: Array, best: Comparison) -> str:
    """Return the sorted cosines as a picture in a picture, with its axes."""
    from PIL import Image  # comes with matplotlib

    cosines = sorted_cosines(W, V, best)
    levels = np.round(255 * np.clip(cosines, 0, 1)).astype(np.uint8)
    image = Image.fromarray(levels, "L").convert("P")
    image.putpalette([int(heat(k / 255)[i : i + 2], 16) for k in range(256) for i in (1, 3, 5)])
    style = {"preserveAspectRatio": "none", "style": "image-rendering:pixelated"}
    body = [tag("image", href=address(image), x=40.0, y=8.0, width=320.0, height=320.0, **style)]
    body.append(text(200, 346, f"features, best recovered first (n = {len(V):,})", class_="axis middle"))
    words = f"neurons, by their nearest feature (M = {len(W):,})"
    body.append(text(24, 168, words, class_="axis middle", transform="rotate(-90 24 168)"))
    body += [tag("rect", x=40 + 16.0 * k, y=358.0, width=16.4, height=8.0, fill=heat(k / 19)) for k in range(20)]
    body += [text(40, 380, "cosine 0 or less", class_="tick"), text(360, 380, "1", class_="tick end")]
    label = f"Cosines of {len(W)} neurons and {len(V)} features; matches lie on the diagonal"
    return picture(372, 386, "".join(body), label, class_="panel")


def frequency_picture(frequency: npt.NDArray[np.float64], cosines: npt.NDArray[Any]) -> str:
    """Return the best cosine of each feature over its frequency, and the share recovered in each part of the range."""
    seen = frequency > 0
    if not seen.any():
        return ""
    order = np.flatnonzero(seen)[np.argsort(frequency[seen], kind="stable")]
    xs = scale([float(each) for each in frequency[seen]], 46, 334)
    ys = Scale(0, 1, 250, 14)
    body = [tag("line", x1=46.0, x2=334.0, y1=ys(tick), y2=ys(tick), class_="grid") for tick in ys.ticks()]
    body += [text(40, ys(tick) + 4, shown(tick), class_="tick end") for tick in ys.ticks()]
    body += [text(xs(tick), 266, shown(tick), class_="tick middle") for tick in xs.ticks()]
    body.append(tag("line", x1=46.0, x2=334.0, y1=ys(TAU), y2=ys(TAU), class_="threshold"))
    for k in order[:: 1 + len(order) // DRAWN]:
        body.append(_feature(int(k), xs(float(frequency[k])), ys(float(cosines[k])), bool(cosines[k] > TAU)))
    parts = [part for part in np.array_split(order, min(BINS, len(order))) if len(part)]
    points = [
        f"{xs(float(np.median(frequency[part]))):.1f},{ys(float(np.mean(cosines[part] > TAU))):.1f}" for part in parts
    ]
    body.append(tag("polyline", points=" ".join(points), class_="line s2"))
    body.append(text(190, 284, "frequency of the feature", class_="axis middle"))
    body.append(text(12, 132, "best cosine", class_="axis middle", transform="rotate(-90 12 132)"))
    rate = float(np.mean(cosines > TAU))
    label = f"Best cosine of {len(order)} features over frequency; {shown(rate)} of all features are above {TAU:g}"
    return picture(340, 290, "".join(body), label, class_="panel")


def _feature(number_: int, x: float, y: float, recovered: bool) -> str:
    title = tag("title", f"feature {number_}")
    if recovered:
        return tag("circle", title, cx=x, cy=y, r=2.6, data_k="own")
    cross = f"M{x - 2.4:.1f} {y - 2.4:.1f}l4.8 4.8m0-4.8l-4.8 4.8"
    return tag("path", title, d=cross, class_="lost")
