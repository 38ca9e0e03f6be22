"""The founding document's fenced blocks, read from where it lies."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)

#: Defines only the names that the document's blocks leave free.
PREAMBLE = """
from typing import Dict
from lightning_hierarchical_decision import MarketRegime, StrategicLayer
from lightning_multi_agent_coordinator import AgentSignal, MultiAgentCoordinator

coordinator = MultiAgentCoordinator()
agent_name = "Trend Agent"
self = StrategicLayer()


def calculate_agent_accuracy(name):
    return 0.61
"""


@dataclass(frozen=True)
class Block:
    """One fenced block: its language (empty where none is named), its text, and its place in the document."""

    number: int
    language: str
    text: str


def document() -> Path:
    """Where the founding document lies: beside the checkout, or where the environment says."""
    return Path(os.environ.get("LIGHTNING_FOUNDING", REPOSITORY.parent / "shared" / "FOUNDING.md"))


def blocks() -> list[Block]:
    """Every fenced block, in order; empty where the document is absent."""
    path = document()
    if not path.is_file():
        return []
    found = _FENCE.findall(path.read_text(encoding="utf-8"))
    return [Block(i, language, text) for i, (language, text) in enumerate(found)]


def python_program(total_timesteps: int | None = None) -> str:
    """The Python blocks as one program after the preamble; training shortened where a number is given."""
    program = PREAMBLE + "\n".join(b.text for b in blocks() if b.language == "python")
    if total_timesteps is not None:
        program = re.sub(r"total_timesteps=\d+", f"total_timesteps={total_timesteps}", program)
    return program
