"""One instance of the feature recovery problem, as the theorem sees it."""

from __future__ import annotations

from dataclasses import dataclass

from theory.checks import count, frequency, one_number, sparsity_within


@dataclass(frozen=True)
class Problem:
    """Sizes of an instance, checked when made.

    n_features: n, ground-truth features, at least 2 (margins are in units of log n).
    d_model: d, dimension of the activations, at least 1.
    sparsity: s, active features per sample, or an effective sparsity 1/h^2: any number in [1, n].
    target_frequency: p, wanted share of samples on which a neuron fires, in (0, 0.5].
    n_neurons: M, dictionary width, at least 1.
    Raises ValueError for anything else, also for a bool and for a number that is not finite.
    """

    n_features: int
    d_model: int
    sparsity: float
    target_frequency: float
    n_neurons: int

    def __post_init__(self) -> None:
        for name, low in (("n_features", 2), ("d_model", 1), ("n_neurons", 1)):
            object.__setattr__(self, name, count(name, getattr(self, name), low))
        for name in ("sparsity", "target_frequency"):
            object.__setattr__(self, name, one_number(name, getattr(self, name)))
        sparsity_within(self.sparsity, self.n_features)
        frequency("target_frequency", self.target_frequency)

    @property
    def feature_frequency(self) -> float:
        """Return f = s/n, the share of samples in which a feature is active when supports are uniform."""
        return self.sparsity / self.n_features

    @property
    def superposition(self) -> bool:
        """Return whether there are more features than dimensions, n > d."""
        return self.n_features > self.d_model

    @property
    def heavy_superposition(self) -> bool:
        """Return whether d < sqrt(n)."""
        return self.d_model**2 < self.n_features
