"""Closed sets of words, as enums so that a typo is an error."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Direction(IntEnum):
    """Which way a vote or a trade leans; the integer is the sign of the return it profits from."""

    BEARISH = -1
    NEUTRAL = 0
    BULLISH = 1

    @property
    def word(self) -> str:
        """``bearish``, ``neutral`` or ``bullish``."""
        return self.name.lower()

    @classmethod
    def from_word(cls, word: str) -> Direction:
        """The direction a word names. Raises ``ValueError`` on any other word."""
        try:
            return cls[word.upper()]
        except KeyError:
            raise ValueError(f"direction must be bullish, bearish or neutral, not {word!r}") from None


class ConsensusOutcome(IntEnum):
    """How a vote ended; only an agreement gives a direction."""

    NO_QUORUM = 0
    UNDECIDED = 1  # too near one half
    SPLIT = 2  # both sides hold much of the voting weight
    VETO = 3  # one agent is sure of the contrary
    AGREEMENT = 4

    @property
    def word(self) -> str:
        """``no_quorum``, ``undecided``, ``split``, ``veto`` or ``agreement``."""
        return self.name.lower()


#: By a sign: 0, 1, and -1 from the end. A look-up here costs a fifth of asking the enum.
DIRECTION_OF_SIGN = (Direction.NEUTRAL, Direction.BULLISH, Direction.BEARISH)


class Action(StrEnum):
    """What to do with the shares."""

    BUY = "BUY"
    SELL = "SELL"
    HOLD = "HOLD"


class DecisionStatus(StrEnum):
    """How a decision ended."""

    APPROVED = "approved"
    BLOCKED = "blocked"
    NO_SIGNAL = "no_signal"


class StageName(StrEnum):
    """The stations of the decision path, in order."""

    SIGNAL = "signal"
    MEMORY = "memory"
    STRATEGIC = "strategic"
    TACTICAL = "tactical"
    SIZING = "sizing"
    EXECUTION = "execution"
    GUARDRAILS = "guardrails"


class StageVerdict(StrEnum):
    """What a station said."""

    PASSED = "passed"
    BLOCKED = "blocked"
    ABSTAINED = "abstained"
    SKIPPED = "skipped"  # an earlier station blocked
    OFF = "off"  # switched off by the user


class MarketRegime(StrEnum):
    """The six regimes, and the user's own."""

    BULL_TRENDING = "bull_trending"
    BEAR_TRENDING = "bear_trending"
    HIGH_VOLATILITY = "high_volatility"
    LOW_VOLATILITY = "low_volatility"
    RANGE_BOUND = "range_bound"
    CRISIS = "crisis"
    CUSTOM_REGIME = "custom_regime"


class RunMode(StrEnum):
    """Which driver made a run."""

    BACKTEST = "backtest"
    PAPER = "paper"
    LIVE = "live"
    FACADE = "facade"
    CONTROL = "control"  # a person's word on the account, such as a halt; decides nothing


class ExitReason(StrEnum):
    """Why a trade ended."""

    TAKE_PROFIT = "take_profit"
    STOP_LOSS = "stop_loss"
    TIME_EXIT = "time_exit"
    SIGNAL_EXIT = "signal_exit"
    END_OF_DATA = "end_of_data"
    MANUAL = "manual"
    CARRIED_ON = "carried_on"  # nothing was sold: another decision goes on with the same shares


class FillPrice(StrEnum):
    """Which price of the next bar a market order gets."""

    OPEN = "open"
    CLOSE = "close"  # for cash indices, whose printed open is stale


class ZeroGammaStatus(StrEnum):
    """Whether re-pricing found where the dealers' net gamma changes sign."""

    OK = "ok"
    NO_ROOT_NET_POSITIVE = "no_root_net_positive"
    NO_ROOT_NET_NEGATIVE = "no_root_net_negative"
    INSUFFICIENT_DATA = "insufficient_data"
