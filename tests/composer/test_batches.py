from composer.batches import batch_by_length, common_prefix, pack_rows, pad_causal
from composer.prompts import EncodedRow

SHARED = [10, 11, 12, 13, 14]
ROWS = [
    EncodedRow([*SHARED, 20], [1, 2]),
    EncodedRow([*SHARED, 30, 31, 32], [3]),
    EncodedRow([*SHARED, 40], [4, 5, 6]),
]


def test_a_pack_has_the_common_beginning_once_and_rows_see_only_it_and_themselves() -> None:
    (pack,) = pack_rows(ROWS, most_tokens=100)
    assert pack.rows == [0, 1, 2]
    assert pack.ids.tolist() == [*SHARED, 20, 1, 30, 31, 32, 40, 4, 5]
    assert pack.positions.tolist() == [0, 1, 2, 3, 4, 5, 6, 5, 6, 7, 5, 6, 7]
    assert pack.targets.tolist() == [1, 2, 3, 4, 5, 6]
    # Each answer token is predicted one token before it.
    assert pack.picks.tolist() == [5, 6, 9, 10, 11, 12]
    assert pack.row_of.tolist() == [0, 0, 1, 2, 2, 2]
    assert pack.visible[11].nonzero().flatten().tolist() == [0, 1, 2, 3, 4, 10, 11]


def test_a_prompt_that_begins_another_keeps_a_token_of_its_own() -> None:
    rows = [EncodedRow([*SHARED], [1]), EncodedRow([*SHARED, 9], [2])]
    (pack,) = pack_rows(rows, most_tokens=100)
    assert pack.ids.tolist() == [*SHARED[:4], 14, 14, 9]
    assert pack.picks.tolist() == [4, 6]


def test_packs_are_filled_up_to_their_limit_and_a_long_row_stands_alone() -> None:
    packs = pack_rows(ROWS, most_tokens=8)
    assert [pack.rows for pack in packs] == [[0], [1], [2]]
    assert packs[0].ids.tolist() == [*SHARED, 20, 1]


def test_batches_hold_like_lengths_and_keep_to_their_tokens() -> None:
    lengths = [100, 20, 95, 22, 90, 21]
    batches = list(batch_by_length(lengths, most_tokens=200))
    assert batches == [[1, 5, 3], [4, 2], [0]]
    assert all(max(lengths[i] for i in batch) * len(batch) <= 200 for batch in batches)


def test_few_tokens_are_not_split_for_the_sake_of_padding() -> None:
    assert list(batch_by_length([3, 8, 15], most_tokens=200)) == [[0, 1, 2]]


def test_padding_stands_on_the_right_and_skipped_tokens_move_the_picks() -> None:
    padded = pad_causal(ROWS[:2], 99, skip=5)
    assert padded.ids.tolist() == [[20, 1, 99], [30, 31, 32]]
    assert padded.mask.tolist() == [[1, 1, 0], [1, 1, 1]]
    assert list(zip(padded.pick_rows.tolist(), padded.pick_columns.tolist(), strict=True)) == [
        (0, 0),
        (0, 1),
        (1, 2),
    ]
    assert padded.targets.tolist() == [1, 2, 3]


def test_common_prefix_counts_the_tokens_that_all_begin_with() -> None:
    assert common_prefix([[1, 2, 3], [1, 2], [1, 2, 9]]) == 2
    assert common_prefix([[1], [2]]) == 0
    assert common_prefix([[5, 6]]) == 2
