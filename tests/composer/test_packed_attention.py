"""Expected values: the same attention with the pack's whole mask."""

import pytest
import torch
from torch import Tensor, nn

from composer.batches import Pack, pack_rows
from composer.packed_attention import packed_attention, packed_rows
from composer.prompts import EncodedRow

SHARED = [10, 11, 12, 13, 14]
ROWS = [
    EncodedRow([*SHARED, 20], [1, 2]),
    EncodedRow([*SHARED, 30, 31, 32], [3]),
    EncodedRow([*SHARED, 40], [4, 5, 6]),
]
UNLIKE = [EncodedRow([1, 2, 3], [4]), EncodedRow([5, 6], [7, 8])]


def tensors(pack: Pack, heads: int, groups: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    query, key, value = (
        torch.randn(2, count, len(pack.ids), 8, generator=generator) for count in (heads, groups, groups)
    )
    mask = torch.zeros(pack.visible.shape).masked_fill_(~pack.visible, torch.finfo(torch.float32).min)
    return query, key, value, mask[None, None]


@pytest.mark.parametrize("rows", [ROWS, UNLIKE, ROWS[:1]])
@pytest.mark.parametrize("groups", [4, 2])
def test_row_by_row_equals_the_whole_mask(rows: list[EncodedRow], groups: int) -> None:
    (pack,) = pack_rows(rows, most_tokens=100)
    query, key, value, mask = tensors(pack, 4, groups)
    with packed_rows(pack, torch.float32):
        output, _ = packed_attention(nn.Identity(), query, key, value, mask, scaling=0.3)
    repeated = [x.repeat_interleave(4 // groups, dim=1) for x in (key, value)]
    expected = nn.functional.scaled_dot_product_attention(query, *repeated, attn_mask=mask, scale=0.3)
    torch.testing.assert_close(output, expected.transpose(1, 2), atol=1e-6, rtol=1e-5)


def test_outside_a_pack_the_mask_decides() -> None:
    (pack,) = pack_rows(ROWS, most_tokens=100)
    query, key, value, mask = tensors(pack, 4, 4)
    output, _ = packed_attention(nn.Identity(), query, key, value, mask)
    expected = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    torch.testing.assert_close(output, expected.transpose(1, 2))
