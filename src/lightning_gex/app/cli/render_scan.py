"""A scanned market as a ranked table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from lightning_gex.app.assembly.scan import ScannedMarket
from lightning_gex.app.cli.render import number, percent, titled_table
from lightning_gex.app.cli.render_positioning import usd
from lightning_gex.core.errors import SettingsError

#: What ``--sort`` may name -> the column it ranks by, largest in size first.
SORTS = {
    "gamma": "gamma_exposure_usd_per_pct",
    "net_to_gross": "net_to_gross",
    "move": "expected_move_share",
    "vol": "atm_implied_vol",
    "coverage": "open_interest_coverage",
}
_AGREE = {1: "agree", 0: "disagree", -1: "n/a"}


def check_sort(name: str) -> str:
    """The column behind a word of ``--sort``. Raises ``SettingsError`` on any other word."""
    if name not in SORTS:
        raise SettingsError(f"--sort {name!r}: choose one of {', '.join(SORTS)}")
    return SORTS[name]


def show_scan(found: ScannedMarket, ranked: Sequence[Mapping[str, Any]], sort: str, console: Console) -> None:
    """Print the underlyings at the top of a ranking, and what became of the others."""
    table = titled_table(
        f"The largest by {sort.replace('_', ' ')}, dealer model {found.dealer_model}",
        *("underlying", "spot", "gamma per 1 %", "net/gross", "models", "zero gamma", "put wall", "call wall"),
        *("ATM vol", "one session", "coverage"),
    )
    for row in ranked:
        gamma = float(row["gamma_exposure_usd_per_pct"])
        table.add_row(
            str(row["underlying"]),
            number(row["spot"]),
            Text(usd(gamma), style="red" if gamma < 0 else "green"),
            percent(row["net_to_gross"]),
            _AGREE[int(row["models_agree_on_sign"])],
            number(row["zero_gamma_nearest"]),
            number(row["put_wall"]),
            number(row["call_wall"]),
            percent(row["atm_implied_vol"]),
            percent(row["expected_move_share"]),
            percent(row["open_interest_coverage"]),
        )
    console.print()
    console.print(table)
    told = ", ".join(f"{count:,} {status.replace('_', ' ')}" for status, count in _by_size(found.statuses))
    console.print(f"{found.contracts:,} contracts; underlyings: {told}", markup=False)
    reasons: dict[str, int] = {}
    for out in found.left_out:
        reasons[out.reason] = reasons.get(out.reason, 0) + 1
    if reasons:
        words = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in _by_size(reasons))
        console.print(f"no chain at all: {words}", style="yellow", markup=False)


def _by_size(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: -item[1])
