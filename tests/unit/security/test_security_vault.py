"""The vault: what opens it, what it says when nothing does, and what it never shows."""

from __future__ import annotations

import base64
import hashlib
import json
import pickle
import traceback
import unicodedata

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_gex.core.errors import InputError, IntegrityError, SecretError
from lightning_gex.security import vault as vault_module
from lightning_gex.security.vault import Credentials, KdfProfile, Vault

KEY, SECRET, PASSWORD = "canary-key-1", "canary-secret-2", "canary-password-3"
CHEAP = KdfProfile.CHEAPEST


def _vault(data: bytes | None = None, password: str | None = PASSWORD, kdf: KdfProfile = CHEAP) -> Vault:
    return Vault.from_bytes(data, password, kdf)


def _filled() -> bytes:
    vault = _vault()
    vault.store("thinkorswim", KEY, SECRET)
    return vault.to_bytes()


def _edited(data: bytes, **fields: object) -> bytes:
    document = json.loads(data)
    document["records"]["thinkorswim"] |= fields
    return json.dumps(document).encode()


def _founding_record(iterations: int = 100_000) -> bytes:
    """A record of that many iterations, sealed here with hashlib and Fernet and not with the code under test."""
    salt = b"0123456789abcdef"
    key = base64.urlsafe_b64encode(hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt, iterations))
    token = Fernet(key).encrypt(json.dumps({"name": "thinkorswim", "key": KEY, "secret": SECRET}).encode())
    record = {
        "kdf": "pbkdf2-hmac-sha256",
        "iterations": iterations,
        "salt": base64.b64encode(salt).decode(),
        "token": token.decode(),
    }
    document = {"format": "lightning-gex-vault", "version": 1, "records": {"thinkorswim": record}}
    return json.dumps(document).encode()


def test_what_is_stored_comes_back_in_another_process() -> None:
    assert _vault(_filled()).retrieve("thinkorswim") == Credentials("thinkorswim", KEY, SECRET)


@given(name=st.text(min_size=1).filter(str.strip), key=st.text(), secret=st.text(), password=st.text(min_size=1))
@settings(max_examples=25)
def test_any_text_can_be_kept_under_any_password(name: str, key: str, secret: str, password: str) -> None:
    vault = _vault(password=password)
    vault.store(name, key, secret)
    assert _vault(vault.to_bytes(), password).retrieve(name) == Credentials(name, key, secret)


def test_the_bytes_hold_no_secret_in_any_common_spelling() -> None:
    data = _filled()
    for secret in (KEY, SECRET, PASSWORD):
        raw = secret.encode()
        assert raw not in data
        assert base64.b64encode(raw).rstrip(b"=")[:-1] not in data
        assert raw.hex().encode() not in data


def test_a_new_record_uses_600000_iterations_and_a_salt_of_its_own() -> None:
    vault = Vault.from_bytes(None, PASSWORD)
    vault.store("a", KEY, SECRET)
    record = json.loads(vault.to_bytes())["records"]["a"]
    assert (record["iterations"], record["kdf"]) == (600_000, "pbkdf2-hmac-sha256")
    salts = {json.loads(_filled())["records"]["thinkorswim"]["salt"] for _ in range(5)}
    assert len(salts) == 5
    assert all(len(base64.b64decode(salt)) == 16 for salt in salts)


def test_a_record_of_the_founding_documents_strength_is_read_and_renewed() -> None:
    vault = Vault.from_bytes(_founding_record(), PASSWORD)
    assert vault.retrieve("thinkorswim") == Credentials("thinkorswim", KEY, SECRET)
    assert vault.changed
    renewed = vault.to_bytes()
    record = json.loads(renewed)["records"]["thinkorswim"]
    assert record["iterations"] == 600_000
    key = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), base64.b64decode(record["salt"]), 600_000)
    opened = json.loads(Fernet(base64.urlsafe_b64encode(key)).decrypt(record["token"]))
    assert opened["secret"] == SECRET


def test_a_stronger_record_is_never_weakened() -> None:
    data = _founding_record()
    vault = _vault(data)
    vault.retrieve("thinkorswim")
    assert not vault.changed
    assert vault.to_bytes() == data


def test_nothing_is_derived_or_refused_before_a_secret_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault_module, "_derived", lambda *_: pytest.fail("a key was derived"))
    vault = _vault(_filled_without_derivation(), "wrong")
    assert vault.names() == ["thinkorswim"]
    assert not vault.changed
    _vault(b"not a vault")  # even that waits for the first use


def _filled_without_derivation() -> bytes:
    return _founding_record(1)


def test_names_are_listed_and_records_deleted_without_a_password() -> None:
    vault = _vault(_filled(), None)
    assert vault.names() == ["thinkorswim"]
    vault.delete("thinkorswim")
    assert vault.changed
    assert Vault.from_bytes(vault.to_bytes(), None).names() == []


@pytest.mark.parametrize("password", [None, ""])
def test_without_a_password_the_first_use_of_a_secret_says_what_to_set(password: str | None) -> None:
    for vault, use in (
        (_vault(_filled(), password), lambda v: v.retrieve("thinkorswim")),
        (_vault(None, password), lambda v: v.store("a", KEY, SECRET)),
        (_vault(_filled(), password), lambda v: v.store("a", KEY, SECRET)),
    ):
        with pytest.raises(SecretError, match="set master_password"):
            use(vault)


def test_a_wrong_password_and_a_damaged_record_cannot_be_told_apart() -> None:
    data = _filled()
    token = json.loads(data)["records"]["thinkorswim"]["token"]
    said = set()
    for broken, password in (
        (data, "wrong"),
        (_edited(data, token=token[:-8] + "AAAAAAA="), PASSWORD),
        (_edited(data, token=""), PASSWORD),
        (_edited(data, token="%%%"), PASSWORD),
        (_edited(data, salt="AAAA"), PASSWORD),
        (_edited(data, iterations=999), PASSWORD),
    ):
        with pytest.raises(SecretError) as caught:
            _vault(broken, password).retrieve("thinkorswim")
        said.add(str(caught.value))
    assert len(said) == 1


def test_the_right_password_still_opens_after_a_wrong_one() -> None:
    data = _filled()
    with pytest.raises(SecretError):
        _vault(data, "wrong").retrieve("thinkorswim")
    assert _vault(data).retrieve("thinkorswim").secret == SECRET


def test_a_second_password_is_refused_before_anything_changes() -> None:
    data = _filled()
    other = _vault(data, "another")
    with pytest.raises(SecretError):
        other.store("alpaca", "k", "s")
    with pytest.raises(SecretError):
        other.store("thinkorswim", "k", "s")
    assert not other.changed
    assert other.to_bytes() == data


def test_a_record_moved_to_another_name_does_not_open() -> None:
    document = json.loads(_filled())
    document["records"]["alpaca"] = document["records"]["thinkorswim"]
    with pytest.raises(SecretError):
        _vault(json.dumps(document).encode()).retrieve("alpaca")


def test_several_credentials_live_side_by_side_and_storing_again_replaces() -> None:
    vault = _vault(_filled())
    vault.store("alpaca", "k2", "s2")
    vault.store("alpaca", "k3", "s3")
    again = _vault(vault.to_bytes())
    assert again.names() == ["alpaca", "thinkorswim"]
    assert again.retrieve("alpaca").secret == "s3"
    assert again.retrieve("thinkorswim").secret == SECRET


def test_an_unknown_or_empty_name_is_an_input_error() -> None:
    vault = _vault(_filled())
    for use in (vault.retrieve, vault.delete):
        with pytest.raises(InputError, match="no credentials named 'ib'"):
            use("ib")
    with pytest.raises(InputError, match="need a name"):
        vault.store("  ", KEY, SECRET)


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"format": "other"}',
        b'{"format": "lightning-gex-vault", "version": 1}',
        b'{"format": "lightning-gex-vault", "version": 2, "records": {}}',
        b"[" * 100_000,
        _edited(_founding_record(1), iterations=10**12),
        _edited(_founding_record(1), iterations=0),
        _edited(_founding_record(1), iterations="1"),
        _edited(_founding_record(1), kdf="md5"),
        _edited(_founding_record(1), salt="%"),
        _edited(_founding_record(1), token=None),
    ],
    ids=range(14),
)
def test_bytes_that_are_no_vault_are_named_at_first_use(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        _vault(data).names()


def test_a_password_typed_composed_or_decomposed_is_the_same() -> None:
    composed = unicodedata.normalize("NFC", "pässwörd")
    vault = _vault(None, composed)
    vault.store("a", KEY, SECRET)
    decomposed = unicodedata.normalize("NFD", composed)
    assert decomposed != composed
    assert _vault(vault.to_bytes(), decomposed).retrieve("a").secret == SECRET


def _several() -> bytes:
    vault = _vault()
    for name in ("a", "b", "c"):
        vault.store(name, f"{name}-key", f"{name}-secret")
    return vault.to_bytes()


def test_a_change_of_password_seals_every_record_anew_and_the_old_one_opens_nothing() -> None:
    data = _several()
    vault = _vault(data)
    vault.change_password("another password")
    assert vault.changed
    renewed = vault.to_bytes()
    for name in ("a", "b", "c"):
        assert _vault(renewed, "another password").retrieve(name).secret == f"{name}-secret"
        with pytest.raises(SecretError):
            _vault(renewed).retrieve(name)
        assert _vault(data).retrieve(name).secret == f"{name}-secret"
    before, after = (json.loads(d)["records"] for d in (data, renewed))
    assert not {r["salt"] for r in before.values()} & {r["salt"] for r in after.values()}
    assert vault.retrieve("a").secret == "a-secret"  # the same object goes on with the new one
    vault.store("d", "k", "s")
    assert _vault(vault.to_bytes(), "another password").retrieve("d").secret == "s"


@given(st.text(min_size=1), st.text(min_size=1))
@settings(max_examples=20)
def test_any_password_can_be_changed_to_any_other(old: str, new: str) -> None:
    vault = _vault(None, old)
    vault.store("a", KEY, SECRET)
    vault.change_password(new)
    assert _vault(vault.to_bytes(), new).retrieve("a") == Credentials("a", KEY, SECRET)


def test_a_change_of_password_with_a_wrong_or_no_password_or_to_an_empty_one_changes_nothing() -> None:
    data = _several()
    for password, new in (("wrong", "another password"), (None, "another password"), (PASSWORD, "")):
        vault = _vault(data, password)
        with pytest.raises(SecretError):
            vault.change_password(new)
        assert not vault.changed
        assert vault.to_bytes() == data
    with pytest.raises(InputError, match="holds nothing yet"):
        _vault().change_password("another password")


def test_a_change_of_password_names_a_damaged_record_instead_of_losing_it() -> None:
    document = json.loads(_several())
    document["records"]["b"]["token"] = document["records"]["a"]["token"]
    data = json.dumps(document).encode()
    vault = _vault(data)
    with pytest.raises(IntegrityError, match="'b' is damaged: remove it first"):
        vault.change_password("another password")
    assert vault.to_bytes() == data
    vault.delete("b")
    vault.change_password("another password")
    assert _vault(vault.to_bytes(), "another password").names() == ["a", "c"]


def test_a_damaged_record_does_not_stand_in_the_way_of_storing_another() -> None:
    document = json.loads(_several())
    document["records"]["a"]["token"] = document["records"]["b"]["token"]
    vault = _vault(json.dumps(document).encode())
    vault.store("d", KEY, SECRET)
    assert _vault(vault.to_bytes()).retrieve("d").secret == SECRET


def test_opening_one_record_renews_every_weak_one() -> None:
    weak = json.loads(_several())["records"]
    document = json.loads(_founding_record(500))
    document["records"] |= {name: record for name, record in weak.items() if name != "c"}
    document["records"]["damaged"] = weak["c"]
    vault = Vault.from_bytes(json.dumps(document).encode(), PASSWORD, KdfProfile.CHEAPEST)
    vault.retrieve("a")
    renewed = json.loads(vault.to_bytes())["records"]
    assert {name: record["iterations"] for name, record in renewed.items()} == dict.fromkeys(renewed, 1_000)
    assert _vault(vault.to_bytes()).retrieve("thinkorswim").secret == SECRET


def test_a_weak_record_that_is_damaged_stays_and_stops_nobody() -> None:
    document = json.loads(_several())
    document["records"]["old"] = json.loads(_founding_record(500))["records"]["thinkorswim"]
    vault = _vault(json.dumps(document).encode())
    assert vault.retrieve("a").secret == "a-secret"
    assert not vault.changed


def test_what_anybody_may_know_is_names_and_parameters_and_needs_no_password() -> None:
    found = _vault(_several(), None).public_records()
    assert [(r.name, r.kdf, r.iterations) for r in found] == [(n, "pbkdf2-hmac-sha256", 1_000) for n in "abc"]


def test_whether_the_password_fits_is_known_after_the_first_use() -> None:
    data = _filled()
    right, wrong, none = _vault(data), _vault(data, "wrong"), _vault(data, None)
    assert not right.unlocked
    right.retrieve("thinkorswim")
    assert (right.unlocked, right.refused, right.has_password) == (True, False, True)
    with pytest.raises(SecretError):
        wrong.retrieve("thinkorswim")
    assert (wrong.unlocked, wrong.refused, wrong.has_password) == (False, True, True)
    with pytest.raises(SecretError):
        none.retrieve("thinkorswim")
    assert (none.unlocked, none.refused, none.has_password) == (False, False, False)


@given(data=st.data())
def test_a_vault_damaged_anywhere_gives_its_secret_or_a_named_error_and_never_another_secret(
    data: st.DataObject,
) -> None:
    whole = _founding_record(1)
    at = data.draw(st.integers(0, len(whole) - 1))
    piece = data.draw(st.binary(max_size=3))
    damaged = whole[:at] + piece + whole[at + data.draw(st.integers(0, 3)) :]
    vault = Vault.from_bytes(damaged, PASSWORD, KdfProfile.CHEAPEST)
    try:
        found = vault.retrieve("thinkorswim")
    except (SecretError, IntegrityError, InputError):
        return
    assert found == Credentials("thinkorswim", KEY, SECRET)


def test_nothing_secret_shows_in_repr_format_pickle_or_traceback() -> None:
    vault = _vault(_filled())
    credentials = vault.retrieve("thinkorswim")
    shown = [repr(vault), str(vault), repr(credentials), str(credentials), f"{credentials}", f"{[credentials]}"]
    with pytest.raises(TypeError, match="password") as refused:
        pickle.dumps(vault)
    shown.append(str(refused.value))
    try:
        _vault(_edited(_filled(), iterations=999)).retrieve("thinkorswim")
    except SecretError as error:
        lines = traceback.TracebackException.from_exception(error, capture_locals=True)
        inner = [frame for frame in lines.stack if frame.filename.endswith("vault.py")]
        assert inner
        shown += [f"{frame.locals}" for frame in inner]
        shown += [str(error), repr(error)]
    for text in shown:
        for secret in (KEY, SECRET, PASSWORD):
            assert secret not in text
