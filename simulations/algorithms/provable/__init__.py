"""The provable algorithm: Modified Bias Adaptation."""
