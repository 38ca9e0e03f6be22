"""Alerts over real HTTP to this machine: who is reached, what is said of who is not, and that nothing leaks."""

from __future__ import annotations

import pytest

from lightning_gex.adapters.alerts import Delivery, send
from lightning_gex.security.redaction import KNOWN_SECRETS
from listening import Listener, listening


@pytest.fixture
def listener():
    with listening() as found:
        yield found


def test_every_address_gets_the_message(listener: Listener) -> None:
    found = send([listener.address("one"), listener.address("two")], "a title", "a body")
    assert found == Delivery(2, 2)
    assert found.whole
    assert [(m["title"], m["message"]) for m in listener.messages] == [("a title", "a body")] * 2


def test_an_address_that_fails_is_told_and_the_others_are_reached_all_the_same(listener: Listener) -> None:
    addresses = [listener.address("fails"), "no address at all", "json://127.0.0.1:1/closed", listener.address("one")]
    found = send(addresses, "t", "b")
    assert (found.reached, found.of, found.whole) == (1, 4, False)
    assert "address 1: its service did not take the message" in found.why
    assert "address 2: this is no address that apprise knows" in found.why
    assert "address 4" not in found.why


def test_without_an_address_nothing_is_whole() -> None:
    assert send([], "t", "b") == Delivery(0, 0)
    assert not send([], "t", "b").whole


def test_secrets_are_neither_sent_nor_shown(listener: Listener, capfd: pytest.CaptureFixture[str]) -> None:
    KNOWN_SECRETS.register("the broker's key")
    address = listener.address("fails", user="user", password="pass-of-address")
    found = send([address, listener.address("one")], "with the broker's key", "and pass-of-address")
    assert [(m["title"], m["message"]) for m in listener.messages][-1] == ("with [hidden]", "and [hidden]")
    said = f"{found} {capfd.readouterr()}"
    assert "pass-of-address" not in said
    assert address not in said


def test_a_service_that_raises_is_an_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import apprise

    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("of the library")

    monkeypatch.setattr(apprise.Apprise, "instantiate", breaks)
    assert send(["json://127.0.0.1/x"], "t", "b").why == "address 1: RuntimeError: of the library"
