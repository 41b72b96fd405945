"""The scorecard: the paper's claims, one declared test each, and the verdict that committed rows give."""
