"""Whether the data of a run are what they seem."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from lightning_gex.adapters.market_data.bars_census import BarsCensus
from lightning_gex.adapters.market_data.positioning_history import PositioningHistory
from lightning_gex.app.assembly import hygiene
from lightning_gex.app.assembly.hygiene import (
    Severity,
    bar_findings,
    faults_of,
    scale_findings,
    survivorship_findings,
    told_together,
)
from lightning_gex.app.assembly.jobs import run_backtest_files
from lightning_gex.app.assembly.universe import UniverseRequest
from lightning_gex.app.cli import main
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.bars import Bars
from lightning_gex.core.errors import InputError
from lightning_gex.core.series import DatedSeries
from lightning_gex.core.sessions import sessions_between

DAYS = sessions_between(np.datetime64("2015-01-01"), np.datetime64("2016-06-30"))
TODAY = np.datetime64("2026-01-02")


def share(ticker: str = "AAA", *, seed: int = 1, days=DAYS) -> Bars:
    """A share on a random walk with gaps."""
    draw = np.random.default_rng(seed)
    n = len(days)
    gap, day = draw.normal(0.0, 0.007, n), draw.normal(0.0, 0.009, n)
    close = 100.0 * np.exp(np.cumsum(gap + day))
    open_ = close * np.exp(-day)
    volume = np.exp(draw.normal(14.0, 0.3, n))
    high, low = np.maximum(open_, close) * 1.002, np.minimum(open_, close) * 0.998
    return Bars(ticker, days, open_, high, low, close, volume, "bars.csv")


def scaled(bars: Bars, row: int, ratio: float) -> Bars:
    """The same after a split that nobody adjusted for."""
    by = np.where(np.arange(len(bars)) < row, 1.0, ratio)
    prices = {name: getattr(bars, name) / by for name in ("open", "high", "low", "close")}
    return replace(bars, **prices, volume=bars.volume * by)


def rows(bars: Bars, keep) -> Bars:
    names = ("session", "open", "high", "low", "close", "volume")
    return replace(bars, **{name: getattr(bars, name)[keep] for name in names})


def found(bars: Bars) -> dict[str, hygiene.DataFinding]:
    return {finding.check: finding for finding in bar_findings(bars, today=TODAY)}


def test_sound_bars_give_no_finding():
    assert bar_findings(share(), today=TODAY) == []


def test_an_unadjusted_split_is_a_fault_that_names_ticker_date_ratio_and_what_to_do():
    finding = found(scaled(share(), 200, 4.0))["split"]
    assert finding.severity is Severity.FAULT
    assert (finding.ticker, finding.session, finding.figure) == ("AAA", DAYS[200], 4.0)
    assert "not adjusted for a split of 4 for 1" in finding.problem
    assert "divide the prices before it by 4" in finding.remedy
    reverse = found(scaled(share(), 200, 0.1))["split"]
    assert "1 for 10" in reverse.problem
    small = found(scaled(share(), 200, 1.5))["split"]
    assert small.severity is Severity.ODDITY


def test_sessions_without_a_bar_are_counted_a_long_hole_is_named_and_weekly_bars_are_a_fault():
    whole = share()
    some = found(rows(whole, np.setdiff1d(np.arange(len(DAYS)), [10, 50, 51])))["missing_sessions"]
    assert some.severity is Severity.ODDITY
    assert f"3 of {len(DAYS)} sessions" in some.problem
    hole = found(rows(whole, np.setdiff1d(np.arange(len(DAYS)), np.arange(40, 50))))["hole"]
    assert hole.figure == 10
    assert f"10 sessions between {DAYS[39]} and {DAYS[50]}" in hole.problem
    weekly = found(rows(whole, np.arange(0, len(DAYS), 5)))["missing_sessions"]
    assert weekly.severity is Severity.FAULT
    assert "no daily bars" in weekly.remedy


def test_a_few_bars_of_closed_days_are_told_and_many_are_of_another_calendar():
    whole = share()
    days = DAYS.copy()
    days[5] = np.datetime64("2015-01-10")  # a Saturday
    few = found(rows(replace(whole, session=days), np.argsort(days)))["closed_day"]
    assert few.severity is Severity.ODDITY
    assert "the first 2015-01-10" in few.problem
    every = np.arange("2015-01-01", "2015-12-31", dtype="datetime64[D]")
    assert found(share(days=every))["closed_day"].severity is Severity.FAULT


def test_prices_that_stand_still_jump_back_or_repeat_the_evening_before_are_told():
    whole = share()
    still = whole.close.copy()
    still[30:38] = still[30]
    high, low = np.maximum(whole.open, still) * 1.01, np.minimum(whole.open, still) * 0.99
    assert found(replace(whole, close=still, high=high, low=low))["stale_close"].figure == 8
    tick = whole.close.copy()
    tick[60] *= 3.0
    high = np.maximum(whole.high, tick)
    assert found(replace(whole, close=tick, high=high))["bad_tick"].session == DAYS[60]
    open_ = np.r_[whole.close[0], whole.close[:-1]]
    high, low = np.maximum(open_, whole.close), np.minimum(open_, whole.close)
    stale = replace(whole, open=open_, high=high, low=low)
    assert found(stale)["stale_open"].figure == 0.0
    assert "stale_open" not in found(replace(stale, ticker="SPX"))  # filled at the close, for that very reason


def test_volumes_of_nothing_and_out_of_all_proportion_are_told_where_there_should_be_one():
    whole = share()
    odd = whole.volume.copy()
    odd[[40, 80]] = 0.0, odd[80] * 1e4
    findings = found(replace(whole, volume=odd))
    assert findings["no_volume"].session == DAYS[40]
    assert findings["unusual_volume"].session == DAYS[80]
    assert found(replace(whole, ticker="VIX", volume=np.zeros(len(DAYS)))) == {}


def test_a_bar_of_tomorrow_is_told():
    finding = {f.check: f for f in bar_findings(share(), today=DAYS[-1] - 1)}["future"]
    assert finding.session == DAYS[-1]


def census(last: list[str]) -> BarsCensus:
    names = [f"T{k}" for k in range(len(last))]
    first = dict.fromkeys(names, np.datetime64("2010-01-04"))
    ends = dict(zip(names, np.array(last, dtype="datetime64[D]"), strict=True))
    return BarsCensus("bars.csv", dict.fromkeys(names, 9), first, ends, {}, {}, np.array(last, dtype="datetime64[D]"))


def test_a_file_that_nobody_leaves_is_a_list_of_survivors_and_says_so_with_figures():
    (finding,) = survivorship_findings(census(["2021-12-31"] * 39 + ["2018-06-15"]))
    assert "1 of the 40 tickers of bars.csv end before 2021-12-31 (T39), 0.2% a year" in finding.problem
    assert finding.severity is Severity.ODDITY
    (nobody,) = survivorship_findings(census(["2021-12-31"] * 30))
    assert "0 of the 30" in nobody.problem


def test_a_file_that_companies_leave_as_they_do_and_a_handful_of_tickers_are_not_warned_of():
    assert survivorship_findings(census(["2021-12-31"] * 30 + ["2015-06-15"] * 10)) == []
    assert survivorship_findings(census(["2021-12-31"] * 5)) == []


def history(bars: Bars, scale) -> PositioningHistory:
    return PositioningHistory(
        "h.parquet", {"AAA": DatedSeries(bars.session, {"spot": bars.close * scale}, "h")}, "naive"
    )


def test_strikes_beside_adjusted_prices_are_a_fault_with_the_scale_that_was_measured():
    bars = share()
    assert scale_findings(history(bars, 1.001), {"AAA": bars}, ["AAA", "BBB"]) == []
    drifting = np.linspace(1.3, 1.0, len(bars))
    (finding,) = scale_findings(history(bars, drifting), {"AAA": bars}, ["AAA"])
    assert finding.severity is Severity.FAULT
    assert finding.figure == pytest.approx(np.median(drifting))
    assert "is 1.300 times the close" in finding.problem
    assert "not adjusted" in finding.remedy
    few = np.where(np.arange(len(bars)) < 5, 1.3, 1.0)
    assert scale_findings(history(bars, few), {"AAA": bars}, ["AAA"]) == []


def test_many_findings_of_one_kind_are_told_as_one():
    findings = [f for k in range(8) for f in bar_findings(scaled(share(f"T{k}"), 200, 2.0), today=TODAY)]
    (note,) = told_together(findings)
    assert "T0" in note
    assert "of 7 other tickers: T1, T2" in note
    assert len(told_together(findings[:3])) == 3
    assert len(faults_of(findings)) == 8


@pytest.fixture
def split_file(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTNING_HOME", str(tmp_path / "home"))
    bars = scaled(share(), 200, 2.0)
    lines = [
        f"AAA,{d},{o},{h},{low},{c},{v}"
        for d, o, h, low, c, v in zip(
            bars.session, bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True
        )
    ]
    file = tmp_path / "bars.csv"
    file.write_text("\n".join(["ticker,date,open,high,low,close,volume", *lines]) + "\n")
    return file


def test_check_data_lists_what_it_finds_and_fails_on_a_fault(split_file, capsys):
    assert main(["check-data", "--bars", str(split_file), "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["tickers"], found["bars"], found["faults"]) == (1, len(DAYS), 1)
    (finding,) = found["findings"]
    assert (finding["check"], finding["severity"], finding["ticker"]) == ("split", "fault", "AAA")
    assert (finding["date"], finding["figure"]) == (str(DAYS[200]), 2.0)
    assert main(["check-data", "--bars", str(split_file), "--ticker", "AAA"]) == 3
    assert "1 faults, 0 oddities; a run on it is refused" in capsys.readouterr().out


def test_a_run_on_faulty_data_is_refused_by_name_and_made_all_the_same_where_the_settings_say_so(split_file, tmp_path):
    def ran(**settings: bool):
        return run_backtest_files(
            Workspace.open(tmp_path / "home", overrides={"data": settings}),
            bars=split_file,
            universe=UniverseRequest(("AAA",)),
            start=date(2016, 6, 1),
            progress=lambda items, **_: items,
        )

    with pytest.raises(InputError, match="AAA are not adjusted for a split of 2 for 1") as refused:
        ran()
    assert "data.refuse_faults = false" in str(refused.value)
    assert any("not adjusted for a split" in note for note in ran(refuse_faults=False).notes)
