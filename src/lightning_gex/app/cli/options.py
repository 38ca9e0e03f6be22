"""Options that several commands share, and how their values become what the wiring takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import date
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightning_gex.core.errors import SettingsError

if TYPE_CHECKING:
    from lightning_gex.app.assembly.universe import UniverseRequest
    from lightning_gex.app.workspace import Workspace


def folder_named(text: str | Path) -> Path:
    """A folder given as an option: an empty name, as of an unset variable, must not become the present folder."""
    if not str(text).strip():
        raise typer.BadParameter("the name is empty: name a folder")
    return Path(text)


HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        parser=folder_named,
        metavar="DIR",
        help="Workspace folder (default: $LIGHTNING_HOME or ~/.lightning-gex).",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="Format of the chain file: cboe_quotedata, cboe_delayed_quotes, schwab, yahoo, cboe_table or table "
        "(default: recognised).",
    ),
]
DealerModelOption = Annotated[
    str, typer.Option("--dealer-model", help="Who holds what: naive, inverted, unsigned or volume_signed.")
]
HistoryOption = Annotated[
    Path | None,
    typer.Option(
        "--history",
        readable=False,
        metavar="FILE",
        help="Daily positioning of your own chains, as history build writes it.",
    ),
]
BarsOption = Annotated[
    Path,
    typer.Option("--bars", readable=False, metavar="FILE", help="Daily bars: ticker,date,open,high,low,close,volume."),
]
TickersOption = Annotated[list[str], typer.Option("--ticker", metavar="T", help="Symbol to trade; repeat for several.")]
AnyTickersOption = Annotated[
    list[str] | None, typer.Option("--ticker", metavar="T", help="Symbol to trade; repeat for several.")
]
UniverseOption = Annotated[
    Path | None,
    typer.Option(
        "--universe",
        readable=False,
        metavar="FILE",
        help="Symbols to trade instead of --ticker: from,ticker[,to] by date, or a list.",
    ),
]
LargestOption = Annotated[
    int | None,
    typer.Option(
        "--largest",
        min=1,
        metavar="N",
        help="Trade the N symbols of the bars with the largest dollar volume of the calendar year before.",
    ),
]
AmongOption = Annotated[
    Path | None,
    typer.Option("--among", readable=False, metavar="FILE", help="Universe that --largest chooses from."),
]
StartOption = Annotated[str | None, typer.Option("--start", metavar="DATE", help="First session to decide on.")]
EndOption = Annotated[str | None, typer.Option("--end", metavar="DATE", help="Last session to decide on.")]
CapitalOption = Annotated[
    float | None, typer.Option("--capital", metavar="USD", help="Initial capital (default: the setting).")
]
FlowOption = Annotated[
    Path | None,
    typer.Option("--flow", readable=False, metavar="FILE", help="Flow by session: date with dix, gex or both."),
]
VolatilityIndexOption = Annotated[
    Path | None,
    typer.Option(
        "--volatility-index",
        readable=False,
        metavar="FILE",
        help="VIX: date,close, or long form index,date,...,close.",
    ),
]
RatesOption = Annotated[
    Path | None,
    typer.Option("--rates", readable=False, metavar="FILE", help="13-week bill yield by date, per cent."),
]
MarketOption = Annotated[
    Path | None,
    typer.Option(
        "--market",
        readable=False,
        metavar="FILE",
        help="Market context: JSON, TOML, or a table of its columns by date.",
    ),
]

MarketBarsOption = Annotated[
    Path | None,
    typer.Option(
        "--market-bars",
        readable=False,
        metavar="FILE",
        help="Daily bars with SPY or the S&P 500, where --bars has neither.",
    ),
]


def spreads_asked(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose parameter ``asked``, a dataclass of options, is shown and typed as the options it is made of."""
    own = inspect.signature(command, eval_str=True)
    options: Callable[..., object] = own.parameters["asked"].annotation
    fields = inspect.signature(options, eval_str=True).parameters

    @wraps(command)
    def run(**given: object) -> None:
        command(asked=options(**{name: given.pop(name) for name in fields}), **given)

    shown = [p for name, one in own.parameters.items() for p in (fields.values() if name == "asked" else (one,))]
    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in shown]
    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
    return run


def command_group(name: str, text: str) -> typer.Typer:
    """A command with commands of its own; alone it prints its help."""
    group = typer.Typer(name=name, help=text, rich_markup_mode=None)

    @group.callback(invoke_without_command=True)
    def _alone(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            typer.echo(context.get_help())

    return group


def workspace_of(context: typer.Context, home: Path | None) -> Workspace:
    """The workspace this call works in: its own ``--home``, else the one before the command, else the default."""
    from lightning_gex.app import bootstrap

    shared = context.obj if isinstance(context.obj, Path) else None
    workspace: Workspace = bootstrap.open_workspace(home if home is not None else shared)
    return workspace


def universe_request(
    tickers: list[str] | None, file: Path | None, largest: int | None, among: Path | None
) -> UniverseRequest:
    """What ``--ticker``, ``--universe``, ``--largest`` and ``--among`` ask for. Raises ``SettingsError`` on a clash."""
    from lightning_gex.app import bootstrap

    request: UniverseRequest = bootstrap.UniverseRequest(tuple(tickers or ()), file, largest, among)
    return request


def check_capital(capital: float) -> None:
    """Raises ``SettingsError`` where ``--capital`` is no sum that a run can begin with."""
    from lightning_gex.app.settings import LARGEST_CAPITAL_USD, LEAST_CAPITAL_USD

    if not 0 < capital < float("inf"):
        raise SettingsError(f"--capital {capital:g} is not a positive number of dollars")
    if not LEAST_CAPITAL_USD <= capital <= LARGEST_CAPITAL_USD:
        raise SettingsError(
            f"--capital {capital:g} lies outside {LEAST_CAPITAL_USD:g} .. {LARGEST_CAPITAL_USD:g} dollars"
        )


def session_date(text: str | None, option: str) -> date | None:
    """An ISO date given as an option. Raises ``SettingsError`` on anything else."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{option} {text!r} is not a date: write it as 2019-12-31") from None


def session_span(start: str | None, end: str | None) -> tuple[date | None, date | None]:
    """``--start`` and ``--end`` as dates. Raises ``SettingsError`` where they are none, or the wrong way round."""
    first, last = session_date(start, "--start"), session_date(end, "--end")
    if first is not None and last is not None and first > last:
        raise SettingsError(f"--start {start} is later than --end {end}")
    return first, last
