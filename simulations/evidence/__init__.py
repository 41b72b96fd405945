"""From rows to evidence: scorecard, exponents, benchmarks, README."""
