"""Answers for programs: exactly one JSON document, numbers that do not exist as null."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lightning_gex.core.decision import Decision

if TYPE_CHECKING:
    from lightning_gex.analytics.positioning_changes import PositioningChanges
    from lightning_gex.analytics.positioning_result import DealerPositioning
    from lightning_gex.app.assembly.dark_pool import BuiltFlow
    from lightning_gex.app.assembly.history import BuiltHistory, RankedHistory
    from lightning_gex.app.assembly.scan import ScannedMarket
    from lightning_gex.evaluation.metrics import RunMetrics
    from lightning_gex.risk.expression import Expression

POSITIONING_KEYS = (
    "underlying",
    "spot",
    "as_of",
    "contracts_read",
    "contracts_used",
    "open_interest_coverage",
    "dealer_model",
    "gamma_exposure_usd_per_pct",
    "delta_exposure_usd",
    "vanna_exposure_usd_per_vol_point",
    "charm_exposure_usd_per_day",
    "zero_gamma",
    "zero_gamma_nearest",
    "zero_gamma_status",
    "call_wall",
    "put_wall",
    "max_pain",
    "dealer_model_band",
    "refused",
    "quotes_session",
    "open_interest_session",
    "dealer_model_version",
    "clock",
    "vendor_vols",
    "solved_vols",
    "gamma_exposure_by_volume_usd_per_pct",
    "gamma_exposure_ex_0dte_usd_per_pct",
    "gross_gamma_usd_per_pct",
    "net_to_gross",
    "max_pain_nearest_expiry",
    "atm_implied_vol",
    "expected_move_usd",
    "straddle_move_usd",
    "straddle_expiry",
    "early_exercise",
    "modelled",
    "source",
    "notes",
)
#: Contracts that a list of largest changes holds at most.
LARGEST_CHANGES = 20
METRICS_KEYS = (
    "decisions",
    "trades",
    "accuracy",
    "accuracy_interval",
    "base_rate",
    "excess_accuracy",
    "win_rate",
    "expectancy_bp",
    "cagr",
    "sharpe",
    "max_drawdown",
    "calmar",
    "costs_bp",
    "start",
    "end",
    "sharpe_interval",
    "max_drawdown_interval",
    "turnover_per_year",
    "capacity_usd",
)


def print_document(document: Mapping[str, object]) -> None:
    """Print one JSON document and a line's end on standard output, escaped where that cannot show a character."""
    text = json_text(document)
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        text = json_text(document, ascii_only=True)
    sys.stdout.write(text + "\n")


def json_text(document: Mapping[str, object], *, ascii_only: bool = False) -> str:
    """The document as JSON (RFC 8259): NaN and infinities are null, times ISO 8601, enums their value."""
    return json.dumps(plain(document), indent=2, ensure_ascii=ascii_only, allow_nan=False)


def plain(value: object) -> object:
    """The same value made of dict, list, str, int, float, bool and None.

    Raises
    ------
    TypeError : on a value that has no JSON form.
    """
    match value:
        case Enum():
            return plain(value.value)
        case None | bool() | int() | str():
            return value
        case float():
            return float(value) if math.isfinite(value) else None
        case Decimal():
            return plain(float(value))
        case date():
            return value.isoformat()
        case Mapping():
            return {str(plain(key)): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case np.datetime64():
            return None if np.isnat(value) else str(value)
        case np.ndarray():
            return [plain(item) for item in value]
        case np.generic():
            return plain(value.item())
    raise TypeError(f"{type(value).__name__} has no JSON form")


def expression_document(expression: Expression) -> dict[str, object]:
    """A structure of options as plain values; an unbounded gain is null, as is what stock does not have."""
    return {
        "structure": expression.structure,
        "legs": [
            {
                "action": leg.action,
                "root": leg.root,
                "expiry": str(leg.expiry),
                "right": "call" if leg.is_call else "put",
                "strike": leg.strike,
                "price": leg.price,
            }
            for leg in expression.legs
        ],
        "contracts": expression.contracts,
        "debit_usd": expression.debit_usd,
        "max_loss_usd": expression.max_loss_usd,
        "max_gain_usd": expression.max_gain_usd,
        "total_max_loss_usd": expression.total_max_loss_usd,
        "implied_volatility": expression.implied_volatility,
        "forecast_volatility": expression.forecast_volatility,
        "reason": expression.reason,
        "refused": {structure.value: why for structure, why in expression.refused.items()},
    }


def decision_document(decision: Decision, expression: Expression | None = None) -> dict[str, object]:
    """What ``analyze --json`` prints."""
    return {
        "status": decision.status,
        "action": decision.action,
        "quantity": decision.quantity,
        "entry_price": decision.entry_price,
        "target_price": decision.target_price,
        "stop_loss": decision.stop_loss,
        "confidence": decision.confidence,
        "time_horizon_days": decision.time_horizon_days,
        "reason": decision.reason,
        **decision.range_figures,
        "stages": [
            {
                "stage": record.stage,
                "verdict": record.verdict,
                "reason": record.reason,
                "detail": dict(record.detail),
                "fallback": record.fallback,
            }
            for record in decision.stages
        ],
        "expression": None if expression is None else expression_document(expression),
    }


def positioning_document(
    positioning: DealerPositioning, changes: PositioningChanges | None = None, *, weight: str = "open_interest"
) -> dict[str, object]:
    """What ``gex --json`` prints."""
    figures = positioning.to_json_dict()
    found = {key: figures[key] for key in POSITIONING_KEYS}
    found |= {"weight": weight, "exposures_by_expiry": records(positioning.exposures_by_expiry(weight).columns())}
    found["term_structure"] = records(positioning.term_structure.columns())
    return found if changes is None else {**found, "changes": changes_document(changes)}


def changes_document(changes: PositioningChanges) -> dict[str, object]:
    """What ``gex --since --json`` adds: the split of net gamma's change, levels, and the largest changes."""
    from lightning_gex.analytics.positioning_changes import largest

    contracts = changes.contracts
    columns = contracts.columns()
    rows = {
        "open_interest": largest(contracts.traded_open_interest, LARGEST_CHANGES),
        "gamma": largest(contracts.gamma_change_usd_per_pct, LARGEST_CHANGES),
    }
    return {
        "before": changes.before,
        "now": changes.now,
        "gamma_change_usd_per_pct": changes.gamma_change_usd_per_pct,
        "gamma_steps_usd_per_pct": changes.gamma_steps_usd_per_pct,
        "levels": {name: {"before": before, "now": now} for name, (before, now) in changes.levels.items()},
        "expiries_gone": changes.expiries_gone(),
        "expiries_opened": changes.expiries_opened(),
        "largest_changes": {
            of: records({name: values[at] for name, values in columns.items()}) for of, at in rows.items()
        },
        "notes": changes.notes,
    }


def records(columns: Mapping[str, np.ndarray]) -> list[dict[str, object]]:
    """Columns of one length as a list of records."""
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def flow_document(built: BuiltFlow, file: Path) -> dict[str, object]:
    """What ``flow build --json`` prints."""
    index = built.index
    return {
        "file": str(file),
        "date": built.session,
        "dix": index.dix,
        "coverage": index.coverage,
        "members": index.members,
        "members_used": index.members_used,
        "without_bars": built.without_bars,
        "without_short_volume": built.without_short_volume,
        "notes": built.notes,
    }


def history_document(built: BuiltHistory, file: Path) -> dict[str, object]:
    """What ``history build --json`` prints."""
    return {
        "file": str(file),
        "rows": sum(found.sessions for found in built.underlyings),
        "underlyings": {found.underlying: found.sessions for found in built.underlyings},
        "files_read": built.read,
        "files_unchanged": built.unchanged,
        "files_left_out": built.bad,
        "chains_superseded": built.superseded,
        "files_gone": built.gone,
        "notes": built.notes,
    }


def ranked_history_document(found: Sequence[RankedHistory], last: int) -> dict[str, object]:
    """What ``history show --json`` prints: the last sessions of each underlying, oldest first."""
    return {
        history.underlying: {
            "dealer_model": history.dealer_model,
            "sessions": len(history.features.session),
            "session": history.features.session[-last:],
            **{name: values[-last:] for name, values in {**history.features.columns, **history.ranks}.items()},
        }
        for history in found
    }


def scan_document(found: ScannedMarket, ranked: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """What ``scan --json`` prints: what became of the underlyings, and those at the top of the ranking."""
    return {
        "contracts": found.contracts,
        "dealer_model": found.dealer_model,
        "underlyings": found.statuses,
        "left_out": [{"underlying": out.underlying, "reason": out.reason, "rows": out.rows} for out in found.left_out],
        "top": list(ranked),
    }


def metrics_document(metrics: RunMetrics) -> dict[str, object]:
    """What ``backtest --json`` prints; ``metrics.json`` holds these and every other figure."""
    figures = metrics.to_json_dict()
    return {key: figures[key] for key in METRICS_KEYS}
