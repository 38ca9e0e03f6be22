"""What a finished run hands to evaluation and reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lightning_gex.core.bars import Bars
from lightning_gex.core.decision import Decision, Scalar
from lightning_gex.core.enums import FillPrice, RunMode
from lightning_gex.core.membership import Membership
from lightning_gex.core.orders import ClosedTrade
from lightning_gex.core.ports import Decisions
from lightning_gex.core.units import DateArray1D, Float64Array1D
from lightning_gex.engine.learning import Reliability


@dataclass(frozen=True, slots=True, eq=False)
class RunResult:
    """One run, whole.

    Parameters
    ----------
    run_id, mode : which run of the journal this is, and which driver made it.
    decisions : one a session and ticker, in time order, whole. They may be built anew whenever they are looked at.
    trades : closed trades in order of exit; those open at the end were closed at the last price (``end_of_data``).
    sessions : (m,) ``datetime64[D]``.
    equity : (m,) USD at each close, after costs.
    exposure : (m,) USD, sum of absolute position values at each close.
    initial_capital : USD.
    bars : ticker -> the bars decided upon (they may begin before ``sessions``: history for the indicators).
    fill_price : ticker -> which price of the next bar an order gets.
    cost_bp_per_side : ticker -> assumed cost, basis points.
    bill_rate : (m,) 13-week bill yield, annualised fraction; None where none was given (then Sharpe is over zero).
    settings : what the run was made with.
    notes : what the reader of any figure must know (modelled chains, stand-ins, absent inputs).
    reliability : group of signals -> agent -> how its probabilities compared with what came
        (``engine.learning.Learning.grouped``), at the end of the run.
    membership : who belonged to the universe when; None where every ticker always did.
    """

    run_id: str
    mode: RunMode
    decisions: Decisions | Sequence[Decision]
    trades: tuple[ClosedTrade, ...]
    sessions: DateArray1D
    equity: Float64Array1D
    exposure: Float64Array1D
    initial_capital: float
    bars: Mapping[str, Bars]
    fill_price: Mapping[str, FillPrice]
    cost_bp_per_side: Mapping[str, float]
    bill_rate: Float64Array1D | None
    settings: Mapping[str, Scalar]
    notes: tuple[str, ...] = field(default=())
    reliability: Mapping[str, Mapping[str, Reliability]] = field(default_factory=dict)
    membership: Membership | None = None

    @property
    def outlines(self) -> Decisions | Sequence[Decision]:
        """The decisions as far as they are at hand: perhaps without stages, votes, caps and range.

        Enough for whoever asks what was decided and not why, and nothing has to be built for it.
        """
        found: Decisions | Sequence[Decision] = getattr(self.decisions, "outlines", self.decisions)
        return found
