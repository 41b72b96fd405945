"""Every figure, table and statement of the paper beside the rows here that bear on it, or why there are none.

A place of the paper takes the claims of the scorecard whose source names it, with their experiments, and experiments of
its own that no claim judges.  What is said of the paper is what is known of it here: v1 (arXiv 2506.14002v1), the ICLR
2026 form, abstracts, public summaries and reviews.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulations.evidence.scorecard.claims import CLAIMS
from simulations.experiments import EXPERIMENTS

Line = Mapping[str, Any]
UNKNOWN = "what it shows is not known here: no row is set beside it"


@dataclass(frozen=True)
class Place:
    """A place of the paper: its name, what it says as far as known, how sources of claims name it, and more.

    `experiments` bear on it without a claim of their own; `remark` says why there is no row or verdict, or what is
    another way here.
    """

    name: str
    says: str
    source: str = ""
    experiments: tuple[str, ...] = ()
    remark: str = ""

    def names(self, source: str) -> bool:
        """Return whether the source of a claim names this place."""
        return bool(self.source) and re.search(self.source, source) is not None


SMALL = "a small encoder and Python's own text, five seeds: measured, not judged"
PLACES: tuple[Place, ...] = (
    Place("Statistical model X = HV", "features mixed sparsely, with weights of 0 or more", "", ("assumptions",),
          "the world of every synthetic experiment; `assumptions` breaks it"),
    Place("Definition 5.1", "features are identified up to order, scale and splitting", "Definition 5.1", (),
          "taken over by the measures: best cosine, neurons a feature, neurons of no feature"),
    Place("Definition 5.2, H1 and H2", "few weights a row, none too small", "Definition 5.2 \\(H[12]\\)", ("cutoff",),
          "measured on every sample (`measured_sparsity`, `measured_cut_off_level`), not judged"),
    Place("Definition 5.2, H3", "features seldom meet: rho_2 far below 1/sqrt(n)", "H3"),
    Place("Theorem 5.3", "such features are identified", "Theorem 5.3"),
    Place("Theorem 6.1", "all features are recovered, in a constant number of steps", r"Theorem 6\.1(?! \()"),
    Place("Theorem 6.1, band", "1/n < p < min(n^(-(1 + 1/s)/2), n^(-2/s), d/n)", r"Theorem 6\.1 \(band\)",
          ("erosion",), "constants are taken as one"),
    Place("Theorem 6.1, width", "n p^(-s) neurons, or n p^(-1/h_i^2) for weak features (our reading)",
          r"Theorem 6\.1 \(width\)"),
    Place("Theorem 6.1, balance", "no feature much rarer or weaker than the others",
          r"Theorem 6\.1 \(feature balance\)"),
    Place("Algorithm 1 (GBA)", "groups of neurons, each kept below a target frequency; b_pre learned", "Algorithm 1",
          ("real_frequencies",),
          "what control costs is under Speed: repetitions on one machine are no draws, so not judged; targets against "
          "frequencies on activations of a transformer, too, are measured there and not judged"),
    Place("Section 5, GBA", "recovers without known frequencies, nearly without tuning", r"Section 5 \(GBA\)"),
    Place("Abstract: existing methods", "sensitive to their settings, and unstable", "Abstract", (),
          "instability is judged as consistency (v1 Fig. 5): the spread of recovery over five seeds tells too little"),
    Place("Abstract: language models", "GBA ahead on models of up to 1.5 (v1) or 2 (ICLR) billion parameters", "",
          ("real_frontier", "real_consistency", "real_sensitivity", "real_frequencies"),
          f"not run: {SMALL}"),
    Place("Public summaries: L1 shrinks", "the penalty makes codes too small", r"Public summaries \(L1 shrinks\)", (),
          "in the worlds of `shrinkage`; every row of an autoencoder holds it since (`coefficient_slope`, "
          "`rescaling_gain`), older ones do not"),
    Place("Z-scores of neurons (place not known here)", "neurons of GBA are selective", "", ("real_consistency",),
          "the mean Z-score is in the rows (`selectivity`), not judged: without ground truth a selective neuron need "
          "not be a feature"),
    Place("v1 Fig. 1", "", remark=UNKNOWN),
    Place("v1 Fig. 2", "", remark=UNKNOWN),
    Place("v1 Fig. 3", "reconstruction against sparsity: GBA on or near TopK, ahead of L1 and BA",
          r"Figure 3 \(v1\)", ("real_frontier",), f"synthetic data in place of Qwen2.5-1.5B; `real_frontier`: {SMALL}"),
    Place("v1 Fig. 4", "K >= 10 and HTF 0.5 are stable, HTF 0.05 loses reconstruction, K = 3 is denser",
          r"Figure 4 \(v1\)", ("real_sensitivity",),
          "LTF is not judged: what the paper says of it is not known here, and a higher one, which lets more neurons "
          f"fire, reconstructs better in the rows of `toy`; `real_sensitivity`: {SMALL}"),
    Place("v1 Fig. 5", "consistency over starts: GBA above TopK, L1 often above GBA", r"Figure 5 \(v1\)",
          ("real_consistency",), f"`real_consistency`: {SMALL}"),
    *(Place(f"v1 Fig. {k}", "", remark=UNKNOWN) for k in (6, 7, 8, 9)),
    Place("v1 Figs. 10 and 11", "recovery drops where rho_2 passes 1/sqrt(n)", r"Figures 10-11 \(v1\)", (),
          "partners are planted"),
    Place("v1 Fig. 12", "activations recover alike", r"Figure 12 \(v1\)"),
    Place("v1 Fig. 13", "s, h_i and the cut-off h*", r"Figure 13 \(v1\)", ("cutoff",),
          "drawn, not judged: only its subject is known here; claims on h_i are at Fig. 15"),
    Place("v1 Fig. 14, ICLR Fig. 2", "neuron resonance: recovery in a band of p near f, narrow below "
          "d = sqrt(n), wide above", r"Figure 14 \(v1\)|Figure 2 \(ICLR\)", (),
          "the provable algorithm, and trained BA where the claim says so; the kink of the upper edge by probes; a "
          "public review reads the best p of the right panel as above f"),
    Place("v1 Fig. 15", "more width as 1/h_i^2 grows; rare features are lost", r"Figure 15 \(v1\)", ("width_check",)),
    Place("v1 Fig. 16", "projections of the weights on features over the steps", r"Figure 16 \(v1\)", (),
          "the front-runner is that of the largest projection, which has the feature's norm in it; cosines are drawn"),
    Place("ICLR Fig. 4", "language models: GBA beside L1 and TopK (public reviews)", "", ("real_frontier",),
          f"its axes are not known here; {SMALL}"),
    Place("ICLR Table 2", "SAEBench's measures on Gemma 2 2B, with more than 600 active neurons (public reviews)",
          remark="not run: it needs the model; `synthsaebench` is another benchmark, of known features"),
    Place("ICLR Fig. 1, and others", "", remark=f"but for those of v1 above, {UNKNOWN}"),
    Place("ICLR table of mixed sparsity", "GBA recovers all, TopK with K = 20, 30, 50 less, GBA with wrong frequencies "
          "little", "[Mm]ixed-sparsity table", (), "width, steps and rate are not known: searched in the open"),
    Place("Other tables, appendices", "", remark=UNKNOWN),
)  # fmt: skip
OURS = r"^(ours|not in the paper)"  # sources of claims that are nobody's but ours
OWN: Mapping[str, str] = {
    "predict_check": "theory alone against simulated recovery and width",
    "critical_check": "theory alone against simulated critical p",
    "plan_check": "plans made by theory alone, carried out",
    "time_to_recovery": "samples and seconds to recovery, and GBA's controllers",
    "time_to_recovery_large": "the same at a larger size",
    "implementations": "our code against that of SAELens",
    "synthsaebench": "the world of SynthSAEBench at a small size",
}  # experiments without a place in the paper and without claims
CENTRED = r"v1 Figs?\. 1[0-6]"


def bearing(place: Place, lines: Sequence[Line]) -> list[Line]:
    """Return the lines of the scorecard whose source names a place."""
    return [line for line in lines if place.names(line["source"])]


def experiments_of(place: Place, lines: Sequence[Line]) -> list[str]:
    """Return the experiments of a place, those of its claims first."""
    return list(dict.fromkeys([*(line["experiment"] for line in bearing(place, lines)), *place.experiments]))


def check(places: Sequence[Place] = PLACES, own: Mapping[str, str] = OWN) -> None:
    """Raise ValueError where an experiment named does not exist, or a claim or an experiment has no place here."""
    lines: list[Line] = [{"source": each.source, "experiment": each.experiment} for each in CLAIMS]
    named = {name for place in places for name in place.experiments} | set(own)
    if unknown := sorted(named - set(EXPERIMENTS)):
        raise ValueError(f"no experiments: {', '.join(unknown)}")
    placed = {name for place in places for name in experiments_of(place, lines)}
    judged = {each.experiment for each in CLAIMS if re.match(OURS, each.source)}
    if lost := sorted(set(EXPERIMENTS) - placed - judged - set(own)):
        raise ValueError(f"experiments without a place in the paper, and not ours: {', '.join(lost)}")
    if both := sorted((placed | judged) & set(own)):
        raise ValueError(f"experiments with a place in the paper or claims, and ours alone: {', '.join(both)}")
    for claim in CLAIMS:
        if not re.match(OURS, claim.source) and not any(place.names(claim.source) for place in places):
            raise ValueError(f"claim {claim.name} is from {claim.source!r}, which is no place here")
    for place in places:
        if not (place.experiments or place.remark or any(place.names(each.source) for each in CLAIMS)):
            raise ValueError(f"{place.name} has neither rows nor a word on why not")


def _cells(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _judged(lines: Sequence[Line]) -> str:
    return "; ".join(f"{line['statement']}: **{line['verdict']}**" for line in lines)


def _coded(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def table(lines: Sequence[Line]) -> str:
    """Return Markdown: the table of the places, what is ours, and what the recovery of Figures 10 to 16 is judged on.

    `lines` are those of the scorecard.  Raises ValueError as `check` does.
    """
    check()
    rows = [_cells("paper", "what it says", "judged here", "experiments", "remark"), "|---" * 5 + "|"]
    for place in PLACES:
        bear = bearing(place, lines)
        told = (place.name, place.says, _judged(bear), _coded(experiments_of(place, lines)), place.remark)
        rows.append(_cells(*told))
    ours = [line for line in lines if re.match(OURS, line["source"])]
    rows.append(_cells("ours", "", _judged(ours), _coded(list(dict.fromkeys(line["experiment"] for line in ours))), ""))
    rows += [_cells("ours", "", "", f"`{name}`", what) for name, what in OWN.items()]
    return "\n".join([*rows, "", centring(lines)])


def centring(lines: Sequence[Line]) -> str:
    """Return the sentence on centring at Figures 10 to 16: which of their claims are judged on other data too."""
    at = [line for place in PLACES if re.match(CENTRED, place.name) for line in bearing(place, lines)]
    others = {line["statement"] for line in at if "not centred" in line["where"]}
    trained = {line["statement"] for line in at if "centred" not in line["where"] and line["where"]}
    names = "; ".join(dict.fromkeys(line["statement"] for line in at if line["statement"] in others))
    said = "The theorem does not centre the data. Recovery at v1 Figures 10 to 16 is judged on centred data"
    said += f", but for what is judged on data that are not centred, too or alone ({names})" if others else ""
    return said + (", and for trained autoencoders, which have a b_pre of their own." if trained else ".")
