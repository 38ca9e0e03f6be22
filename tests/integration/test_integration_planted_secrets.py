"""Canaries planted in the vault come out nowhere: logs, errors, tracebacks, representations, journal, exports."""

from __future__ import annotations

import base64
import csv
import io
import json
import logging
import os
import subprocess
import sys
import traceback
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
import structlog

from lightning_gex.app.cli import main
from lightning_gex.core.errors import LightningError
from lightning_gex.security import vault
from lightning_gex.security.redaction import HIDDEN, KNOWN_SECRETS
from lightning_security_manager import SecurityManager

KEY = "canary/key+4711 ü"
SECRET = 'canary "secret" \\ <0815>&'
PASSWORD = "canary pass=word; 42%"
ALL = (KEY, SECRET, PASSWORD)


def spellings(secret: str) -> set[str]:
    """How a secret may look on paper, made here and not by the code under test."""
    raw = secret.encode()
    return {
        secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret), quote(secret, safe=""), quote_plus(secret), quote(secret, safe="").lower(),
        raw.hex(), raw.hex().upper(), base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode(),
        base64.b64encode(raw).decode().rstrip("="),
    }  # fmt: skip


def assert_clean(text: str) -> None:
    found = [spelled for secret in ALL for spelled in spellings(secret) if spelled in text]
    assert not found
    assert "canary" not in text


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    for name in [n for n in os.environ if n.upper().startswith("LIGHTNING_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LIGHTNING_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(vault.Vault.from_bytes.__func__, "__defaults__", (vault.KdfProfile.CHEAPEST,))


@pytest.fixture
def security():
    with SecurityManager(PASSWORD) as security:
        security.store_api_credentials("broker", KEY, SECRET)
        security.get_api_credentials("broker")
        yield security


#: What a careless program says: secrets in sentences, headers, URLs, bodies, basic authorization.
def careless() -> list[str]:
    return [
        f"the broker refused {KEY}",
        f"GET https://api.example.com/v1?key={quote_plus(KEY)}&x=1",
        f"GET https://me:{quote(SECRET, safe='')}@api.example.com",
        "Authorization: Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode(),
        "sent " + base64.b64encode(b"x" + SECRET.encode() + b"yz").decode(),
        json.dumps({"body": {"a": SECRET}, "b": [PASSWORD]}),
        repr({"k": KEY, "s": SECRET}),
        KEY.encode().hex(),
        repr(SECRET.encode()),
    ]


@pytest.mark.usefixtures("security")
def test_the_standard_library_s_log_of_any_library_is_clean():
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.addFilter(KNOWN_SECRETS.filter)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s %(extra_field)s", defaults={"extra_field": ""}))
    log = logging.getLogger("some.library")
    log.addHandler(handler)
    log.propagate = False
    try:
        for text in careless():
            log.warning(text)
            log.warning("it said %s and %r", text, [text])
            log.warning("with more", extra={"extra_field": {"deep": [text]}}, stack_info=True)
            try:
                raise ValueError(text, SECRET)
            except ValueError:
                log.exception("failed with %s", text)
        log.warning("nothing secret here: %d %s", 7, "SPY")
        log.warning("wrong arguments %d", SECRET)
    finally:
        log.removeHandler(handler)
        log.propagate = True
    text = lines.getvalue()
    assert_clean(text)
    assert HIDDEN in text
    assert "ValueError" in text
    assert "nothing secret here: 7 SPY" in text


@pytest.mark.usefixtures("security")
def test_a_handler_without_any_filter_gets_clean_records_once_the_vault_was_used(caplog):
    log = logging.getLogger("another.library")
    for text in careless():
        log.error("it said %s", text)
        try:
            raise RuntimeError(text)
        except RuntimeError:
            log.exception("failed")
    assert_clean(caplog.text)
    assert "RuntimeError" in caplog.text


@pytest.mark.usefixtures("security")
@pytest.mark.parametrize("with_locals", [False, True])
def test_structlog_is_clean_with_tracebacks_and_local_variables(with_locals):
    lines = io.StringIO()
    shown = structlog.tracebacks.ExceptionDictTransformer(show_locals=with_locals)
    log = structlog.wrap_logger(
        structlog.PrintLogger(lines),
        processors=[structlog.processors.ExceptionRenderer(shown), KNOWN_SECRETS, structlog.processors.JSONRenderer()],
    )
    for text in careless():
        innocent_name = text
        log.info("said", text=text, nested={"a": [{"b": (innocent_name,)}]}, raw=text.encode())
        try:
            raise ValueError(text)
        except ValueError:
            log.exception(text)
    assert_clean(lines.getvalue())
    assert '"exc_type": "ValueError"' in lines.getvalue()


def failures(security):
    """Every act that can go wrong with a secret in its hands."""
    yield lambda: security.store_api_credentials("", KEY, SECRET)
    yield lambda: security.store_api_credentials("broker", KEY, "")
    yield lambda: security.store_api_credentials("broker", "", SECRET)
    yield lambda: security.store_api_credentials("lightning.audit-seal", KEY, SECRET)
    yield lambda: security.get_api_credentials("nobody")
    yield lambda: security.sign_request("broker", "GET", "/a b")
    yield lambda: security.change_master_password("")
    yield lambda: SecurityManager(PASSWORD + "x", account=security._account).get_api_credentials("broker")
    yield lambda: SecurityManager(PASSWORD + "x", account=security._account).store_api_credentials("b", KEY, SECRET)


def test_errors_and_the_local_variables_of_our_frames_are_clean(security):
    for act in failures(security):
        with pytest.raises(LightningError) as caught:
            act()
        error = caught.value
        assert_clean(f"{error}{error!r}{error.args}")
        chain = [error, error.__cause__, error.__context__]
        for link in filter(None, chain):
            trace = traceback.TracebackException.from_exception(link, capture_locals=True)
            ours = [frame for frame in trace.stack if "lightning_gex" in frame.filename]
            for frame in ours:
                assert_clean(f"{frame.name}: {frame.locals}")


def test_representations_are_clean(security):
    held = [
        security, security._account, security._account.settings, security._account.workspace, security._credentials,
        vault.Credentials("broker", KEY, SECRET), vars(security), vars(security._credentials), KNOWN_SECRETS,
        security._credentials._vault,
    ]  # fmt: skip
    assert_clean("".join(f"{thing!r}{thing!s}" for thing in held))


def test_the_journal_its_tail_and_its_exports_are_clean(security, tmp_path, capsys):
    for text in careless():
        security.log_event(f"note {text}", innocent=text, api_key=text)
    security.get_api_credentials("broker")
    for fmt in ("json", "csv"):
        security.export_audit_logs(tmp_path / f"audit.{fmt}")
        assert_clean((tmp_path / f"audit.{fmt}").read_text())
    with (tmp_path / "audit.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) > len(careless())
    security._account.stores.engine.dispose()
    for file in sorted((tmp_path / "home").rglob("*")):
        if file.is_file():
            assert_clean(file.read_bytes().decode("utf-8", "replace"))
    for more in ([], ["--json"]):
        assert main(["audit", "tail", "--count", "99", *more]) == 0
    assert_clean(capsys.readouterr().out)


def test_an_export_is_clean_of_a_secret_that_was_written_before_it_was_known(tmp_path):
    with SecurityManager(PASSWORD) as security:
        security.log_event("found on a desk", text=f"it says {SECRET}")
        security.store_api_credentials("broker", KEY, SECRET)
        for name in ("a.json", "a.csv"):
            security.export_audit_logs(tmp_path / name)
            assert_clean((tmp_path / name).read_text())


def test_the_halt_and_its_reasons_are_clean_in_the_journal(security, tmp_path):
    from lightning_gex.core.events import BreakerReset, TradingHalted

    account = security._account
    at = account.clock.now()
    account.journal.append([TradingHalted(at, SECRET, f"we lost {KEY}", False), BreakerReset(at, "x", KEY, SECRET)])
    security.export_audit_logs(tmp_path / "a.json")
    account.stores.engine.dispose()
    for file in (tmp_path / "a.json", *(tmp_path / "home").glob("lightning.db*")):
        assert_clean(file.read_bytes().decode("utf-8", "replace"))


@pytest.mark.parametrize("as_json", [False, True])
def test_a_fault_of_the_program_shows_and_logs_no_secret(security, monkeypatch, capsys, tmp_path, as_json):
    def careless_fault(*_, **__):
        raise ValueError(f"cannot send {careless()}")

    monkeypatch.setattr("lightning_gex.app.bootstrap.public_vault", careless_fault, raising=False)
    assert main(["vault", "list", *(["--json"] if as_json else [])]) == 1
    captured = capsys.readouterr()
    assert_clean(captured.out + captured.err)
    log = (tmp_path / "home" / "lightning.log").read_text()
    assert "careless_fault" in log
    assert_clean(log.replace("careless_fault", ""))


SCRIPT = """
import sys
from lightning_gex.security import vault
vault.Vault.from_bytes.__func__.__defaults__ = (vault.KdfProfile.CHEAPEST,)
from lightning_gex.app.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_the_command_line_of_a_real_process_is_clean_whatever_goes_wrong(tmp_path):
    def lightning(*arguments, piped):
        child = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, "vault", *arguments, "--stdin"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        if Path(f"/proc/{child.pid}/cmdline").exists():  # what ps shows
            assert_clean(Path(f"/proc/{child.pid}/cmdline").read_bytes().decode())
        output, _ = child.communicate("".join(f"{line}\n" for line in piped).encode())
        assert_clean(output.decode())
        return child.returncode

    lines = [f"password={PASSWORD}", f"api_key={KEY}", f"api_secret={SECRET}"]
    assert lightning("init", piped=lines[:1]) == 0
    assert lightning("set", "broker", piped=lines) == 0
    assert lightning("set", "broker", piped=[SECRET]) == 3
    assert lightning("set", "broker", "--json", piped=[f"password={KEY}", *lines[1:]]) == 4
