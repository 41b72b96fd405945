"""The algorithms as scikit-learn estimators."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
import sae_recovery as sr

SMALL = {"n_neurons": 8, "n_steps": 10, "batch_size": 8, "n_evaluations": 1}
# Checks of scikit-learn 1.9 that do not apply, with the reason.
DO_NOT_APPLY = {
    "check_array_api_input": "needs SCIPY_ARRAY_API, which the suite does not set",
}


@pytest.mark.parametrize("name", ["TopK", "GBA"])
def test_check_estimator(name: str) -> None:
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    own = {"k": 2} if name == "TopK" else {"n_groups": 2}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the estimators do not inherit from BaseEstimator: scikit-learn is optional
        found = checks.check_estimator(getattr(sr, name)(**own, **SMALL), on_fail=None, on_skip=None)
    failed = {each["check_name"]: repr(each["exception"]) for each in found if each["status"] != "passed"}
    assert len(found) >= 40 and set(failed) <= set(DO_NOT_APPLY), failed


def test_an_estimator_learns_codes_and_is_cloned() -> None:
    clone = pytest.importorskip("sklearn.base").clone
    X = sr.Model(n_features=16, d_model=8, sparsity=2).sample(200).X
    learner = sr.GBA(n_groups=2, **SMALL)
    codes = learner.fit(X).transform(X)
    assert codes.shape == (200, 8) and learner.components_.shape == (8, 8) and learner.n_features_in_ == 8
    assert learner.reconstruct(X).shape == X.shape
    assert learner.get_feature_names_out()[1] == "gba1"
    assert np.array_equal(pickle.loads(pickle.dumps(learner)).transform(X), codes)
    assert repr(clone(learner)) == repr(learner)
    assert np.array_equal(clone(learner).set_params(threads=1).fit_transform(X), codes)


def test_settings_are_checked_by_fit_and_codes_are_needed_to_transform() -> None:
    X = np.ones((30, 4)) + np.eye(30, 4)
    with pytest.raises(ValueError, match=r"gain=-1\.0"):
        sr.GBA(gain=-1, n_groups=2, **SMALL).fit(X)
    for bad, said in (
        ({"seed": -1}, "seed=-1, but"),
        ({"seed": 1.5}, "seed=1.5, but"),
        ({"threads": 0}, "threads=0, but"),
        ({"threads": "x"}, "threads='x', but"),
    ):
        with pytest.raises(ValueError, match=said):
            sr.fit("topk", X, k=2, **SMALL, **bad)
        with pytest.raises(ValueError, match=said):
            sr.TopK(k=2, **SMALL, **bad).fit(X)
    with pytest.raises(ValueError, match="Invalid parameter 'gian'"):
        sr.GBA().set_params(gian=3)
    fitted = sr.ModifiedBA(n_neurons=8).fit(X)
    with pytest.raises(ValueError, match="no codes"):
        fitted.transform(X)
