"""One self-contained HTML file of neurons: no network, pictures as inline SVG, every text from outside escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import log2
from pathlib import Path
from string import Template

from simulations.base.files import check_writable, replace
from simulations.data.activations.shards import Shards
from simulations.evidence.neurons.look import Context, Neuron, look
from simulations.instruments.real import source_of
from simulations.runs.cell import Cell

TEMPLATE = Path(__file__).with_name("page.html")
WIDTH, HEIGHT = 240, 56  # of a histogram
TWIN = 0.9  # cosine above which another start has the same neuron


def write(activations: Path, file: Path, cell: Cell, chosen: Sequence[int] = ()) -> Path:
    """Train two dictionaries as `cell` says, of its seed and the next, and write the page of neurons of the first.

    Raises ValueError for activations without text, and a file that cannot be written.
    """
    check_writable(file.parent)
    shards = Shards(activations)
    if not shards.has_text:
        raise ValueError(f"activations {shards.name} have no text, so that there is nothing to show")
    fits = []
    for seed in (cell.seed, cell.seed + 1):
        task = cell.replace(seed=seed, activations=str(activations)).task()
        fits.append(task.algorithm.fit(source_of(task), cell.runtime()))
    for each in fits:
        if each.status != "ok":
            raise ValueError(f"training {each.status}: {each.message}")
    neurons = look(shards, fits[0], fits[1], chosen)
    replace(file, page(neurons, str(shards.name), cell).encode())
    return file


def page(neurons: Sequence[Neuron], data: str, cell: Cell) -> str:
    """Return the HTML of neurons."""
    settings = ", ".join(f"{name} = {value}" for name, value in cell.leaves.algorithm.given().items())
    met = sum(each.twin[1] > TWIN for each in neurons)
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        data=escape(data),
        algorithm=escape(cell.algorithm),
        settings=escape(settings),
        summary=f"Neurons shown: {len(neurons)}; met again in another start, at a cosine above {TWIN}: {met}.",
        index="\n".join(_link(each) for each in neurons),
        neurons="\n".join(_article(each) for each in neurons),
    )


def _link(neuron: Neuron) -> str:
    return f'<a href="#neuron-{neuron.number}">{neuron.number}</a>'


def _article(neuron: Neuron) -> str:
    target = "" if neuron.target is None else f" (target {neuron.target:.3g})"
    twin, cosine = neuron.twin
    same = "the same" if cosine > TWIN else "another"
    near = ", ".join(f"{number} ({value:.2f})" for number, value in neuron.neighbours)
    contexts = "\n".join(_context(each) for each in neuron.contexts) or "<li>It fires on no held-out token.</li>"
    return f"""<article id="neuron-{neuron.number}">
<h2>Neuron {neuron.number}</h2>
<figure>{histogram(neuron)}<figcaption>activations above 0, up to {neuron.largest:.3g}</figcaption></figure>
<dl><dt>fires on</dt><dd>{neuron.frequency:.3g} of {neuron.n_tokens:,} held-out tokens{target}</dd>
<dt>in another start</dt><dd>neuron {twin} at cosine {cosine:.2f}: {same} direction</dd>
<dt>nearest neurons</dt><dd>{near}</dd></dl>
<ol>
{contexts}
</ol>
</article>"""


def histogram(neuron: Neuron) -> str:
    """Return the histogram of a neuron's activations as SVG; heights are in logarithms of counts plus one."""
    heights = [log2(each + 1) for each in neuron.counts]
    top, width = max([*heights, 1e-9]), WIDTH / max(len(heights), 1)
    bars = "".join(
        f'<rect x="{k * width:.1f}" y="{HEIGHT * (1 - each / top):.1f}" width="{width - 1:.1f}" '
        f'height="{HEIGHT * each / top:.1f}"/>'
        for k, each in enumerate(heights)
        if each
    )
    said = f"Histogram of {sum(neuron.counts)} activations of neuron {neuron.number}, log counts"
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}">{bars}</svg>'


def _context(context: Context) -> str:
    """Return a window with its tokens marked, the stronger the darker."""
    parts, at = [], 0
    for start, end, value in context.spans:
        if start < at or value <= 0:
            continue
        strength = max(0.08, min(1.0, value / context.top))
        parts.append(escape(context.text[at:start]))
        marked = escape(context.text[start:end])
        parts.append(f'<mark style="--s:{strength:.2f}" title="{value:.3g}">{marked}</mark>')
        at = end
    parts.append(escape(context.text[at:]))
    return f"<li><cite>{escape(context.document)}</cite> <b>{context.top:.3g}</b><pre>{''.join(parts)}</pre></li>"
