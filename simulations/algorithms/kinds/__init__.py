"""The algorithms that come with the suite, one light module each: settings that are registered by name."""

from simulations.algorithms import foreign as foreign  # and anybody's own
