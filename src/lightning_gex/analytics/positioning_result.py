"""What dealer positioning of one chain is made of, and its plain form for files and terminals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lightning_gex.analytics import exposure_tables
from lightning_gex.analytics.exposure_surface import ExposureSurface, exposure_surface
from lightning_gex.analytics.exposure_tables import (
    ExposuresByContract,
    ExposuresByExpiry,
    ExposuresByStrike,
    ExposuresByStrikeAndExpiry,
)
from lightning_gex.analytics.option_time import TimeClock
from lightning_gex.analytics.positioned_contracts import EarlyExercise, PositionedContracts, TermStructure
from lightning_gex.core.arguments import gated
from lightning_gex.core.enums import ZeroGammaStatus
from lightning_gex.core.units import DateArray1D, Float64Array1D


@dataclass(frozen=True, slots=True)
class ExposureBand:
    """One exposure under every dealer model.

    Parameters
    ----------
    low, high : least and greatest over the models; NaN where no model could tell.
    by_model : model name -> value in the exposure's unit; NaN where that model could not tell.
    models_agree_on_sign : whether the models with a view of their own (not the bounds ``inverted`` and ``unsigned``)
        give one sign; None where fewer than two of them could tell.
    """

    low: float
    high: float
    by_model: Mapping[str, float]
    models_agree_on_sign: bool | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DealerPositioning:
    """What one chain says about dealers, under one named assumption and the band over all of them.

    Scalars are NaN where there is no answer. Signs: + gamma means dealers gain delta as spot rises and sell into
    rises; hedging flow for +1 %, +1 volatility point, +1 day is minus the exposure.

    Parameters
    ----------
    underlying, spot, as_of : of the chain; USD, aware UTC.
    contracts_read : rows the source held.
    contracts_used : contracts behind the exposures.
    open_interest_coverage : share of the living contracts' known open interest that is used, [0, 1].
    quotes_session : New York session the quotes belong to.
    open_interest_session : session whose evening the open interest describes.
    vendor_vols, solved_vols : used volatilities from the source, and solved from quotes.
    dealer_model, dealer_model_version : the assumption behind every signed figure.
    clock : the time that charm's day belongs to.
    gamma_exposure_usd_per_pct : USD of delta per +1 % of spot.
    delta_exposure_usd : USD.
    vanna_exposure_usd_per_vol_point : USD of delta per +1 volatility point.
    charm_exposure_usd_per_day : USD of delta per day of ``clock``.
    gamma_exposure_by_volume_usd_per_pct : as gamma, with the day's volume in place of open interest.
    gamma_exposure_ex_0dte_usd_per_pct : as gamma, without the contracts that settle on the day of the quotes' session.
    gross_gamma_usd_per_pct : the same sum with every contract counted +: the size of what could have to be hedged.
    net_to_gross : net gamma / gross gamma, [-1, 1]; near 0 the sign hangs on the assumption. NaN where gross is 0.
    zero_gamma : every price within 20 % of spot where net gamma changes sign, re-pricing the chain, rising.
    zero_gamma_nearest : the one nearest to spot, or NaN.
    zero_gamma_status : whether there is one, and which sign holds otherwise.
    call_wall, put_wall : strike with the largest call / put gamma exposure, whoever holds it.
    max_pain : strike at which all expiries together would pay least; ``max_pain_nearest_expiry`` for the first alone.
    atm_implied_vol : at the money, interpolated to 30 calendar days, annualised fraction.
    expected_move_usd : one standard deviation of spot over one session at that volatility.
    straddle_move_usd : mean distance between spot now and then that the at-the-money straddle of ``straddle_expiry``
        says: straddle / discount, USD. NaN where no quoted pairs surround the forward.
    straddle_expiry : listed date of the nearest expiry with more than a session left; NaT where there is none.
    early_exercise : how American options were treated.
    dealer_model_band : exposure name -> ``ExposureBand``.
    refused : reason -> rows, the reader's and this module's.
    strike : (k,) rising, USD; call_gamma_by_strike, put_gamma_by_strike : (k,) USD per 1 %, with dealer sign.
    expiry : (e,) rising listed dates; gamma_by_expiry, delta_by_expiry, vanna_by_expiry, charm_by_expiry : (e,).
    profile_spot, profile_gamma_usd_per_pct : (m,) net gamma exposure re-priced at each spot.
    contracts : the used contracts, one row each. term_structure : every series.
    notes : what was assumed, borrowed or unusual, in words.
    modelled : True where a model and no market made the chain.
    source : where the chain came from.
    """

    underlying: str
    spot: float
    as_of: datetime
    contracts_read: int
    contracts_used: int
    open_interest_coverage: float
    quotes_session: np.datetime64
    open_interest_session: np.datetime64
    vendor_vols: int
    solved_vols: int
    dealer_model: str
    dealer_model_version: str
    clock: TimeClock
    gamma_exposure_usd_per_pct: float
    delta_exposure_usd: float
    vanna_exposure_usd_per_vol_point: float
    charm_exposure_usd_per_day: float
    gamma_exposure_by_volume_usd_per_pct: float
    gamma_exposure_ex_0dte_usd_per_pct: float
    gross_gamma_usd_per_pct: float
    net_to_gross: float
    zero_gamma: tuple[float, ...]
    zero_gamma_nearest: float
    zero_gamma_status: ZeroGammaStatus
    call_wall: float
    put_wall: float
    max_pain: float
    max_pain_nearest_expiry: float
    atm_implied_vol: float
    expected_move_usd: float
    straddle_move_usd: float
    straddle_expiry: np.datetime64
    early_exercise: EarlyExercise
    dealer_model_band: Mapping[str, ExposureBand]
    refused: Mapping[str, int]
    strike: Float64Array1D
    call_gamma_by_strike: Float64Array1D
    put_gamma_by_strike: Float64Array1D
    expiry: DateArray1D
    gamma_by_expiry: Float64Array1D
    delta_by_expiry: Float64Array1D
    vanna_by_expiry: Float64Array1D
    charm_by_expiry: Float64Array1D
    profile_spot: Float64Array1D
    profile_gamma_usd_per_pct: Float64Array1D
    contracts: PositionedContracts
    term_structure: TermStructure
    notes: tuple[str, ...]
    modelled: bool
    source: str

    def __repr__(self) -> str:
        return (
            f"DealerPositioning({self.underlying} {self.as_of:%Y-%m-%d %H:%M} UTC, spot {self.spot:,.2f}, "
            f"{self.dealer_model}: "
            f"net gamma {self.gamma_exposure_usd_per_pct:,.0f} USD per 1 %, zero gamma {self.zero_gamma_nearest:,.2f})"
        )

    @property
    def models_agree_on_sign(self) -> bool | None:
        """Whether the dealer models with a view agree on the sign of net gamma; None where fewer than two can tell."""
        return self.dealer_model_band["gamma_exposure_usd_per_pct"].models_agree_on_sign

    @gated
    def exposures_by_strike(self, weight: str = "open_interest", *, include_0dte: bool = True) -> ExposuresByStrike:
        """Exposures of each strike over all expiries.

        Parameters
        ----------
        weight : ``open_interest`` (held the evening before) or ``volume`` (traded on the day).
        include_0dte : False leaves out what settles on the day of the quotes' session; the strikes stay listed.

        Returns
        -------
        (k,) arrays with dealer sign, summing to the totals.

        Raises
        ------
        SettingsError : unknown weight.
        """
        return exposure_tables.by_strike(self.contracts, weight, include_0dte=include_0dte)

    @gated
    def exposures_by_expiry(self, weight: str = "open_interest", *, include_0dte: bool = True) -> ExposuresByExpiry:
        """Exposures of each listed expiry date over all strikes; arguments and errors of ``exposures_by_strike``."""
        return exposure_tables.by_expiry(self.contracts, weight, include_0dte=include_0dte)

    @gated
    def exposures_by_strike_and_expiry(
        self, weight: str = "open_interest", *, include_0dte: bool = True
    ) -> ExposuresByStrikeAndExpiry:
        """(k, e) exposures of each strike of each date, read-only; arguments and errors of ``exposures_by_strike``."""
        return exposure_tables.by_strike_and_expiry(self.contracts, weight, include_0dte=include_0dte)

    @gated
    def exposures_by_contract(self, weight: str = "open_interest") -> ExposuresByContract:
        """(n,) what each row of ``contracts`` adds, with dealer sign; NaN where its weight is unknown."""
        return exposure_tables.by_contract(self.contracts, weight)

    @gated
    def surface(
        self, days: ArrayLike = (0.0, 1.0, 2.0, 3.0, 5.0), *, spots: ArrayLike | None = None
    ) -> ExposureSurface:
        """Gamma and delta of dealers over spot and time if nothing trades: what the map looks like tomorrow.

        Parameters
        ----------
        days : (t,) days of ``clock`` from now, not negative.
        spots : (m,) USD, rising; None takes the grid of the profile.

        Returns
        -------
        ExposureSurface of (t, m) arrays, under the dealer model of this positioning.

        Raises
        ------
        InputError : a spot or a day that is not sound.
        """
        rows = self.contracts
        years = self.term_structure.clock_years[rows.series]
        return exposure_surface(
            self.spot, rows.priced(), rows.is_call, days, spots=spots, clock=self.clock, clock_years=years
        )

    def to_json_dict(self) -> dict[str, Any]:
        """Everything but arrays and tables, ready for ``json.dumps``: NaN as None, moments as ISO text."""
        out: dict[str, Any] = {}
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if not isinstance(value, np.ndarray | PositionedContracts | TermStructure):
                out[name] = _plain(value)
        out["dealer_model_band"]["models_agree_on_sign"] = self.models_agree_on_sign
        return out


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else str(value)
    if isinstance(value, ExposureBand | EarlyExercise):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
