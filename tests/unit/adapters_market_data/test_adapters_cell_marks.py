"""Cells found by the commas and line ends of a whole text: Python's own split is the witness."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.adapters.market_data.cell_marks import cell_marks

CELL = st.binary(max_size=4).map(lambda cell: bytes(byte for byte in cell if byte not in b',\n"'))


@given(lines=st.lists(st.lists(CELL, min_size=1, max_size=4), max_size=6), width=st.integers(1, 4))
def test_marks_divide_a_text_into_the_cells_that_splitting_gives(lines, width):
    body = b"".join(b",".join(cells) + b"\n" for cells in lines)
    marks = cell_marks(body, width)
    if any(len(cells) != width for cells in lines):
        assert marks is None
        return
    begins = [0, *(int(mark) + 1 for mark in marks.ravel()[:-1])]
    found = [body[begin : int(end)] for begin, end in zip(begins, marks.ravel(), strict=False)]
    assert found == [cell for cells in lines for cell in cells]


def test_lines_that_make_up_for_each_other_are_no_rectangle():
    assert cell_marks(b"a,b,c\nd\n", 2) is None
    assert cell_marks(b"a\nb,c,d\n", 2) is None
