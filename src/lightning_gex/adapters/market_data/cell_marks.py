"""Where the cells of a comma-separated text without quotes end, found over the whole text at once."""

from __future__ import annotations

import numpy as np

from lightning_gex.core.units import Int64Array2D


def cell_marks(body: bytes, width: int) -> Int64Array2D | None:
    """The places of the commas and line ends of a rectangular text.

    Parameters
    ----------
    body : lines without quotes, each with its line end.
    width : cells a line, at least 1.

    Returns
    -------
    (lines, width) positions in ``body`` of the comma, or at last the line end, after each cell; None where some line
    has another number of cells.

    >>> cell_marks(b"a,bc\\nd,e\\n", 2).tolist()
    [[1, 4], [6, 8]]
    >>> cell_marks(b"a,b\\nc\\nd,e,f\\n", 2) is None
    True
    """
    text = np.frombuffer(body, dtype=np.uint8)
    is_end = text == ord("\n")
    mark = np.flatnonzero(is_end | (text == ord(",")))
    if len(mark) != width * np.count_nonzero(is_end):
        return None
    marks: Int64Array2D = mark.reshape(-1, width)
    # As many line ends as lines: where each line's last mark is one, none is left for the others.
    return marks if is_end[marks[:, -1]].all() else None
