"""Features along time, and one row of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lightning_gex.core.features import ALL_FEATURES, Features

AS_OF = np.array(["2024-03-01T21:00:00", "2024-03-04T21:00:00"], dtype="datetime64[s]")
FEATURES = Features("AAA", AS_OF, {"price": np.array([100.0, 101.5]), "atr": np.array([np.nan, 2.0])})


def test_a_look_at_a_row_says_what_the_row_holds_without_a_copy() -> None:
    for i in (0, 1, -1):
        look, row = FEATURES.look(i), FEATURES.row(i)
        for name in ALL_FEATURES:
            np.testing.assert_equal(look.value(name), float(row[name][0]))
    assert FEATURES.look(0).features is FEATURES


def test_a_feature_that_is_absent_is_nan_and_a_name_that_is_none_is_refused() -> None:
    assert math.isnan(FEATURES.value("vix", 0))
    assert math.isnan(FEATURES.value("atr", 0))
    assert type(FEATURES.value("price", 1)) is float
    with pytest.raises(KeyError):
        FEATURES.look(0).value("no_such_feature")
