"""The named assumptions about who holds what."""

from __future__ import annotations

import numpy as np
import pytest

from builders_chain import changed, make_chain
from lightning_gex.analytics import dealer_models
from lightning_gex.core.errors import SettingsError


class CallsHalf:
    name = "calls_half"
    version = "7"

    def position_sign(self, chain):
        return np.where(chain.is_call, 0.5, 0.0)


def test_naive_is_long_calls_and_short_puts_and_inverted_its_mirror():
    chain = make_chain()
    naive = dealer_models.by_name("naive").position_sign(chain)
    np.testing.assert_array_equal(naive[chain.is_call], 1.0)
    np.testing.assert_array_equal(naive[~chain.is_call], -1.0)
    np.testing.assert_array_equal(dealer_models.by_name("inverted").position_sign(chain), -naive)
    np.testing.assert_array_equal(dealer_models.by_name("unsigned").position_sign(chain), 1.0)


def test_volume_signed_runs_from_naive_without_trade_to_short_where_all_is_new():
    chain = make_chain(open_interest=100.0)
    model = dealer_models.by_name("volume_signed")
    for volume, call in ((0.0, 1.0), (100.0, 0.0), (300.0, -0.5)):
        signs = model.position_sign(changed(chain, volume=np.full(len(chain), volume)))
        np.testing.assert_allclose(signs[chain.is_call], call)
        np.testing.assert_allclose(signs[~chain.is_call], -1.0)
    fresh = model.position_sign(changed(chain, open_interest=np.zeros(len(chain))))
    np.testing.assert_allclose(fresh, -1.0)


def test_volume_signed_cannot_tell_where_volume_or_open_interest_is_absent():
    chain = make_chain()
    volume, interest = chain.volume.copy(), chain.open_interest.copy()
    volume[0], interest[1], volume[2], interest[2] = np.nan, np.nan, 0.0, 0.0
    signs = dealer_models.by_name("volume_signed").position_sign(changed(chain, volume=volume, open_interest=interest))
    assert np.isnan(signs[:2]).all()
    assert signs[2] == 1.0  # nothing held, nothing traded: as naive


def test_every_built_in_model_has_a_version_and_signs_within_one():
    chain = make_chain()
    for model in dealer_models.BUILT_IN:
        assert model.version
        assert (np.abs(model.position_sign(chain)) <= 1).all()


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
