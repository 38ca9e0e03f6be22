"""Chains and books spoilt at random, and which figures of a chain and of a market must be the same number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from builders_chain import PER_CONTRACT, changed, make_chain, reordered
from lightning_gex.analytics.dealer_exposure import EXPOSURES
from lightning_gex.core.chain import OptionChain

EXPIRIES = ("2024-06-03", "2024-06-04", "2024-06-07", "2024-06-21", "2024-07-19", "2024-09-20", "2025-06-20")
#: The field of ``DealerPositioning`` that each column of ``MarketScan`` repeats, where the names are the same.
SAME_FIGURES = (
    *EXPOSURES,
    "spot",
    "contracts_read",
    "contracts_used",
    "vendor_vols",
    "solved_vols",
    "open_interest_coverage",
    "quotes_session",
    "open_interest_session",
    "gamma_exposure_by_volume_usd_per_pct",
    "gamma_exposure_ex_0dte_usd_per_pct",
    "gross_gamma_usd_per_pct",
    "net_to_gross",
    "zero_gamma_nearest",
    "call_wall",
    "put_wall",
    "max_pain",
    "max_pain_nearest_expiry",
    "atm_implied_vol",
    "expected_move_usd",
    "straddle_move_usd",
    "straddle_expiry",
)


def wild_chain(seed: int, *, root: str | None = None, sick: float | None = None) -> OptionChain:
    """Any chain a vendor might send: sound, spoilt here and there, or hopeless; any order, doubled rows, two roots.

    ``sick`` is the share of cells that lie; None draws it.
    """
    rng = np.random.default_rng(seed)
    name = root or str(rng.choice(["SPXW", "AAPL", "XSP"]))
    spot = float(np.exp(rng.uniform(-3.0, 9.0)))
    chosen = rng.choice(EXPIRIES, rng.integers(1, 6), replace=False)
    strikes = spot * np.sort(rng.choice(np.linspace(0.7, 1.3, 41), rng.integers(2, 30), replace=False))
    chain = make_chain(
        spot=spot,
        root=name,
        expiries=tuple(sorted(chosen)),
        strikes=strikes,
        vol=float(rng.choice([0.02, 0.2, 0.8])),
        half_spread=spot * float(rng.choice([0.0, 1e-4, 5e-3])),
        quoted_iv=bool(rng.random() < 0.7),
        rate=float(rng.choice([0.0, 0.04, -0.01])),
        dividend_yield=float(rng.choice([0.0, 0.03])),
    )
    n = len(chain)
    chain = changed(chain, open_interest=np.floor(rng.lognormal(3, 2, n)), volume=np.floor(rng.lognormal(1, 2, n)))
    if name == "SPXW" and rng.random() < 0.5:
        chain = with_morning_options(chain)
    share = float(rng.choice([0.0, 0.02, 0.3])) if sick is None else sick
    chain = spoilt(chain, share, rng)
    rows = rng.permutation(len(chain)) if rng.random() < 0.7 else rng.integers(0, len(chain), len(chain))
    return reordered(chain, rows)


def with_morning_options(chain: OptionChain) -> OptionChain:
    """The same strikes and dates a second time under the morning-settled root."""
    later = chain.expiry > np.datetime64("2024-06-03")
    if not later.any():
        return chain
    both = {name: np.concatenate([getattr(chain, name), getattr(chain, name)[later]]) for name in PER_CONTRACT}
    n = len(chain)
    both["root"] = np.where(np.arange(len(both["root"])) < n, "SPXW", "SPX")
    both["settles_at"][n:] -= np.timedelta64(390, "m")
    return changed(chain, **both, contracts_read=len(both["root"]))


def spoilt(chain: OptionChain, share: float, rng: np.random.Generator) -> OptionChain:
    """The chain with a share of its cells replaced by what vendors write when they do not know."""
    n = len(chain)

    def lies(values: np.ndarray, *bad: float) -> np.ndarray:
        return np.where(rng.random(n) < share, rng.choice(bad, n), values)

    return changed(
        chain,
        strike=lies(chain.strike, np.nan, -5.0, 0.0, 1e300),
        bid=lies(chain.bid, 0.0, np.nan, -1.0, np.inf, 1e300),
        ask=lies(chain.ask, 0.0, np.nan, 1e-9, np.inf),
        implied_vol=lies(chain.implied_vol, 0.0, np.nan, -999.0, 1e-5, 77.0, np.inf),
        open_interest=lies(chain.open_interest, 0.0, np.nan, -1.0, np.inf, 1e300),
        volume=lies(chain.volume, 0.0, np.nan, -1.0, np.inf, 1e300),
        multiplier=lies(chain.multiplier, 0.0, np.nan, -100.0, 10.0, 1e300),
    )


def with_source(chain: OptionChain, source: str) -> OptionChain:
    """The chain under another source's name."""
    return replace(chain, source=source)
