"""What changed between two chains, as tables."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lightning_gex.analytics.positioning_changes import ContractFate, GammaStep, PositioningChanges, largest
from lightning_gex.app.cli.render import number, percent, titled_table
from lightning_gex.app.cli.render_positioning import usd
from lightning_gex.core.units import DateArray1D

LARGEST_SHOWN = 8  # rows of each table of largest changes
_DATES_SHOWN = 6
_STEPS = {
    GammaStep.EXPIRED: "contracts that settled",
    GammaStep.LEFT: "contracts missing from the later chain",
    GammaStep.SPOT: "spot, at the old volatilities by strike",
    GammaStep.TIME: "time passing",
    GammaStep.VOLATILITY: "implied volatility",
    GammaStep.CARRY: "rates and dividends",
    GammaStep.OPEN_INTEREST: "open interest",
    GammaStep.DEALER_SIGN: "the dealer model's signs",
    GammaStep.ENTERED: "contracts new in the later chain",
}
_LEVELS = {
    "spot": "spot",
    "zero_gamma_nearest": "zero gamma",
    "call_wall": "call wall",
    "put_wall": "put wall",
    "max_pain": "max pain",
    "straddle_move_usd": "straddle move",
}
_EXPOSURES = {
    "gamma_exposure_usd_per_pct": "gamma",
    "delta_exposure_usd": "delta",
    "vanna_exposure_usd_per_vol_point": "vanna",
    "charm_exposure_usd_per_day": "charm",
}


def show_changes(found: PositioningChanges, console: Console) -> None:
    """Print what changed since an earlier chain: why net gamma moved, levels, and the largest changes."""
    console.print()
    title = f"Since {found.before:%Y-%m-%d %H:%M} UTC (open interest of {found.open_interest_session_before}"
    console.print(Text(f"{title} -> {found.open_interest_session_now})", style="bold"))
    for words, dates in (("gone", found.expiries_gone()), ("opened", found.expiries_opened())):
        if len(dates):
            console.print(f"expiries {words}: {_dates(dates)}", markup=False)
    if _is_the_same(found):
        console.print("nothing changed: same contracts, open interest, levels and exposures")
    else:
        _tables(found, console)
    for note in found.notes:
        console.print(Text(f"note: {note}", style="dim"))


def _is_the_same(found: PositioningChanges) -> bool:
    """Whether both chains hold the same contracts with the same open interest and give the same figures."""
    contracts = found.contracts
    return (
        bool((contracts.fate == ContractFate.KEPT).all())
        and not np.nan_to_num(contracts.open_interest_change).any()
        and not np.nan_to_num(contracts.gamma_change_usd_per_pct).any()
        and all(before == now or (before != before and now != now) for before, now in found.levels.values())
    )


def _tables(found: PositioningChanges, console: Console) -> None:
    tables = (_why(found), _moved(found), _contracts(found, by="open_interest"), _contracts(found, by="gamma"))
    for table in (*tables, _strikes(found)):
        console.print()
        console.print(table)
        if not table.row_count:
            console.print("nothing changed", style="dim")


def _why(found: PositioningChanges) -> Table:
    table = titled_table("Why net gamma changed", "", "USD per +1 % of spot", "step, in this order")
    for step, value in found.gamma_steps_usd_per_pct.items():
        if value:  # exactly zero where nothing of the kind changed
            table.add_row(step.value.replace("_", " "), usd(value), _STEPS[step])
    table.add_row(Text("all", style="bold"), Text(usd(found.gamma_change_usd_per_pct), style="bold"), "")
    return table


def _moved(found: PositioningChanges) -> Table:
    table = titled_table("Levels and exposures", "", "before", "now", "change")
    for name, label in _LEVELS.items():
        before, now = found.levels[name]
        table.add_row(label, number(before), number(now), number(now - before, "{:+,.2f}"))
    before, now = found.levels["atm_implied_vol"]
    table.add_row("ATM volatility", percent(before), percent(now), number(100.0 * (now - before), "{:+.1f} points"))
    for name, label in _EXPOSURES.items():
        before, now = found.levels[name]
        table.add_row(label, usd(before), usd(now), usd(now - before))
    return table


def _contracts(found: PositioningChanges, *, by: str) -> Table:
    """The contracts with the largest change of open interest, or of net gamma."""
    contracts = found.contracts
    words = {"open_interest": "open interest in living contracts", "gamma": "net gamma"}[by]
    table = titled_table(f"Largest changes of {words}", "contract", "open interest", "change", "gamma change", "")
    change = contracts.traded_open_interest if by == "open_interest" else contracts.gamma_change_usd_per_pct
    for i in largest(change, LARGEST_SHOWN):
        right = "C" if contracts.is_call[i] else "P"
        name = f"{contracts.root[i]} {contracts.expiry[i]} {contracts.strike[i]:g} {right}"
        fate = str(contracts.fate[i])
        table.add_row(
            name,
            number(float(contracts.open_interest_now[i]), "{:,.0f}"),
            number(float(contracts.open_interest_change[i]), "{:+,.0f}"),
            usd(float(contracts.gamma_change_usd_per_pct[i])),
            "" if fate == ContractFate.KEPT else fate,
        )
    return table


def _strikes(found: PositioningChanges) -> Table:
    strikes = found.by_strike()
    table = titled_table("Largest changes of net gamma by strike", "strike", "before", "now", "change", "open interest")
    for i in largest(strikes.gamma_change_usd_per_pct, LARGEST_SHOWN):
        table.add_row(
            f"{strikes.strike[i]:,.2f}",
            usd(float(strikes.gamma_before_usd_per_pct[i])),
            usd(float(strikes.gamma_now_usd_per_pct[i])),
            usd(float(strikes.gamma_change_usd_per_pct[i])),
            number(float(strikes.open_interest_change[i]), "{:+,.0f}"),
        )
    return table


def _dates(dates: DateArray1D) -> str:
    named = ", ".join(str(d) for d in dates[:_DATES_SHOWN])
    more = len(dates) - _DATES_SHOWN
    return f"{named} and {more} more" if more > 0 else named
