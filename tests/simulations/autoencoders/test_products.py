"""Products over the codes that are not 0, and the gradients of each: those of dense products, whatever is 0."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from simulations.algorithms.autoencoders import products

R, B, M, D = 2, 5, 150, 7  # more than two blocks, and a part of one


def codes_of(share: float, dtype: torch.dtype) -> Tensor:
    """Return codes of both signs, of which a share is not 0; one row is 0 throughout."""
    generator = torch.Generator().manual_seed(3)
    values = torch.randn(R, B, M, generator=generator, dtype=dtype)
    kept = torch.rand(R, B, M, generator=generator) < share
    kept[:, 1] = False
    return values * kept


def drawn(*shape: int, dtype: torch.dtype) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape) + shape[1]), dtype=dtype)


def gradients(output: Tensor, pull: Tensor, *of: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad((output * pull).sum(), of))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("share", [0.0, 0.03, 0.6])  # 0.6: dense products
def test_decoding_is_the_dense_product_with_gradients_where_codes_are_not_0(share: float, dtype: torch.dtype) -> None:
    codes, decoder = codes_of(share, dtype).requires_grad_(), drawn(R, M, D, dtype=dtype).requires_grad_()
    pull = drawn(R, B, D, dtype=dtype)
    output = products.decoded(codes, decoder)
    of_codes, of_decoder = gradients(output, pull, codes, decoder)
    dense = codes @ decoder
    wanted = gradients(dense, pull, codes, decoder)
    close = {"rtol": 0, "atol": 30 * M * torch.finfo(dtype).eps}  # sums of M terms of order 1, in another order
    torch.testing.assert_close(output, dense, **close)
    torch.testing.assert_close(of_decoder, wanted[1], **close)
    where = codes.detach() != 0
    torch.testing.assert_close(of_codes[where], wanted[0][where], **close)
    assert share > products.MOST or not of_codes[~where].any()


def test_codes_of_0_have_a_gradient_where_it_is_asked_for() -> None:
    codes, decoder = codes_of(0.01, torch.float64).requires_grad_(), drawn(R, M, D, dtype=torch.float64)
    pull, where = drawn(R, B, D, dtype=torch.float64), torch.zeros(R, B, M)
    where[0, 2, 149] = where[1, 1, 64] = 1
    (found,) = gradients(products.decoded(codes, decoder, where), pull, codes)
    assert found[0, 2, 149] == pytest.approx(float(pull[0, 2] @ decoder[0, 149]))
    assert found[1, 1, 64] == pytest.approx(float(pull[1, 1] @ decoder[1, 64]))
    assert int((found != 0).sum()) == 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("share", [0.0, 0.03, 0.6])
def test_encoding_has_the_gradients_of_the_entries_that_have_one(share: float, dtype: torch.dtype) -> None:
    x, encoder = (drawn(R, rows, D, dtype=dtype).requires_grad_() for rows in (B, M))
    pull = codes_of(share, dtype)
    output, dense = products.encoded(x, encoder), x @ encoder.transpose(1, 2)
    close = {"rtol": 0, "atol": 30 * M * torch.finfo(dtype).eps}
    torch.testing.assert_close(output, dense, **close)
    for own, wanted in zip(gradients(output, pull, x, encoder), gradients(dense, pull, x, encoder), strict=True):
        torch.testing.assert_close(own, wanted, **close)


def test_what_is_not_a_number_reaches_the_output() -> None:
    codes, decoder = codes_of(0.03, torch.float64), drawn(R, M, D, dtype=torch.float64)
    codes[0, 3, 5] = torch.nan
    assert products.decoded(codes, decoder)[0, 3].isnan().all()
