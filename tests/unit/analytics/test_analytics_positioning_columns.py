"""What a pass over a book writes into begins without an answer, and has room for the longest chunk."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.analytics.positioning_columns import empty_figures, workspace_for
from lightning_gex.analytics.zero_gamma import ZERO_GAMMA_STATUSES
from lightning_gex.core.enums import ZeroGammaStatus


def test_a_figure_not_yet_written_is_absent_not_zero():
    figures = empty_figures(3, 7, 4)
    for field in fields(figures):
        column = getattr(figures, field.name)
        assert len(column) == (7 if field.name.startswith("series_") else 3), field.name
        if column.dtype == np.float64:
            assert np.isnan(column).all(), field.name
    assert {ZERO_GAMMA_STATUSES[place] for place in figures.root_status} == {ZeroGammaStatus.INSUFFICIENT_DATA}
    assert (figures.straddle_series == -1).all()
    assert figures.by_model.shape == (3, 4, 4)


@given(st.integers(0, 5_000), st.integers(0, 40), st.integers(1, 6))
def test_there_is_room_for_every_contract_and_model(contracts, series, models):
    work = workspace_for(contracts, series, models)
    for name in ("status", "vol_source", "implied_vol", "strike", "used_shares", "gross_gamma", "strike_index"):
        assert len(getattr(work, name)) >= contracts, name
    assert work.greeks.shape[1] >= contracts
    assert work.sign.shape[0] == models
    assert np.isnan(work.vol_change).all()
