"""What a terminal shows, wide or narrow."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from lightning_gex.app.cli.console import MOST_NARROW_COLUMNS, NARROW, print_table, stdout_console
from lightning_gex.app.cli.render import titled_table


def shown(width: int, columns: int) -> str:
    table = titled_table("Beside it", *(f"column {k}" for k in range(columns)))
    table.add_row("[the run]", *(f"value {k}" for k in range(1, columns - 1)), "")
    out = StringIO()
    print_table(table, Console(file=out, width=width))
    return out.getvalue()


@pytest.mark.parametrize(("width", "columns"), [(NARROW, 9), (60, MOST_NARROW_COLUMNS)])
def test_a_table_that_fits_is_a_table(width, columns) -> None:
    assert "column 0" in shown(width, columns)


def test_a_reader_that_goes_away_is_the_command_s_to_tell() -> None:
    with pytest.raises(BrokenPipeError):
        stdout_console().on_broken_pipe()


def test_on_a_narrow_terminal_a_wide_table_is_one_block_a_row_with_no_word_cut() -> None:
    text = shown(50, 9)
    lines = [line.split() for line in text.splitlines()]
    assert lines[0] == ["Beside", "it"]
    assert ["column", "7", "value", "7"] in lines
    assert "column 8" not in text  # nothing to say
    assert all(len(line) <= 50 for line in text.splitlines())
