"""Where data come from: laws, samples of X = HV, endless streams, arrays."""
