"""The contracts behind a positioning, one row each, and the expiries they belong to."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import IntEnum

import numpy as np

from lightning_gex.analytics.chain_greeks import chain_vega_theta_kernel
from lightning_gex.analytics.dealer_exposure import ONE_PER_CENT, ONE_VOL_POINT
from lightning_gex.analytics.dealer_models import ModelPanel, panel_signs
from lightning_gex.analytics.exposure_profile import PricedContracts
from lightning_gex.core.book import ChainBook
from lightning_gex.core.units import (
    BoolArray1D,
    DateArray1D,
    Float64Array1D,
    Int8Array1D,
    Int64Array1D,
    StrArray1D,
    TimeArray1D,
)

LARGEST_COUNT = 1e10  # beyond it a number is a broken cell and no count of contracts
Columns = dict[str, np.ndarray]


class VolSource(IntEnum):
    """Where a contract's volatility comes from."""

    VENDOR = 0  # the source gave it
    SOLVED = 1  # from the mid, as a European option
    SOLVED_AMERICAN = 2  # from the mid, with the right to exercise early valued


@dataclass(frozen=True, slots=True, eq=False)
class TermStructure:
    """Every series (root, settlement moment, listed expiry) of a chain, rising in settlement; (g,) each.

    Parameters
    ----------
    root : option root; expiry : listed date; settles_at : ``datetime64[s]`` UTC.
    time_to_expiry_years : calendar years; clock_years : of the clock that charm decays on.
    forward : USD for that moment; discount : USD today of 1 USD then; forward_source : words of ``CarrySource``.
    rate, dividend_yield : continuous, per calendar year.
    atm_implied_vol : at the forward, annualised fraction; NaN where no strikes surround it.
    straddle_usd : mid of call plus put at the forward; NaN where no quoted pairs surround it.
    expected_move_usd : what the straddle says of the distance between the forward and the price then, USD: straddle /
        discount, the mean of |S_T - F|. One standard deviation of a normal distribution is 1.2533 times that.
    gamma_exposure_usd_per_pct, delta_exposure_usd, vanna_exposure_usd_per_vol_point, charm_exposure_usd_per_day : sums
        over the series' used contracts, with dealer sign.
    open_interest, volume : contracts held and traded in the series' used contracts; unknown volumes count nothing.
    contracts : used contracts; 0 where none of a series could be used.
    is_0dte : settles on the day of the quotes' session.
    """

    root: StrArray1D
    expiry: DateArray1D
    settles_at: TimeArray1D
    time_to_expiry_years: Float64Array1D
    clock_years: Float64Array1D
    forward: Float64Array1D
    discount: Float64Array1D
    rate: Float64Array1D
    dividend_yield: Float64Array1D
    atm_implied_vol: Float64Array1D
    straddle_usd: Float64Array1D
    expected_move_usd: Float64Array1D
    gamma_exposure_usd_per_pct: Float64Array1D
    delta_exposure_usd: Float64Array1D
    vanna_exposure_usd_per_vol_point: Float64Array1D
    charm_exposure_usd_per_day: Float64Array1D
    open_interest: Float64Array1D
    volume: Float64Array1D
    contracts: Int64Array1D
    is_0dte: BoolArray1D
    forward_source: StrArray1D

    def __len__(self) -> int:
        return len(self.root)

    def columns(self) -> Columns:
        """Name -> (g,) array, in the order of the fields: what a table is made of."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True, slots=True, eq=False)
class PricedColumns:
    """Every contract of a chain as the compiled pass left it, used or not; (n,) each unless said.

    Parameters
    ----------
    book : the chain. panel : the dealer models it was looked at under.
    rows : (used,) the contracts that are used.
    implied_vol : NaN where not used; vol_source : int8 codes of ``VolSource``; dealer_sign : of the chosen model.
    gamma, delta, vanna, charm : NaN where not used; charm per year of its clock, whose days ``days_per_year`` counts.
    log_moneyness : ln(strike / spot).
    strikes : (k,) distinct strikes of the used contracts, rising.
    ladder_index : place in the ladder of listed strikes. strike_place : (listed,) place of each among ``strikes``.
    """

    book: ChainBook
    panel: ModelPanel
    rows: Int64Array1D
    implied_vol: Float64Array1D
    vol_source: Int8Array1D
    dealer_sign: Float64Array1D
    gamma: Float64Array1D
    delta: Float64Array1D
    vanna: Float64Array1D
    charm: Float64Array1D
    days_per_year: float
    log_moneyness: Float64Array1D
    strikes: Float64Array1D
    ladder_index: Int64Array1D
    strike_place: Int64Array1D


@dataclass(frozen=True, slots=True, eq=False)
class PositionedContracts:
    """The used contracts with their Greeks and what each adds to the exposures.

    Every property is an (n,) array, rising in settlement, root, strike, calls before puts; it is picked out of the
    chain's columns when it is asked for.

    Parameters
    ----------
    priced_columns : of the whole chain.
    term_structure : of the series.
    memo : sums that were asked for before.
    """

    priced_columns: PricedColumns
    term_structure: TermStructure
    memo: dict[str, object] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.priced_columns.rows)

    @property
    def spot(self) -> float:
        """USD."""
        return float(self.priced_columns.book.spot[0])

    @property
    def days_per_year(self) -> float:
        """Of the clock that charm's day belongs to: 365 or 252."""
        return self.priced_columns.days_per_year

    @property
    def series(self) -> Int64Array1D:
        """(n,) index into ``term_structure``."""
        return self.priced_columns.book.series_of_contract[self.priced_columns.rows]

    @property
    def strike_index(self) -> Int64Array1D:
        """(n,) index into the distinct strikes of used contracts, rising."""
        columns = self.priced_columns
        return columns.strike_place[columns.ladder_index[columns.rows]]

    @property
    def is_call(self) -> BoolArray1D:
        """(n,) bool."""
        return self.priced_columns.book.is_call[self.priced_columns.rows]

    @property
    def strike(self) -> Float64Array1D:
        """(n,) USD."""
        return self.priced_columns.book.strike[self.priced_columns.rows]

    @property
    def implied_vol(self) -> Float64Array1D:
        """(n,) annualised fraction."""
        return self.priced_columns.implied_vol[self.priced_columns.rows]

    @property
    def vol_source(self) -> Int8Array1D:
        """(n,) codes of ``VolSource``."""
        return self.priced_columns.vol_source[self.priced_columns.rows]

    @property
    def open_interest(self) -> Float64Array1D:
        """(n,) contracts, the previous evening's."""
        return self.priced_columns.book.open_interest[self.priced_columns.rows]

    @property
    def volume(self) -> Float64Array1D:
        """(n,) contracts traded today; NaN where absent."""
        volume = self.priced_columns.book.volume[self.priced_columns.rows]
        return np.where((volume >= 0) & (volume <= LARGEST_COUNT), volume, np.nan)

    @property
    def multiplier(self) -> Float64Array1D:
        """(n,) shares a contract."""
        return self.priced_columns.book.multiplier[self.priced_columns.rows]

    @property
    def dealer_sign(self) -> Float64Array1D:
        """(n,) the dealers' contracts / open interest under the chosen model, [-1, 1], + long."""
        return self.priced_columns.dealer_sign[self.priced_columns.rows]

    @property
    def sign_by_model(self) -> dict[str, Float64Array1D]:
        """Dealer model -> (n,) signs as ``dealer_sign``; NaN where that model cannot tell."""
        columns = self.priced_columns
        return {name: signs[columns.rows] for name, signs in panel_signs(columns.panel, columns.book).items()}

    @property
    def delta(self) -> Float64Array1D:
        """(n,) USD of price per USD of spot."""
        return self.priced_columns.delta[self.priced_columns.rows]

    @property
    def gamma(self) -> Float64Array1D:
        """(n,) delta per USD of spot."""
        return self.priced_columns.gamma[self.priced_columns.rows]

    @property
    def vega(self) -> Float64Array1D:
        """(n,) USD of price per unit of volatility."""
        return self._vega_and_theta()[0]

    @property
    def theta(self) -> Float64Array1D:
        """(n,) USD of price per calendar year passing."""
        return self._vega_and_theta()[1]

    @property
    def vanna(self) -> Float64Array1D:
        """(n,) delta per unit of volatility."""
        return self.priced_columns.vanna[self.priced_columns.rows]

    @property
    def charm(self) -> Float64Array1D:
        """(n,) delta per year of the chosen clock passing."""
        return self.priced_columns.charm[self.priced_columns.rows]

    @property
    def root(self) -> StrArray1D:
        """(n,) option root."""
        return self.term_structure.root[self.series]

    @property
    def expiry(self) -> DateArray1D:
        """(n,) listed expiry date."""
        return self.term_structure.expiry[self.series]

    @property
    def settles_at(self) -> TimeArray1D:
        """(n,) ``datetime64[s]`` UTC."""
        return self.term_structure.settles_at[self.series]

    @property
    def time_to_expiry_years(self) -> Float64Array1D:
        """(n,) calendar years."""
        return self.term_structure.time_to_expiry_years[self.series]

    @property
    def is_0dte(self) -> BoolArray1D:
        """(n,) settles on the day of the quotes' session."""
        return self.term_structure.is_0dte[self.series]

    @property
    def gross_gamma_usd_per_pct(self) -> Float64Array1D:
        """(n,) USD of delta per +1 % of spot with dealer sign +1: Gamma OI M S^2 0.01."""
        return self.gamma * self.open_interest * self.multiplier * (self.spot * self.spot * ONE_PER_CENT)

    @property
    def gross_delta_usd(self) -> Float64Array1D:
        """(n,) USD of delta with dealer sign +1: Delta OI M S."""
        return self.delta * self.open_interest * self.multiplier * self.spot

    @property
    def gross_vanna_usd_per_vol_point(self) -> Float64Array1D:
        """(n,) USD of delta per +1 volatility point with dealer sign +1: Vanna OI M S 0.01."""
        return self.vanna * self.open_interest * self.multiplier * (self.spot * ONE_VOL_POINT)

    @property
    def gross_charm_usd_per_day(self) -> Float64Array1D:
        """(n,) USD of delta per day passing with dealer sign +1: Charm OI M S / days per year."""
        return self.charm * self.open_interest * self.multiplier * (self.spot / self.days_per_year)

    def priced(self) -> PricedContracts:
        """The contracts as the profile re-prices them, with dealer sign in ``shares``."""
        terms, series = self.term_structure, self.series
        return PricedContracts(
            strike=self.strike,
            time_to_expiry_years=terms.time_to_expiry_years[series],
            implied_vol=self.implied_vol,
            rate=terms.rate[series],
            dividend_yield=terms.dividend_yield[series],
            shares=self.dealer_sign * self.open_interest * self.multiplier,
        )

    def columns(self) -> Columns:
        """Name -> (n,) array, strings and dates written out: what a table is made of."""
        names = ("root", "expiry", "settles_at", "is_call", "strike", "time_to_expiry_years", "implied_vol")
        out: Columns = {name: getattr(self, name) for name in names}
        out["vol_source"] = np.array([source.name.lower() for source in VolSource])[self.vol_source]
        for name in ("open_interest", "volume", "multiplier", "dealer_sign"):
            out[name] = getattr(self, name)
        for name in ("delta", "gamma", "vega", "theta", "vanna", "charm"):
            out[name] = getattr(self, name)
        for name in ("gamma_usd_per_pct", "delta_usd", "vanna_usd_per_vol_point", "charm_usd_per_day"):
            out[f"gross_{name}"] = getattr(self, f"gross_{name}")
        return out

    def _vega_and_theta(self) -> tuple[Float64Array1D, Float64Array1D]:
        columns, terms = self.priced_columns, self.term_structure
        book = columns.book
        vega, theta = np.empty(len(book)), np.empty(len(book))
        chain_vega_theta_kernel(
            book.series_start,
            np.full(len(terms), self.spot),
            terms.time_to_expiry_years,
            terms.rate,
            terms.dividend_yield,
            columns.log_moneyness,
            columns.implied_vol,
            book.is_call,
            vega,
            theta,
        )
        return vega[columns.rows], theta[columns.rows]


@dataclass(frozen=True, slots=True)
class EarlyExercise:
    """How the right to exercise before expiry was treated.

    Parameters
    ----------
    valued : whether it was valued where it matters: in forwards and in volatilities solved from quotes.
    american_contracts : used contracts whose root is exercised American style.
    adjusted_contracts : those among them whose volatility was solved from the mid with early exercise valued.
    median_change_vol_points, largest_change_vol_points : by how much that moved the volatility from the European
        reading of the same mid, in points and absolute value; NaN where nothing was adjusted.
    largest_forward_change_bp : by how much taking the premiums off moved a forward, basis points, absolute value; NaN
        where none was moved.
    words : the treatment in a sentence.
    """

    valued: bool
    american_contracts: int
    adjusted_contracts: int
    median_change_vol_points: float
    largest_change_vol_points: float
    largest_forward_change_bp: float
    words: str
