"""Our Greeks beside Cboe's: end-of-day chains with all Greeks, quote-data pages, raw files, and delta as days pass.

Needs the real data that may stand beside the checkout (``../shared/data``, or LIGHTNING_SHARED_DATA). Prints tables and
writes ``results/vendor.json``.
"""

from __future__ import annotations

import csv
import gzip
import json
import platform
import warnings
from pathlib import Path

import numpy as np
from vendor_chains import (
    REPOSITORY,
    VendorChain,
    data_folder,
    end_of_day_chain,
    end_of_day_sessions,
    quote_data_chains,
)
from vendor_comparison import (
    Differences,
    american_greeks,
    delta_changes,
    differences,
    european_greeks,
    explained,
    forward_gap,
    is_american,
    outliers,
    spot_gap_bp,
    together,
    value_vol,
    vendor_curve,
    without_nan,
)

from lightning_gex.adapters.market_data.chain_files import read_chain
from lightning_gex.analytics.parity import forward_curve
from lightning_gex.core.chain import OptionChain

RESULT = REPOSITORY / "benchmarks" / "results" / "vendor.json"
BEFORE, AFTER = "2026-07-24", "2026-07-27"  # a weekend apart: three days of charm
LEAST_DAYS, MOST_DAYS = 10, 180
MOVED_BP = 10.0  # more between nearest forward and spot than a week's carry can be
LOW_PRICE = 1_000.0  # USD, below which a gamma of an option at the money is ten times the vendor's rounding and more
Row = dict[str, object]
Key = tuple[str, str, bool, float]


def ways_of_reading(vendor: VendorChain) -> dict[str, Differences]:
    """Differences for each way of reading the vendor's inputs.

    ``quotes``: the chain's own forwards and the vendor's volatility column, as positioning uses them. ``vendor
    forwards``: those in the vendor's values. ``vendor values``: volatility from the vendor's values too. ``american``:
    the American model's Greeks (only where exercise is American).
    """
    quotes, theirs = forward_curve(vendor.chain), vendor_curve(vendor)
    ways = {
        "quotes": european_greeks(vendor, quotes),
        "vendor forwards": european_greeks(vendor, theirs),
        "vendor values": european_greeks(vendor, theirs, value_vol(vendor, theirs)),
    }
    if is_american(vendor):
        ways["american"] = american_greeks(vendor, quotes)
    return {way: differences(vendor, ours) for way, ours in ways.items()}


def end_of_day_table(folder: Path, underlying: str) -> list[Row]:
    """A row a session and way of reading, and one over all sessions for each way."""
    rows: list[Row] = []
    found: dict[str, list[Differences]] = {}
    for session in end_of_day_sessions(folder, underlying):
        vendor = end_of_day_chain(folder, session, underlying)
        gap = 1e4 * forward_gap(vendor)
        for way, ours in ways_of_reading(vendor).items():
            found.setdefault(way, []).append(ours)
            rows.append({"session": session, "way": way, **ours.summary(), "forward_gap_bp": gap})
    return rows + [{"session": "all", "way": way, **together(parts).summary()} for way, parts in found.items()]


def quote_data_table(folder: Path) -> list[Row]:
    """A row a quote-data file: agreement, where the outliers sit, and what they come from.

    ``gamma_within_rounding_stamped`` counts the time to expiry from when the file was saved.
    """
    rows: list[Row] = []
    for (name, vendor), (_, stamped) in zip(
        quote_data_chains(folder), quote_data_chains(folder, stamped=True), strict=True
    ):
        ours = european_greeks(vendor, forward_curve(vendor.chain))
        later = differences(stamped, european_greeks(stamped, forward_curve(stamped.chain))).summary()
        row: Row = {
            "file": name,
            "as_of": vendor.chain.as_of.isoformat(),
            **differences(vendor, ours).summary(),
            "gamma_within_rounding_stamped": later["gamma_within_rounding"],
            "spot_gap_bp": spot_gap_bp(vendor),
            **outliers(vendor, ours),
        }
        rows.append({**row, "words": explanation(vendor, row)})
    return rows


def explanation(vendor: VendorChain, found: Row) -> str:
    """What the outliers of a file come from, from its own figures."""
    number = {name: float(value) for name, value in found.items() if isinstance(value, int | float)}
    words = [vendor.note] if vendor.note else []
    if number["gamma_within_rounding_stamped"] > number["gamma_within_rounding"] + 0.01:
        words.append("its Greeks were made anew when it was saved: time counts from then")
    if is_american(vendor):
        words.append("American exercise")
    if abs(number["spot_gap_bp"]) > MOVED_BP:
        words.append(f"spot and quotes of different moments: the quotes say {number['spot_gap_bp']:+.0f} bp")
    if number["outside_within_7_days"] > 0.3:
        words.append(f"{number['outside_within_7_days']:.0%} of the outliers within 7 days of expiry")
    if abs(number["ratio_calls"] - number["ratio_puts"]) > 0.02:
        words.append("volatilities of calls and puts part: solved against another forward than the quotes'")
    if vendor.chain.spot < LOW_PRICE:
        words.append("a low price: gamma is large against the rounding")
    return "; ".join(words)


def delta_table(folder: Path, underlying: str) -> dict[str, Row]:
    """How much of the vendor's change of delta over a weekend our terms explain, together and each left out."""
    found = delta_changes(
        end_of_day_chain(folder, BEFORE, underlying), end_of_day_chain(folder, AFTER, underlying), LEAST_DAYS, MOST_DAYS
    )
    charm, gamma, vanna, moved = (found[name] for name in ("charm", "gamma", "vanna", "gamma_of_forward"))
    ways = {
        "charm + gamma + vanna": charm + gamma + vanna,
        "without charm": gamma + vanna,
        "without gamma": charm + vanna,
        "without vanna": charm + gamma,
        "charm + gamma of the forward's move + vanna": charm + moved + vanna,
    }
    return {name: dict(explained(found["change"], predicted)) for name, predicted in ways.items()}


def raw_file(path: Path) -> Row:
    """A file exactly as the vendor gives it, through the project's reader, against the gamma printed in it."""
    chain = read_chain(path)
    printed = printed_gamma(path)
    keys = zip(chain.root, chain.expiry.astype(str), chain.is_call, chain.strike, strict=True)
    gamma = np.array([printed[(str(r), str(e), bool(c), float(k))] for r, e, c, k in keys])
    vendor = _only_gamma(chain, np.where(gamma > 0, gamma, np.nan))
    found = outliers(vendor, european_greeks(vendor, forward_curve(chain)))
    return {"file": path.name, "as_of": chain.as_of.isoformat(), **found}


def _only_gamma(chain: OptionChain, gamma: np.ndarray) -> VendorChain:
    nothing = np.full(len(chain), np.nan)
    return VendorChain(chain, nothing, gamma, nothing, nothing, nothing, nothing)


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


def osi_key(symbol: str) -> Key:
    """(root, expiry, is call, strike) of a symbol such as XSP230914C00270000."""
    body = symbol[-15:]
    expiry = f"20{body[:2]}-{body[2:4]}-{body[4:6]}"
    return symbol[:-15], expiry, body[6] == "C", int(body[7:]) / 1000.0


def print_table(title: str, rows: list[Row]) -> None:
    """The rows with one column a key of the first."""
    print(f"\n{title}")
    names = [name for name in rows[0] if name not in ("words", "as_of")]
    print("  ".join(names))
    for row in rows:
        cells = [f"{value:.4f}" if isinstance(value := row.get(name, ""), float) else str(value) for name in names]
        print("  ".join(cells) + (f"  [{row['words']}]" if row.get("words") else ""))


def main() -> None:
    """Compare, print, write."""
    folder = data_folder()
    if not (folder / "chains").is_dir():
        print(f"skipped: no vendor chains in {folder} (set LIGHTNING_SHARED_DATA)")
        return
    warnings.simplefilter("error")
    found: dict[str, object] = {"python": platform.python_version(), "rounding": 6e-5}
    for underlying in ("SPX", "SPY"):
        rows = end_of_day_table(folder, underlying)
        print_table(f"{underlying}, end of day, against every Greek of the vendor", rows)
        found[f"end_of_day_{underlying}"] = rows
        changes = delta_table(folder, underlying)
        print_table(
            f"{underlying}: change of the vendor's delta {BEFORE} .. {AFTER}, {LEAST_DAYS} to {MOST_DAYS} days",
            [{"explained by": name, **row} for name, row in changes.items()],
        )
        found[f"delta_change_{underlying}"] = changes
    quote_data = quote_data_table(folder)
    print_table("quote-data pages, no threshold", quote_data)
    raw = [raw_file(path) for path in sorted((folder / "chains" / "raw").glob("cboe_*"))]
    print_table("raw files through the readers, near the money", raw)
    content = without_nan({**found, "quote_data": quote_data, "raw": raw})
    RESULT.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
