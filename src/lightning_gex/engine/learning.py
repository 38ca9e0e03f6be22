"""What outcomes have taught: how far to believe the consensus, and which agents have proved themselves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from lightning_gex.analytics.proof import Proof, Score, hurdle
from lightning_gex.analytics.recalibration import HIGHEST, LOWEST, Recalibration, Residuals, Statement
from lightning_gex.core.decision import StageRecord
from lightning_gex.core.deferred import Deferred, deferred_part, deferring
from lightning_gex.core.enums import Direction, MarketRegime
from lightning_gex.core.errors import InputError
from lightning_gex.core.patterns import Outcome, Pattern
from lightning_gex.core.quick_init import quick_init, replaced
from lightning_gex.memory.performance import timeframe_label
from lightning_gex.memory.say import MemorySay

#: What is told of the final word, beside the agents' names.
CONSENSUS = "Consensus"
#: Name of what agents that have proved themselves add to the probability of a decision's direction, in its record.
PROVED_SHIFT = "proved_shift"
#: Months after which what an agent's calls came to counts half.
HALF_LIFE_MONTHS = 24.0


class Reliability(NamedTuple):
    """How probabilities of being right compare with what came.

    ``calls`` were made, ``right`` of them came true; ``said`` sums their probabilities, ``squared_error`` the squared
    distances between probability and what came (0 or 1).
    """

    calls: int = 0
    right: int = 0
    said: float = 0.0
    squared_error: float = 0.0

    def and_one(self, probability: float, *, right: bool) -> Reliability:
        """With one more call."""
        error = probability - right
        return Reliability(
            self.calls + 1, self.right + right, self.said + probability, self.squared_error + error * error
        )

    def and_all(self, other: Reliability) -> Reliability:
        """With the calls of another."""
        return Reliability(
            self.calls + other.calls,
            self.right + other.right,
            self.said + other.said,
            self.squared_error + other.squared_error,
        )

    @property
    def mean_probability(self) -> float:
        """What was said on average; NaN without a call."""
        return self.said / self.calls if self.calls else math.nan

    @property
    def hit_rate(self) -> float:
        """What came true; NaN without a call."""
        return self.right / self.calls if self.calls else math.nan

    @property
    def brier(self) -> float:
        """Brier score, 0 to 1; NaN without a call."""
        return self.squared_error / self.calls if self.calls else math.nan


_NO_CALLS = Reliability()


class Cell(NamedTuple):
    """What calls are told apart by. ``who`` is an agent or ``CONSENSUS``; ``regime`` is empty where there was none."""

    who: str
    timeframe: str
    regime: str


class Standing(NamedTuple):
    """What an agent's calls came to so far, against the same dates' tickers and, all tickers together, in time."""

    across: Proof = Proof()
    in_time: Proof = Proof()


class Proved(NamedTuple):
    """What an agent has proved, in probability above what the same calls do without skill; 0 where nothing.

    Parameters
    ----------
    across : against the same dates' tickers.
    in_time : of all tickers together, against their base rates.
    """

    across: float = 0.0
    in_time: float = 0.0

    @property
    def edge(self) -> float:
        """Both: they are parts of one sum."""
        return self.across + self.in_time


_NO_STANDING = Standing()


@quick_init
@dataclass(frozen=True, slots=True)
class Calibrated(Deferred):
    """A confidence, made a probability.

    Parameters
    ----------
    probability : that the direction is right over the horizon, in [0, 1].
    anchor : what it started from: the base rate of the direction, or the confidence itself without price history.
    outcomes : past outcomes behind the correction.
    reason : in words.
    fallback : what stood in for something missing, or None.
    """

    probability: float
    anchor: float
    outcomes: int
    reason: str
    fallback: str | None


_calibrated_later = deferring(Calibrated)


@quick_init
@dataclass(frozen=True, slots=True)
class Learning:
    """Everything learnt from outcomes, as a fold over them: the same outcomes in the same order give the same value.

    One outcome changes one ticker's table and a handful of sums, however many came before it.

    Parameters
    ----------
    based : corrections of statements that start from a base rate.
    unbased : corrections of statements made without price history, which start from the confidence.
    reliability : ticker -> who, timeframe and regime -> how the probabilities compare with what came.
    standing : agent -> what its calls came to so far.
    proved : agent -> what it has proved, set anew with the first session of each month; those with nothing stay out.
    month : that month, as year times twelve plus month; 0 before the first.
    judged_until : the close of the latest session whose calls were judged; None before the first.
    memory : what became of memory's advice.
    """

    based: Recalibration = field(default_factory=Recalibration)
    unbased: Recalibration = field(default_factory=Recalibration)
    reliability: Mapping[str, Mapping[Cell, Reliability]] = field(default_factory=dict)
    standing: Mapping[str, Standing] = field(default_factory=dict)
    proved: Mapping[str, Proved] = field(default_factory=dict)
    month: int = 0
    judged_until: datetime | None = None
    memory: MemorySay = field(default_factory=MemorySay)

    @property
    def resolved(self) -> int:
        """Outcomes learnt from."""
        return self.based.outcomes + self.unbased.outcomes

    def calibrated(
        self,
        *,
        direction: Direction,
        horizon_sessions: int,
        base_rate: float,
        confidence: float,
        proved_shift: float = 0.0,
    ) -> Calibrated:
        """The probability that a direction is right, from its base rate and what became of such calls before.

        Parameters
        ----------
        direction : bullish or bearish.
        horizon_sessions : sessions, positive.
        base_rate : how often moves over the horizon had this direction; NaN without price history, then the confidence
            stands in for it and the record says so.
        confidence : the consensus's of this direction, in [0, 1].
        proved_shift : what agents that have proved themselves add to the base rate, in probability.

        Raises
        ------
        InputError : a neutral direction: there is nothing to be right about.
        """
        if direction is Direction.NEUTRAL:
            raise InputError("a neutral consensus has no probability of being right", field="direction")
        start_from = informed(base_rate, proved_shift)
        statement, based = _statement(int(direction), horizon_sessions, start_from, confidence)
        learnt = self.based if based else self.unbased
        probability = learnt.probability(statement)
        anchor, outcomes = statement.anchor, learnt.outcomes

        def reason() -> str:
            moved = f"{probability - anchor:+.3f} by {outcomes} outcomes"
            if based:
                proved = f", {proved_shift:+.3f} by agents that have proved themselves" if proved_shift else ""
                often = f"{direction.word} was right {base_rate:.1%} of the time over {horizon_sessions} sessions"
                return f"{often}{proved}, {moved}"
            return f"confidence {confidence:.3f}, {moved}"

        return _calibrated_later(
            {"reason": reason},
            probability=probability,
            anchor=anchor,
            outcomes=outcomes,
            fallback=None if based else "no price history for a base rate: the confidence itself stands in",
        )

    def after(self, pattern: Pattern, outcome: Outcome) -> Learning:
        """What is known once the outcome of one more signal is."""
        confidence = pattern.raw_confidence if pattern.raw_confidence == pattern.raw_confidence else pattern.confidence
        statement, based = _statement(int(pattern.direction), pattern.horizon_sessions, pattern.base_rate, confidence)
        learnt = (self.based if based else self.unbased).after(statement, right=outcome.right)
        table = dict(self.reliability.get(pattern.ticker, {}))
        timeframe, regime = timeframe_label(pattern.horizon_sessions), _regime(pattern.regime)
        for who, probability, right in _calls(pattern, outcome):
            cell = Cell(who, timeframe, regime)
            table[cell] = table.get(cell, _NO_CALLS).and_one(probability, right=right)
        return replaced(
            self,
            based=learnt if based else self.based,
            unbased=self.unbased if based else learnt,
            reliability={**self.reliability, pattern.ticker: table},
            memory=self.memory.after(pattern, outcome),
        )

    def judged(self, at: datetime, figures: Mapping[str, float]) -> Learning:
        """What is known once the calls that end with one more session are judged.

        Parameters
        ----------
        at : the close of the session.
        figures : of ``engine.judging``.
        """
        turned = self._at_month(at.year * 12 + at.month)
        scores: dict[str, dict[str, dict[str, float]]] = {}
        for key, value in figures.items():
            agent, way, name = key.rsplit("|", 2)
            scores.setdefault(agent, {}).setdefault(way, {})[name] = value
        standing = dict(turned.standing)
        for agent, ways in scores.items():
            before = standing.get(agent, _NO_STANDING)
            after = {way: getattr(before, way).after(Score(**named)) for way, named in ways.items()}
            standing[agent] = before._replace(**after)
        return replaced(turned, standing=standing, judged_until=at)

    def _at_month(self, month: int) -> Learning:
        """What was proved is looked at anew, and what it rests on forgets, when a month begins."""
        if month <= self.month:
            return self
        kept = 0.5 ** ((month - self.month) / HALF_LIFE_MONTHS) if self.month else 1.0
        granted = hurdle(len(self.standing))
        found = {a: Proved(s.across.edge(granted), s.in_time.edge(granted)) for a, s in self.standing.items()}
        standing = {a: Standing(s.across.at_month(kept), s.in_time.at_month(kept)) for a, s in self.standing.items()}
        proved = {agent: one for agent, one in found.items() if one.edge > 0.0}
        return replaced(self, standing=standing, proved=proved, month=month)

    def reliable(
        self, *, ticker: str | None = None, timeframe: str | None = None, regime: str | None = None
    ) -> dict[str, Reliability]:
        """Agent (and ``CONSENSUS``) -> its reliability over the cells named; None sums over all of that kind."""
        found: dict[str, Reliability] = {}
        tables = self.reliability.values() if ticker is None else [self.reliability.get(ticker, {})]
        for table in tables:
            for cell, figures in table.items():
                if timeframe in (None, cell.timeframe) and regime in (None, cell.regime):
                    found[cell.who] = found.get(cell.who, Reliability()).and_all(figures)
        return dict(sorted(found.items()))

    def grouped(self) -> dict[str, dict[str, Reliability]]:
        """``all``, then each ticker, timeframe and regime with an outcome -> as ``reliable`` over it."""
        cells = {cell for table in self.reliability.values() for cell in table}
        groups = {"all": self.reliable()} if cells else {}
        groups |= {f"ticker {t}": self.reliable(ticker=t) for t in sorted(self.reliability)}
        groups |= {f"timeframe {f}": self.reliable(timeframe=f) for f in sorted({c.timeframe for c in cells})}
        return groups | {f"regime {r}": self.reliable(regime=r) for r in sorted({c.regime for c in cells} - {""})}

    # --- carried from one run to the next --------------------------------------------------------------------------

    def figures(self) -> dict[str, float]:
        """What a decision rests on, as numbers by name, to be put on record; ``reliability`` stays behind."""
        judged = self.judged_until
        flat = {"month": float(self.month), "judged_until": 0.0 if judged is None else judged.timestamp()}
        flat |= {f"memory|{name}": float(value) for name, value in asdict(self.memory).items()}
        for name, learnt in (("based", self.based), ("unbased", self.unbased)):
            flat[f"{name}|outcomes"] = float(learnt.outcomes)
            flat[f"{name}|covariance"], flat[f"{name}|variance"] = learnt.covariance, learnt.variance
            for part, sums in _parts(learnt).items():
                flat |= _sums(f"{name}|{part}", sums)
        for agent, standing in self.standing.items():
            for way in Standing._fields:
                flat |= {f"standing|{way}|{n}|{agent}": v for n, v in getattr(standing, way)._asdict().items()}
        for agent, proved in self.proved.items():
            flat |= {f"proved|{way}|{agent}": value for way, value in proved._asdict().items()}
        return flat

    @classmethod
    def from_figures(cls, figures: Mapping[str, float]) -> Learning:
        """The learning that ``figures`` tells of, without reliability. Raises ``KeyError`` on anything else."""
        judged = dict.fromkeys(name.split("|", 3)[3] for name in figures if name.startswith("standing|"))
        proved = dict.fromkeys(name.split("|", 2)[2] for name in figures if name.startswith("proved|"))
        return cls(
            based=_recalibration("based", figures),
            unbased=_recalibration("unbased", figures),
            standing={a: Standing(**{way: _proof(way, a, figures) for way in Standing._fields}) for a in judged},
            proved={a: Proved(**{way: figures[f"proved|{way}|{a}"] for way in Proved._fields}) for a in proved},
            month=int(figures["month"]),
            judged_until=datetime.fromtimestamp(latest, UTC) if (latest := figures["judged_until"]) else None,
            memory=MemorySay(
                int(figures["memory|outcomes"]), figures["memory|agreement"], figures["memory|information"]
            ),
        )


def is_backed(signal: StageRecord) -> bool:
    """Whether agents that have proved themselves, together, want the direction of a signal."""
    known = deferred_part(signal, PROVED_SHIFT)
    shift = signal.detail.get(PROVED_SHIFT) if known is None else known()
    return isinstance(shift, float) and shift > 0.0


def informed(base_rate: float, shift: float) -> float:
    """A base rate with what agents that have proved themselves add to it, a probability; the same where they add 0."""
    return min(max(base_rate + shift, LOWEST), HIGHEST) if shift else base_rate


def learnt_from(patterns: Iterable[Pattern]) -> Learning:
    """What these remembered signals teach, in the order in which outcomes were known; those without are left out."""
    known = [(p.outcome, p) for p in patterns if p.outcome is not None]
    learning = Learning()
    for outcome, pattern in sorted(known, key=lambda pair: (pair[0].known_at, pair[1].as_of, pair[1].pattern_id)):
        learning = learning.after(pattern, outcome)
    return learning


def _statement(direction: int, horizon: int, base_rate: float | None, confidence: float) -> tuple[Statement, bool]:
    if base_rate is None or base_rate != base_rate:  # NaN
        return Statement(direction, horizon, confidence, confidence), False
    return Statement(direction, horizon, base_rate, confidence), True


def _calls(pattern: Pattern, outcome: Outcome) -> Iterable[tuple[str, float, bool]]:
    """Who said with what probability that a direction would be right, and whether it was."""
    yield CONSENSUS, pattern.confidence, outcome.right
    for call in pattern.calls:
        if call.direction is not Direction.NEUTRAL and call.probability == call.probability:
            said = call.probability if call.direction is Direction.BULLISH else 1.0 - call.probability
            yield call.agent, said, _was_right(call.direction, pattern, outcome)


def _was_right(direction: Direction, pattern: Pattern, outcome: Outcome) -> bool:
    if direction is pattern.direction:
        return outcome.right
    return not outcome.won if outcome.horizon_return is None else outcome.horizon_return < 0


def _proof(way: str, agent: str, figures: Mapping[str, float]) -> Proof:
    return Proof(**{name: figures[f"standing|{way}|{name}|{agent}"] for name in Proof._fields})


def _regime(regime: MarketRegime | None) -> str:
    return "" if regime is None else regime.value


def _sums(name: str, sums: Residuals) -> dict[str, float]:
    return {f"{name}|total": sums.total, f"{name}|weight": sums.weight}


def _summed(name: str, figures: Mapping[str, float]) -> tuple[float, float]:
    return figures[f"{name}|total"], figures[f"{name}|weight"]


def _parts(learnt: Recalibration) -> dict[str, Residuals]:
    return {"rises": learnt.rises, "sureness": learnt.sureness, "unexplained": learnt.unexplained}


def _recalibration(name: str, figures: Mapping[str, float]) -> Recalibration:
    return Recalibration(
        outcomes=int(figures[f"{name}|outcomes"]),
        covariance=figures[f"{name}|covariance"],
        variance=figures[f"{name}|variance"],
        **{part: Residuals(*_summed(f"{name}|{part}", figures)) for part in _parts(Recalibration())},
    )
