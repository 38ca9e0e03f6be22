"""Files looked at for faults, without a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lightning_gex.adapters.clock import SystemClock
from lightning_gex.adapters.market_data.bars_census import census_of_bars
from lightning_gex.adapters.market_data.bars_file import read_bars
from lightning_gex.adapters.market_data.positioning_history import read_history
from lightning_gex.app.assembly.hygiene import (
    DataFinding,
    Severity,
    bar_findings,
    scale_findings,
    survivorship_findings,
)
from lightning_gex.app.assembly.universe import UniverseRequest, chosen_universe
from lightning_gex.evaluation.metrics import JsonValue


@dataclass(frozen=True, slots=True)
class CheckedData:
    """What was looked at, and what was found.

    Parameters
    ----------
    source : the bars file.
    tickers, bars : how many were looked at.
    findings : faults first, then by ticker.
    """

    source: str
    tickers: int
    bars: int
    findings: tuple[DataFinding, ...]

    @property
    def faults(self) -> int:
        """How many findings refuse a run."""
        return sum(finding.severity is Severity.FAULT for finding in self.findings)

    def to_json_dict(self) -> dict[str, JsonValue]:
        """As plain JSON values; absent is null."""
        return {
            "source": self.source,
            "tickers": self.tickers,
            "bars": self.bars,
            "faults": self.faults,
            "findings": [
                {
                    "severity": one.severity.value,
                    "check": one.check,
                    "source": one.source,
                    "ticker": one.ticker or None,
                    "date": None if one.session is None else str(one.session),
                    "figure": one.figure if np.isfinite(one.figure) else None,
                    "problem": one.problem,
                    "remedy": one.remedy,
                }
                for one in self.findings
            ],
        }


def checked_data(
    bars: Path,
    *,
    tickers: tuple[str, ...] = (),
    universe: Path | None = None,
    largest: int | None = None,
    among: Path | None = None,
    history: Path | None = None,
) -> CheckedData:
    """Look at the bars of some tickers, or of every one of the file.

    Parameters
    ----------
    bars : the bars file.
    tickers, universe, largest, among : whom to look at, as a run names them; none of them looks at all.
    history : daily positioning whose strikes are to stand beside the bars; None looks at none.

    Raises
    ------
    InputError : a file that cannot be read at all, or its first row that is no bar.
    SettingsError : two ways to name tickers.
    """
    named = bool(tickers) or universe is not None or largest is not None or among is not None
    wanted = chosen_universe(bars, UniverseRequest(tickers, universe, largest, among)).tickers if named else None
    found = read_bars(bars, tickers=wanted)
    today = np.datetime64(SystemClock().now().date(), "D")
    findings = survivorship_findings(census_of_bars(bars))
    for own in found.values():
        findings += bar_findings(own, today=today)
    if history is not None:
        findings += scale_findings(read_history(history), found, found)
    first = sorted(findings, key=lambda finding: finding.severity is not Severity.FAULT)
    return CheckedData(str(bars), len(found), sum(len(own) for own in found.values()), tuple(first))
