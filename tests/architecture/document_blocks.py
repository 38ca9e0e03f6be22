"""The fenced code blocks of the project's own documents."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from source_tree import REPOSITORY

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block and where it begins."""

    page: Path
    line: int
    language: str
    text: str


def pages() -> list[Path]:
    """README, the pages beside it, and everything under docs."""
    return sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])


def blocks(page: Path, language: str) -> list[Block]:
    """The page's blocks in one language, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, found.start()) + 2, found[1], found[2])
        for found in _FENCE.finditer(text)
        if found[1] == language
    ]


def shell_commands(page: Path) -> list[tuple[int, str]]:
    """(line, command) of the page's shell blocks, continuation lines joined, comments and prompts dropped."""
    found = []
    for block in [*blocks(page, "bash"), *blocks(page, "sh"), *blocks(page, "console")]:
        joined = block.text.replace("\\\n", " ")
        for line in joined.splitlines():
            command = line.strip().removeprefix("$ ").split(" #")[0].strip()
            if command and not command.startswith("#"):
                found.append((block.line, command))
    return found
