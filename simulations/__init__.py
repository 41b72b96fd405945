"""Sampling, algorithms, measures, experiments, sweeps and the command line: the only randomness of the suite."""

from functools import cache

__version__: str


@cache
def __getattr__(name: str) -> str:
    """Return __version__, which takes a tenth of a second to find out, when it is first asked for."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("sae-recovery")
    except PackageNotFoundError:  # straight from a checkout, nothing installed
        return "0.3.0"
