"""The performance summary as text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

NOT_AVAILABLE = "n/a"
_SHARES = frozenset({"return", "win_rate", "execution_rate", "drawdown"})
_DOLLARS = frozenset({"initial", "current", "cash", "total_pnl", "average_win", "average_loss"})
_WIDTH = 64


def performance_text(summary: Mapping[str, Any]) -> str:
    """One block a section, a line a figure; ratios without data, and their intervals, read ``n/a``."""
    lines = ["Lightning GEX performance", "=" * _WIDTH]
    for title, section in summary.items():
        lines += ["", title.replace("_", " ").capitalize(), "-" * _WIDTH]
        lines += _section(section)
    return "\n".join(lines)


def _section(section: Mapping[str, Any], indent: str = "  ") -> list[str]:
    lines: list[str] = []
    for key, value in section.items():
        name = key.replace("_", " ")
        if isinstance(value, Mapping) and value:
            lines += [f"{indent}{name}", *_section(value, indent + "  ")]
        else:
            lines.append(f"{indent}{name:<30}{_figure(key, value):>24}")
    return lines


def _figure(key: str, value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float() if not math.isfinite(value):
            return NOT_AVAILABLE
        case float() if key.endswith("_bp"):
            return f"{value:+,.1f} bp"
        case float() if key in _SHARES or key.endswith("_pct"):
            return f"{value:.2%}"
        case float() if key in _DOLLARS:
            return f"{value:,.2f} USD"
        case float():
            return f"{value:,.3f}"
        case [float() as low, float() as high]:
            shown = _figure(key.removesuffix("_interval"), low), _figure(key.removesuffix("_interval"), high)
            return NOT_AVAILABLE if NOT_AVAILABLE in shown else " to ".join(shown)
        case Mapping():
            return "none"
    return str(value)
