"""Neurons started at, or near, a feature: the work behind learnability and width."""
