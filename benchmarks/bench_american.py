"""American exercise: accuracy and speed beside QuantLib, and what valuing it changes on real chains.

The chains need the real data that may stand beside the checkout (``../shared/data``, or LIGHTNING_SHARED_DATA). Prints
tables and writes ``results/american.json``.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from american_trees import dividend_tree_price, present_value, tree_price
from peers.comparison import Row, compared, machine, shown, write
from peers.environments import ARRAYS
from peers.runs import Peer
from vendor_chains import data_folder, end_of_day_chain, end_of_day_sessions, yahoo_chain, yahoo_days
from vendor_comparison import without_nan

from lightning_gex.adapters.market_data.chain_files import read_chain
from lightning_gex.analytics.american import (
    AmericanVolStatus,
    american_price,
    european_equivalent,
)
from lightning_gex.analytics.american_kernels import parity_premiums_kernel, quoted_spot
from lightning_gex.analytics.american_lanes import american_scratch
from lightning_gex.analytics.black_scholes import greeks
from lightning_gex.analytics.contract_selection import IMPLIED_VOL_RANGE
from lightning_gex.analytics.implied_vol import implied_vol
from lightning_gex.analytics.parity import ForwardCurve, forward_curve
from lightning_gex.core.chain import OptionChain

RESULT = Path(__file__).parent / "results" / "american.json"
TICK = 0.01  # USD: a premium below half of it cannot be seen in a quote
NEAREST = 9  # pairs around the forward whose median is the forward
SPOT_STEP = 0.005  # relative, of the differences that make American gamma
FAST = Peer("QuantLib QdFp, fast scheme", ARRAYS, "american_quantlib.py", "price")
PRECISE = Peer("QuantLib QdFp, high precision", ARRAYS, "american_quantlib_precise.py", "price")


def fund_chain() -> dict[str, np.ndarray]:
    """A fund's chain of 30 expiries, 140 strikes each, calls and puts, with a skewed smile: 8,400 contracts or so."""
    days = np.r_[
        1:5, 7:11, 14, 21, 28, 35, 42, 56, 63, 70, 98, 126, 154, 182, 217, 245, 280, 350, 434, 497, 560, 700, 880
    ]
    rows = []
    for T in days / 365.0:
        log_k = np.linspace(-1.2, 0.5, 140) * min(1.0, 4.0 * np.sqrt(T))
        vol = 0.14 + 0.25 * np.maximum(0.0, -log_k) / np.sqrt(T + 0.05) + 0.1 * np.abs(log_k)
        rows += [np.c_[740.0 * np.exp(log_k), np.full(140, T), vol, np.full(140, call)] for call in (1.0, 0.0)]
    strike, years, vol, call = np.vstack(rows).T
    return {
        "spot": np.full(len(strike), 740.0),
        "strike": strike,
        "years": years,
        "implied_vol": vol,
        "rate": np.full(len(strike), 0.04),
        "dividend_yield": np.full(len(strike), 0.012),
        "is_call": call > 0,
    }


def accuracy_and_speed() -> dict[str, object]:
    """Prices and volatilities of the fund's chain: distance from QuantLib's high precision, nanoseconds a contract."""
    columns = {name: np.ascontiguousarray(column) for name, column in fund_chain().items()}
    few = {name: column[::7] for name, column in columns.items()}
    quotes = american_price(*columns.values()) + 0.005
    terms = [columns[name] for name in ("spot", "strike", "years", "rate", "dividend_yield", "is_call")]
    n, m = len(quotes), len(few["spot"])
    calls = {
        n: {
            "european_equivalent": ("volatility and premium", lambda: european_equivalent(quotes, *terms)),
            "american_price": ("price", lambda: american_price(*columns.values())),
        },
        m: {"american_price": ("price", lambda: american_price(*few.values()))},
    }
    found = compared({m: calls[m]}, (FAST, PRECISE), {m: few})
    whole = compared({n: calls[n]}, (), {})
    truth = found.answers.get((PRECISE.name, m))
    ours, scale = american_price(*few.values()), np.where(few["is_call"], few["spot"], few["strike"])
    errors = {}
    for name, prices in (("ours", ours), (FAST.name, found.answers.get((FAST.name, m), {}).get("price"))):
        if truth is not None and prices is not None:
            error = np.abs(prices - truth["price"]) / scale
            errors[name] = {"largest": float(error.max()), "95_percent": float(np.quantile(error, 0.95))}
    print(shown([*whole.rows, *found.rows]))
    print(f"distance from {PRECISE.name}, of the strike (puts) or spot (calls): {errors}")
    return {
        "rows": [*whole.rows, *found.rows],
        "errors": errors,
        "versions": found.versions,
        "not_available": found.not_available,
    }


def tree_errors() -> dict[str, float]:
    """Largest and median distance from fine trees over 60 contracts of all kinds, of the strike or spot."""
    rng = np.random.default_rng(11)
    errors = []
    for _ in range(60):
        T, sigma = float(np.exp(rng.uniform(np.log(0.01), np.log(2.0)))), float(np.exp(rng.uniform(np.log(0.08), 0.0)))
        K = float(100.0 * np.exp(rng.uniform(-2, 2) * sigma * np.sqrt(T)))
        r, q, call = (
            float(rng.uniform(0, 0.07)),
            float(rng.choice([0.0, rng.uniform(0, 0.3)])),
            bool(rng.random() < 0.5),
        )
        ours = float(american_price(100.0, K, T, sigma, r, q, call)[0])
        errors.append(abs(ours - tree_price(100.0, K, T, sigma, r, q, call, steps=2_000)) / (100.0 if call else K))
    return {"contracts": len(errors), "largest": max(errors), "median": float(np.median(errors))}


def dividend_errors() -> list[Row]:
    """Quarterly dividends against the smooth yield with the same forward: the cost in USD on 100, and in points."""
    rows: list[Row] = []
    for yearly, T, call in itertools.product((0.006, 0.02, 0.05), (0.2, 0.5, 1.0), (True, False)):
        rows.append({"yield": yearly, "years": T, "call": call, **_dividend_error(yearly, T, call)})
    return rows


def _dividend_error(yearly: float, T: float, call: bool) -> Row:
    sigma, r = 0.25, 0.045
    paid = [(when, 100.0 * yearly / 4) for when in np.arange(0.125, T, 0.25)]
    q = float(-np.log(1.0 - present_value(paid, r, 0.0, T) / 100.0) / T)
    usd, points = [], []
    for K in (80.0, 90.0, 100.0, 110.0, 120.0):
        truth = dividend_tree_price(100.0, K, T, sigma, r, paid, call)
        usd.append(abs(float(american_price(100.0, K, T, sigma, r, q, call)[0]) - truth))
        solved, _, status = european_equivalent(truth, 100.0, K, T, r, q, call)
        if status[0] == AmericanVolStatus.SOLVED:
            points.append(abs(float(solved[0]) - sigma) * 100)
    return {"largest_usd": max(usd), "median_points": float(np.median(points)), "largest_points": max(points)}


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A chain's volatilities and gammas under one treatment of early exercise, (n,) each; NaN where there is none."""

    curve: ForwardCurve
    spot: float
    dividend_yield: np.ndarray
    vol: np.ndarray
    gamma: np.ndarray
    premium: np.ndarray


def reading(chain: OptionChain, *, valued: bool) -> Reading:
    """Solve every two-sided quote, as European against plain parity, or with early exercise valued in both."""
    curve = forward_curve(chain, value_early_exercise=valued)
    mid = np.where((chain.bid > 0) & (chain.ask >= chain.bid), 0.5 * (chain.bid + chain.ask), np.nan)
    years = curve.contract_years
    spot = quoted_spot(chain.spot, curve.time_to_expiry_years, curve.forward) if valued else chain.spot
    dividend_yield = curve.rate - np.log(curve.contract_forward / spot) / years
    if valued:
        vol, premium, _ = european_equivalent(mid, spot, chain.strike, years, curve.rate, dividend_yield, chain.is_call)
    else:
        vol, _ = implied_vol(mid, curve.contract_forward, chain.strike, years, curve.contract_discount, chain.is_call)
        premium = np.zeros(len(mid))
    low, high = IMPLIED_VOL_RANGE
    vol = np.where((vol >= low) & (vol <= high), vol, np.nan)
    gamma = greeks(spot, chain.strike, years, vol, curve.rate, dividend_yield, chain.is_call).gamma
    return Reading(curve, spot, dividend_yield, vol, gamma, premium)


def chain_row(name: str, chain: OptionChain) -> Row:
    """What valuing early exercise changes on one chain; exposures under the naive dealer model (calls +, puts -)."""
    plain, valued = reading(chain, valued=False), reading(chain, valued=True)
    both = np.isfinite(plain.vol) & np.isfinite(valued.vol)
    change = 100.0 * np.abs(valued.vol - plain.vol)[both]
    sign = np.where(chain.is_call, 1.0, -1.0)
    held = np.nan_to_num(chain.open_interest) * chain.multiplier * chain.spot**2 * 0.01
    american = american_gamma(chain, valued)
    net, gross = {}, {}
    for way, gamma in (("plain", plain.gamma), ("valued", valued.gamma), ("american", american)):
        exposure = np.where(both & np.isfinite(gamma) & np.isfinite(american), gamma, 0.0) * held
        net[way], gross[way] = float((sign * exposure).sum()), float(exposure.sum())
    return {
        "chain": name,
        "contracts": int(both.sum()),
        "spot_gap_bp": float(1e4 * np.log(valued.spot / chain.spot)),
        "premium_above_half_a_tick": float((valued.premium[both] > TICK / 2).mean()),
        "median_points": float(np.median(change)),
        "95_percent_points": float(np.quantile(change, 0.95)),
        "largest_points": float(change.max()),
        "lost": int((np.isfinite(plain.vol) & ~np.isfinite(valued.vol)).sum()),
        "median_rate_change": float(np.median(np.abs(_series(valued, "rate") - _series(plain, "rate")))),
        "largest_forward_change_bp": float(1e4 * np.abs(np.log(valued.curve.forward / plain.curve.forward)).max()),
        "forward_residual_bp": forward_residual(chain, valued),
        "gross_gamma_change": gross["valued"] / gross["plain"] - 1.0,
        "net_gamma_usd_per_pct": net["valued"],
        "net_gamma_change_of_gross": (net["valued"] - net["plain"]) / gross["plain"],
        "net_gamma_sign_changed": bool(np.sign(net["valued"]) != np.sign(net["plain"])),
        "american_gross_gamma": gross["american"] / gross["valued"] - 1.0,
        "american_net_gamma_of_gross": (net["american"] - net["valued"]) / gross["valued"],
    }


def _series(read: Reading, name: str) -> np.ndarray:
    """A contract column of the curve, one value a series."""
    _, first = np.unique(read.curve.group, return_index=True)
    return np.asarray(getattr(read.curve, name))[first]


def american_gamma(chain: OptionChain, read: Reading) -> np.ndarray:
    """Gamma of the American model itself at the volatility found, by central differences in spot."""
    curve, step = read.curve, SPOT_STEP * read.spot
    terms = (chain.strike, curve.contract_years, read.vol, curve.rate, read.dividend_yield, chain.is_call)
    low, mid, high = (american_price(spot, *terms) for spot in (read.spot - step, read.spot, read.spot + step))
    return (high - 2.0 * mid + low) / step**2


def forward_residual(chain: OptionChain, read: Reading) -> float:
    """How far one more pass of taking the premiums off would move the forwards: the median series, basis points."""
    scratch, moves, curve = american_scratch(), [], read.curve
    for g in range(len(curve.forward)):
        pairs = _pairs(chain, curve.group == g)
        if len(pairs) < NEAREST:
            continue
        strike, call, put = (np.ascontiguousarray(column) for column in pairs.T)
        first = int(np.flatnonzero(curve.group == g)[0])
        bias = np.empty(len(strike))
        years, rate = float(curve.time_to_expiry_years[g]), float(curve.rate[first])
        dividend_yield = float(read.dividend_yield[first])
        parity_premiums_kernel(call, put, strike, read.spot, years, rate, dividend_yield, scratch, bias)
        forwards = strike + (call - put - bias) / curve.discount[g]
        near = np.argsort(np.abs(strike - curve.forward[g]), kind="stable")[:NEAREST]
        if np.isfinite(bias[near]).any():
            moves.append(abs(float(np.log(np.nanmedian(forwards[near]) / curve.forward[g]))))
    return 1e4 * float(np.median(moves)) if moves else float("nan")


def _pairs(chain: OptionChain, own: np.ndarray) -> np.ndarray:
    """(m, 3) strike, call mid, put mid of the two-sided pairs within 15 % of spot."""
    fit = own & (chain.bid > 0) & (chain.ask >= chain.bid) & (np.abs(np.log(chain.strike / chain.spot)) < 0.15)
    mid = 0.5 * (chain.bid + chain.ask)
    sides = (fit & chain.is_call, fit & ~chain.is_call)
    calls, puts = (dict(zip(chain.strike[side].tolist(), mid[side].tolist(), strict=True)) for side in sides)
    return np.array([(k, calls[k], puts[k]) for k in sorted(calls.keys() & puts.keys())]).reshape(-1, 3)


def chains(folder: Path) -> Iterator[tuple[str, OptionChain]]:
    """(name, chain) of every American chain in the folder."""
    for session in end_of_day_sessions(folder, "SPY"):
        yield f"SPY {session}", end_of_day_chain(folder, session, "SPY").chain
    for ticker, day in yahoo_days(folder):
        yield f"{ticker} {day}", yahoo_chain(folder, ticker, day)
    for path in sorted((folder / "chains" / "raw").glob("schwab_*")):
        yield path.name.split(".")[0], read_chain(path)


def print_rows(rows: list[Row]) -> None:
    """The rows with their names on top."""
    print("  ".join(rows[0]))
    for row in rows:
        print("  ".join(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()))


def main() -> None:
    """Measure, print tables, write the results."""
    found: dict[str, object] = {"machine": machine(), "quantlib": accuracy_and_speed(), "trees": tree_errors()}
    print(f"distance from trees of 2,000 and 1,000 steps: {found['trees']}")
    dividends = dividend_errors()
    print_rows(dividends)
    folder = data_folder()
    if not (folder / "chains").is_dir():
        print(f"skipped the real chains: none in {folder} (set LIGHTNING_SHARED_DATA)")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = [chain_row(name, chain) for name, chain in chains(folder)]
    print_rows(rows)
    write(RESULT, {**found, "dividends": dividends, "chains": without_nan(rows)})


if __name__ == "__main__":
    main()
