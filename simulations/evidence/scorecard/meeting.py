"""Effects that bear on co-occurrence (H3), measured in rows of features that meet in clusters."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from simulations.evidence.scorecard.critical import RECOVERED, groups
from simulations.evidence.scorecard.effects import UNKNOWN, Effect, farthest, over_seeds, slope_over_seeds
from simulations.evidence.scorecard.reading import where
from simulations.evidence.scorecard.verdicts import Finding, both, equal, remarks, too_few
from theory.cooccurrence import cluster_cooccurrence, cluster_law
from theory.transitions import crossing

PAIRS = 2  # features of a cluster in which each has one partner


def critical_cooccurrence(rows: pd.DataFrame) -> pd.DataFrame:
    """Return n, size of the clusters, seed and the rho_2 at which half of the recovery without clusters is left.

    rho_2 is that of the law, in expectation; nan where recovery does not fall to a half, or is nothing to begin with.
    """
    laws = [cluster_law(text) for text in rows["support_law"].astype(str)]
    cells = rows.assign(size=[size for size, _ in laws])
    n, s = (rows[name].astype(float) for name in ("n_features", "sparsity"))
    told = zip(n, s, laws, strict=True)
    cells["rho"] = [cluster_cooccurrence(a, b, size, probability) for a, b, (size, probability) in told]
    found = []
    for (features, size), part in groups(cells, "n_features", "size"):
        for seed, each in part.groupby("seed"):
            rates = each.groupby("rho")[RECOVERED].mean()
            half = crossing(rates.index, rates / rates.iloc[0]) if rates.iloc[0] > 0 else math.nan
            found.append((features, size, seed, half))
    return pd.DataFrame(found, columns=["n_features", "size", "seed", "rho"])


def _known(table: pd.DataFrame) -> pd.DataFrame:
    kept: pd.DataFrame = table[np.isfinite(table["rho"].astype(float))]
    return kept


def _lost(table: pd.DataFrame) -> str:
    known = _known(table)
    return f"{len(table) - len(known)} of {len(table)} draws do not fall to a half" if len(known) < len(table) else ""


def many_partners(rows: pd.DataFrame) -> Finding:
    """Return the mean of log2(critical rho_2 sqrt(n)) for clusters that grow with n, at the n where it is farthest."""
    table = critical_cooccurrence(rows)
    share = table["size"] / table["n_features"]
    sizes = table.groupby(share)["n_features"].nunique()
    same = table[share == sizes.idxmax()]  # the share of n that most numbers of features have
    known = _known(same)
    scaled = known.assign(scaled=np.log2(known["rho"] * np.sqrt(known["n_features"])))
    parts = [part for _, part in scaled.groupby("n_features")]
    effects = [over_seeds(part.set_index("seed")["scaled"], len(parts)) for part in parts]
    effect, verdict = farthest(effects, 0.0), both(*(equal(each, 0.0, 1.0) for each in effects))
    few = too_few(min(effects, key=lambda each: each.n_seeds, default=UNKNOWN), verdict)
    return Finding(effect, verdict, remarks(_lost(same), few), where(rows))


def one_partner(rows: pd.DataFrame) -> Finding:
    """Return the slope over log n of the log of the critical rho_2 of pairs."""
    table = critical_cooccurrence(rows)
    pairs = table[table["size"] == PAIRS]
    return _slope(pairs, "n_features", 0.0, rows)


def over_partners(rows: pd.DataFrame) -> Finding:
    """Return the slope of the log of the critical rho_2 over the log of the number of partners, at the n with most."""
    table = critical_cooccurrence(rows)
    n = table.groupby("n_features")["size"].nunique().idxmax()
    cut = table[table["n_features"] == n].assign(partners=lambda each: each["size"] - 1)
    return _slope(cut, "partners", -0.5, rows)


def _slope(table: pd.DataFrame, over: str, wanted: float, rows: pd.DataFrame) -> Finding:
    known = _known(table)
    effect: Effect = slope_over_seeds(np.log(known[over].astype(float)), np.log(known["rho"]), known["seed"])
    verdict = equal(effect, wanted, 0.15)
    return Finding(effect, verdict, remarks(_lost(table), too_few(effect, verdict)), where(rows))
