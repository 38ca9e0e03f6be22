"""Our Greeks beside a vendor's, contract by contract: the figures that ``bench_vendor`` tabulates and tests assert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from vendor_chains import VendorChain

from lightning_gex.analytics.american import american_price
from lightning_gex.analytics.black_scholes import greeks
from lightning_gex.analytics.implied_vol import implied_vol
from lightning_gex.analytics.parity import EUROPEAN_ROOTS, ForwardCurve, forward_curve

ROUNDING = 6e-5  # half a unit of the vendor's fourth decimal, and a little
LONG = 30.0 / 365.0  # years, beyond which days more or less do not matter
NEAR = 7.0 / 365.0  # years, within which an hour does
NEAR_THE_MONEY = 0.03  # |strike / spot - 1| below which four decimals of gamma still say something
SPOT_STEP = 0.004  # relative, of the differences that make American Greeks


@dataclass(frozen=True, slots=True, eq=False)
class OurGreeks:
    """What is compared, (n,) each: delta, gamma; vega in USD per 1.00; years to settlement."""

    delta: np.ndarray
    gamma: np.ndarray
    vega: np.ndarray
    years: np.ndarray


def european_greeks(vendor: VendorChain, curve: ForwardCurve, vol: np.ndarray | None = None) -> OurGreeks:
    """Black-Scholes at the vendor's volatility (or the one given) and the curve's forwards."""
    chain = vendor.chain
    vol = chain.implied_vol if vol is None else vol
    found = greeks(chain.spot, chain.strike, curve.contract_years, vol, curve.rate, curve.dividend_yield, chain.is_call)
    return OurGreeks(found.delta, found.gamma, found.vega, curve.contract_years)


def american_greeks(vendor: VendorChain, curve: ForwardCurve) -> OurGreeks:
    """Delta and gamma of the American model at the vendor's volatility, by central differences in spot."""
    chain = vendor.chain
    terms = (chain.strike, curve.contract_years, chain.implied_vol, curve.rate, curve.dividend_yield, chain.is_call)
    step = SPOT_STEP * chain.spot
    low, mid, high = (american_price(spot, *terms) for spot in (chain.spot - step, chain.spot, chain.spot + step))
    european = european_greeks(vendor, curve)
    return OurGreeks((high - low) / (2 * step), (high - 2 * mid + low) / step**2, european.vega, curve.contract_years)


def vendor_curve(vendor: VendorChain) -> ForwardCurve:
    """The forwards and discounts in the vendor's own values: parity of ``theo`` in place of the quotes."""
    value = np.where(vendor.theo > 0, vendor.theo, np.nan)
    return forward_curve(replaced(vendor, bid=value, ask=value).chain)


def replaced(vendor: VendorChain, **columns: object) -> VendorChain:
    """The vendor's chain with columns of the chain replaced."""
    return replace(vendor, chain=replace(vendor.chain, **columns))  # type: ignore[arg-type]


def value_vol(vendor: VendorChain, curve: ForwardCurve) -> np.ndarray:
    """(n,) the volatility in the vendor's value of each strike's option that is out of the money, for call and put."""
    chain = vendor.chain
    sigma, _ = implied_vol(
        vendor.theo,
        curve.contract_forward,
        chain.strike,
        curve.contract_years,
        curve.contract_discount,
        chain.is_call,
    )
    strikes, strike = np.unique(chain.strike, return_inverse=True)
    pair = curve.group * len(strikes) + strike
    outside = chain.is_call == (chain.strike >= curve.contract_forward)
    by_pair = np.full(len(curve.forward) * len(strikes), np.nan)
    by_pair[pair[outside]] = sigma[outside]
    return by_pair[pair]


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """Ours less the vendor's, (m,) over the contracts whose volatility the vendor gives.

    Parameters
    ----------
    gamma, delta : differences.
    vega : relative; NaN where the vendor prints none.
    long : whether the contract settles in more than 30 days.
    """

    gamma: np.ndarray
    delta: np.ndarray
    vega: np.ndarray
    long: np.ndarray

    def summary(self) -> dict[str, float | int]:
        """Shares of gamma within the vendor's rounding, and median differences of delta and vega."""
        within = np.abs(self.gamma) <= ROUNDING
        return {
            "compared": len(self.gamma),
            "gamma_within_rounding": _mean(within),
            "gamma_within_rounding_beyond_30_days": _mean(within[self.long]),
            "delta_median_error": _median(np.abs(self.delta)),
            "vega_median_relative_error": _median(np.abs(self.vega[np.isfinite(self.vega)])),
        }


def differences(vendor: VendorChain, ours: OurGreeks) -> Differences:
    """Ours less the vendor's of every contract that both know."""
    known = np.isfinite(vendor.chain.implied_vol) & np.isfinite(ours.gamma) & np.isfinite(vendor.gamma)
    printed = vendor.vega > 0
    vega = np.where(printed, 0.01 * ours.vega / np.where(printed, vendor.vega, 1.0) - 1.0, np.nan)
    return Differences(
        (ours.gamma - vendor.gamma)[known],
        (ours.delta - vendor.delta)[known],
        vega[known],
        (ours.years > LONG)[known],
    )


def together(parts: Sequence[Differences]) -> Differences:
    """Several sessions' differences as one."""
    columns = zip(*((part.gamma, part.delta, part.vega, part.long) for part in parts), strict=True)
    return Differences(*(np.concatenate(column) for column in columns))


def outliers(vendor: VendorChain, ours: OurGreeks) -> dict[str, float | int]:
    """Where the differences in gamma sit: near expiry, and calls against puts near the money."""
    chain = vendor.chain
    known = np.isfinite(chain.implied_vol) & np.isfinite(ours.gamma) & np.isfinite(vendor.gamma)
    outside = known & (np.abs(ours.gamma - vendor.gamma) > ROUNDING)
    near = known & (np.abs(chain.strike / chain.spot - 1.0) < NEAR_THE_MONEY) & (vendor.gamma > 1e-3)
    ratio = np.where(near, ours.gamma / np.where(near, vendor.gamma, 1.0), np.nan)
    short, late = near & (ours.years <= NEAR), near & (ours.years > LONG)
    return {
        "outside": int(outside.sum()),
        "outside_within_7_days": _mean((ours.years <= NEAR)[outside]),
        "near_the_money": int(near.sum()),
        "ratio": _median(ratio[near]),
        "ratio_calls": _median(ratio[near & chain.is_call]),
        "ratio_puts": _median(ratio[near & ~chain.is_call]),
        "ratio_within_7_days": _median(ratio[short]),
        "ratio_beyond_30_days": _median(ratio[late]),
        "within_10_percent": _mean((np.abs(ratio - 1.0) < 0.1)[near]),
    }


def without_nan(value: object) -> object:
    """The same figures with None for NaN, which JSON does not know."""
    if isinstance(value, dict):
        return {name: without_nan(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(part) for part in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def is_american(vendor: VendorChain) -> bool:
    """Whether the chain's options may be exercised early."""
    return not {str(root) for root in np.unique(vendor.chain.root)} <= EUROPEAN_ROOTS


def spot_gap_bp(vendor: VendorChain) -> float:
    """How far the nearest forwards in the quotes lie above the printed spot, basis points; carry is 1 to 3 a week."""
    curve = forward_curve(vendor.chain)
    nearest = np.argsort(curve.time_to_expiry_years, kind="stable")[:3]
    return float(1e4 * np.median(np.log(curve.forward[nearest] / vendor.chain.spot)))


def forward_gap(vendor: VendorChain) -> float:
    """How far the forwards in the quotes lie above those in the vendor's own values, relative; the median expiry."""
    ours, theirs = forward_curve(vendor.chain), vendor_curve(vendor)
    return float(np.median(ours.forward / theirs.forward - 1.0))


def delta_changes(
    before: VendorChain, after: VendorChain, least_days: float, most_days: float
) -> dict[str, np.ndarray]:
    """Change of the vendor's delta between two sessions, and what our Greeks of the first say it should have been.

    ``charm`` is time alone, ``gamma`` the move of the printed spot, ``vanna`` that of each contract's volatility;
    ``gamma_of_forward`` takes the move of each expiry's forward (less its carry), which is what the options saw.
    """
    first, second = _matched(before, after)
    curves = forward_curve(before.chain), forward_curve(after.chain)
    chain = before.chain
    found = greeks(
        chain.spot,
        chain.strike,
        curves[0].contract_years,
        chain.implied_vol,
        curves[0].rate,
        curves[0].dividend_yield,
        chain.is_call,
    )
    years = curves[0].contract_years[first]
    passed = years - curves[1].contract_years[second]
    vol_change = after.chain.implied_vol[second] - chain.implied_vol[first]
    carry = (curves[0].rate - curves[0].dividend_yield)[first]
    unmoved = curves[0].contract_forward[first] * np.exp(-carry * passed)  # the forward had the share stood still
    moved = curves[1].contract_forward[second] / unmoved - 1.0
    kept = (years >= least_days / 365) & (years <= most_days / 365) & np.isfinite(vol_change)
    terms = {
        "change": after.delta[second] - before.delta[first],
        "charm": found.charm[first] * passed,
        "gamma": found.gamma[first] * (after.chain.spot - chain.spot),
        "vanna": found.vanna[first] * vol_change,
        "gamma_of_forward": found.gamma[first] * chain.spot * moved,
    }
    return {name: values[kept] for name, values in terms.items()}


def explained(change: np.ndarray, predicted: np.ndarray) -> dict[str, float | int]:
    """Correlation, slope of change on prediction, and the share of the change's variance that the prediction leaves."""
    return {
        "contracts": len(change),
        "correlation": float(np.corrcoef(predicted, change)[0, 1]),
        "slope": float(np.polyfit(predicted, change, 1)[0]),
        "variance_left": float(np.var(change - predicted) / np.var(change)),
    }


def _matched(before: VendorChain, after: VendorChain) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the contracts that both chains hold."""
    places = {key: i for i, key in enumerate(_keys(after))}
    pairs = [(i, places[key]) for i, key in enumerate(_keys(before)) if key in places]
    first, second = np.array(pairs, dtype=np.int64).T
    return first, second


def _keys(vendor: VendorChain) -> list[tuple[str, int, bool, float]]:
    chain = vendor.chain
    return list(
        zip(
            chain.root.tolist(),
            chain.expiry.astype(np.int64).tolist(),
            chain.is_call.tolist(),
            chain.strike.tolist(),
            strict=True,
        )
    )


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else float("nan")
