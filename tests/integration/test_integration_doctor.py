"""The production checklist: nothing passes by itself, everything can pass, and each item notices what is gone."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from lightning_gex.adapters.clock import ReplayClock
from lightning_gex.analytics.observation import OBSERVATION_NAMES
from lightning_gex.app.assembly import doctor as doctor_module
from lightning_gex.app.assembly.alerts import try_alerts
from lightning_gex.app.assembly.backup import drill_backup
from lightning_gex.app.assembly.control import halt_trading
from lightning_gex.app.assembly.doctor import Checkup, Status, drill, examine
from lightning_gex.app.assembly.drills import drill_components, drill_stops
from lightning_gex.app.assembly.jobs import InputFiles
from lightning_gex.app.assembly.paper import PaperRequest, paper_trade
from lightning_gex.app.cli import main
from lightning_gex.app.founding.security import SecurityManager
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import RefusedError, SettingsError, SourceError
from lightning_gex.core.sessions import close_of
from lightning_gex.engine import intent, trader
from lightning_gex.risk.check import Check
from lightning_gex.sizing.ladder import LADDER
from lightning_gex.sizing.network import Activation, DenseLayer, Network
from lightning_gex.sizing.onnx_export import argmax_network
from lightning_gex.sizing.policy import Algorithm, PolicyMetadata
from listening import listening
from paper_days import all_bars, bars_file, quiet

LEARNT, LIVED = 80, 6  # sessions of the paper run
PASSWORD = "correct horse battery staple"
SETTINGS = """
[guardrails]
max_daily_trades = 10

[rate_limits]
apis = { "broker" = 3 }

[small_capital]
enabled = true
"""


def policy(steps: int) -> bytes:
    """A policy that always takes the lowest rung, by its own card trained on so many steps."""
    layer = DenseLayer(np.zeros((len(LADDER), len(OBSERVATION_NAMES))), np.zeros(len(LADDER)), Activation.NONE)
    model, weights = argmax_network([layer]), Network.of([layer]).to_bytes()
    digests = hashlib.sha256(model).hexdigest(), hashlib.sha256(weights).hexdigest()
    card = PolicyMetadata(Algorithm.PPO, OBSERVATION_NAMES, LADDER, 1, steps, 0.001, {}, {}, *digests)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("policy.onnx", model)
        archive.writestr("weights.npz", weights)
        archive.writestr("metadata.json", card.to_json())
    return buffer.getvalue()


def clock_after(session: np.datetime64, hours: float = 1.0) -> ReplayClock:
    return ReplayClock(close_of(session) + timedelta(hours=hours))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, datetime]:
    """A workspace in which everything was done, and when the last of it was."""
    folder = tmp_path_factory.mktemp("prepared")
    home, bars = folder / "home", [all_bars()[0].first(LEARNT + LIVED)]
    workspace = Workspace.open(home)
    (home / "lightning.toml").write_text(SETTINGS)
    (home / "policy.zip").write_bytes(policy(100_000))
    with SecurityManager(PASSWORD, home=home) as security:
        security.init_vault()
        security.store_api_credentials("broker", "a key", "a secret of the broker")
    for count in range(LEARNT + 1, LEARNT + LIVED + 1):
        file = InputFiles(bars_file(folder / "bars.csv", bars, count))
        request = PaperRequest(file, ("SPY",), bars[0].session[LEARNT].astype(object))
        paper_trade(Workspace.open(home), request, progress=quiet, clock=clock_after(bars[0].session[count - 1]))
    workspace, clock = Workspace.open(home), clock_after(bars[0].session[-1], 2)
    with listening() as listener, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTNING_ALERT_URLS", listener.address("one"))
        try_alerts(workspace, clock=clock)
    drill_backup(workspace, clock=clock)
    drill(workspace, clock=clock)
    return home, clock.now()


@pytest.fixture
def home(prepared: tuple[Path, datetime], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIGHTNING_ALERT_URLS", "json://127.0.0.1:1/nobody")
    return Path(shutil.copytree(prepared[0], tmp_path / "home"))


@pytest.fixture
def now(prepared: tuple[Path, datetime]) -> datetime:
    return prepared[1] + timedelta(hours=1)


def asked(home: Path, now: datetime) -> Checkup:
    return examine(Workspace.open(home), clock=ReplayClock(now))


def open_items(found: Checkup) -> dict[str, Status]:
    return {i.name: i.finding.status for i in found.items if i.finding.status is not Status.PASSED}


def test_nothing_passes_by_itself(tmp_path: Path) -> None:
    found = examine(Workspace.open(tmp_path / "home"))
    passed = {i.name for i in found.items if i.finding.status is Status.PASSED}
    assert passed == {"private"}  # the folder was made so, and that was looked at
    assert not found.ready
    assert all(i.finding.evidence for i in found.items)
    assert all(i.finding.next_step for i in found.items if i.name not in passed)
    assert len(found.items) == 13


def test_everything_can_pass(home: Path, now: datetime) -> None:
    found = asked(home, now)
    assert open_items(found) == {}, [i for i in found.items if i.finding.status is not Status.PASSED]
    assert found.ready
    assert found.stopped == {}
    evidence = {i.name: i.finding.evidence for i in found.items}
    assert evidence["model"] == "policy.zip: PPO, 100,000 steps, seed 1"
    assert evidence["paper"].startswith("1 paper runs, 6 sessions traded, 6 decisions")
    assert "chosen: max_daily_trades" in evidence["guardrails"]
    assert "broker: 3 calls passed, the next one did not" in evidence["rate limits"]
    assert "6 sessions in a row" in evidence["week"]
    assert "at most 5,000 USD at work" in evidence["small capital"]


def cut_journal(home: Path) -> None:
    with closing(sqlite3.connect(home / "lightning.db")) as database:
        database.execute("UPDATE journal SET payload = payload || ' ' WHERE sequence = 40")
        database.commit()


def edited(old: str, new: str) -> Callable[[Path], object]:
    def act(home: Path) -> None:
        file = home / "lightning.toml"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    return act


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda home: (home / "policy.zip").unlink(), {"model": Status.NOT_YET}),
        (lambda home: (home / "policy.zip").write_bytes(policy(99_999)), {"model": Status.FAILED}),
        (lambda home: (home / "policy.zip").write_bytes(b"x"), {"model": Status.CANNOT_TELL}),
        (edited("max_daily_trades = 10", ""), {"guardrails": Status.NOT_YET}),
        (edited('"broker" = 3', ""), {"rate limits": Status.NOT_YET}),
        (edited("enabled = true", "enabled = false"), {}),  # six sessions were traded under it
        (lambda home: home.chmod(0o755), {"private": Status.FAILED}),
        (lambda home: (home / "vault.json").unlink(), {"credentials": Status.NOT_YET, "rate limits": Status.NOT_YET}),
        (lambda home: (home / "vault.json").write_text("{"),
         {"credentials": Status.CANNOT_TELL, "rate limits": Status.CANNOT_TELL}),
        (lambda home: (home / "vault.json").chmod(0o644),
         {"credentials": Status.CANNOT_TELL, "rate limits": Status.CANNOT_TELL, "private": Status.FAILED}),
    ],
)  # fmt: skip
def test_each_item_notices_when_what_it_asks_for_is_gone(home, now, act, expected) -> None:
    act(home)
    assert open_items(asked(home, now)) == expected


def test_an_altered_journal_fails_and_nothing_that_rests_on_it_can_be_told(home: Path, now: datetime) -> None:
    cut_journal(home)
    found = open_items(asked(home, now))
    assert found.pop("audit") is Status.FAILED
    assert set(found.values()) == {Status.CANNOT_TELL}
    assert set(found) == {"components", "paper", "alerts", "backup", "breakers", "small capital", "week"}


def test_what_was_done_grows_old(home: Path, now: datetime) -> None:
    assert open_items(asked(home, now + timedelta(days=8))) == {"backup": Status.NOT_YET, "week": Status.NOT_YET}
    later = open_items(asked(home, now + timedelta(days=40)))
    assert later == {"alerts": Status.NOT_YET, "backup": Status.NOT_YET, "week": Status.NOT_YET}


def test_another_version_drills_again(home: Path, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_module, "__version__", "9.9.9")
    assert open_items(asked(home, now)) == {"components": Status.NOT_YET, "breakers": Status.NOT_YET}


def test_an_alert_that_does_not_arrive_fails_its_item(home: Path, now: datetime) -> None:
    with pytest.raises(SourceError, match="0 of 1 addresses"):
        try_alerts(Workspace.open(home), clock=ReplayClock(now))
    assert open_items(asked(home, now)) == {"alerts": Status.FAILED}


def test_without_an_address_there_is_none_to_try(home, now, monkeypatch) -> None:
    monkeypatch.delenv("LIGHTNING_ALERT_URLS")
    assert open_items(asked(home, now)) == {"alerts": Status.NOT_YET}
    with pytest.raises(SettingsError, match="no address is configured"):
        try_alerts(Workspace.open(home))


def test_a_halt_in_force_is_said(home: Path, now: datetime) -> None:
    halt_trading(home, by="Ada", reason="drill", flatten=False)
    assert asked(home, now).stopped == {"halt": "Ada: drill"}


def test_sessions_lived_through_at_once_are_no_week(tmp_path: Path) -> None:
    """A history run through in one call on a later day was not watched as it happened."""
    bars = [all_bars()[0].first(LEARNT + LIVED)]
    file = InputFiles(bars_file(tmp_path / "bars.csv", bars, LEARNT + LIVED))
    request = PaperRequest(file, ("SPY",), bars[0].session[LEARNT].astype(object))
    clock = clock_after(bars[0].session[-1], 24 * 30)
    paper_trade(Workspace.open(tmp_path / "home"), request, progress=quiet, clock=clock)
    found = {i.name: i.finding for i in examine(Workspace.open(tmp_path / "home"), clock=clock).items}
    assert found["paper"].status is Status.PASSED
    assert found["week"].status is Status.NOT_YET
    assert found["week"].evidence.startswith("no session")


def test_a_drill_finds_a_breaker_that_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace.open(tmp_path / "home")
    assert drill_stops(workspace).failed == {}
    monkeypatch.setattr(intent, "check_entry", lambda *_, **__: Check(True, "yes"))
    assert drill_stops(workspace).failed == {"after 'a breaker trips'": "RefusedError: the entry was ordered"}
    monkeypatch.undo()
    monkeypatch.setattr(trader, "tripped", lambda *_: {})
    assert drill_stops(workspace).failed == {
        "after 'an entry that breaks nothing'": "RefusedError: the VIX jumped and no breaker tripped"
    }


def test_a_component_that_breaks_is_named_and_the_others_are_tried(tmp_path, monkeypatch) -> None:
    from lightning_gex.app.assembly import drills

    def breaks(*_: object) -> str:
        raise RefusedError("broken")

    monkeypatch.setattr(drills, "_TRIALS", {"signing": drills._TRIALS["signing"], "agents": breaks})
    found = drill_components(Workspace.open(tmp_path / "home"))
    assert (set(found.passed), dict(found.failed)) == ({"signing"}, {"agents": "RefusedError: broken"})


def test_the_command_says_what_is_open_and_ends_with_its_own_code(tmp_path, capsys) -> None:
    home = str(tmp_path / "home")
    assert main(["doctor", "--home", home, "--json"]) == 10
    said = json.loads(capsys.readouterr().out)
    assert said["ready"] is False
    assert {i["status"] for i in said["items"]} == {"passed", "not_yet"}
    assert main(["doctor", "--home", home]) == 10
    text = capsys.readouterr().out
    assert "next, backup: lightning backup --drill" in text
    assert "not ready: 1 of 13 items passed" in text
