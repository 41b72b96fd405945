"""Sources from a user's own data."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from simulations.data import arrays
from simulations.data.arrays import ArraySource, IteratorSource, source_of
from simulations.data.matrices import BFloat16, matrix, read


def numbered(n: int, start: int = 0) -> np.ndarray:
    return np.arange(start, start + n, dtype=np.float64)[:, None] * np.ones((1, 2))


@pytest.mark.parametrize("total", [1, 5, 19, 20, 25, 107, 999])
def test_an_epoch_has_every_row_once_and_no_held_out_one(total: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "CHUNK", 16)  # several pools of chunks
    monkeypatch.setattr(arrays, "POOL", 3)
    source = ArraySource(numbered(total), seed=1)
    size = max(1, source.n_samples // 7)
    steps = source.n_samples // size
    seen = np.concatenate([source.batch(k, size)[:, 0] for k in range(steps)])
    held = set(source.held_out()[:, 0])
    assert len(set(seen)) == len(seen) == steps * size
    if total >= 20:
        assert not held & set(seen) and len(held) == total // 10
        assert set(source.rows()[:, 0]) | held == set(range(total))
    assert np.array_equal(source.batch(3, size), ArraySource(numbered(total), seed=1).batch(3, size))
    assert np.array_equal(np.sort(source.batch(0, source.n_samples)[:, 0]), np.sort(source.rows()[:, 0]))
    if total > 100:
        assert not np.array_equal(source.batch(0, 50), ArraySource(numbered(total), seed=2).batch(0, 50))
        assert not np.array_equal(source.batch(0, 50), source.batch(source.n_samples // 50, 50))  # another epoch


def test_a_file_stays_on_disk(tmp_path: Path) -> None:
    X = numbered(300).astype(np.float32)
    np.save(tmp_path / "X.npy", X)
    np.savez(tmp_path / "X.npz", X=X, other=X)
    save_file({"X": torch.from_numpy(X).bfloat16()}, tmp_path / "X.safetensors")
    save_file({"X": torch.from_numpy(X)}, tmp_path / "Y.safetensors")
    assert isinstance(read(tmp_path / "X.npy"), np.memmap) and isinstance(read(tmp_path / "X.safetensors"), BFloat16)
    wanted = ArraySource(X).batch(0, 100)
    for name in ("X.npy", "X.npz", "Y.safetensors", "X.npz#other"):
        assert np.array_equal(ArraySource(f"{tmp_path}/{name}").batch(0, 100), wanted)
    rounded = torch.from_numpy(wanted).bfloat16().float().numpy()
    assert np.array_equal(ArraySource(tmp_path / "X.safetensors").batch(0, 100), rounded)
    assert np.array_equal(matrix(tmp_path / "X.safetensors"), torch.from_numpy(X).bfloat16().float().numpy())


def test_numbers_that_are_not_finite_are_named_by_row() -> None:
    X = numbered(200)
    X[117, 1] = np.inf
    with pytest.raises(ValueError, match="in row 117"):
        source = ArraySource(X)
        source.rows(), source.held_out()
    with pytest.raises(ValueError, match="batch_size=500"):
        ArraySource(numbered(100)).batch(0, 500)


def test_an_endless_iterator_is_cut_anew_and_its_first_rows_are_replayed() -> None:
    source = IteratorSource(numbered(100, 100 * k) for k in itertools.count())
    seen = np.concatenate([source.batch(step, 300)[:, 0] for step in range(50)])
    held = source.held_out()[:, 0]
    assert len(source.calibration()) == 8_192 and len(held) == 4_096
    assert np.array_equal(seen, [row for row in range(15_000 + 4_096) if not 8_192 <= row < 12_288])
    assert np.array_equal(source.batch(49, 300)[:, 0], seen[-300:])  # the last one again
    with pytest.raises(ValueError, match="step 3 of an iterator is gone"):
        source.batch(3, 300)


def test_a_finite_iterator_that_runs_dry_says_so_and_a_list_begins_anew() -> None:
    given = [numbered(40), numbered(40, 40), numbered(10, 80)]
    once, again = IteratorSource(iter(given)), IteratorSource(given)
    for source in (once, again):
        assert [len(source.batch(step, 20)) for step in range(3)] == [20] * 3
    with pytest.raises(ValueError, match="the iterator ended after 90 rows, in step 3"):
        once.batch(3, 20)
    later = np.concatenate([again.batch(step, 20)[:, 0] for step in range(3, 12)])
    assert set(later) == set(range(90)) - set(again.held_out()[:, 0])  # what is held out stays so
    with pytest.raises(ValueError, match="gave none"):
        IteratorSource(iter([]))
    with pytest.raises(ValueError, match=r"batch at row 40 of shape \(2, 3\), but should be \(rows, 2\)"):
        IteratorSource([numbered(40), np.ones((2, 3))])


def test_what_a_user_hands_over_becomes_a_source() -> None:
    X = numbered(50)
    tensors = torch.utils.data.TensorDataset(torch.from_numpy(X))
    for data in (X, X.tolist(), torch.from_numpy(X).bfloat16(), X.astype(np.float16)):
        assert isinstance(source_of(data), ArraySource)
    loader = torch.utils.data.DataLoader(tensors, batch_size=16)
    for batches in ([X, X], iter([X]), loader, (row for row in [torch.from_numpy(X)])):
        assert isinstance(source_of(batches), IteratorSource) and source_of([X]).d_model == 2
    assert source_of(source := ArraySource(X)) is source
    with pytest.raises(ValueError, match="data of type int"):
        source_of(3)
