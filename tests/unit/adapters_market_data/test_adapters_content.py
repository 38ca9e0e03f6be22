"""The bytes of a file as text: line ends, marks and what is no text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.adapters.market_data.content import Content, read_content, unpacked
from lightning_gex.core.errors import InputError

LINES = st.lists(st.text(st.sampled_from('aé,"1 '), max_size=5), min_size=1, max_size=8)


@given(lines=LINES, ends=st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=8, max_size=8), marked=st.booleans())
def test_every_line_end_becomes_a_plain_one(lines, ends, marked):
    text = "".join(line + end for line, end in zip(lines, ends, strict=False))
    content = Content("x", ("\ufeff" * marked + text).encode())
    assert content.text() == text.replace("\r\n", "\n").replace("\r", "\n")
    assert content.text_bytes() == content.text().encode()


@given(lines=LINES)
def test_line_ends_of_two_bytes_may_stay(lines):
    text = "".join(line + "\r\n" for line in lines).encode()
    assert Content("x", text).text_bytes(both_ends=True) == text
    assert Content("x", text + b"\r").text_bytes(both_ends=True) == text.replace(b"\r\n", b"\n") + b"\n"


@pytest.mark.parametrize(
    ("data", "row", "words"),
    [
        (b"\xff\xfea\0", None, "UTF-16"),
        (b"a\nb\0c", 2, "binary file"),
        (b"a\nb\n\xffc", 3, "0xff is not UTF-8"),
    ],
)
def test_what_is_no_text_is_named_by_its_line(data, row, words):
    with pytest.raises(InputError, match=words) as caught:
        Content("x", data).text_bytes()
    assert caught.value.row == row


def test_the_edges_of_a_large_file_are_its_first_and_last_bytes():
    content = Content("x", b"\xef\xbb\xbf \n{first" + b" " * 300_000 + b"last}")
    assert content.edges.startswith(b"{first")
    assert content.edges.endswith(b"last}")
    assert len(content.edges) < 140_000
    small = Content("x", b"  {all}")
    assert small.edges == b"{all}"


def test_a_path_that_cannot_be_read_is_named(tmp_path):
    for path, words in ((tmp_path, "is a folder"), (tmp_path / "a", "no such file"), ("a\0b", "cannot be read")):
        with pytest.raises(InputError, match=words):
            read_content(path)
    with pytest.raises(InputError, match="the file is empty"):
        unpacked(b" \n", "x")


@pytest.mark.parametrize("path", [None, 3, b"a.csv", pytest.param(10**5_000, id="huge")])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(InputError, match="must name a file"):
        read_content(path)
