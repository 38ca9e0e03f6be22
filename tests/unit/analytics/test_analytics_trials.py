from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.analytics.trials import BEHIND_DEFAULTS, TRAININGS, JudgedData, TrialCount, trial_count
from lightning_gex.core.bars import Bars
from lightning_gex.core.errors import InputError, InsufficientDataError

LOOKED_AT = Path(__file__).resolve().parents[3] / "docs" / "concepts" / "what_was_tried.md"


def bars(ticker: str = "AAA", seed: int = 1, *, sessions: int = 400, start: str = "2015-01-02") -> Bars:
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, sessions)))
    day = np.busday_offset(start, np.arange(sessions), roll="forward").astype("datetime64[D]")
    return Bars(ticker, day, close, close * 1.01, close * 0.99, close, np.full(sessions, 1e6))


def data(*given: Bars, first: str | None = None) -> JudgedData:
    day = None if first is None else np.datetime64(first)
    return JudgedData.of({b.ticker: b for b in given}, [b.ticker for b in given], first=day)


def scaled(of: Bars, factor: float | np.ndarray) -> Bars:
    prices = {name: getattr(of, name) * factor for name in ("open", "high", "low", "close")}
    return replace(of, **prices)


def test_the_same_values_are_the_same_data_in_whatever_order_they_are_given():
    one, other = bars("AAA", 1), bars("BBB", 2)
    assert data(one, other).digest == data(other, one).digest
    assert data(one).digest != data(replace(one, volume=one.volume + 1.0)).digest
    assert data(one).digest != data(one, first="2015-06-01").digest


def test_a_session_appended_or_a_part_of_it_overlaps_and_what_came_after_it_does_not():
    whole = bars()
    judged = data(whole.first(300))
    assert judged.overlaps(data(whole))
    assert data(whole).overlaps(judged)
    assert judged.overlaps(data(whole.first(300), first="2015-12-01"))
    assert not judged.overlaps(data(whole, first=str(whole.session[300])))
    assert judged.overlaps(data(whole, first=str(whole.session[299])))  # one session in both is enough


def test_scale_rounding_dividends_and_another_name_hide_no_history():
    whole = bars()
    judged = data(whole)
    adjusted = scaled(whole, np.where(np.arange(len(whole)) < 150, 0.5 * 0.994, 1.0))
    cents = replace(whole, **{n: np.round(getattr(whole, n), 2) for n in ("open", "high", "low", "close")})
    for other in (scaled(whole, 7.0), adjusted, cents, replace(whole, ticker="ZZZ")):
        assert judged.overlaps(data(other))
        assert data(other).digest != judged.digest


def test_another_history_of_the_same_name_and_sessions_is_no_overlap():
    assert not data(bars(seed=1)).overlaps(data(bars(seed=2)))


@given(st.integers(0, 2_000), st.integers(2_001, 4_000))
def test_two_histories_that_have_nothing_to_do_with_each_other_are_told_apart(one: int, other: int):
    assert not data(bars("AAA", one, sessions=120)).overlaps(data(bars("BBB", other, sessions=120)))


def test_where_too_few_moves_are_common_the_name_decides():
    short = bars(sessions=20)
    assert data(short).overlaps(data(bars(seed=5, sessions=20)))
    assert not data(short).overlaps(data(replace(short, ticker="BBB")))
    assert data(replace(short, ticker="^GSPC")).overlaps(data(replace(short, ticker="gspc")))


def test_one_common_ticker_among_many_is_an_overlap():
    mine, shared = [bars(f"A{k}", k) for k in range(6)], bars("SPY", 99)
    theirs = [bars(f"B{k}", 50 + k) for k in range(6)]
    assert data(*mine, shared).overlaps(data(*theirs, shared))
    assert data(*mine, shared).overlaps(data(*theirs, replace(shared, ticker="OTHER")))
    assert not data(*mine).overlaps(data(*theirs))


def test_packed_and_read_again_it_is_known_again():
    judged = data(bars("AAA", 1), bars("BBB", 2, start="2016-01-04"))
    back = JudgedData.from_bytes(judged.digest, judged.to_bytes())
    assert (back.first, back.last) == (judged.first, judged.last)
    for one, other in zip(back.histories, judged.histories, strict=True):
        assert (one.ticker, one.first, one.last) == (other.ticker, other.first, other.last)
        assert one.week.tolist() == other.week.tolist()
        assert one.move_bp.tolist() == other.move_bp.tolist()
    assert back.overlaps(judged)
    assert not replace(back, kind=TRAININGS).overlaps(judged)  # what was trained on it was not run on it


@pytest.mark.parametrize("packed", [b"", b"no zlib", data(bars(sessions=20)).to_bytes()[:-4]])
def test_what_is_no_record_is_refused(packed: bytes):
    with pytest.raises(InputError, match="no record of judged data"):
        JudgedData.from_bytes("d", packed)


def test_a_move_is_kept_to_a_tenth_of_a_basis_point_from_the_close_before():
    one = bars()
    (history,) = data(one).histories
    row = int(np.searchsorted(one.session, np.datetime64("2015-03-04")))  # a Wednesday
    week = int(np.datetime64("2015-03-04").astype(np.int64)) // 7
    found = history.move_bp[history.week == week]
    assert found == pytest.approx([(one.close[row] / one.close[row - 1] - 1.0) * 1e4], abs=0.051)
    assert len(history.week) == 400 // 5


def test_no_session_to_judge_is_refused():
    with pytest.raises(InsufficientDataError, match="2030"):
        data(bars(), first="2030-01-02")
    with pytest.raises(InsufficientDataError, match="at all"):
        JudgedData.of({}, ["AAA"])


def test_the_variants_behind_the_defaults_count_on_sessions_of_their_years_only():
    before, within, after = ("2009-12-31", "2015-06-01", "2022-01-03")
    for first, last, counted in (
        (within, within, True),
        (within, after, True),
        (before, within, True),
        (before, after, True),
        (before, before, False),
        (after, after, False),
    ):
        found = trial_count(3, first=np.datetime64(first), last=np.datetime64(last))
        assert found.behind_defaults == (BEHIND_DEFAULTS.count if counted else 0)
        assert found.count == 3 + found.behind_defaults
    assert trial_count(3) == TrialCount(3, 0.0, 0)


def test_their_ratios_and_ones_own_make_the_variance():
    own = [0.02, math.nan, 0.05]
    assert trial_count(3, own).variance == pytest.approx(np.var([0.02, 0.05], ddof=1))
    ratios = [0.02, 0.05, *(ratio / math.sqrt(252) for ratio in BEHIND_DEFAULTS.sharpes_a_year)]
    found = trial_count(3, own, first=np.datetime64("2012-01-03"), last=np.datetime64("2021-12-31"))
    assert found.variance == pytest.approx(np.var(ratios, ddof=1))
    with pytest.raises(InputError):
        trial_count(-1)


def test_what_stands_behind_the_defaults_is_what_the_page_of_what_was_tried_says():
    text = LOOKED_AT.read_text("utf-8")
    (count,) = re.findall(r"About ([\d,]+) variants in all", text)
    assert BEHIND_DEFAULTS.count == int(count.replace(",", ""))
    (years,) = re.findall(r"Everything is from bars of (\d{4}-\d{4})", text)
    assert years == f"{BEHIND_DEFAULTS.first.astype('datetime64[Y]')}-{BEHIND_DEFAULTS.last.astype('datetime64[Y]')}"
    table = text.partition("## Whole runs")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| ") and "Sharpe" not in line]
    ratios = [float(word) for row in rows for word in row[5].split(",")]
    assert list(BEHIND_DEFAULTS.sharpes_a_year) == ratios
