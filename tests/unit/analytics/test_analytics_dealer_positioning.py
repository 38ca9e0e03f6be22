"""The front door: one chain in, exposures, levels and the band of assumptions out."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import builders_chain
from builders_chain import AS_OF, changed, reordered
from lightning_gex.analytics import dealer_models
from lightning_gex.analytics.dealer_exposure import EXPOSURES
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.analytics.option_time import TimeClock
from lightning_gex.core.book import book_of, joined
from lightning_gex.core.enums import ZeroGammaStatus
from lightning_gex.core.errors import InputError, InsufficientDataError, SettingsError

#: The builder's quotes are European prices: a root that is exercised at expiry only, in the evening.
make_chain = partial(builders_chain.make_chain, root="XSP")
GEX_JSON_KEYS = {
    "underlying",
    "spot",
    "as_of",
    "contracts_read",
    "contracts_used",
    "open_interest_coverage",
    "dealer_model",
    "gamma_exposure_usd_per_pct",
    "delta_exposure_usd",
    "vanna_exposure_usd_per_vol_point",
    "charm_exposure_usd_per_day",
    "zero_gamma",
    "zero_gamma_nearest",
    "zero_gamma_status",
    "call_wall",
    "put_wall",
    "max_pain",
    "dealer_model_band",
    "refused",
}


def smile(strike, years):
    return 0.2 + 0.3 * np.abs(np.log(strike / 100.0)) + 0.02 * years


def chain_of(seed=0, **values):
    rng = np.random.default_rng(seed)
    return make_chain(vol=smile, open_interest=rng.integers(1, 2_000, 102).astype(float), **values)


def test_exposures_of_one_expiry_equal_the_formulas_written_out():
    chain = make_chain(expiries=("2024-07-19",), vol=0.25, rate=0.03, dividend_yield=0.01)
    S, K, T = 100.0, chain.strike, (46 + 2 / 24) / 365
    d1 = (np.log(S / K) + (0.02 + 0.25**2 / 2) * T) / (0.25 * math.sqrt(T))
    d2 = d1 - 0.25 * math.sqrt(T)
    phi = np.exp(-0.01 * T) * np.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
    held = np.where(chain.is_call, 1, -1) * chain.open_interest * 100
    result = positioning(chain)
    want = math.fsum(held * phi / (S * 0.25 * math.sqrt(T)) * S * S * 0.01)
    assert result.gamma_exposure_usd_per_pct == pytest.approx(want, rel=1e-7)
    want = math.fsum(held * -phi * d2 / 0.25 * S * 0.01)
    assert result.vanna_exposure_usd_per_vol_point == pytest.approx(want, rel=1e-6)
    assert result.atm_implied_vol == pytest.approx(0.25, abs=1e-12)


def test_the_json_form_holds_every_promised_key_and_survives_json():
    result = positioning(make_chain(refused={"strike_unreadable": 3}))
    plain = json.loads(json.dumps(result.to_json_dict(), allow_nan=False))
    assert set(plain) >= GEX_JSON_KEYS
    assert plain["as_of"] == AS_OF.isoformat()
    assert plain["zero_gamma_status"] == "ok"
    assert plain["refused"] == {"strike_unreadable": 3}
    assert plain["contracts_read"] == plain["contracts_used"] + 3
    assert set(plain["dealer_model_band"]) == {*EXPOSURES, "models_agree_on_sign"}


def test_what_is_not_there_is_null_in_json_and_nan_in_python():
    chain = make_chain(open_interest=np.where(np.arange(102) % 2 == 0, 500.0, 1.0))
    result = positioning(chain, dealer_model="unsigned")
    assert result.zero_gamma == ()
    assert math.isnan(result.zero_gamma_nearest)
    assert result.zero_gamma_status is ZeroGammaStatus.NO_ROOT_NET_POSITIVE
    assert result.to_json_dict()["zero_gamma_nearest"] is None
    assert result.to_json_dict()["zero_gamma"] == []


@given(st.integers(0, 1_000))
def test_the_order_of_the_contracts_changes_no_digit(seed):
    chain = chain_of(seed, half_spread=0.02)
    order = np.random.default_rng(seed).permutation(len(chain))
    assert positioning(reordered(chain, order)).to_json_dict() == positioning(chain).to_json_dict()


@given(st.integers(0, 1_000))
def test_the_mirror_model_flips_every_exposure_and_keeps_every_level(seed):
    chain = chain_of(seed)
    ours, mirror = positioning(chain), positioning(chain, dealer_model="inverted")
    for name in EXPOSURES:
        assert getattr(mirror, name) == -getattr(ours, name)
    for name in ("call_wall", "put_wall", "max_pain"):
        assert getattr(mirror, name) == getattr(ours, name)
    # The profile adds what is held long and what is held short apart: the mirror adds them the other way round.
    np.testing.assert_allclose(mirror.zero_gamma, ours.zero_gamma, rtol=1e-12)
    size = np.abs(ours.profile_gamma_usd_per_pct).max()
    np.testing.assert_allclose(mirror.profile_gamma_usd_per_pct, -ours.profile_gamma_usd_per_pct, atol=1e-12 * size)


@given(st.integers(0, 1_000))
def test_sums_over_strikes_and_over_expiries_are_the_totals(seed):
    result = positioning(chain_of(seed))
    size = np.abs(result.call_gamma_by_strike).sum() + np.abs(result.put_gamma_by_strike).sum()
    by_strike = (result.call_gamma_by_strike + result.put_gamma_by_strike).sum()
    assert by_strike == pytest.approx(result.gamma_exposure_usd_per_pct, abs=1e-12 * size)
    assert result.gamma_by_expiry.sum() == pytest.approx(result.gamma_exposure_usd_per_pct, abs=1e-12 * size)
    for column, name in (
        ("delta_by_expiry", "delta_exposure_usd"),
        ("vanna_by_expiry", "vanna_exposure_usd_per_vol_point"),
        ("charm_by_expiry", "charm_exposure_usd_per_day"),
    ):
        values = getattr(result, column)
        assert values.sum() == pytest.approx(getattr(result, name), abs=1e-12 * np.abs(values).sum())


@pytest.mark.parametrize("factor", [0.01, 3.0, 75.0])
def test_at_equal_moneyness_gamma_exposure_grows_with_spot_and_delta_with_it(factor):
    # Gamma falls as 1 / S and S^2 rises: with contracts scaled to the same shares, exposure is linear in S.
    interest = np.random.default_rng(1).integers(1, 2_000, 102).astype(float)
    ladder = np.linspace(0.8, 1.2, 17)
    one = positioning(make_chain(strikes=100 * ladder, open_interest=interest))
    other = positioning(make_chain(spot=100 * factor, strikes=100 * factor * ladder, open_interest=interest))
    for name in EXPOSURES:
        assert getattr(other, name) == pytest.approx(factor * getattr(one, name), rel=1e-6)
    np.testing.assert_allclose(other.zero_gamma, np.array(one.zero_gamma) * factor, rtol=1e-7)


def test_for_a_given_gamma_exposure_follows_the_square_of_spot():
    from lightning_gex.analytics.black_scholes import greeks
    from lightning_gex.analytics.dealer_exposure import gross_exposures

    g = greeks(100.0, 100.0, 0.1, 0.2, 0.0, 0.0, True)
    one = np.ones(1)
    at = {
        s: gross_exposures(g, spot=s, contracts=one, multiplier=one).gamma_exposure_usd_per_pct[0] for s in (100, 300)
    }
    assert at[300] == pytest.approx(9 * at[100])


def test_the_profile_at_spot_is_the_gamma_exposure():
    result = positioning(chain_of())
    middle = len(result.profile_spot) // 2
    assert result.profile_spot[middle] == result.spot
    assert result.profile_gamma_usd_per_pct[middle] == pytest.approx(result.gamma_exposure_usd_per_pct, rel=1e-11)
    for root in result.zero_gamma:
        assert result.profile_spot[0] <= root <= result.profile_spot[-1]


def test_the_multiplier_is_taken_from_the_contract():
    chain = chain_of()
    mini = positioning(changed(chain, multiplier=np.full(len(chain), 10.0)))
    assert mini.gamma_exposure_usd_per_pct == pytest.approx(positioning(chain).gamma_exposure_usd_per_pct / 10)


def test_walls_are_the_strikes_with_the_largest_call_and_put_gamma_whoever_holds_it():
    chain = make_chain(open_interest=1.0)
    interest = np.ones(len(chain))
    interest[(chain.strike == 105.0) & chain.is_call] = 400.0
    interest[(chain.strike == 92.5) & ~chain.is_call] = 400.0
    for model in ("naive", "inverted", "unsigned", "volume_signed"):
        result = positioning(changed(chain, open_interest=interest), dealer_model=model)
        assert (result.call_wall, result.put_wall) == (105.0, 92.5)


def test_the_band_spans_all_models_and_holds_the_chosen_one():
    result = positioning(chain_of(4))
    for name in EXPOSURES:
        band = result.dealer_model_band[name]
        assert set(band.by_model) == {model.name for model in dealer_models.all_models()}
        assert band.by_model["naive"] == getattr(result, name)
        assert band.low == min(band.by_model.values())
        assert band.high == max(band.by_model.values())


def test_models_with_a_view_agree_without_trade_and_disagree_where_the_calls_are_new():
    heavy_calls = np.where(np.arange(102) % 2 == 0, 1_000.0, 100.0)
    quiet = positioning(make_chain(open_interest=heavy_calls, volume=0.0))
    assert quiet.models_agree_on_sign is True
    busy = positioning(make_chain(open_interest=heavy_calls, volume=5_000.0))
    assert busy.models_agree_on_sign is False
    assert any("disagree" in note for note in busy.notes)


def test_without_volume_the_volume_model_cannot_tell_and_is_no_part_of_the_band():
    chain = make_chain(volume=np.nan)
    result = positioning(chain)
    band = result.dealer_model_band["gamma_exposure_usd_per_pct"]
    assert math.isnan(band.by_model["volume_signed"])
    assert band.models_agree_on_sign is None
    assert math.isfinite(band.low)
    assert math.isnan(result.gamma_exposure_by_volume_usd_per_pct)
    assert any("cannot tell" in note for note in result.notes)
    with pytest.raises(InsufficientDataError, match="dealer_sign_unknown"):
        positioning(chain, dealer_model="volume_signed")


def test_contracts_whose_sign_is_unknown_are_refused_by_that_name():
    volume = np.full(102, 50.0)
    volume[:3] = np.nan
    result = positioning(make_chain(volume=volume), dealer_model="volume_signed")
    assert result.refused == {"dealer_sign_unknown": 3}
    assert result.contracts_used == 99
    assert result.vendor_vols == 99
    assert result.open_interest_coverage < 1.0


def test_exposures_without_todays_expiry_are_kept_apart():
    chain = make_chain(expiries=("2024-06-03", "2024-06-21"), root="SPXW")
    result = positioning(chain)
    today = result.expiry == np.datetime64("2024-06-03")
    rest = result.gamma_by_expiry[~today].sum()
    assert result.gamma_exposure_ex_0dte_usd_per_pct == pytest.approx(rest, rel=1e-12)
    assert result.gamma_exposure_ex_0dte_usd_per_pct != pytest.approx(result.gamma_exposure_usd_per_pct, rel=1e-3)


def test_only_charm_follows_the_clock_and_a_weekend_shows_the_difference():
    chain = make_chain(expiries=("2024-06-21", "2024-09-20"))
    calendar, trading = positioning(chain), positioning(chain, clock=TimeClock.TRADING)
    for name in ("gamma_exposure_usd_per_pct", "delta_exposure_usd", "vanna_exposure_usd_per_vol_point", "zero_gamma"):
        assert getattr(trading, name) == getattr(calendar, name)
    # Per session of 252 instead of per day of 365: the same decay in fewer, larger steps, about 365 / 252 of it.
    ratio = trading.charm_by_expiry / calendar.charm_by_expiry
    assert ((ratio > 1.2) & (ratio < 1.7)).all()


def test_on_the_trading_clock_a_morning_settlement_after_the_close_has_no_charm_left_and_says_so():
    evening = datetime(2024, 6, 20, 20, 0, tzinfo=UTC)
    chain = make_chain(as_of=evening, expiries=("2024-06-21", "2024-09-20"), root="SPX")
    result = positioning(chain, clock=TimeClock.TRADING)
    assert result.charm_by_expiry[0] == 0.0
    assert result.charm_by_expiry[1] != 0.0
    assert any("34 contracts settle before the next session" in note for note in result.notes)


def test_open_interest_is_stamped_with_the_evening_before():
    assert positioning(make_chain()).open_interest_session == np.datetime64("2024-05-31")  # as of Monday, June 3


def test_a_single_expiry_is_fine_and_labelled():
    result = positioning(make_chain(expiries=("2024-07-19",)))
    assert any("single expiry" in note for note in result.notes)
    assert result.max_pain == result.max_pain_nearest_expiry


def test_volatilities_solved_from_quotes_give_the_same_answer_and_are_counted():
    quoted, solved = positioning(make_chain(vol=smile)), positioning(make_chain(vol=smile, quoted_iv=False))
    assert (solved.vendor_vols, solved.solved_vols) == (0, solved.contracts_used)
    assert solved.gamma_exposure_usd_per_pct == pytest.approx(quoted.gamma_exposure_usd_per_pct, rel=1e-4)
    assert any("solved from quotes" in note for note in solved.notes)


def test_a_modelled_chain_says_so():
    result = positioning(make_chain(modelled=True))
    assert result.modelled
    assert "model" in result.notes[0]


def none_of(chain):
    return reordered(chain, np.empty(0, dtype=int))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (none_of, "no contracts"),
        (lambda c: changed(c, open_interest=np.zeros(len(c))), "no open interest"),
        (lambda c: changed(c, open_interest=np.full(len(c), np.nan)), "known for 0.0%"),
        (lambda c: changed(c, open_interest=np.full(len(c), -1.0)), "no open interest"),
        (lambda c: changed(c, implied_vol=np.zeros(len(c)), bid=np.zeros(len(c))), "only 0.0% of the open interest"),
        (lambda c: reordered(c, np.flatnonzero(c.is_call)), "no usable puts"),
        (lambda c: reordered(c, np.flatnonzero(~c.is_call)), "no usable calls"),
        (lambda c: reordered(c, np.flatnonzero(c.strike < 105)), "the chain is cut"),
        (lambda c: reordered(c, np.flatnonzero(c.strike > 95)), "the chain is cut"),
        (lambda c: changed(c, multiplier=np.zeros(len(c))), r"no contract has sound terms .*102 multiplier_invalid"),
    ],
)
def test_too_little_data_is_refused_by_name_and_never_made_up(spoil, message):
    with pytest.raises(InsufficientDataError, match=message):
        positioning(spoil(make_chain()))


def test_the_coverage_floor_is_the_callers_to_set():
    chain = make_chain(open_interest=10.0)
    dead = np.arange(len(chain)) % 3 == 0
    chain = changed(chain, implied_vol=np.where(dead, 0, chain.implied_vol), bid=np.where(dead, 0, chain.bid))
    with pytest.raises(InsufficientDataError, match=r"66\.7% of the open interest"):
        positioning(chain)
    assert positioning(chain, coverage_floor=0.6).open_interest_coverage == pytest.approx(2 / 3)


def test_an_unknown_model_and_senseless_signs_are_settings_errors():
    class Wild:
        name, version = "wild", "1"

        def position_sign(self, chain):
            return np.full(len(chain), 2.0)

    with pytest.raises(SettingsError, match="naive"):
        positioning(make_chain(), dealer_model="nobody")
    with pytest.raises(SettingsError, match="wild"):
        positioning(make_chain(), dealer_model=Wild())


def test_a_model_of_ones_own_can_be_passed_without_registering_it():
    class Half:
        name, version = "half", "3"

        def position_sign(self, chain):
            return np.where(chain.is_call, 0.5, -0.5)

    result = positioning(make_chain(), dealer_model=Half())
    assert (result.dealer_model, result.dealer_model_version) == ("half", "3")
    band = result.dealer_model_band["gamma_exposure_usd_per_pct"].by_model
    assert band["half"] == pytest.approx(band["naive"] / 2)


def test_a_spot_that_is_not_the_quotes_own_is_said_with_the_price_they_stand_on():
    chain = make_chain()
    assert not [note for note in positioning(chain).notes if "stand on a price" in note]
    (note,) = [note for note in positioning(changed(chain, spot=101.0)).notes if "stand on a price" in note]
    assert "bp from spot 101.00" in note
    assert 99.8 < float(note.split("price of ")[1].split(",")[0]) < 100.2


def test_crossed_quotes_are_counted_in_a_note():
    chain = make_chain(half_spread=0.05)
    bid = np.where(np.arange(len(chain)) < 3, chain.ask + 1.0, chain.bid)
    assert any(
        note.startswith(f"3 of {len(chain)} quotes are crossed") for note in positioning(changed(chain, bid=bid)).notes
    )


def test_a_refusal_names_what_the_reader_refused_too():
    chain = make_chain()
    puts = reordered(chain, np.flatnonzero(~chain.is_call))
    with pytest.raises(InsufficientDataError, match=r"no usable calls \(refused: 7 bad_strike\)"):
        positioning(changed(puts, refused={"bad_strike": 7}))


def test_its_repr_is_one_line():
    found = positioning(make_chain())
    assert "net gamma" in repr(found)
    assert "\n" not in repr(found)
    assert len(repr(make_chain())) < 200


def test_a_book_of_one_underlying_gives_what_its_chain_gives():
    chain = make_chain(refused={"bad_strike": 2}, half_spread=0.01)
    order = np.random.default_rng(0).permutation(len(chain))
    from_book = positioning(book_of(reordered(chain, order)))
    assert from_book.to_json_dict() == positioning(chain).to_json_dict()


def test_a_book_of_many_underlyings_is_refused_with_the_way_on():
    with pytest.raises(InputError, match=r"holds 2 underlyings: market_scan"):
        positioning(joined([book_of(make_chain())] * 2))
