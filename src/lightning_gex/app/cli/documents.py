"""Answers for programs: exactly one JSON document, numbers that do not exist as null."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from lightning_gex.core.decision import Decision

if TYPE_CHECKING:
    from lightning_gex.analytics.positioning_result import DealerPositioning
    from lightning_gex.evaluation.metrics import RunMetrics

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
)
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


def decision_document(decision: Decision) -> dict[str, object]:
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
    }


def positioning_document(positioning: DealerPositioning) -> dict[str, object]:
    """What ``gex --json`` prints."""
    figures = positioning.to_json_dict()
    return {key: figures[key] for key in POSITIONING_KEYS}


def metrics_document(metrics: RunMetrics) -> dict[str, object]:
    """What ``backtest --json`` prints; ``metrics.json`` holds these and every other figure."""
    figures = metrics.to_json_dict()
    return {key: figures[key] for key in METRICS_KEYS}
