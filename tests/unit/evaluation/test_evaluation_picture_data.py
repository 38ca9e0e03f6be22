from __future__ import annotations

from dataclasses import replace

import numpy as np
import picture_samples as samples
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.evaluation.picture_data import tone, tone_ticks


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=20), st.floats(1e-3, 1e12))
def test_colours_keep_order_and_sign_and_mirror_each_other(values, limit: float) -> None:
    amounts = np.sort(np.array(values))
    tones = tone(amounts, limit)
    assert (np.abs(tones) <= 1).all()
    assert (np.diff(tones) >= 0).all()
    assert np.array_equal(tone(-amounts, limit), -tones)
    assert (np.sign(tones) == np.sign(amounts)).all()


def test_an_empty_cell_has_no_colour() -> None:
    assert np.isnan(tone(np.array([np.nan]), 1.0)).all()


def test_the_scale_says_amounts_at_the_places_where_their_colour_stands() -> None:
    ticks = tone_ticks(4.0, samples.MILLIONS)
    assert [at for at, _ in ticks] == pytest.approx(tone(np.array([-4.0, -1.0, 0.0, 1.0, 4.0]), 4.0))
    assert [text[1:].split() for _, text in ticks if text != "0"] == [["4", "m"], ["1", "m"], ["1", "m"], ["4", "m"]]


def test_the_profiles_value_axis_holds_what_is_in_view_and_zero_and_nothing_far_out() -> None:
    profile = samples.profile()
    low, high = profile.reach
    inside = (profile.prices >= profile.shown.low) & (profile.prices <= profile.shown.high)
    assert low < min(profile.low[inside].min(), 0.0)
    assert high > profile.high[inside].max()
    wild = np.where(inside, profile.net, 1e9)
    assert replace(profile, net=wild, low=wild, high=wild).reach[1] < 1e3


def test_a_profile_of_zeros_still_has_an_axis() -> None:
    profile = samples.profile()
    flat = np.zeros(len(profile.prices))
    low, high = replace(profile, net=flat, low=flat * np.nan, high=flat * np.nan).reach
    assert low < 0 < high
