"""Effects that bear on co-occurrence (H3), measured in rows of features that meet in clusters."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from simulations.evidence.scorecard.critical import RECOVERED, groups
from simulations.evidence.scorecard.effects import UNKNOWN, Effect, farthest, over_seeds, slope_over_seeds
from simulations.evidence.scorecard.reading import where
from simulations.evidence.scorecard.verdicts import SUPPORTED, UNDECIDED, Finding, below, both, equal, remarks, too_few
from theory.cooccurrence import cluster_cooccurrence, cluster_law
from theory.transitions import crossing

LAW, REALISED = "rho_of_the_law", "measured_cooccurrence"
NOISE = 0.5  # times 1/sqrt(n), above which a rho_2 of features that meet by chance hides one of 1/sqrt(n)
FALLS = -0.25  # exponent over n, from which a rho_2 is nearer to n^(-1/2) than to a constant
PAIRS = 2  # features of a cluster in which each has one partner


def with_cooccurrence(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the size of their clusters and the rho_2 of their law, in expectation."""
    laws = [cluster_law(text) for text in rows["support_law"].astype(str)]
    cells = rows.assign(size=[size for size, _ in laws])
    n, s = (rows[name].astype(float) for name in ("n_features", "sparsity"))
    told = zip(n, s, laws, strict=True)
    return cells.assign(**{LAW: [cluster_cooccurrence(a, b, size, probability) for a, b, (size, probability) in told]})


def critical_cooccurrence(rows: pd.DataFrame, measure: str = LAW) -> pd.DataFrame:
    """Return n, size of the clusters, seed and the rho_2 at which half of the recovery without clusters is left.

    rho_2 is that of the law, in expectation, or REALISED: of Definition 5.2, the largest of the sample.  nan where
    recovery does not fall to a half, or is nothing to begin with.
    """
    found = []
    for (features, size), part in groups(with_cooccurrence(rows), "n_features", "size"):
        for seed, each in part.groupby("seed"):
            points = each.groupby(LAW)[[RECOVERED, *{measure} - {LAW}]].mean().reset_index()
            rates = points[RECOVERED]
            half = crossing(points[measure], rates / rates.iloc[0]) if rates.iloc[0] > 0 else math.nan
            found.append((features, size, seed, half))
    return pd.DataFrame(found, columns=["n_features", "size", "seed", "rho"])


def _known(table: pd.DataFrame) -> pd.DataFrame:
    kept: pd.DataFrame = table[np.isfinite(table["rho"].astype(float))]
    return kept


def _lost(table: pd.DataFrame) -> str:
    known = _known(table)
    return f"{len(table) - len(known)} of {len(table)} draws do not fall to a half" if len(known) < len(table) else ""


def many_partners(rows: pd.DataFrame, measure: str = LAW) -> Finding:
    """Return the mean of log2(critical rho_2 sqrt(n)) for clusters that grow with n, at the n where it is farthest.

    Supported only where it falls with n: within a factor of two a constant passes over a few n as well.
    Of the REALISED rho_2, in words, how large it is where features meet by chance: above NOISE it tells nothing.
    """
    table = critical_cooccurrence(rows, measure)
    share = table["size"] / table["n_features"]
    sizes = table.groupby(share)["n_features"].nunique()
    same = table[share == sizes.idxmax()]  # the share of n that most numbers of features have
    known = _known(same)
    scaled = known.assign(scaled=np.log2(known["rho"] * np.sqrt(known["n_features"])))
    parts = [part for _, part in scaled.groupby("n_features")]
    effects = [over_seeds(part.set_index("seed")["scaled"], len(parts)) for part in parts]
    effect, verdict = farthest(effects, 0.0), both(*(equal(each, 0.0, 1.0) for each in effects))
    few, noise = too_few(min(effects, key=lambda each: each.n_seeds, default=UNKNOWN), verdict), ""
    slope = _slope(known, "n_features")
    if verdict == SUPPORTED and below(slope, FALLS) != SUPPORTED:
        verdict, few = UNDECIDED, "a constant would pass as well"
    told = f"over n as n^{slope.value:.2f} ({slope.low:.2f} to {slope.high:.2f})" if math.isfinite(slope.low) else ""
    if measure == REALISED:
        scale, times = by_chance(rows)
        verdict = UNDECIDED if (scale > NOISE).any() else verdict
        noise = _of_noise(scale, times)
    return Finding(effect, verdict, remarks(noise, told, _lost(same), few), where(rows))


def by_chance(rows: pd.DataFrame) -> tuple[pd.Series, float]:
    """Return the realised rho_2 without clusters, times sqrt(n), by n; and over that of the law, at most.

    It is the largest of n (n - 1) counts: noise of the sample, which may be as large as what is judged.
    """
    cells = with_cooccurrence(rows)
    planted = np.array([cluster_law(text)[1] for text in cells["support_law"].astype(str)])
    chance = cells[planted == 0].groupby("n_features")[[REALISED, LAW]].mean()
    return chance[REALISED] * np.sqrt(chance.index.to_numpy()), float((chance[REALISED] / chance[LAW]).max())


def _of_noise(scale: pd.Series, times: float) -> str:
    """Return in words what the sample's noise alone makes of rho_2."""
    told = ", ".join(f"{each:.2g} ({n:,.0f})" for n, each in scale.items())
    noise = f"without clusters it is {told} times 1/sqrt(n) (n) already, up to {times:.2g} times that of the law"
    return f"{noise}: the noise of the sample" if told else ""


def _both_measures(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    measures = (LAW, REALISED) if REALISED in rows else (LAW,)
    return {measure: critical_cooccurrence(rows, measure) for measure in measures}


def one_partner(rows: pd.DataFrame) -> Finding:
    """Return the slope over log n of the log of the critical rho_2 of pairs."""
    pairs = {measure: table[table["size"] == PAIRS] for measure, table in _both_measures(rows).items()}
    return _finding(pairs, "n_features", 0.0, rows)


def over_partners(rows: pd.DataFrame) -> Finding:
    """Return the slope of the log of the critical rho_2 over the log of the number of partners, at the n with most."""
    tables = _both_measures(rows)
    n = tables[LAW].groupby("n_features")["size"].nunique().idxmax()
    cuts = {
        measure: table[table["n_features"] == n].assign(partners=lambda each: each["size"] - 1)
        for measure, table in tables.items()
    }
    return _finding(cuts, "partners", -0.5, rows)


def _slope(known: pd.DataFrame, over: str) -> Effect:
    return slope_over_seeds(np.log(known[over].astype(float)), np.log(known["rho"]), known["seed"])


def _finding(tables: dict[str, pd.DataFrame], over: str, wanted: float, rows: pd.DataFrame) -> Finding:
    """Return the slope of the log of the critical rho_2 of the law; in words, that of the realised one."""
    effect = _slope(_known(tables[LAW]), over)
    verdict = equal(effect, wanted, 0.15)
    realised = _slope(_known(tables[REALISED]), over) if REALISED in tables else UNKNOWN
    told = f"of the realised rho_2 {realised.value:.2g} ({realised.low:.2g} to {realised.high:.2g})"
    other = told if math.isfinite(realised.low) else ""
    return Finding(effect, verdict, remarks(other, _lost(tables[LAW]), too_few(effect, verdict)), where(rows))
