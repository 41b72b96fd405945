"""The laws of the statistical model: supports, coefficients and dictionaries, each one small registered function."""
