"""What the paper claims, as formulas: conditions, closed forms, measured hypotheses and identifiability.

Paper: arXiv 2506.14002v1, reworked as "Taming Polysemanticity in LLMs: Theory-Grounded Feature Recovery via Sparse
Autoencoders".  NumPy and SciPy only: no randomness and no input or output.  `GLOSSARY` is the one list of names of the
project: name in code -> (symbol, meaning, shape), where the shape of a number is "".
"""

GLOSSARY: dict[str, tuple[str, str, str]] = {
    "n_features": ("n", "ground-truth monosemantic features", ""),
    "d_model": ("d", "dimension of the activations", ""),
    "sparsity": ("s", "active features per sample; 1/h^2 (effective sparsity) for general coefficients", ""),
    "n_samples": ("N", "samples", ""),
    "n_neurons": ("M", "dictionary width", ""),
    "features": ("V", "feature matrix, row v_i", "n x d"),
    "coefficients": ("H", "non-negative sparse mixing weights, stored as support and values", "N x n"),
    "support": ("", "indices of the active features of each sample", "N x s"),
    "values": ("", "weights of the active features, 0 in a slot that is not used", "N x s"),
    "activations": ("X", "observed polysemantic data X = H V, row x_l", "N x d"),
    "weights": ("W", "neuron directions, unit rows w_m", "M x d"),
    "bias": ("b", "b_m <= 0, from the controller, never from a gradient", "M"),
    "target_frequency": ("p", "wanted share of samples on which a neuron fires (TAF)", ""),
    "feature_frequency": ("f_i", "share of samples in which feature i is active; s/n when uniform", "n"),
    "threshold": ("tau", "cosine above which a feature counts as recovered", ""),
}
