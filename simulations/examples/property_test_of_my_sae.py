"""Property tests of one's own SAE: worlds that Hypothesis draws and shrinks, and the conformance suite.

pytest property_test_of_my_sae.py
"""

from pathlib import Path

import numpy as np
import sae_recovery as sr
from hypothesis import given, settings
from hypothesis import strategies as st

TRAIN = f"{Path(__file__).parent / 'my_trainer.py'}:train"  # or the function itself, where it can be imported


@settings(max_examples=10, deadline=None)
@given(world=sr.testing.models(max_features=16, max_dimension=16, max_sparsity=3))
def test_every_row_has_norm_one_whatever_the_world(world: sr.Model) -> None:
    found = sr.fit(TRAIN, world, n_neurons=16, n_steps=3, batch_size=32)
    assert np.allclose(np.linalg.norm(found.dictionary, axis=1), 1, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(data=st.data(), world=sr.testing.models(max_features=16, max_dimension=16, dictionary_laws=("gaussian",)))
def test_a_score_does_not_look_at_order(data: st.DataObject, world: sr.Model) -> None:
    W = data.draw(sr.testing.dictionaries(world))
    assert sr.score(W, world).mean_max_cosine == sr.score(W[::-1], world).mean_max_cosine


def test_it_conforms() -> None:
    sr.testing.check_trainer(TRAIN, n_steps=200, k=2)
