"""For the tests of others: worlds that Hypothesis draws and shrinks, and a conformance suite for trainers."""

from simulations.testing.conformance import TrainerFault, check_trainer

__all__ = ["TrainerFault", "check_trainer"]
