"""Hypotheses are values whose hash holds everything, and users' own ones are of given statistics only."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from lightning_gex.core.errors import InputError
from lightning_gex.evaluation.claim_data import Need
from lightning_gex.evaluation.falsification import MEASURES
from lightning_gex.evaluation.hypotheses import (
    LONGEST_HORIZON,
    REGISTRY,
    UNITS,
    VERSION,
    Family,
    Part,
    Statistic,
    own_hypotheses,
    registry_document,
    registry_hash,
)

OWN = """
[[hypothesis]]
name = "dix_quarter"
statistic = "share_of_rises"
feature = "dix"
part = "highest_fifth"
horizon_sessions = 63
direction = "higher"
smallest_effect = 0.1

[[hypothesis]]
name = "gamma_week"
statistic = "variance_coefficient"
feature = "gex"
horizon_sessions = 5
direction = "lower"
"""
#: The registry of version 1: what changes it needs another version.
HASH_OF_VERSION_1 = "59e2114696e7763aa9b3dc1b549dbf1ad8335da85db4d5cf730c009ccea5d60c"


def test_every_hypothesis_has_a_name_of_its_own_and_says_what_it_needs():
    assert len({h.name for h in REGISTRY}) == len(REGISTRY)
    for h in REGISTRY:
        assert {Need(need) for need in h.needs} <= set(Need)
        assert abs(h.sign) == 1
        assert h.smallest_effect > 0
        assert h.claim.endswith(".")
        assert h.source


def test_every_family_and_statistic_is_tested_and_every_statistic_has_a_measure_and_a_unit():
    assert {h.family for h in REGISTRY} == set(Family)
    assert {h.statistic for h in REGISTRY} == set(Statistic) == set(MEASURES) == set(UNITS)


def test_a_changed_registry_needs_a_new_version():
    assert (VERSION, registry_hash(REGISTRY)) == ("1", HASH_OF_VERSION_1)


@pytest.mark.parametrize("field", [f.name for f in fields(REGISTRY[0])])
def test_the_hash_changes_with_every_field_of_a_hypothesis(field):
    first, *rest = REGISTRY
    other = {
        "needs": ("raw closes",),
        "family": Family.LEVELS,
        "statistic": Statistic.LEVEL_HOLDS,
        "part": Part.HIGHEST_FIFTH,
        "sign": -first.sign,
        "two_sided": not first.two_sided,
        "horizon_sessions": 2,
        "smallest_effect": 9.0,
        "level": 0.01,
    }.get(field, "other")
    assert registry_hash((replace(first, **{field: other}), *rest)) != registry_hash(REGISTRY)


def test_the_hash_does_not_rest_on_the_order_of_keys_and_does_on_that_of_hypotheses():
    assert registry_hash(REGISTRY) == registry_hash(tuple(replace(h) for h in REGISTRY))
    assert registry_hash(REGISTRY) != registry_hash(REGISTRY[::-1])
    assert registry_document(REGISTRY)["version"] == VERSION


def test_own_hypotheses_get_what_they_did_not_say():
    quarter, week = own_hypotheses(OWN, source="mine.toml")
    assert (quarter.statistic, quarter.part, quarter.horizon_sessions) == (
        Statistic.SHARE_OF_RISES,
        Part.HIGHEST_FIFTH,
        63,
    )
    assert (quarter.sign, quarter.smallest_effect, quarter.needs) == (1, 0.1, ("dark-pool flow",))
    assert (week.sign, week.part, week.smallest_effect) == (-1, Part.ALL, 0.05)
    assert set(week.needs) == {"dealers' gamma", "volatility index"}
    assert "mine.toml" in week.source


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('name = "dix_quarter"', 'name = "dix quarter"', "name"),
        ('name = "dix_quarter"', 'name = "gex_highest_3"', "name"),
        ('name = "dix_quarter"', 'name = "gamma_week"', "name"),
        ('"share_of_rises"', '"level_holds"', "statistic"),
        ('feature = "dix"', 'feature = "moon"', "feature"),
        ('part = "highest_fifth"', "", "part"),
        ('part = "highest_fifth"', 'part = "all"', "part"),
        ("horizon_sessions = 63", f"horizon_sessions = {LONGEST_HORIZON + 1}", "horizon_sessions"),
        ("horizon_sessions = 63", "horizon_sessions = true", "horizon_sessions"),
        ('direction = "higher"', 'direction = "up"', "direction"),
        ('direction = "higher"', "", "direction"),
        ("smallest_effect = 0.1", "smallest_effect = 0", "smallest_effect"),
        ("smallest_effect = 0.1", "smallest_effect = nan", "smallest_effect"),
        ("smallest_effect = 0.1", "level = 0.5", "level"),
        ("smallest_effect = 0.1", "claim = 3", "claim"),
    ],
)
def test_a_wrong_own_hypothesis_is_refused_by_key(old, new, field):
    with pytest.raises(InputError) as refused:
        own_hypotheses(OWN.replace(old, new, 1), source="mine.toml")
    assert refused.value.field == field
    assert refused.value.row in (1, 2)


@pytest.mark.parametrize(
    "text", ["", "x = 1", "[[hypothesis]\n", "hypothesis = 3", "hypothesis = [1]", OWN + "\nx = [1]\n[y]"]
)
def test_what_is_no_list_of_hypotheses_is_refused(text):
    with pytest.raises(InputError, match=r"mine\.toml"):
        own_hypotheses(text, source="mine.toml")


def test_more_than_fifty_own_hypotheses_are_too_many():
    one = OWN.split("\n\n")[1]
    many = "\n".join(one.replace("gamma_week", f"own_{k}") for k in range(51))
    with pytest.raises(InputError, match="at most 50"):
        own_hypotheses(many, source="mine.toml")
