"""The functions of the source that read a file, found in the source itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

_SOURCE = Path(__file__).resolve().parents[2] / "src" / "lightning_gex"
_FOLDERS = ("adapters", "app", "sizing")
_BEGINNINGS = ("read_", "load_", "parse_")
#: Read what another reader gives, or are called by one that has a target.
_INNER = frozenset({
    "read_content", "read_table", "read_private", "load_policy", "load_password", "parse_osi_column",
})  # fmt: skip


def public_readers() -> Iterator[str]:
    """Names of public module-level functions that begin as a reader's does."""
    for folder in _FOLDERS:
        for path in sorted((_SOURCE / folder).rglob("*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef) and node.name.startswith(_BEGINNINGS) and node.name not in _INNER:
                    yield node.name
