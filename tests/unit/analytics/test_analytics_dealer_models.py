"""The named assumptions about who holds what."""

from __future__ import annotations

import numpy as np
import pytest

from builders_chain import changed, make_chain
from lightning_gex.analytics import dealer_models
from lightning_gex.analytics.dealer_models import BUILT_IN, ListedContracts, built_in_signs_kernel, panel, signs_of
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.core.book import book_of, joined
from lightning_gex.core.errors import SettingsError


class CallsHalf:
    name = "calls_half"
    version = "7"

    def position_sign(self, contracts):
        return np.where(contracts.is_call, 0.5, 0.0)


def listed(chain):
    return ListedContracts(book_of(chain))


def test_naive_is_long_calls_and_short_puts_and_inverted_its_mirror():
    chain = make_chain()
    naive = dealer_models.by_name("naive").position_sign(listed(chain))
    np.testing.assert_array_equal(naive[chain.is_call], 1.0)
    np.testing.assert_array_equal(naive[~chain.is_call], -1.0)
    np.testing.assert_array_equal(dealer_models.by_name("inverted").position_sign(listed(chain)), -naive)
    np.testing.assert_array_equal(dealer_models.by_name("unsigned").position_sign(listed(chain)), 1.0)


def test_volume_signed_runs_from_naive_without_trade_to_short_where_all_is_new():
    chain = make_chain(open_interest=100.0)
    model = dealer_models.by_name("volume_signed")
    for volume, call in ((0.0, 1.0), (100.0, 0.0), (300.0, -0.5)):
        signs = model.position_sign(listed(changed(chain, volume=np.full(len(chain), volume))))
        np.testing.assert_allclose(signs[chain.is_call], call)
        np.testing.assert_allclose(signs[~chain.is_call], -1.0)
    fresh = model.position_sign(listed(changed(chain, open_interest=np.zeros(len(chain)))))
    np.testing.assert_allclose(fresh, -1.0)


def test_volume_signed_cannot_tell_where_volume_or_open_interest_is_absent():
    chain = make_chain()
    volume, interest = chain.volume.copy(), chain.open_interest.copy()
    volume[0], interest[1], volume[2], interest[2] = np.nan, np.nan, 0.0, 0.0
    signs = dealer_models.by_name("volume_signed").position_sign(
        listed(changed(chain, volume=volume, open_interest=interest))
    )
    assert np.isnan(signs[:2]).all()
    assert signs[2] == 1.0  # nothing held, nothing traded: as naive


def test_every_built_in_model_has_a_version_and_signs_within_one():
    chain = make_chain()
    for model in dealer_models.BUILT_IN:
        assert model.version
        assert (np.abs(model.position_sign(listed(chain))) <= 1).all()


def test_a_model_of_ones_own_can_be_registered_once_and_taken_back():
    model = CallsHalf()
    dealer_models.register(model)
    try:
        dealer_models.register(model)  # the same object again is no conflict
        assert dealer_models.by_name("calls_half") is model
        with pytest.raises(SettingsError, match="exists already"):
            dealer_models.register(CallsHalf())
    finally:
        dealer_models.unregister("calls_half")
    assert model not in dealer_models.all_models()


def test_an_unknown_name_lists_the_known_ones():
    for ask in (dealer_models.by_name, dealer_models.unregister):
        with pytest.raises(SettingsError, match="inverted, naive, unsigned, volume_signed"):
            ask("niave")
    with pytest.raises(SettingsError, match="built in"):
        dealer_models.unregister("naive")


def test_the_compiled_signs_are_those_of_the_classes():
    rng = np.random.default_rng(0)
    chain = make_chain()
    chain = changed(
        chain,
        volume=rng.choice([0.0, 5.0, 700.0, np.nan, -1.0, np.inf], len(chain)),
        open_interest=rng.choice([0.0, 5.0, 700.0, np.nan, -1.0], len(chain)),
    )
    book = book_of(chain)
    out = np.empty(len(book))
    for kind, model in enumerate(BUILT_IN):
        with np.errstate(invalid="ignore"):
            want = model.position_sign(ListedContracts(book))
        built_in_signs_kernel(kind, book.is_call, book.volume, book.open_interest, out)
        np.testing.assert_array_equal(out, want, err_msg=model.name)


def test_a_model_sees_every_column_of_every_contract():
    book = joined([book_of(make_chain(root="XSP")), book_of(make_chain(root="AAPL", spot=250.0))])
    seen = ListedContracts(book)
    assert len(seen) == 204
    names = ("is_call", "strike", "bid", "ask", "implied_vol", "open_interest", "volume", "multiplier")
    for name in (*names, "root", "expiry", "settles_at", "spot", "as_of"):
        assert getattr(seen, name).shape == (204,)
    assert seen.root[[0, -1]].tolist() == ["XSP", "AAPL"]
    assert seen.spot[[0, -1]].tolist() == [100.0, 250.0]
    assert seen.expiry[0] == np.datetime64("2024-06-21")


class Faulty:
    name = "faulty"
    version = "1"

    def __init__(self, answer):
        self.answer = answer

    def position_sign(self, contracts):
        return self.answer(contracts)


def raising(contracts):
    return contracts.colour


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (raising, r"'faulty' failed on made by tests: AttributeError: .*colour"),
        (lambda c: 1 / 0, r"'faulty' failed .*ZeroDivisionError"),
        (lambda c: ["long"] * len(c), r"'faulty' failed .*ValueError"),
        (lambda c: None, r"'faulty' gave signs of shape \(\)"),
        (lambda c: np.ones(3), r"'faulty' gave signs of shape \(3,\): one a contract is wanted, \(102,\)"),
        (lambda c: np.ones((len(c), 2)), r"'faulty' gave signs of shape \(102, 2\)"),
        (lambda c: np.full(len(c), -1.5), r"'faulty' gave a sign of -1.5"),
        (lambda c: np.full(len(c), np.inf), r"'faulty' gave a sign of inf"),
    ],
)
def test_a_model_that_fails_or_talks_nonsense_is_named_whether_chosen_or_registered(answer, message):
    model = Faulty(answer)
    with pytest.raises(SettingsError, match=message):
        positioning(make_chain(), dealer_model=model)
    dealer_models.register(model)
    try:
        with pytest.raises(SettingsError, match=message):
            positioning(make_chain())
    finally:
        dealer_models.unregister("faulty")


def test_whole_numbers_are_signs_too():
    signs = signs_of(Faulty(lambda c: np.where(c.is_call, 1, -1)), book_of(make_chain()))
    assert signs.dtype == np.float64


def test_the_panel_holds_the_built_in_models_and_the_chosen_one():
    book = book_of(make_chain())
    ours = panel(book, CallsHalf())
    assert list(ours.models) == ["naive", "inverted", "unsigned", "volume_signed", "calls_half"]
    assert ours.chosen == 4
    assert ours.custom.shape == (1, 102)
    assert panel(book, "unsigned").chosen == 2
    assert panel(book, "unsigned").custom.shape == (0, 102)


def test_a_model_that_takes_anothers_name_is_refused():
    class Pretender(CallsHalf):
        name = "naive"

    with pytest.raises(SettingsError, match="another dealer model named 'naive'"):
        panel(book_of(make_chain()), Pretender())
