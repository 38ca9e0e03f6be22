"""What daily bars give away about themselves."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.analytics.data_quality import (
    SPLIT_RATIOS,
    bad_ticks,
    overnight_share,
    split_jumps,
    unchanged_runs,
    unusual_volume,
)
from lightning_gex.core.errors import InputError

DAILY = Path(os.environ.get("LIGHTNING_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data")) / "daily"


def market(seed: int, count: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Open, close and volume of a share on a random walk with gaps."""
    draw = np.random.default_rng(seed)
    gap, day = draw.normal(0.0, 0.006, count), draw.normal(0.0, 0.01, count)
    close = 100.0 * np.exp(np.cumsum(gap + day))
    return close * np.exp(-day), close, np.exp(draw.normal(14.0, 0.4, count))


def split(bars, row: int, ratio: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same with a split that nobody adjusted for."""
    open_, close, volume = (values.copy() for values in bars)
    open_[row:], close[row:], volume[row:] = open_[row:] / ratio, close[row:] / ratio, volume[row:] * ratio
    return open_, close, volume


@given(st.integers(0, 2**32 - 1), st.sampled_from(SPLIT_RATIOS), st.booleans(), st.integers(30, 290))
def test_a_planted_split_is_found_with_its_ratio_and_nothing_else_is(seed, ratio, reverse, row):
    planted = 1.0 / ratio if reverse else ratio
    bars = market(seed)
    assert len(split_jumps(*bars).row) == 0
    _, close, volume = split(bars, row, planted)
    found = split_jumps(*split(bars, row, planted))
    dollars = close[row] * volume[row] / np.median(close[row - 21 : row] * volume[row - 21 : row])
    quiet = dollars <= 2.5 or (reverse and ratio >= 2)
    move = abs(math.log(close[row] / close[row - 1] * planted))
    if quiet and move < (0.034 if ratio < 2 else 0.049):
        assert found.row.tolist() == [row]
        assert found.ratio[0] == pytest.approx(planted)
    else:
        assert set(found.row.tolist()) <= {row}


def test_a_row_is_judged_by_rows_up_to_it_only():
    bars = split(market(7), 200, 2.0)
    whole = split_jumps(*bars)
    for count in (201, 202, 250):
        assert split_jumps(*(values[:count] for values in bars)).row.tolist() == whole.row.tolist() == [200]
    assert len(split_jumps(*(values[:200] for values in bars)).row) == 0


def test_a_fall_on_news_with_many_times_the_usual_dollars_is_no_split():
    open_, close, volume = split(market(3), 150, 2.0)
    volume[150] *= 12.0
    assert len(split_jumps(open_, close, volume).row) == 0


def test_a_small_ratio_in_a_crash_and_without_a_volume_is_no_split():
    open_, close, volume = split(market(3), 150, 1.5)
    assert split_jumps(open_, close, volume).row.tolist() == [150]
    assert len(split_jumps(open_, close, np.full(len(close), np.nan)).row) == 0
    open_[130:150] *= np.tile([0.9, 1.1], 10)  # everything moves
    assert len(split_jumps(open_, close, volume).row) == 0


@pytest.mark.skipif(not DAILY.is_dir(), reason=f"no real daily data in {DAILY} (set LIGHTNING_SHARED_DATA)")
def test_every_split_of_ten_real_names_is_found_and_none_is_invented():
    import polars as pl

    table = pl.read_parquet(DAILY / "raw_prices_with_splits.parquet").sort("ticker", "date")
    found, real, spun_off = set(), set(), set()
    for (ticker,), rows in table.group_by("ticker", maintain_order=True):
        open_, close, volume = (rows[name].to_numpy().astype(float) for name in ("open", "close", "volume"))
        jumps = split_jumps(open_, close, volume)
        found |= {(ticker, int(row), round(float(ratio), 3)) for row, ratio in zip(jumps.row, jumps.ratio, strict=True)}
        for row, ratio in enumerate(rows["split_coefficient"].to_list()):
            if ratio != 1.0:
                (spun_off if abs(ratio - 1.0) < 0.1 else real).add((ticker, row, round(ratio, 3)))
    assert len(real) == 8
    assert len(spun_off) == 2  # of 1.1 % and 3.2 %: no jump at all
    assert found == real


@given(st.lists(st.sampled_from([1.0, 2.0, math.nan]), max_size=30), st.integers(2, 5))
def test_stretches_of_one_value_are_those_a_loop_finds(values, least):
    array = np.array(values)
    expected, i = [], 0
    while i < len(values):
        j = i
        while j + 1 < len(values) and values[j + 1] == values[i]:
            j += 1
        if j - i + 1 >= least:
            expected.append((i, j - i + 1))
        i = j + 1
    start, length = unchanged_runs(array, least)
    assert list(zip(start.tolist(), length.tolist(), strict=True)) == expected


def test_one_row_repeats_nothing():
    with pytest.raises(InputError, match="at least 2"):
        unchanged_runs(np.ones(3), 1)


def test_a_misprint_is_a_jump_that_is_taken_back_and_a_crash_is_not():
    close = np.full(20, 50.0)
    close[7], close[12:] = 500.0, 20.0
    assert bad_ticks(close).tolist() == [7]
    assert len(bad_ticks(close[:8])) == 0  # not told before the next close


def test_the_part_of_a_day_that_an_open_shows_is_that_of_its_deviations():
    draw = np.random.default_rng(2)
    gap, day = draw.normal(0.0, 0.006, 20_000), draw.normal(0.0, 0.008, 20_000)
    close = 100.0 * np.exp(np.cumsum(gap + day))
    assert overnight_share(close * np.exp(-day), close) == pytest.approx(0.6, abs=0.01)
    stale = np.r_[close[0], close[:-1]]
    assert overnight_share(stale, close) == 0.0
    assert math.isnan(overnight_share(close[:30], close[:30]))
    assert math.isnan(overnight_share(np.ones(90), np.ones(90)))


def test_volumes_far_from_the_month_before_are_named():
    volume = np.full(60, 1e6)
    volume[[30, 40, 50]] = 2e8, 1e4, 0.0
    assert unusual_volume(volume).tolist() == [30, 40]
    assert len(unusual_volume(volume[:10])) == 0
    assert len(unusual_volume(np.full(60, np.nan))) == 0
