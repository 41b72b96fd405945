"""How often features meet under the laws of supports that plant partners, in expectation (Definition 5.2, H3)."""

from __future__ import annotations


def planted_cooccurrence(n_features: float, sparsity: float, probability: float) -> float:
    """Return the share of a feature's samples in which its planted partner is active (support law `planted`).

    q + (2 probability / s) (1 - q) (1 - (s - 2)/(n - 3)) with q = (s - 1)/(n - 1): rho_2 of the law.
    """
    q = (sparsity - 1) / (n_features - 1)
    return q + 2 * probability / sparsity * (1 - q) * (1 - (sparsity - 2) / (n_features - 3))


def cluster_cooccurrence(n_features: float, sparsity: float, size: float, probability: float) -> float:
    """Return the share of a feature's samples in which one of its size - 1 partners is (support law `clusters`).

    With k = min(s, size) members of a cluster in a row of the law's own, and r = s - k other features:
    (1 - probability) (s - 1)/(n - 1) + (probability / s) (k (k - 1)/(size - 1) + r (r - 1)/(n - size - 1)).
    """
    together = min(sparsity, size)
    others = sparsity - together
    met = together * (together - 1) / (size - 1) + (others * (others - 1) / (n_features - size - 1) if others else 0)
    return (1 - probability) * (sparsity - 1) / (n_features - 1) + probability / sparsity * met


def cluster_law(text: str) -> tuple[int, float]:
    """Return size and probability of a support law "clusters:SIZE:PROBABILITY"; raises ValueError for any other."""
    name, _, rest = text.partition(":")
    words = rest.split(":")
    if name != "clusters" or len(words) != 2:
        raise ValueError(f"support_law={text!r}, but should be clusters:SIZE:PROBABILITY")
    return int(float(words[0])), float(words[1])
