from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from builders_chain import make_chain
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.core.enums import ZeroGammaStatus
from lightning_gex.evaluation.picture_headline import headline, move_words, root_words, warnings
from lightning_gex.evaluation.picture_scale import MINUS, NBSP, amount, price_text


@pytest.fixture(scope="module")
def found():
    return positioning(make_chain(volume=0.0))  # nothing traded: volume has no view of its own and agrees


def facts(found) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {fact.name: (fact.value, fact.beside) for fact in headline(found).facts}


def test_the_headline_holds_what_must_be_known_first(found) -> None:
    said = facts(found)
    assert said["Spot (USD)"][0] == price_text(found.spot)
    assert said["Net gamma (USD per 1 %)"][0] == amount(found.gamma_exposure_usd_per_pct)
    assert said["Zero gamma (USD)"][0] == price_text(found.zero_gamma_nearest)
    assert said["Call wall (USD)"][0] == price_text(found.call_wall)
    assert said["Put wall (USD)"][0] == price_text(found.put_wall)
    assert said["Expected move (USD)"][0].endswith(price_text(found.expected_move_usd))
    assert said["Max pain (USD)"][0] == price_text(found.max_pain)
    assert found.dealer_model in said["Dealer model"][0]
    assert f"of the open interest of {found.open_interest_session}" in said["Dealer model"][1][0]


def test_the_headline_says_when_it_was_true_in_new_york_and_in_utc(found) -> None:
    assert headline(found).as_of == "as of Mon 2024-06-03 14:00 New York (18:00 UTC)"
    assert "2024-06-03 18:00 UTC" in headline(found).stamp


def test_a_modelled_chain_wears_its_badge_and_a_quoted_one_none(found) -> None:
    made = headline(replace(found, modelled=True))
    assert made.badge == "modelled chain"
    assert made.stamp.endswith("modelled chain")
    assert any(sentence.startswith("Modelled:") for sentence in made.warnings)
    assert headline(found).badge is None
    assert headline(found).warnings == ()


def disagreeing(found):
    band = found.dealer_model_band["gamma_exposure_usd_per_pct"]
    split = replace(band, by_model={**band.by_model, "naive": 2e9, "volume_signed": -3e8}, models_agree_on_sign=False)
    return replace(found, dealer_model_band={**found.dealer_model_band, "gamma_exposure_usd_per_pct": split})


def test_models_that_disagree_on_the_sign_are_a_warning_with_their_numbers_and_no_stance_is_claimed(found) -> None:
    split = disagreeing(found)
    (sentence,) = warnings(split)
    assert "disagree on the sign" in sentence
    assert f"naive +2.00{NBSP}bn" in sentence
    assert f"volume_signed {MINUS}300{NBSP}m" in sentence
    assert "sign not known" in facts(split)["Net gamma (USD per 1 %)"][1][0]


@pytest.mark.parametrize(
    ("value", "words"), [(1e9, "long gamma"), (-1e9, "short gamma"), (0.0, "neither long nor short")]
)
def test_the_sign_is_said_in_words(found, value: float, words: str) -> None:
    assert words in facts(replace(found, gamma_exposure_usd_per_pct=value))["Net gamma (USD per 1 %)"][1][0]


def test_a_size_without_a_sign_is_called_that() -> None:
    found = positioning(make_chain(), dealer_model="unsigned")
    assert "without a sign" in facts(found)["Net gamma (USD per 1 %)"][1][0]


def test_every_other_root_is_named_beside_the_nearest(found) -> None:
    several = replace(found, zero_gamma=(95.0, 101.0, 108.0), zero_gamma_nearest=101.0)
    said = " ".join(root_words(several))
    assert "1.0" in said
    assert "also at 95, 108" in said


@pytest.mark.parametrize("status", [s for s in ZeroGammaStatus if s is not ZeroGammaStatus.OK])
def test_without_a_root_the_reason_stands_in_its_place(found, status) -> None:
    none = replace(found, zero_gamma=(), zero_gamma_nearest=np.nan, zero_gamma_status=status)
    value, beside = facts(none)["Zero gamma (USD)"]
    assert value == "none"
    assert len(beside) == 1
    assert beside[0]


def test_an_unknown_move_and_an_unknown_straddle_are_not_made_up(found) -> None:
    unknown = replace(found, expected_move_usd=np.nan, atm_implied_vol=np.nan, straddle_move_usd=np.nan)
    assert facts(unknown)["Expected move (USD)"][0] == "n/a"
    assert len(move_words(unknown)) == 1


def test_only_the_files_name_is_shown_of_where_a_chain_came_from(found) -> None:
    assert facts(replace(found, source="/home/somebody/private/spx.csv"))["Spot (USD)"][1] == ("source: spx.csv",)
