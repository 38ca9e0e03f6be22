"""The options of every command that runs on a history: one statement, one value."""

from __future__ import annotations

import inspect
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from lightning_gex.app.cli.history_options import HistoryAsked
from lightning_gex.app.cli.options import spreads_asked
from lightning_gex.core.errors import SettingsError

NAMES = [f.name for f in fields(HistoryAsked)]


def test_a_command_gets_as_one_value_what_was_typed_option_by_option():
    seen: list[tuple[HistoryAsked, int]] = []

    @spreads_asked
    def judge(asked: HistoryAsked, seed: Annotated[int, typer.Option("--seed")] = 3) -> None:
        """Judge."""
        seen.append((asked, seed))

    assert list(inspect.signature(judge).parameters) == [*NAMES, "seed"]
    app = typer.Typer()
    app.command()(judge)
    typed = ["--bars", "b.csv", "--ticker", "SPY", "--ticker", "QQQ", "--start", "2019-01-02", "--seed", "7"]
    assert CliRunner().invoke(app, typed).exit_code == 0
    [(asked, seed)] = seen
    assert (asked.bars, asked.ticker, asked.span(), seed) == (
        Path("b.csv"), ["SPY", "QQQ"], (date(2019, 1, 2), None), 7,
    )  # fmt: skip
    assert all(getattr(asked, name) is None for name in NAMES if name not in ("bars", "ticker", "start"))


def test_without_bars_a_command_spreads_asked_does_not_begin():
    app = typer.Typer()
    app.command()(spreads_asked(_never))
    assert CliRunner().invoke(app, ["--ticker", "SPY"]).exit_code == 2


def _never(asked: HistoryAsked) -> None:
    raise AssertionError(asked)


@pytest.mark.parametrize("changes", [{"start": "soon"}, {"start": "2020-01-02", "end": "2019-01-02"}])
def test_a_span_that_is_none_is_refused(changes):
    with pytest.raises(SettingsError):
        HistoryAsked(Path("b.csv"), **changes).span()


def test_a_capital_that_no_run_can_begin_with_is_refused_with_the_tickers():
    with pytest.raises(SettingsError, match="--capital"):
        HistoryAsked(Path("b.csv"), ["SPY"], capital=-1.0).request()


@pytest.mark.parametrize("name", ["ticker", "universe", "largest", "among", "start", "end", "capital"])
def test_files_alone_do_not_name_what_to_trade(name):
    files = HistoryAsked(Path("b.csv"), flow=Path("f.csv"), market_bars=Path("m.csv"))
    assert not files.names_what_to_trade
    assert files.files().market_bars == Path("m.csv")
    assert HistoryAsked(Path("b.csv"), **{name: 5}).names_what_to_trade
