"""The algorithms that come with the suite, one light module each: settings that are registered by name.

Whose recipe the defaults are, and where that is checked; each module says what differs:
    l1-untied         Anthropic, Circuits Updates of April 2024     30 equal steps of SAELens 6.54's trainer
    jumprelu-untied   arXiv 2407.14435, eq. 1 to 12 and app. I      30 equal steps of SAELens 6.54's trainer
    gated             arXiv 2404.16014, eq. 6 to 8                  30 equal steps of dictionary_learning 0.1's
    topk-untied       arXiv 2406.04093, sec. 2.3 and app. A         the same; constants of openai/sparse_autoencoder
    batchtopk-untied  arXiv 2412.06410                              the same; constants of bartbussmann/BatchTopK
    matryoshka        arXiv 2503.17547, eq. 3                       the same, which the paper names as its code
    saelens:KIND, dictionary-learning:KIND, spams                   run their authors' code
topk, batchtopk, l1 and jumprelu are tied forms of our own.
"""
