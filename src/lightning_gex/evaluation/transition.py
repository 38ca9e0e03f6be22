"""What the next stage of a transition asks for, and what was found: a checklist, not a judgement.

Nothing here decides by itself. Each requirement states a bound, what was found and how to get what is missing; the
stage is entered when all are met, or when a person goes past one, by name and on record.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from lightning_gex.analytics.bootstrap import Interval
from lightning_gex.core.decision import Scalar
from lightning_gex.core.transition import Stage
from lightning_gex.evaluation.comparison import finite
from lightning_gex.evaluation.metrics import JsonValue
from lightning_gex.evaluation.side_by_side import SideBySide
from lightning_gex.evaluation.verdict import points

#: ``what`` of the note that a comparison leaves in the journal.
COMPARED = "systems_compared"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the stages ask for.

    Parameters
    ----------
    history_sessions, history_trades : of the comparison on history, the new system's trades.
    largest_shortfall_a_year : how far below zero the lower end of the 95 % interval of the difference in growth a year,
        on history, may lie, as a fraction.
    largest_paper_shortfall : the same of the difference over all sessions on paper together.
    largest_calibration_error : mean distance between what was said and what came, 0..1.
    parallel_sessions, stage_sessions, full_sessions : sessions on paper before a quarter of the capital, before half of
        it, and at half of it before all.
    paper_trades : closed trades of the new system on paper before it gets all of the capital.
    """

    history_sessions: int = 252
    history_trades: int = 30
    largest_shortfall_a_year: float = 0.05
    largest_paper_shortfall: float = 0.05
    largest_calibration_error: float = 0.10
    parallel_sessions: int = 10
    stage_sessions: int = 5
    full_sessions: int = 20
    paper_trades: int = 10


@dataclass(frozen=True, slots=True)
class ComparedFigures:
    """A comparison as the journal keeps it. Numbers are NaN where there were none.

    Parameters
    ----------
    source : ``history`` or ``paper``.
    end : last session compared.
    sessions : compared.
    new_trades, old_trades : closed trades.
    difference, low, high : of log growth, new less old, with its 95 % interval: a year on history, over all sessions
        together on paper.
    calibration_error : of the new system's confidence. resolved : decisions it rests on.
    settings : hash of the settings that the new system ran with.
    old : what the old system was.
    """

    source: str
    end: str
    sessions: int
    new_trades: int
    old_trades: int
    difference: float
    low: float
    high: float
    calibration_error: float
    resolved: int
    settings: str
    old: str

    @classmethod
    def of(cls, found: SideBySide, source: str, settings: str) -> ComparedFigures:
        """What is kept of a comparison."""
        on_paper = source == "paper"
        low, high = found.total_interval if on_paper else found.gain.return_interval
        return cls(
            source=source,
            end=str(found.sessions[-1]),
            sessions=len(found.sessions),
            new_trades=found.new.metrics.trades,
            old_trades=found.old.metrics.trades,
            difference=found.total_difference if on_paper else found.gain.return_a_year,
            low=low,
            high=high,
            calibration_error=found.new.metrics.ece,
            resolved=found.new.metrics.decisions_resolved,
            settings=settings,
            old=found.old.words,
        )

    @classmethod
    def read(cls, detail: Mapping[str, Scalar]) -> ComparedFigures:
        """From its note."""

        def number(name: str) -> float:
            value = detail[name]
            return math.nan if value is None else float(value)

        return cls(
            source=str(detail["source"]),
            end=str(detail["end"]),
            sessions=int(number("sessions")),
            new_trades=int(number("new_trades")),
            old_trades=int(number("old_trades")),
            difference=number("difference"),
            low=number("low"),
            high=number("high"),
            calibration_error=number("calibration_error"),
            resolved=int(number("resolved")),
            settings=str(detail["settings"]),
            old=str(detail["old"]),
        )

    def detail(self) -> dict[str, Scalar]:
        """As a note's detail."""
        return {
            name: finite(value) if isinstance(value := getattr(self, name), float) else value for name in self.__slots__
        }

    @property
    def interval(self) -> Interval:
        """Of the difference."""
        return self.low, self.high


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is on record for a transition.

    Parameters
    ----------
    settings : hash of the settings in force.
    history, paper : the latest comparisons; None where there was none.
    probe : hash of the settings of the latest probe that found nothing; None where none did. probe_leaks : what the
        latest probe found.
    paper_run : id of the new system's run on paper; None where there is none. reached : its last session.
    stage_sessions : sessions it completed since the stage in force began.
    paper_trades : trades it closed since the transition began.
    tripped : breakers that are latched now, or a halt -> reason.
    trips : breakers that tripped on paper since the stage in force began.
    failures : operations that failed on paper since then.
    """

    settings: str
    history: ComparedFigures | None = None
    paper: ComparedFigures | None = None
    probe: str | None = None
    probe_leaks: int = 0
    paper_run: str | None = None
    reached: str | None = None
    stage_sessions: int = 0
    paper_trades: int = 0
    tripped: Mapping[str, str] = field(default_factory=dict)
    trips: tuple[str, ...] = ()
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of the checklist.

    Parameters
    ----------
    name : for a person to go past it, and for programs.
    asks, found : in words.
    met : whether it is.
    next_step : what to do where it is not; empty where it is.
    """

    name: str
    asks: str
    found: str
    met: bool
    next_step: str = ""

    def to_json_dict(self) -> dict[str, JsonValue]:
        """As plain JSON values."""
        return {"name": self.name, "asks": self.asks, "found": self.found, "met": self.met, "next_step": self.next_step}


def requirements(target: Stage, evidence: Evidence, bounds: Bounds) -> tuple[Requirement, ...]:
    """What a stage asks for before it is entered, beside what was found.

    Parameters
    ----------
    target : the stage to enter. To run side by side nothing is asked.
    evidence : what is on record.
    bounds : what is asked for.
    """
    if target is Stage.PARALLEL:
        return ()
    listed = [
        *_history(evidence, bounds),
        _probe(evidence),
        _sessions(target, evidence, bounds),
        *_paper(evidence, bounds),
        _breakers(evidence),
        _clean(evidence),
    ]
    if target is Stage.FULL:
        listed.insert(5, _paper_trades(evidence, bounds))
    return tuple(listed)


def unmet(listed: tuple[Requirement, ...]) -> tuple[str, ...]:
    """The names of the requirements that are not met."""
    return tuple(one.name for one in listed if not one.met)


def _requirement(name: str, asks: str, found: str, met: bool, next_step: str) -> Requirement:
    return Requirement(name, asks, found, met, "" if met else next_step)


def _history(evidence: Evidence, bounds: Bounds) -> tuple[Requirement, ...]:
    again = "run lightning migrate compare over a longer history"
    found = evidence.history
    span = f"a comparison on history of {bounds.history_sessions} sessions with {bounds.history_trades} trades"
    bound = f"lower end of the difference in growth a year at least {points(-bounds.largest_shortfall_a_year)} points"
    calibrated = f"calibration error at most {points(bounds.largest_calibration_error).lstrip('+')} points"
    if found is None or found.settings != evidence.settings:
        told = "none yet" if found is None else "one of other settings"
        step = "run lightning migrate compare"
        return (
            Requirement("history", span, told, False, step),
            Requirement("history_difference", bound, told, False, step),
            Requirement("calibration", calibrated, told, False, step),
        )
    enough = found.sessions >= bounds.history_sessions and found.new_trades >= bounds.history_trades
    judged = found.resolved > 0 and found.calibration_error <= bounds.largest_calibration_error
    return (
        _requirement("history", span, f"{found.sessions} sessions, {found.new_trades} trades", enough, again),
        _requirement(
            "history_difference",
            bound,
            _difference(found),
            found.low >= -bounds.largest_shortfall_a_year,
            "the new system may be worse than the old one: see the comparison for where, or stay",
        ),
        _requirement(
            "calibration",
            calibrated,
            f"{points(found.calibration_error).lstrip('+')} points over {found.resolved} decisions",
            judged,
            "its confidence is no probability on these data: see the reliability plot of the comparison",
        ),
    )


def _probe(evidence: Evidence) -> Requirement:
    asks = "lightning probe found nothing that knew the future, with the settings in force"
    if evidence.probe == evidence.settings:
        return Requirement("probe", asks, "nothing found", True)
    told = "none yet with these settings" if not evidence.probe_leaks else f"{evidence.probe_leaks} leaks"
    return Requirement("probe", asks, told, False, "run lightning probe")


def _sessions(target: Stage, evidence: Evidence, bounds: Bounds) -> Requirement:
    needed = {
        Stage.QUARTER: bounds.parallel_sessions,
        Stage.HALF: bounds.stage_sessions,
        Stage.FULL: bounds.full_sessions,
    }[target]
    return _requirement(
        "paper_sessions",
        f"{needed} sessions on paper at this stage",
        f"{evidence.stage_sessions}" if evidence.paper_run else "no paper run",
        evidence.stage_sessions >= needed,
        "go on: lightning migrate paper, once after each session",
    )


def _paper(evidence: Evidence, bounds: Bounds) -> tuple[Requirement, ...]:
    found = evidence.paper
    fresh = "both systems compared on paper, up to the last session"
    bound = f"lower end of the difference on paper at least {points(-bounds.largest_paper_shortfall)} points in all"
    step = "run lightning migrate compare --paper"
    if found is None or found.end != evidence.reached:
        told = "none yet" if found is None else f"one up to {found.end}, paper is at {evidence.reached}"
        return (
            Requirement("paper_compared", fresh, told, False, step),
            Requirement("paper_difference", bound, told, False, step),
        )
    return (
        Requirement("paper_compared", fresh, f"{found.sessions} sessions up to {found.end}", True),
        _requirement(
            "paper_difference",
            bound,
            _difference(found),
            found.low >= -bounds.largest_paper_shortfall,
            "go on until the interval is narrower, or stay: the new system may be behind",
        ),
    )


def _paper_trades(evidence: Evidence, bounds: Bounds) -> Requirement:
    return _requirement(
        "paper_trades",
        f"{bounds.paper_trades} trades closed on paper since the transition began",
        f"{evidence.paper_trades}",
        evidence.paper_trades >= bounds.paper_trades,
        "go on: lightning migrate paper, once after each session",
    )


def _breakers(evidence: Evidence) -> Requirement:
    asks = "no breaker is tripped and nothing is halted"
    if not evidence.tripped:
        return Requirement("breakers", asks, "none", True)
    told = "; ".join(f"{name}: {why}" for name, why in sorted(evidence.tripped.items()))
    return Requirement("breakers", asks, told, False, "see lightning breakers: a person resets one, or resumes")


def _clean(evidence: Evidence) -> Requirement:
    asks = "no breaker tripped and no operation failed on paper at this stage"
    said = [f"{len(evidence.trips)} trips ({', '.join(sorted(set(evidence.trips)))})"] if evidence.trips else []
    said += [f"{evidence.failures} failures"] if evidence.failures else []
    told = " and ".join(said) or "none"
    step = "find the cause; then lightning migrate back and begin the stage again"
    return _requirement("clean_record", asks, told, not said, step)


def _difference(found: ComparedFigures) -> str:
    low, high = found.interval
    span = "no interval" if math.isnan(low) else f"95% interval {points(low)} to {points(high)}"
    unit = "points a year" if found.source == "history" else "points in all"
    return f"{points(found.difference)} {unit}, {span}"
