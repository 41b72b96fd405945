"""Sampling, algorithms, measures, experiments, sweeps and the command line: the only randomness of the suite."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("sae-recovery")
except PackageNotFoundError:  # straight from a checkout, nothing installed
    __version__ = "0.3.0"
