"""JSON documents: every value the package uses has one plain form, and only one."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.app.cli.documents import json_text, plain
from lightning_gex.core.enums import Direction, StageName

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (float("inf"), None),
        (np.float64("nan"), None),
        (np.float64(1.5), 1.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (Decimal("1.25"), 1.25),
        (StageName.SIZING, "sizing"),
        (Direction.BEARISH, -1),
        (datetime(2024, 1, 2, 3, 4, tzinfo=UTC), "2024-01-02T03:04:00+00:00"),
        (date(2024, 1, 2), "2024-01-02"),
        (np.datetime64("2024-01-02"), "2024-01-02"),
        (np.datetime64("NaT"), None),
        (np.array([1.0, np.nan]), [1.0, None]),
        (np.array(["2024-01-02"], dtype="datetime64[D]"), ["2024-01-02"]),
        (MappingProxyType({StageName.MEMORY: (1, 2)}), {"memory": [1, 2]}),
    ],
)
def test_a_value_has_its_plain_form(value, expected):
    found = plain(value)
    assert found == expected
    assert type(found) is type(expected)


def test_a_value_without_a_json_form_is_an_error():
    with pytest.raises(TypeError, match="object has no JSON form"):
        plain(object())


@given(st.dictionaries(st.text(), TREES))
def test_every_tree_becomes_strict_json(tree):
    def refuse(word):
        raise AssertionError(word)

    assert json.loads(json_text(tree), parse_constant=refuse) == plain(tree)
