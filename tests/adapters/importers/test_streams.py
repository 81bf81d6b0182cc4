"""Lines and JSON objects are found in pieces of any size, in bounded memory, never half of one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.adapters.importers.elements import Elements
from holdfast.adapters.importers.lines import Lines
from holdfast.adapters.importers.shapes import shapes

CHUNK = 1 << 18
MOST = 1 << 20
HUGE = 200_000_000

texts = st.text(alphabet='ab"\\{}[],:\n\t é\u2028', max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
objects = st.lists(st.dictionaries(texts, values, max_size=4), max_size=5)


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def repeated(piece: bytes, size: int) -> Iterator[bytes]:
    for _ in range(size // len(piece)):
        yield piece


@given(objects, st.integers(1, 60), st.sampled_from((None, 1)), st.booleans(), st.booleans())
def test_objects_are_found_however_they_are_written_and_cut(
    rows: list[object], size: int, indent: int | None, in_list: bool, ascii_only: bool
):
    if in_list:
        data = json.dumps(rows, indent=indent, ensure_ascii=ascii_only)
    else:
        data = "\n".join(json.dumps(row, indent=indent, ensure_ascii=ascii_only) for row in rows)
    assert [json.loads(one.data or b"") for one in Elements(pieces(data.encode(), size))] == rows


@given(objects, st.integers(1, 60), st.data())
def test_a_file_that_ends_early_gives_whole_objects_and_says_so(rows: list[object], size: int, data: st.DataObject):
    whole = json.dumps(rows).encode()
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    found = list(Elements(pieces(cut, size)))
    taken = [json.loads(one.data) for one in found if one.data is not None]
    assert taken == rows[: len(taken)]
    assert not cut or found[-1].data is None
    assert not cut or found[-1].problem.startswith("the file ends")


@given(st.binary(max_size=80), st.integers(1, 20))
def test_bytes_that_are_no_json_never_break_the_reader(data: bytes, size: int):
    assert all(one.data is not None or one.problem for one in Elements(pieces(data, size)))
    shapes(data)


@given(st.lists(st.binary(max_size=30).map(lambda part: part.replace(b"\n", b""))), st.integers(1, 40), st.booleans())
def test_lines_are_found_however_they_are_cut(rows: list[bytes], size: int, ended: bool):
    data = b"\n".join(rows) + (b"\n" if ended and rows else b"")
    found = list(Lines(pieces(data, size)))
    expected = data.split(b"\n")
    expected = expected[:-1] if not expected[-1] else expected
    assert [line.data for line in found] == expected
    assert [line.number for line in found] == list(range(1, len(found) + 1))
    assert [line.ended for line in found] == [n < len(found) or data.endswith(b"\n") for n in range(1, len(found) + 1)]


def chunked(before: bytes, filling: bytes, after: bytes, size: int = HUGE) -> Iterator[bytes]:
    yield before
    yield from repeated(filling * (CHUNK // len(filling)), size)
    yield after


def test_a_line_of_200_mb_is_passed_over_in_bounded_memory():
    reader = Lines(chunked(b'{"n":1}\n{"n":"', b"x" * 16, b'"}\n{"n":3}\n'), MOST)
    assert [(line.number, line.data) for line in reader] == [(1, b'{"n":1}'), (2, None), (3, b'{"n":3}')]
    assert reader.peak_bytes <= MOST + CHUNK


@pytest.mark.parametrize(
    ("filling", "size"),
    [(b"x" * 16, HUGE), (b'\\"' * 8, HUGE // 20), (b"\\\\" * 8, HUGE // 20), (b'\\\\\\"' * 4, HUGE // 20)],
    ids=["plain", "quotes", "backslashes", "both"],
)
def test_an_object_of_200_mb_is_passed_over_in_bounded_memory(filling: bytes, size: int):
    reader = Elements(chunked(b'[{"n":1},{"n":"', filling, b'"},{"n":3}]', size), MOST)
    found = list(reader)
    assert [one.data for one in found] == [b'{"n":1}', None, b'{"n":3}']
    assert "more than 1 MB" in found[1].problem
    assert reader.peak_bytes <= MOST + CHUNK


def test_a_list_of_200_mb_of_small_objects_is_read_in_the_memory_of_one():
    def data() -> Iterable[bytes]:
        yield b"["
        yield from repeated(b'{"n":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},' * 3_000, HUGE // 10)
        yield b'{"n":0}]'

    reader = Elements(data(), MOST)
    assert sum(1 for _ in reader) > 200_000
    assert reader.peak_bytes < 2 * CHUNK


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        (b'[1, {"a": 1}]', ["there is something that is no JSON object", ""]),
        (b'{"a": 1} {"b": 2}', ["", ""]),
        (b"hello", ["there is something that is no JSON object"]),
        (b'[{"a": 1}', ["", "the file ends before its list does"]),
        (b'[{"a": 1', ["the file ends in the middle of it"]),
        (b'[{"a": 1}] [{"b": 2}]', ["", ""]),
    ],
)
def test_what_stands_in_place_of_an_object_is_said(data: bytes, problems: list[str]):
    assert [one.problem for one in Elements([data])] == problems


def test_the_shape_of_a_text_that_is_cut_off_can_still_be_told():
    assert list(shapes(b' [{"a": "x", "b": {"c": 1}, "d": [1, {"e": 2}], "f": 1}, {"g": "zz')) == [
        {"a": "x", "b": "{", "d": "[", "f": ""},
        {"g": ""},
    ]
    assert not shapes(b"plain text with { and [")
