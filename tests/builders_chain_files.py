"""Option chains of tests as files of our own table layout."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from builders_chain import make_chain
from lightning_gex.core.chain import OptionChain
from lightning_gex.core.sessions import session_close_utc, sessions_from, to_aware

HEADER = (
    "underlying", "as_of", "spot", "root", "expiry", "right", "strike", "bid", "ask", "iv", "open_interest", "volume",
    "multiplier",
)  # fmt: skip


def chain_text(chain: OptionChain) -> str:
    """A chain as CSV, every digit kept."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    head = (chain.underlying, chain.as_of.isoformat(), repr(float(chain.spot)))
    columns = [chain.root.tolist(), chain.expiry.astype(str).tolist(), ["C" if c else "P" for c in chain.is_call]]
    numbers = ("strike", "bid", "ask", "implied_vol", "open_interest", "volume", "multiplier")
    columns += [[repr(v) if np.isfinite(v) else "" for v in getattr(chain, name).tolist()] for name in numbers]
    writer.writerows((*head, *row) for row in zip(*columns, strict=True))
    return text.getvalue()


def write_session_chain(
    folder: Path,
    underlying: str,
    session: np.datetime64,
    *,
    minutes_after_close: int = -15,
    name: str = "",
    **how: object,
) -> Path:
    """A chain of a session, as of so many minutes after its close, in a file named after both."""
    close = to_aware(session_close_utc(np.array([session], dtype="datetime64[D]"))[0])
    as_of: datetime = (close + timedelta(minutes=minutes_after_close)).astimezone(UTC)
    expiries = [session + np.timedelta64(days, "D") for days in (21, 49)]
    chain = make_chain(as_of=as_of, expiries=expiries, root=underlying, **how)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name or f"{underlying}_{session}.csv")
    path.write_text(chain_text(chain))
    return path


def write_history(
    folder: Path, underlying: str, sessions: int, *, first: str = "2023-01-03", seed: int = 7
) -> list[Path]:
    """Chains of one underlying over a random walk, one a session."""
    random = np.random.default_rng(seed)
    days = sessions_from(np.datetime64(first) - np.timedelta64(1, "D"), sessions)
    spot = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.01, sessions)))
    vol = 0.2 * np.exp(np.cumsum(random.normal(0.0, 0.03, sessions)))
    ladder = np.arange(70.0, 131.0, 2.5)
    return [
        write_session_chain(
            folder,
            underlying,
            day,
            spot=float(s),
            vol=float(v),
            strikes=ladder,
            open_interest=random.integers(10, 1_000, 4 * len(ladder)),
        )
        for day, s, v in zip(days, spot, vol, strict=True)
    ]
