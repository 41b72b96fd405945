"""Instruments that measure by probes: neurons started at, or near, a feature."""
