"""Alerts of a workspace, sent over real HTTP: of what, to whom, and that failing ones stop nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightning_gex.app.assembly.control import halt_trading, latched_breakers
from lightning_gex.app.assembly.wiring import Stores
from lightning_gex.app.cli import main
from lightning_gex.app.founding.security import SecurityManager
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InputError, SettingsError, SourceError
from lightning_gex.core.events import AuditNoted
from listening import Listener, listening
from paper_days import all_bars, call

PASSWORD = "correct horse battery staple"


@pytest.fixture
def listener():
    with listening() as found:
        yield found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    Workspace.open(home)
    return home


def noted(home: Path) -> list[AuditNoted]:
    stores = Stores.open(Workspace.open(home))
    with stores.journal("look") as journal:
        found = [r.event for r in journal.read(kinds=["audit_noted"]) if isinstance(r.event, AuditNoted)]
    stores.engine.dispose()
    return [e for e in found if e.what.startswith("alert_")]


def test_a_halt_is_told_and_that_is_on_record(home: Path, listener: Listener, monkeypatch) -> None:
    monkeypatch.setenv("LIGHTNING_ALERT_URLS", f"{listener.address('one')} {listener.address('two')}")
    halt_trading(home, by="Ada", reason="prices look wrong", flatten=False)
    assert [m["title"] for m in listener.messages] == ["Lightning GEX: trading halted by Ada"] * 2
    assert {m["message"] for m in listener.messages} == {"prices look wrong"}
    (note,) = noted(home)
    assert (note.what, note.detail["reached"], note.detail["of"]) == ("alert_sent", 2, 2)


def test_a_halt_whose_alert_fails_is_in_force_all_the_same(home: Path, listener: Listener, monkeypatch) -> None:
    monkeypatch.setenv("LIGHTNING_ALERT_URLS", listener.address("fails"))
    outcome = halt_trading(home, by="Ada", reason="drill", flatten=False)
    assert outcome.not_recorded is None
    assert latched_breakers(Workspace.open(home)) == {"halt": "Ada: drill"}
    (note,) = noted(home)
    assert (note.what, note.detail["reached"]) == ("alert_failed", 0)
    assert listener.address("fails") not in str(note)


def test_a_paper_session_is_told_once_and_what_failed_to_arrive_is_told_again(home, listener, monkeypatch) -> None:
    bars = [all_bars()[0].first(90)]
    call(home, bars, 82, tickers=("SPY",), start=bars[0].session[80].astype(object))  # nobody is told
    monkeypatch.setenv("LIGHTNING_ALERT_URLS", listener.address("fails"))
    halt_trading(home, by="Ada", reason="drill", flatten=False)
    call(home, bars, 83)
    monkeypatch.setenv("LIGHTNING_ALERT_URLS", listener.address("one"))
    listener.messages.clear()
    call(home, bars, 84)
    call(home, bars, 84)  # nothing new
    call(home, bars, 85)
    first, second = listener.messages
    assert "trading halted by Ada: drill" in first["title"]  # it had not arrived before
    assert f"session {bars[0].session[83]}: equity 100," in first["message"]
    assert second["title"] == "Lightning GEX: the session is over"
    assert f"session {bars[0].session[84]}" in second["message"]
    assert [n.what for n in noted(home)] == ["alert_failed", "alert_failed", "alert_sent", "alert_sent"]


def test_a_paper_call_that_fails_is_told(home: Path, listener: Listener, monkeypatch) -> None:
    monkeypatch.setenv("LIGHTNING_ALERT_URLS", listener.address("one"))
    with pytest.raises(SettingsError):
        call(home, [all_bars()[0].first(90)], 82)
    (message,) = listener.messages
    assert message["title"] == "Lightning GEX: paper trading stopped"
    assert "name what to trade" in message["message"]


def test_the_daily_summary_can_be_switched_off(home: Path, listener: Listener, monkeypatch) -> None:
    monkeypatch.setenv("LIGHTNING_ALERT_URLS", listener.address("one"))
    monkeypatch.setenv("LIGHTNING_ALERTS__DAILY_SUMMARY", "false")
    bars = [all_bars()[0].first(90)]
    call(home, bars, 82, tickers=("SPY",), start=bars[0].session[80].astype(object))
    assert listener.messages == []


def test_the_addresses_lie_in_the_vault(home: Path, listener: Listener, monkeypatch, capsys) -> None:
    with SecurityManager(PASSWORD, home=home) as security:
        security.store_api_credentials("alerts", "addresses", f"{listener.address('one')} {listener.address('two')}")
    monkeypatch.setenv("LIGHTNING_ALERTS__VAULT_ENTRY", "alerts")
    assert main(["alerts", "test", "--home", str(home)]) == SourceError.exit_code  # nobody gave the password
    monkeypatch.setenv("LIGHTNING_MASTER_PASSWORD", PASSWORD)
    capsys.readouterr()
    assert main(["alerts", "test", "--home", str(home)]) == 0
    assert capsys.readouterr().out == "2 of 2 addresses were reached\n"
    assert len(listener.messages) == 2
    assert [n.what for n in noted(home)] == ["alert_failed", "alert_sent"]
    monkeypatch.setenv("LIGHTNING_ALERTS__VAULT_ENTRY", "absent")
    assert main(["alerts", "test", "--home", str(home)]) in (SourceError.exit_code, InputError.exit_code)
