"""The statistical model X = HV as settings: a world, from which samples and endless batches are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from simulations.base import checks
from simulations.base.settings import Settings, setting
from simulations.data.laws.choice import canonical, check_law

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from simulations.data.sampling import FloatArray
    from simulations.data.source import Array
    from simulations.data.synthetic import FixedSample, Synthetic

LAWS = {"support_law": "support", "coefficient_law": "coefficient", "dictionary_law": "dictionary"}
USUAL_SAMPLES = 30_000


class Drawn(NamedTuple):
    """N samples of a model: X (N, d), with its noise, H (N, n) sparse, and V (n, d)."""

    X: FloatArray
    H: csr_array
    V: FloatArray


def _sparsity(name: str, value: Any, model: Any) -> None:
    if not 1 <= value <= model.n_features:
        raise ValueError(f"{name}={value}, but should be in [1, n_features={model.n_features}]")


def _law(name: str, value: Any, _: Any) -> None:
    check_law(LAWS[name], value)


def _samples(whole: Any) -> int:
    return int(getattr(whole, "usual_samples", USUAL_SAMPLES))


@dataclass(frozen=True, kw_only=True, repr=False)
class Model(Settings):
    """A world: n features of dimension d, s of them active in a sample, each law by its name.

    Defaults are the canonical case of Theorem 6.1 (arXiv 2506.14002v1): Gaussian features, exactly s of them active,
    uniform, with weight 1/sqrt(s).  Raises ValueError when a value is out of its range.

    >>> world = Model(n_features=64, d_model=16, sparsity=3, seed=0)
    >>> X, H, V = world.sample(100)
    >>> X.shape, H.shape, V.shape
    ((100, 16), (100, 64), (64, 16))
    >>> next(world.batches(8)).shape
    (8, 16)
    """

    kind_of_leaf: ClassVar[str] = "the model"

    n_features: int = setting(256, "n, ground-truth monosemantic features", checks.count(2))
    d_model: int = setting(128, "d, dimension of the activations", checks.count(2))
    sparsity: int = setting(3, "s, active features per sample", _sparsity)
    n_samples: int = setting(
        USUAL_SAMPLES,
        "N, samples; trained: n_steps batches, all fresh; fewer repeat",
        checks.count(1),
        derived=_samples,
    )
    center: bool = setting(False, "subtract the mean of the data", checks.flag)
    seed: int = setting(0, "root seed of every random stream", checks.count(0))
    support_law: str = setting("uniform", "law of the supports, NAME[:PARAM...]", _law)
    coefficient_law: str = setting("constant", "law of the coefficients, NAME[:PARAM...]", _law)
    dictionary_law: str = setting("gaussian", "law of the features, NAME[:PARAM...]", _law)
    normalize: bool = setting(False, "scale every row of H to norm 1", checks.flag)
    noise: float = setting(0.0, "sigma of Gaussian noise added to X", checks.number(0, high_open=True))

    def __post_init__(self) -> None:
        super().__post_init__()
        check_law("dictionary", self.dictionary_law, n_features=self.n_features, d_model=self.d_model)
        check_law("support", self.support_law, n_features=self.n_features, sparsity=self.sparsity)
        check_law("coefficient", self.coefficient_law, n_features=self.n_features)

    def sample(self, n_samples: int | None = None) -> Drawn:
        """Draw X = HV: `n_samples` rows, or the model's own number; equal numbers give equal draws."""
        from scipy.sparse import csr_array

        source = self.fixed(n_samples)
        support, values, V = source.sample
        used = values != 0
        row, _ = used.nonzero()
        H = csr_array((values[used], (row, support[used])), shape=(len(support), self.n_features))
        return Drawn(source.X, H, V)

    def batches(self, size: int) -> Iterator[Array]:
        """Yield rows of X (size, d) without end; the same rows at every call."""
        return self.stream().batches(size)

    def stream(self) -> Synthetic:
        """Return the endless source of this model (with `n_samples`: that repeats after so many rows)."""
        from simulations.data.synthetic import Synthetic

        return Synthetic(self)

    def fixed(self, n_samples: int | None = None) -> FixedSample:
        """Return the source of one sample of N rows."""
        from dataclasses import replace

        from simulations.data.synthetic import FixedSample

        given = n_samples if n_samples is not None else self.n_samples
        return FixedSample(replace(self, n_samples=USUAL_SAMPLES if given is None else given))

    def identity(self) -> dict[str, Any]:
        """Return the settings that decide what is drawn, laws in their canonical text."""
        return {name: canonical(LAWS[name], value) if name in LAWS else value for name, value in self.given().items()}
