"""What the whole system is worth on real data, 2012 to 2021: evaluation, ablation, and the goals met or missed.

Two subjects: SPY, and the thirty S&P 500 names with the largest dollar volume of the calendar year before, chosen on
each year's first session; both with the S&P 500's dealer flow, VIX and bill rates. Each part runs in a workspace of its
own, so the trials counted are those of one part.

Needs the real data that may stand beside the checkout (``../shared/data``, or LIGHTNING_SHARED_DATA).
Arguments: ``evaluate-spy evaluate-names ablate-spy ablate-names page``; none runs all. What is not run keeps its place
in the results. ``page`` writes the tables of ``docs/concepts/what_it_is_worth.md`` and of the README from the results.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import readme_tables
from bench_dix import data_folder
from edge_goals import Goal, enhancements, goals_of_index, goals_of_names, table
from peers.comparison import machine

from lightning_gex.app.assembly.ablation import ablate_subject
from lightning_gex.app.assembly.evaluation import evaluate_subject
from lightning_gex.app.assembly.jobs import InputFiles
from lightning_gex.app.assembly.universe import UniverseRequest
from lightning_gex.app.assembly.variants import Subject
from lightning_gex.app.workspace import Workspace

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results"
PAGE = REPOSITORY / "docs" / "concepts" / "what_it_is_worth.md"
SPAN = (date(2012, 1, 3), date(2021, 12, 31))
NAMES = 30
LEFT_OUT = {"reliability", "by_agent", "by_regime", "by_range", "buy_and_hold_by_ticker", "notes"}  # long
GOALS = "edge_goals.json"


def quiet(items: Iterable[object], *, total: int, label: str) -> Iterable[object]:
    """Say what is run, and nothing of how far it is."""
    print(f"  {label} ({total} sessions)", flush=True)
    return items


def subject(what: str, daily: Path) -> Subject:
    """SPY, or the thirty names of each year."""
    flow, index, rates = (daily / n for n in ("spx_dix_gex.csv", "cboe_vol_indices.csv", "short_rates.csv"))
    funds = daily / "index_etf_megacap_ohlcv.parquet"
    if what == "spy":
        files, request = InputFiles(funds, flow, None, index, rates), UniverseRequest(("SPY",))
    else:
        files = InputFiles(daily / "sp500_members_ohlcv.parquet", flow, None, index, rates, None, funds)
        request = UniverseRequest(largest=NAMES)
    return Subject.of(files, request, start=SPAN[0], end=SPAN[1])


def evaluated(what: str, workspace: Workspace, daily: Path) -> tuple[dict[str, Any], list[Goal]]:
    """What ``lightning evaluate`` says, and the goals that one run tells."""
    found = evaluate_subject(workspace, subject(what, daily), progress=quiet)
    goals = goals_of_index(found.run) if what == "spy" else goals_of_names(found.run)
    return found.to_json_dict(), goals


def ablated(what: str, workspace: Workspace, daily: Path) -> tuple[dict[str, Any], list[Goal]]:
    """What ``lightning ablate`` says, and what each enhancement is worth."""
    found = ablate_subject(workspace, subject(what, daily), progress=quiet)
    return found.to_json_dict(), enhancements(found.ablation, {"spy": "SPY"}.get(what, what))


PARTS: Mapping[str, Callable[[str, Workspace, Path], tuple[dict[str, Any], list[Goal]]]] = {
    "evaluate": evaluated,
    "ablate": ablated,
}


def run_part(command: str, what: str, daily: Path) -> None:
    """Run one part in a fresh workspace and write what it said."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        document, goals = PARTS[command](what, Workspace.open(Path(scratch) / "home"), daily)
    took = time.perf_counter() - begun
    head = {
        "command": f"lightning {command}",
        "machine": machine(),
        "seconds": round(took, 1),
        "peak_resident_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    kept = {name: value for name, value in document.items() if name not in LEFT_OUT}
    _write(RESULTS / f"{command}_{what}_2012_2021.json", {**head, **kept})
    every = _read(RESULTS / GOALS)
    _write(RESULTS / GOALS, {**every, f"{command}-{what}": [goal.to_json_dict() for goal in goals]})
    print(f"{command} {what}: {took:.0f} s, {head['peak_resident_mb']} MB at most")


def page() -> str:
    """The tables of the page, from the results."""
    goals = [goal for part in _read(RESULTS / GOALS).values() for goal in part]
    parts = [("Goals, met or missed", table(goals))]
    for what, title in (("names", "Thirty names"), ("spy", "SPY")):
        evaluation, ablation = (_read(RESULTS / f"{kind}_{what}_2012_2021.json") for kind in ("evaluate", "ablate"))
        if evaluation:
            parts.append((f"{title}: the run beside what could explain it", beside(evaluation)))
        if ablation:
            parts.append((f"{title}: what each enhancement added", ablation_table(ablation)))
    return "\n\n".join(f"## {title}\n\n{text}" for title, text in parts) + "\n"


def beside(found: Mapping[str, Any]) -> str:
    """An evaluation as a Markdown table."""
    head = [
        "run",
        "trades",
        "accuracy",
        "same-date excess",
        "expectancy, bp",
        "growth a year",
        "Sharpe",
        "deepest fall",
    ]
    placebos = found["placebo"]["gex"]
    runs = {"this system": found, "baseline": found["baseline"], **{n: placebos[n] for n in placebos}}
    rows = [
        [
            name.replace("_", " "),
            f"{one['trades']:,}",
            _percent(one["accuracy"]),
            _percent(one["same_date_excess"], "+"),
            _number(one["expectancy_bp"], "+.1f"),
            _percent(one["cagr"]),
            _number(one["sharpe"], ".2f"),
            _percent(one["max_drawdown"]),
        ]
        for name, one in runs.items()
    ]
    held = found["buy_and_hold"]
    rows.append(
        [
            "buy and hold",
            "",
            "",
            "",
            "",
            _percent(held["cagr"]),
            _number(held["sharpe"], ".2f"),
            _percent(held["max_drawdown"]),
        ]
    )
    return "\n".join([_row(head), _row(["---"] * len(head)), *map(_row, rows)])


def ablation_table(found: Mapping[str, Any]) -> str:
    """An ablation as a Markdown table."""
    head = ["enhancement", "expected", "measured", "95 % interval", "alone, over the baseline", "recommended"]
    rows = []
    for name, one in found["enhancements"].items():
        low, high = one["interval"]
        span = "-" if low is None else f"{_percent(low, '+')} to {_percent(high, '+')}"
        measured = f"{_percent(one['measured'], '+')} {one['figure'].replace('_', ' ')}"
        rows.append([name, one["expected"], measured, span, _percent(one["alone"], "+"), one["recommended"]])
    return "\n".join([_row(head), _row(["---"] * len(head)), *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _percent(value: float | None, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.1%}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


MARK = "<!-- The tables below are written by `benchmarks/bench_evaluation.py page`. -->"


def main(arguments: Sequence[str]) -> None:
    """Run the parts asked for and write what they said."""
    daily = data_folder() / "daily"
    if not daily.is_dir():
        print(f"skipped: no daily data in {daily} (set LIGHTNING_SHARED_DATA)")
        return
    for part in arguments or [f"{command}-{what}" for what in ("spy", "names") for command in PARTS] + ["page"]:
        if part == "page":
            head = PAGE.read_text("utf-8").split(MARK)[0]
            PAGE.write_text(f"{head}{MARK}\n\n{page()}", "utf-8")
            readme_tables.README.write_text(readme_tables.written(readme_tables.README.read_text("utf-8")), "utf-8")
        else:
            command, _, what = part.partition("-")
            run_part(command, what, daily)


if __name__ == "__main__":
    main(sys.argv[1:])
