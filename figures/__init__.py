"""Figures: rows of an experiment in, a matplotlib Figure out; nothing is simulated here."""
