"""Every command with every option, as a shell calls it: a documented exit code, one line, one document, no secret."""

from __future__ import annotations

import contextlib
import getpass
import io
import json
import os
import sys
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from entries_files import (
    FLOW,
    INDEX,
    INTRADAY,
    MARKET_RECORD,
    MEMBERS,
    OLD_TRADES,
    RATES,
    SHORT,
    history_table,
    market_frame,
)
from fuzzing import CANARY, Call, Ending, Entry, demand_clear_line
from hostile import TEXTS, any_text
from spoilt_files import parquet

from builders_chain import make_chain
from builders_chain_files import chain_text
from lightning_gex.adapters.market_data import cboe_http
from lightning_gex.app.cli import main
from lightning_gex.app.cli.application import application
from lightning_gex.app.founding.security import SecurityManager
from lightning_gex.core.errors import SourceError
from lightning_gex.core.sessions import sessions_between

PASSWORD = f"{CANARY}-password"
OWN_HYPOTHESIS = """[[hypothesis]]
name = "mine"
statistic = "return_coefficient"
feature = "gex"
horizon_sessions = 5
direction = "higher"
"""
CODES = {
    0: "answered",
    2: "usage or setting",
    3: "input",
    4: "secret",
    5: "workspace",
    6: "altered",
    7: "source",
    8: "refused",
    9: "extra",
    10: "not ready",
}
_JUDGED = (
    "--bars",
    "bars.csv",
    "--ticker",
    "AAA",
    "--out",
    "out",
    "--volatility-index",
    "vix.csv",
    "--rates",
    "rates.csv",
    "--start",
    "2024-03-20",
    "--end",
    "2024-03-28",
    "--capital",
    "50000",
)
#: Command -> a sound call of it. ``{}`` is added by nobody: each word is one argument.
SOUND: dict[str, tuple[str, ...]] = {
    "analyze": ("AAA", "--bars", "bars.csv", "--chain", "chain.csv", "--flow", "flow.csv", "--market", "market.json"),
    "gex": (
        "chain.csv",
        "--since",
        "before.csv",
        "--weight",
        "volume",
        "--clock",
        "trading",
        "--out",
        "out.csv",
        "--table",
        "changes",
    ),
    "scan": ("market.parquet", "--sort", "gamma", "--top", "3", "--out", "out.csv"),
    "history build": ("chains", "--out", "built.parquet", "--underlying", "TEST"),
    "history show": ("history.parquet", "--last", "3", "--underlying", "SPX"),
    "flow build": (
        "finra.txt",
        "--bars",
        "members_bars.csv",
        "--members",
        "members.csv",
        "--coverage",
        "0.1",
        "--out",
        "built.csv",
    ),
    "backtest": _JUDGED,
    "evaluate": _JUDGED,
    "check-data": ("--bars", "bars.csv", "--ticker", "AAA", "--history", "history.parquet"),
    "probe": (
        "--bars",
        "bars.csv",
        "--ticker",
        "AAA",
        "--volatility-index",
        "vix.csv",
        "--rates",
        "rates.csv",
        "--start",
        "2024-03-20",
        "--end",
        "2024-03-28",
    ),
    "ablate": _JUDGED,
    "sweep": (*_JUDGED, "--set", "kelly.fraction=0.1", "--plan", "plan.toml", "--workers", "1"),
    "simulate": (
        "--out",
        "out",
        "--seed",
        "7",
        "--sessions",
        "12",
        "--tickers",
        "2",
        "--effect",
        "0.5",
        "--volatility-effect",
        "0.5",
        "--chains",
    ),
    "falsify": (
        "--bars",
        "bars.csv",
        "--ticker",
        "AAA",
        "--out",
        "out",
        "--flow",
        "flow.csv",
        "--volatility-index",
        "vix.csv",
        "--intraday",
        "intraday.csv",
        "--hypotheses",
        "own.toml",
        "--strike-step",
        "5",
        "--split",
        "2024-03-01",
        "--end",
        "2024-03-28",
    ),
    "report": ("out", "--open"),
    "migrate compare": (
        "--bars",
        "bars.csv",
        "--ticker",
        "AAA",
        "--out",
        "out",
        "--flow",
        "flow.csv",
        "--old-trades",
        "old.csv",
        "--costs-included",
        "--share",
        "0.5",
        "--start",
        "2024-03-20",
        "--end",
        "2024-03-28",
    ),
    "migrate paper": ("--bars", "bars.csv", "--ticker", "AAA", "--start", "2024-03-26", "--capital", "50000"),
    "migrate status": (),
    "migrate advance": ("--reason", "a drill", "--by", "me"),
    "migrate back": ("--reason", "a drill", "--by", "me", "--to", "parallel"),
    "halt": ("--reason", "a drill", "--by", "me"),
    "resume": ("--reason", "over", "--by", "me"),
    "breakers": ("--reset", "daily_loss", "--reason", "over"),
    "audit verify": ("--seals",),
    "audit tail": ("--count", "3", "--since", "2024-01-01", "--kind", "audit_noted"),
    "audit export": ("audit.csv", "--until", "2030-01-01", "--ticker", "AAA", "--backtests"),
    "vault init": ("--stdin",),
    "vault set": ("broker", "--stdin"),
    "vault list": (),
    "vault remove": ("absent",),
    "vault change-password": ("--stdin",),
    "vault export-public": ("public.json",),
    "demo": ("--out", "demo"),
    "paper": ("--bars", "bars.csv", "--ticker", "AAA", "--start", "2024-03-26", "--capital", "50000"),
    "backup": ("made.backup",),
    "restore": ("sound.backup", "--home", "restored"),
    "doctor": (),
    "memory show": ("--ticker", "AAA", "--last", "3"),
    "memory recall": ("--ticker", "AAA", "--count", "3", "--as-of", "2024-06-03T20:00:00Z"),
    "memory performance": ("--by", "ticker"),
    "memory export": ("memory.csv",),
    "memory import": ("remembered.csv",),
    "train": ("--bars", "absent.csv", "--timesteps", "1", "--out", "policy.zip"),
    "promote": ("absent.zip",),
    "agents": ("builders_founding:open_system",),
    "alerts test": (),
}
#: Sound words that make another command's sense: a case may carry them anywhere.
_WORDS = (
    "chain.csv",
    "bars.csv",
    "market.parquet",
    "finra.txt",
    "flow.csv",
    "out.csv",
    "out.json",
    "out.html",
    "chains",
    ".",
    "..",
    "--",
    "-",
    "--json",
    "-h",
    "--help",
    "--version",
    "--home",
    "--no-such",
    "-n",
    "-1",
    "0",
    "1e400",
    "0x10",
    "inf",
    "2024-06-03",
)
_TYPED = tuple(text.replace("\0", "") for text in TEXTS if "\ud800" not in text)
_FILES = (
    "bars.csv",
    "chain.csv",
    "before.csv",
    "flow.csv",
    "market.json",
    "market.parquet",
    "history.parquet",
    "finra.txt",
    "members.csv",
    "vix.csv",
    "rates.csv",
    "intraday.csv",
    "own.toml",
    "old.csv",
)
_NEED_WHAT_IT_MADE = frozenset({"restore", "memory import"})
STDIN = (
    f"password={PASSWORD}\nnew_password={PASSWORD}\napi_key=key\napi_secret={CANARY}-secret\n",
    f"password={PASSWORD}\n",
    "password=wrong-password\n",
    "",
    "x",
    "password=\n",
    f"password={PASSWORD}\nnew_password=short\n",
    "=\n",
    "\0",
    "a" * 70_000,
    f"password={PASSWORD}\nnew_password={PASSWORD}\n",
    f"password={PASSWORD}\napi_key=key\napi_secret={CANARY}-secret\n",
)


def commands() -> dict[str, list[str]]:
    """Every command of the program and its options, asked of the program."""
    import typer.main

    found: dict[str, list[str]] = {}

    def walk(command: Any, path: tuple[str, ...]) -> None:
        inner = getattr(command, "commands", None)
        if inner:
            for name, sub in inner.items():
                walk(sub, (*path, name))
            return
        found[" ".join(path)] = [
            option for p in command.params for option in (*p.opts, *p.secondary_opts) if option.startswith("-")
        ]

    walk(typer.main.get_command(application), ())
    return found


@cache
def options_of(command: str) -> tuple[str, ...]:
    """The options of a command."""
    return tuple(commands()[command])


def spoilt_line(random: Random, command: str, sound: Sequence[str]) -> dict[str, object]:
    """A command line after one to three accidents, what is piped to it, and whether an input file is another."""
    line = list(sound)
    for _ in range(random.randint(1, 3)):
        at = random.randint(0, len(line))
        match random.randint(0, 6):
            case 0 if at < len(line):
                del line[at]
            case 1:
                line.insert(at, _odd(random))
            case 2:
                line += [random.choice(options_of(command))]
            case 3:
                line += [random.choice(options_of(command)), _odd(random)]
            case _ if at < len(line) and not line[at].startswith("--"):
                line[at] = _odd(random)
    files = None if random.randint(0, 2) else (random.choice(_FILES), random.choice(_FILES))
    return {"line": line, "json": bool(random.randint(0, 1)), "stdin": random.choice(STDIN), "file": files}


def _odd(random: Random) -> str:
    """A word as a shell can pass it: any text but NUL, and no half of a character that is not a byte's."""
    word = random.choice((*_TYPED, *_WORDS)) if random.randint(0, 3) else any_text(random)
    return word.replace("\0", "").encode("utf-8", "replace").decode()


def _bars(tickers: Sequence[str] = ("AAA",)) -> str:
    sessions = sessions_between(np.datetime64("2024-01-02"), np.datetime64("2024-03-28"))
    close = 100.0 + np.sin(np.arange(len(sessions)) / 4.0) * 5.0
    rows = [
        f"{t},{d},{c:.2f},{c + 1:.2f},{c - 1:.2f},{c:.2f},1000000"
        for t in tickers
        for d, c in zip(sessions, close, strict=True)
    ]
    return "\n".join(["ticker,date,open,high,low,close,volume", *rows]) + "\n"


@cache
def _sound_files() -> dict[str, bytes]:
    from datetime import UTC, datetime

    at = datetime(2024, 3, 28, 19, 30, tzinfo=UTC)
    how = {"root": "AAA", "strikes": np.arange(80.0, 121.0, 5.0), "expiries": ("2024-04-19", "2024-05-17")}
    return {
        "bars.csv": _bars().encode(),
        "chain.csv": chain_text(make_chain(as_of=at, **how)).encode(),
        "before.csv": chain_text(make_chain(as_of=at.replace(day=26), **how)).encode(),
        "flow.csv": FLOW.encode(),
        "market.json": MARKET_RECORD.encode(),
        "market.parquet": parquet(market_frame()),
        "history.parquet": parquet(history_table()),
        "finra.txt": SHORT.encode(),
        "members.csv": MEMBERS.encode(),
        "vix.csv": INDEX.encode(),
        "rates.csv": RATES.encode(),
        "intraday.csv": INTRADAY.encode(),
        "own.toml": OWN_HYPOTHESIS.encode(),
        "plan.toml": b'seed = 1\nby = "accuracy"\n',
        "old.csv": OLD_TRADES.encode(),
        "members_bars.csv": _bars(("AAA", "BRK-B")).encode(),
        "chains/a.csv": chain_text(make_chain(root="TEST", strikes=np.arange(90.0, 111.0, 5.0))).encode(),
    }


@contextmanager
def _workplace(folder: Path, command: str) -> Iterator[dict[str, bytes]]:
    """A folder of sound files with a workspace that has a vault; nothing asks a terminal or the network."""
    files = dict(_sound_files())
    (folder / "chains").mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    home = folder / "home"
    kept = {n: os.environ.get(n) for n in ("LIGHTNING_HOME", "LIGHTNING_MASTER_PASSWORD", "COLUMNS", "HOME")}
    before, prompt, body = Path.cwd(), getpass.getpass, cboe_http.CboeDelayedQuotes._body
    os.chdir(folder)
    os.environ |= {"LIGHTNING_HOME": str(home), "COLUMNS": "100", "HOME": str(folder)}
    os.environ.pop("LIGHTNING_MASTER_PASSWORD", None)
    getpass.getpass = _nobody_types
    browser, webbrowser.open = webbrowser.open, _no_browser  # type: ignore[assignment]
    cboe_http.CboeDelayedQuotes._body = _no_network  # type: ignore[method-assign, assignment]
    try:
        with SecurityManager(PASSWORD, home=home) as security:
            security.store_api_credentials("kept", "key", f"{CANARY}-kept")
        if command in _NEED_WHAT_IT_MADE:
            files |= _made_by_the_program()
        yield files
    finally:
        cboe_http.CboeDelayedQuotes._body = body  # type: ignore[method-assign]
        getpass.getpass = prompt
        webbrowser.open = browser
        os.chdir(before)
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _made_by_the_program() -> dict[str, bytes]:
    """A backup and a memory of this workspace."""
    names = ("sound.backup", "remembered.csv")
    with contextlib.redirect_stdout(_Stream()), contextlib.redirect_stderr(_Stream()):
        ended = [main(["backup", names[0]]), main(["memory", "export", names[1]])]
    assert ended == [0, 0]
    return {name: Path(name).read_bytes() for name in names}


def _nobody_types(*_: object, **__: object) -> str:
    raise EOFError


def _no_browser(*_: object, **__: object) -> bool:
    return False


def _no_network(*_: object) -> bytes:
    raise SourceError("nobody answers")


def called(
    command: str, sound: Callable[[], None] | None = None
) -> Callable[[Path], contextlib.AbstractContextManager[Call]]:
    """Calls of one command; afterwards the vault opens, the record verifies and the settings are what they were."""

    @contextmanager
    def opened(folder: Path) -> Iterator[Call]:
        with _workplace(folder, command) as files:
            settings = (folder / "home" / "lightning.toml").read_bytes()

            def call(case: dict[str, Any]) -> object:
                if case["file"] is not None:
                    target, other = case["file"]
                    (folder / target).write_bytes(files[other])
                try:
                    return _ended(command, case)
                finally:
                    for name in files:
                        if name in {"out", "audit.csv"} or not (folder / name).exists() or case["file"] is not None:
                            (folder / name).write_bytes(files[name])

            yield call
            assert (folder / "home" / "lightning.toml").read_bytes() == settings, "a command changed the settings"
            with SecurityManager(PASSWORD, home=folder / "home") as later:
                if command != "vault remove":
                    assert later.get_api_credentials("kept")["api_secret"] == f"{CANARY}-kept", "a secret was lost"
                assert later.verify_audit_log() > 0

    return opened


def _ended(command: str, case: dict[str, Any]) -> Ending:
    line = [*command.split(), *case["line"], *(["--json"] if case["json"] else [])]
    line = _inside(line)
    out, err, stdin = _Stream(), _Stream(), sys.stdin
    sys.stdin = io.StringIO(case["stdin"])
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(line)
    finally:
        sys.stdin = stdin
    said, shown = err.getvalue(), out.getvalue()
    assert code in CODES, f"exit code {code}: {said}"
    assert CANARY not in said + shown, "a secret is on the screen"
    assert "Traceback" not in said
    assert "should not have happened" not in said, said
    errors = [text for text in said.splitlines() if text.startswith("error: ")]
    # The table is written and some files gave no row; data or checkup were looked at and something did not pass.
    said_all = (code == 3 and command in {"history build", "check-data"}) or (code == 10 and command == "doctor")
    partly = not errors and said_all
    assert len(errors) == (0 if code == 0 or partly else 1), said
    for text in errors:
        demand_clear_line(text)
    if "--json" in line and code not in (0, 2) and shown.strip() and not partly:
        assert json.loads(shown, parse_constant=_no_constant)["error"]["exit_code"] == code
    return Ending(CODES[code])


class _Stream(io.StringIO):
    """Standard output that is no terminal and has no descriptor."""

    def fileno(self) -> int:
        return os.open(os.devnull, os.O_WRONLY)


def _no_constant(name: str) -> object:
    raise AssertionError(f"{name} is no JSON")


def _inside(line: list[str]) -> list[str]:
    """Words that are paths to elsewhere stay inside the folder; several processes are not asked for."""
    kept = [
        word if not word.startswith(("/", "~", "..")) else f"x{word.replace('/', '_').replace('..', '_')}"
        for word in line
    ]
    return [
        ("1" if before == "--workers" and word.isdecimal() else word)
        for before, word in zip(["", *kept], kept, strict=False)
    ]


#: A command starts a whole program, 40 ms where it refuses: the suite takes a few inputs of it, the soak fewer too.
_SUITE, _SOAK = 8, 300
_COUNTS = {
    "demo": (1, 6),
    "backtest": (6, 200),
    "evaluate": (1, 20),
    "ablate": (1, 10),
    "sweep": (1, 10),
    "probe": (1, 10),
    "simulate": (4, 100),
    "falsify": (2, 40),
    "migrate compare": (1, 40),
    "migrate paper": (2, 60),
    "migrate status": (2, 60),
    "migrate advance": (4, 200),
    "migrate back": (3, 200),
    "analyze": (6, 200),
}


def _entries() -> list[Entry]:
    found = []
    for command, sound in SOUND.items():
        suite, soak = _COUNTS.get(command, (_SUITE, _SOAK))
        cases = partial(spoilt_line, command=command, sound=sound)
        found.append(
            Entry(f"command {command}", cases, called(command), suite, soak, covers=frozenset({f"lightning {command}"}))
        )
    return found


ENTRIES = tuple(_entries())
