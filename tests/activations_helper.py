"""Texts for the tests of real activations: words in an order of their own, with signs that HTML would read."""

SENTENCE = "the cat sat on a mat and Paris had 3 or 14 rivers , which . ( x ) = def return if else"
WORDS = SENTENCE.split(" ")
TEXTS = [
    " ".join(WORDS[(7 * k + 3 * j + j * j // 5) % len(WORDS)] for j in range(60)) + f"\nDocument <b>{k}</b> & more"
    for k in range(40)
]
