import hashlib
import json

import pytest

from composer.errors import ExampleError
from composer.examples import (
    MAX_CHARACTERS,
    Example,
    check_examples,
    examples_from_rows,
    examples_hash,
    majority_share,
    parse_examples,
    read_examples,
    with_options,
)

HOT = Example("hot", "cold")


@pytest.mark.parametrize(
    "text",
    [
        "hot => cold",
        "\ufeff  hot   =>   cold  \n\n",
        '{"input": "hot", "output": "cold", "split": "train"}\n',
        '[{"input": "hot", "output": "cold"}]',
        "input,output\nhot,cold\n",
        'split,"output",Input\r\ntrain,cold,hot\r\n',
    ],
)
def test_every_format_is_recognised(text: str) -> None:
    assert parse_examples(text) == [HOT]


def test_an_arrow_in_the_input_belongs_to_the_input() -> None:
    assert parse_examples("a => b => c") == [Example("a => b", "c")]


def test_backslash_n_is_a_line_break_in_arrow_lines() -> None:
    assert parse_examples(r"Q: hot\nA: => cold") == [Example("Q: hot\nA:", "cold")]


def test_jsonl_keeps_text_verbatim() -> None:
    nasty = Example("{{ 7*7 }}\u2028\x1b[31m\r\n", "<script>")
    assert parse_examples(json.dumps({"input": nasty.input, "output": nasty.output})) == [nasty]


def test_numbers_are_read_as_text() -> None:
    assert parse_examples('{"input": "1 + 1", "output": 2}') == [Example("1 + 1", "2")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no examples yet"),
        ("hot => cold\nwet", 'line 2 has no "=>"'),
        ("hot =>", 'line 1 has no "output"'),
        ("=> cold", 'line 1 has no "input"'),
        ('{"input": "hot", "output": "cold"}\n{"input": "wet"}', 'line 2 has no "output"'),
        ('{"input": "hot", "output": null}', 'line 1: "output" is not text'),
        ('{"input": "hot", "output": "cold"}\n{"input"', "line 2 is not valid JSON"),
        ('[{"input": "hot"}]', 'example 1 has no "output"'),
        ("[1]", "example 1 is not an object"),
        ("[" * 100_000, "not valid JSON"),
        ("input,output\nhot,cold\nwet\n", 'line 3 has no "output"'),
        ("input,output\nhot,\n", 'example 1 has no "output"'),
        ('input,output\n"hot,cold\n', "not valid CSV"),
        ('{"input": "a\\u0000b", "output": "x"}', "not text"),
        ('{"input": "\\ud800", "output": "x"}', "not text"),
        ("hot => cold | options: cold", "example 1 has 1 option; 2 to 64"),
        ("hot => cold | options: cold; cold", "an option twice"),
        ("hot => cold | options: wet; dry", "its output 'cold' is not one of its options"),
        ('{"input": "hot", "output": "cold", "options": "cold"}', "is not a list of texts"),
        ('{"input": "hot", "output": "cold", "options": [true, "cold"]}', "is not a list of texts"),
        ('input,output,options\nhot,cold,"[1"\n', 'line 2: "options" is not valid JSON'),
    ],
)
def test_a_bad_line_is_named(text: str, message: str) -> None:
    with pytest.raises(ExampleError, match=message):
        parse_examples(text)


def test_too_many_and_too_long_are_refused() -> None:
    with pytest.raises(ExampleError, match="at most 2"):
        check_examples([HOT] * 3, maximum=2)
    with pytest.raises(ExampleError, match='example 2: "output" is longer'):
        check_examples([HOT, Example("x", "y" * (MAX_CHARACTERS + 1))])


def test_a_file_is_read_and_its_faults_named(tmp_path) -> None:
    good, latin = tmp_path / "good.csv", tmp_path / "latin.csv"
    good.write_text("input,output\nhot,cold\n")
    latin.write_bytes("input,output\nhöt,cold\n".encode("latin-1"))
    assert read_examples(good) == [HOT]
    with pytest.raises(ExampleError, match="not UTF-8"):
        read_examples(latin)
    with pytest.raises(ExampleError, match="cannot read"):
        read_examples(tmp_path / "missing.csv")


def test_the_hash_knows_order_and_field_borders() -> None:
    assert examples_hash([HOT]) == examples_hash(examples_from_rows([{"output": "cold", "input": "hot"}]))
    assert len({examples_hash(e) for e in ([HOT], [HOT, HOT], [Example("hotc", "old")], [])}) == 4


CHOICE = Example("hot", "cold", ("cold", "wet; dry"))


@pytest.mark.parametrize(
    "text",
    [
        '{"input": "hot", "output": "cold", "options": ["cold", "wet; dry"]}',
        'input,output,options\nhot,cold,"[""cold"", ""wet; dry""]"\n',
        'hot => cold | options: ["cold", "wet; dry"]',
    ],
)
def test_rows_carry_their_options_in_every_format(text: str) -> None:
    assert parse_examples(text) == [CHOICE]


def test_options_in_a_line_are_parted_by_semicolons() -> None:
    assert parse_examples("a => b => x | options: x; y z ;") == [Example("a => b", "x", ("x", "y z"))]
    assert parse_examples("input,output,options\nhot,cold,\n") == [HOT]


def test_rows_without_options_get_the_given_ones() -> None:
    assert with_options([HOT, CHOICE], ["cold", "wet"]) == [Example("hot", "cold", ("cold", "wet")), CHOICE]


def test_the_hash_of_rows_without_options_is_that_of_before() -> None:
    """A recipe of an earlier version names the same data."""
    old = json.dumps([{"input": "hot", "output": "cold"}], separators=(",", ":"), sort_keys=True)
    assert examples_hash([HOT]) == hashlib.sha256(old.encode()).hexdigest()
    assert examples_hash([CHOICE]) != examples_hash([HOT])


def test_the_majority_is_what_one_answer_for_all_would_get() -> None:
    assert majority_share([HOT, Example("x", "Cold "), Example("y", "warm")]) == pytest.approx(2 / 3)
