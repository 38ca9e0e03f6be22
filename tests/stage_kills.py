"""A step of a transition whose process is killed at a step of its work, as a program:

python stage_kills.py HOME STEP
"""

from __future__ import annotations

import sys
from pathlib import Path

from killed_commits import die_at_commit
from lightning_gex.app.assembly.migration import advance_transition, transition_standing
from lightning_gex.app.workspace import Workspace


def main(home: Path, step: int) -> None:
    """Advance, past whatever is not met; the process dies within its commits, or after them."""
    workspace = Workspace.open(home)
    past = transition_standing(workspace).unmet
    die_at_commit(step)
    advance_transition(workspace, by="me", reason="a drill", override=past)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
