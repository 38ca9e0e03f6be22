"""Black-Scholes gamma of Cboe's own files against the gamma Cboe prints (four decimals) in the same rows.

Needs the raw vendor files that may stand beside the checkout (``../shared/data/chains/raw``, or LIGHTNING_SHARED_DATA).
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import platform
from pathlib import Path

import numpy as np

from lightning_gex.adapters.market_data.chain_files import read_chain
from lightning_gex.analytics.black_scholes import greeks
from lightning_gex.analytics.contract_selection import select_contracts
from lightning_gex.analytics.option_time import TimeClock, time_to_expiry_years
from lightning_gex.analytics.parity import forward_curve
from lightning_gex.core.chain import OptionChain

REPOSITORY = Path(__file__).resolve().parents[1]
RESULT = REPOSITORY / "benchmarks" / "results" / "vendor_gamma.json"
ROUNDING = 6e-5  # half a unit of the fourth decimal, and a little
NEAR_THE_MONEY = 0.03  # |strike / spot - 1| below which the vendor's four decimals still say something
Key = tuple[str, str, bool, float]


def raw_folder() -> Path:
    """Where the vendor's files lie."""
    data = os.environ.get("LIGHTNING_SHARED_DATA", str(REPOSITORY.parent / "shared" / "data"))
    return Path(data) / "chains" / "raw"


def osi_key(symbol: str) -> Key:
    """(root, expiry, is call, strike) of a symbol such as XSP230914C00270000."""
    body = symbol[-15:]
    expiry = f"20{body[:2]}-{body[2:4]}-{body[4:6]}"
    return symbol[:-15], expiry, body[6] == "C", int(body[7:]) / 1000.0


def printed_gamma(path: Path) -> dict[Key, float]:
    """The vendor's gamma of every row, read here without the project's reader."""
    text = gzip.decompress(path.read_bytes()).decode("utf-8-sig")
    if ".json" in path.name:
        return {osi_key(o["option"]): float(o["gamma"]) for o in json.loads(text)["data"]["options"]}
    found: dict[Key, float] = {}
    rows = list(csv.reader(text.splitlines()))
    header = next(i for i, row in enumerate(rows) if row[:1] == ["Expiration Date"])
    for row in rows[header + 1 :]:
        if len(row) >= 22:
            found[osi_key(row[1])] = float(row[9])
            found[osi_key(row[12])] = float(row[20])
    return found


def our_gamma(chain: OptionChain) -> np.ndarray:
    """Gamma of every contract, NaN where it is not used."""
    curve = forward_curve(chain)
    chosen = select_contracts(chain, curve)
    years = time_to_expiry_years(chain.as_of, chain.settles_at, TimeClock.CALENDAR)
    found = greeks(chain.spot, chain.strike, years, chosen.implied_vol, curve.rate, curve.dividend_yield, chain.is_call)
    return found.gamma


def compare(path: Path) -> dict[str, object]:
    """Shares of contracts whose gamma lies within the vendor's rounding, of those with a printed gamma."""
    chain = read_chain(path)
    printed = printed_gamma(path)
    ours = our_gamma(chain)
    keys = zip(chain.root, chain.expiry.astype(str), chain.is_call, chain.strike, strict=True)
    theirs = np.array([printed[(str(r), str(e), bool(c), float(k))] for r, e, c, k in keys])
    known = np.isfinite(ours) & (theirs > 0)
    within = np.abs(ours - theirs) <= ROUNDING
    near = known & (np.abs(chain.strike / chain.spot - 1.0) < NEAR_THE_MONEY)
    ratio = ours[near] / theirs[near]
    return {
        "file": path.name,
        "as_of": chain.as_of.isoformat(),
        "compared": int(known.sum()),
        "within_rounding": float(within[known].mean()),
        "near_the_money": int(near.sum()),
        "near_the_money_median_ratio": float(np.median(ratio)),
        "near_the_money_median_ratio_calls": float(np.median(ratio[chain.is_call[near]])),
        "near_the_money_median_ratio_puts": float(np.median(ratio[~chain.is_call[near]])),
        "near_the_money_within_10_percent": float((np.abs(ratio - 1.0) < 0.1).mean()),
    }


def main() -> None:
    """Compare every raw file, print a table, write the results."""
    folder = raw_folder()
    files = sorted(folder.glob("cboe_*"))
    if not files:
        print(f"skipped: no vendor files in {folder} (set LIGHTNING_SHARED_DATA)")
        return
    found = [compare(path) for path in files]
    for row in found:
        print(
            f"{row['file']:<46} {row['compared']:>6} contracts, near the money: ours / theirs "
            f"{row['near_the_money_median_ratio']:.3f} (calls {row['near_the_money_median_ratio_calls']:.3f}, "
            f"puts {row['near_the_money_median_ratio_puts']:.3f}), "
            f"within 10 % {row['near_the_money_within_10_percent']:.1%}"
        )
    RESULT.write_text(json.dumps({"python": platform.python_version(), "files": found}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
