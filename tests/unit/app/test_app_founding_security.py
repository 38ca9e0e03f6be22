"""Vault, signatures, audit and rate limits behind the founding document's names."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from decimal import Decimal

import pytest

from builders_founding import MONDAY, ask, open_system
from lightning_gex.app.founding.security import SecurityManager
from lightning_gex.core.enums import RunMode
from lightning_gex.core.errors import (
    InputError,
    IntegrityError,
    LightningError,
    RefusedError,
    SecretError,
    SettingsError,
)
from lightning_gex.core.events import Marked, RunStarted
from lightning_gex.risk.guardrails import GuardrailLimits
from lightning_gex.security import vault

SECRET = "s3cr3t-value"


@pytest.fixture(autouse=True)
def _cheap_derivation(monkeypatch):
    """The iterations of a new record are the vault's own business, and tested there."""
    monkeypatch.setattr(vault.Vault.from_bytes.__func__, "__defaults__", (vault.KdfProfile.CHEAPEST,))


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def security(home):
    with SecurityManager("right", home=home) as security:
        yield security


def audited(security, tmp_path):
    path = tmp_path / "audit.json"
    security.export_audit_logs(path)
    return json.loads(path.read_text())


def store(security, name="thinkorswim"):
    security.store_api_credentials(api_name=name, api_key="a-key", api_secret=SECRET)


def test_credentials_come_back_as_they_were_stored_and_lie_sealed(security, home):
    store(security)
    assert security.get_api_credentials("thinkorswim") == {"api_key": "a-key", "api_secret": SECRET}
    assert SECRET not in (home / "vault.json").read_text()
    with SecurityManager("right", home=home) as later:
        assert later.get_api_credentials("thinkorswim")["api_secret"] == SECRET


def test_a_wrong_password_fails_at_the_first_secret_and_at_nothing_before(security, home, tmp_path):
    store(security)
    with SecurityManager("wrong", home=home) as stranger:
        assert stranger.list_api_credentials() == ["thinkorswim"]
        assert stranger.check_rate_limit("thinkorswim")
        assert stranger.export_audit_logs(tmp_path / "audit.csv") > 0
        assert stranger.verify_audit_log() > 0
        for act in (
            lambda: stranger.get_api_credentials("thinkorswim"),
            lambda: store(stranger, "another"),
            lambda: stranger.sign_request("thinkorswim", "GET", "/"),
        ):
            with pytest.raises(SecretError):
                act()
    assert security.list_api_credentials() == ["thinkorswim"]


def test_a_system_with_a_wrong_password_trades_and_exports_without_it(security, home, tmp_path):
    store(security)
    with open_system(home, master_password="wrong") as (system, _):
        assert ask(system)["status"] == "approved"
        assert system.security.export_audit_logs(tmp_path / "audit.json") > 0
        with pytest.raises(SecretError):
            system.security.get_api_credentials("thinkorswim")


def test_without_a_password_a_secret_is_asked_for_one(home):
    with SecurityManager(home=home) as security, pytest.raises(SecretError, match="master_password"):
        store(security)


def test_backtests_are_exported_on_request_only(security, home, tmp_path):
    account = security._account
    at = account.clock.now()
    with account.stores.journal("backtest-1") as journal:
        journal.append([RunStarted(at, RunMode.BACKTEST, Decimal(1), {}), Marked(at, Decimal(1), Decimal(0))])
    security.log_event("mine")
    path = tmp_path / "audit.json"
    security.export_audit_logs(path)
    own = json.loads(path.read_text())
    assert {record["run_id"] for record in own} == {account.journal.run_id}
    security.export_audit_logs(path, backtests=True)
    everything = json.loads(path.read_text())
    assert "backtest-1" in {record["run_id"] for record in everything}
    sequence = [record["sequence"] for record in everything]
    assert sequence == sorted(sequence)


def test_what_another_program_stored_meanwhile_is_kept(security, home):
    assert security.list_api_credentials() == []
    with SecurityManager("right", home=home) as other:
        store(other, "alpaca")
        store(security, "thinkorswim")
        assert other.list_api_credentials() == ["alpaca", "thinkorswim"]
        security.delete_api_credentials("alpaca")
        with pytest.raises(InputError, match="alpaca"):
            other.get_api_credentials("alpaca")


def test_every_use_of_a_secret_and_every_refusal_is_on_record_without_the_secret(security, home, tmp_path):
    store(security)
    security.get_api_credentials("thinkorswim")
    with SecurityManager("wrong", home=home) as stranger, pytest.raises(SecretError):
        stranger.get_api_credentials("thinkorswim")
    security.delete_api_credentials("thinkorswim")
    records = audited(security, tmp_path)
    assert [r["event"]["what"] for r in records if r["kind"] == "audit_noted"] == [
        "credentials_stored", "credentials_read", "secret_refused", "credentials_deleted", "audit_exported",
    ]  # fmt: skip
    assert SECRET not in json.dumps(records)
    assert "a-key" not in json.dumps(records)


@pytest.mark.parametrize("change", [{"api_name": ""}, {"api_key": ""}, {"api_secret": None}, {"api_secret": 7}])
def test_credentials_that_are_none_are_refused_without_showing_them(security, change):
    with pytest.raises(InputError) as caught:
        security.store_api_credentials(**({"api_name": "a", "api_key": "k", "api_secret": SECRET} | change))
    assert SECRET not in str(caught.value)
    assert security.list_api_credentials() == []


def test_a_signature_fits_its_request_and_no_other(tmp_path):
    with open_system(tmp_path, master_password="right") as (system, clock):
        security = system.security
        store(security)
        headers = security.sign_request("thinkorswim", "POST", "/orders", "body")
        assert security.verify_request("thinkorswim", "POST", "/orders", "body", headers)
        assert not security.verify_request("thinkorswim", "POST", "/orders", "body", headers)  # once only
        assert not security.verify_request("thinkorswim", "POST", "/orders", "other", headers)
        assert not security.verify_request("thinkorswim", "GET", "/orders", "body", headers)
        assert not security.verify_request("thinkorswim", "POST", "/orders", "body", {})
        late = security.sign_request("thinkorswim", "POST", "/orders", "body")
        clock.set(MONDAY + timedelta(minutes=6))
        assert not security.verify_request("thinkorswim", "POST", "/orders", "body", late)


def test_a_replayed_request_is_refused_by_every_program_and_after_a_restart(tmp_path):
    with SecurityManager("right", home=tmp_path) as first:
        store(first)
        headers = first.sign_request("thinkorswim", "POST", "/orders", "body")
        assert first.verify_request("thinkorswim", "POST", "/orders", "body", headers)
    with SecurityManager("right", home=tmp_path) as later:
        assert not later.verify_request("thinkorswim", "POST", "/orders", "body", headers)


def test_the_vault_is_begun_and_its_password_changed(security, home):
    security.init_vault()
    with pytest.raises(RefusedError):
        security.init_vault()
    store(security)
    security.change_master_password("another one")
    assert security.get_api_credentials("thinkorswim")["api_secret"] == SECRET
    with SecurityManager("another one", home=home) as later:
        assert later.get_api_credentials("thinkorswim")["api_secret"] == SECRET
        assert later.verify_audit_log() > 0
    with SecurityManager("right", home=home) as stranger, pytest.raises(SecretError):
        stranger.get_api_credentials("thinkorswim")


def test_each_api_has_its_own_rate(tmp_path):
    with open_system(tmp_path) as (system, clock):
        limit = {"max_calls": 2, "window_seconds": 60}
        answers = [system.security.check_rate_limit("a", **limit) for _ in range(3)]
        assert answers == [True, True, False]
        assert system.security.check_rate_limit("b", **limit)
        clock.set(MONDAY + timedelta(seconds=61))
        assert system.security.check_rate_limit("a", **limit)
        assert not system.security.check_rate_limit("c", max_calls=0)
        with pytest.raises(SettingsError):
            system.security.check_rate_limit("a", max_calls=-1)


def test_an_api_s_limit_is_the_setting_of_its_name_where_none_is_given(tmp_path, monkeypatch):
    monkeypatch.setenv("LIGHTNING_RATE_LIMITS__CALLS", "1")
    monkeypatch.setenv("LIGHTNING_RATE_LIMITS__APIS", '{"broker": 2}')
    with SecurityManager(home=tmp_path / "limited") as security:
        assert [security.check_rate_limit("broker") for _ in range(3)] == [True, True, False]
        assert [security.check_rate_limit("another") for _ in range(2)] == [True, False]
        assert security.check_rate_limit("another", max_calls=5)


def test_events_of_ones_own_are_on_record_with_secrets_hidden(security, tmp_path):
    security.log_event("reconciled", broker="alpaca", password=SECRET, difference=0.0)
    event = audited(security, tmp_path)[0]["event"]
    assert event["what"] == "reconciled"
    assert event["detail"]["broker"] == "alpaca"
    assert SECRET not in json.dumps(event)


@pytest.mark.parametrize(("event", "detail"), [("", {}), (None, {}), ("x", {"a": []}), ("x", {"a": {"b": 1}})])
def test_an_event_that_cannot_be_recorded_is_refused(security, event, detail):
    with pytest.raises(InputError):
        security.log_event(event, **detail)


def test_the_record_is_exported_as_csv_by_its_ending_or_by_name(security, tmp_path):
    security.log_event("first")
    for path, fmt in ((tmp_path / "a.csv", None), (tmp_path / "a.txt", "csv")):
        count = security.export_audit_logs(path, fmt)
        with path.open(newline="") as file:
            assert len(list(csv.DictReader(file))) == count
    with pytest.raises(SettingsError):
        security.export_audit_logs(tmp_path / "a.pdf")


def test_a_record_edited_in_the_store_is_found(security, home):
    import sqlite3

    for name in ("first", "second"):
        security.log_event(name)
    assert security.verify_audit_log() == 2
    security.close()
    with sqlite3.connect(home / "lightning.db") as store:
        store.execute("UPDATE journal SET payload = replace(payload, 'first', 'never') WHERE sequence = 1")
    store.close()
    with pytest.raises(IntegrityError), SecurityManager(home=home) as later:
        later.verify_audit_log()


def test_guardrails_are_the_ones_given_else_the_settings(home, monkeypatch):
    monkeypatch.setenv("LIGHTNING_GUARDRAILS__MAX_DAILY_TRADES", "7")
    with SecurityManager(home=home) as security:
        assert security.guardrail_settings()["max_daily_trades"] == 7
    with SecurityManager(guardrails=GuardrailLimits(), home=home) as security:
        assert security.guardrail_settings() == {
            "max_daily_trades": 20,
            "max_daily_loss_pct": 0.05,
            "max_position_size_pct": 0.15,
            "max_total_exposure_pct": 0.80,
            "max_orders_per_minute": 10,
            "max_ticker_exposure_pct": 0.20,
            "price_collar_pct": 0.20,
        }


@pytest.mark.parametrize("arguments", [{"master_password": 7}, {"guardrails": {"max_daily_trades": 5}}])
def test_arguments_of_another_kind_are_refused(home, arguments):
    with pytest.raises(LightningError):
        SecurityManager(**arguments, home=home)


@pytest.mark.parametrize("value", [None, 3, b"x", ["broker"], pytest.param(10**5_000, id="huge")])
def test_what_is_no_text_is_refused_by_its_name_and_never_shown_as_a_secret(security, value):
    store(security)
    for act in (
        lambda: security.get_api_credentials(value),
        lambda: security.delete_api_credentials(value),
        lambda: security.change_master_password(value),
        lambda: security.sign_request("thinkorswim", value, "/x"),
        lambda: security.sign_request("thinkorswim", "GET", value),
        lambda: security.verify_request("thinkorswim", "GET", value, b"", {}),
        lambda: security.export_audit_logs(value),
    ):
        with pytest.raises(InputError):
            act()
    assert security.get_api_credentials("thinkorswim")["api_secret"] == SECRET


@pytest.mark.parametrize("body", [None, 3, ["x"], "\ud800"])
def test_a_body_that_is_neither_text_nor_bytes_is_refused(security, body):
    store(security)
    with pytest.raises(InputError, match="field 'body'"):
        security.sign_request("thinkorswim", "GET", "/x", body)


def test_headers_of_other_kinds_fit_no_request(security):
    store(security)
    signed = security.sign_request("thinkorswim", "GET", "/x")
    assert not security.verify_request("thinkorswim", "GET", "/x", b"", {**signed, "X-Lightning-Nonce": 3})
    with pytest.raises(InputError, match="field 'headers'"):
        security.verify_request("thinkorswim", "GET", "/x", b"", "signed")
    assert security.verify_request("thinkorswim", "GET", "/x", b"", signed)


def test_an_event_with_a_number_nobody_can_print_is_refused_and_the_record_stays_sound(security):
    with pytest.raises(InputError, match="field 'count'"):
        security.log_event("counted", count=10**5_000)
    security.log_event("counted", count=10**15)
    assert security.verify_audit_log() > 0
