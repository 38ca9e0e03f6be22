"""Signed requests: the published construction, and what is not accepted."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import traceback
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.errors import InputError, SecretError
from lightning_gex.security.signing import SignedHeaders, sign_request, verify_request

AT = datetime(2024, 3, 1, 14, 30, 0, 5, tzinfo=UTC)
NONCE = "9f86d081884c7d659a2feaa0c55ad015"
TOLERANCE = timedelta(seconds=30)
SECRET = "canary-secret"


def _independent(secret: str, method: str, path: str, body: bytes, stamp: str, nonce: str) -> str:
    """The documented construction, by OpenSSL instead of the standard library."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(body)
    lines = ["LIGHTNING-HMAC-SHA256", method, path, stamp, nonce, digest.finalize().hex()]
    mac = HMAC(secret.encode(), hashes.SHA256())
    mac.update("\n".join(lines).encode())
    return mac.finalize().hex()


@given(secret=st.text(st.characters(codec="utf-8"), min_size=1), body=st.binary())
def test_the_signature_is_what_an_independent_implementation_computes(secret: str, body: bytes) -> None:
    headers = sign_request(secret, "post", "/v1/orders?side=buy", body, AT, nonce=NONCE)
    assert headers.timestamp == "2024-03-01T14:30:00.000005Z"
    expected = _independent(secret, "POST", "/v1/orders?side=buy", body, headers.timestamp, NONCE)
    assert headers.signature == expected


def _by_hand(key: bytes, message: bytes) -> str:
    """HMAC-SHA256 as RFC 2104 section 2 writes it, of plain SHA-256."""
    block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + message).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner).hexdigest()


# RFC 4231 sections 4.2, 4.3, 4.4 and 4.7: key, data, HMAC-SHA-256
RFC_4231 = [
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First",
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "data", "expected"), RFC_4231, ids=["1", "2", "3", "6"])
def test_the_construction_by_hand_gives_the_published_vectors(key: bytes, data: bytes, expected: str) -> None:
    assert _by_hand(key, data) == expected


@given(secret=st.text(st.characters(codec="utf-8"), min_size=1, max_size=100), body=st.binary())
def test_the_signature_is_what_the_construction_by_hand_computes(secret: str, body: bytes) -> None:
    headers = sign_request(secret, "PUT", "/v1/orders/7", body, AT, nonce=NONCE)
    lines = ("LIGHTNING-HMAC-SHA256", "PUT", "/v1/orders/7", headers.timestamp, NONCE, hashlib.sha256(body).hexdigest())
    assert headers.signature == _by_hand(secret.encode(), "\n".join(lines).encode())


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")
@pytest.mark.parametrize("body", [b"", b'{"quantity": 1}', bytes(range(256))], ids=["empty", "json", "bytes"])
def test_the_openssl_command_signs_the_same(body: bytes) -> None:
    headers = sign_request(SECRET, "POST", "/v1/orders?side=buy", body, AT, nonce=NONCE)

    def openssl(data: bytes, *arguments: str) -> str:
        done = subprocess.run(["openssl", "dgst", "-sha256", *arguments], input=data, capture_output=True, check=True)
        return done.stdout.decode().split()[-1]

    lines = ("LIGHTNING-HMAC-SHA256", "POST", "/v1/orders?side=buy", headers.timestamp, NONCE, openssl(body))
    assert headers.signature == openssl("\n".join(lines).encode(), "-hmac", SECRET)


def test_a_fixed_vector_stays_fixed() -> None:
    # printf 'LIGHTNING-HMAC-SHA256\nGET\n/\n2024-03-01T14:30:00.000005Z\n9f86...\n<sha256 of nothing>' |
    #   openssl dgst -sha256 -hmac canary-secret
    assert sign_request(SECRET, "GET", "/", b"", AT, nonce=NONCE).signature == VECTOR


VECTOR = "ebd894e8e4993a81524c1c6c933d75a743b87da04330e4a1b2ebffb0d1b70835"


def _verify(headers: SignedHeaders, **changed: object) -> None:
    request: dict[str, object] = {"secret": SECRET, "method": "POST", "path": "/v1/orders", "body": b"{}", "now": AT}
    request |= changed
    verify_request(headers=headers, tolerance=TOLERANCE, **request)  # type: ignore[arg-type]


@pytest.fixture
def headers() -> SignedHeaders:
    return sign_request(SECRET, "POST", "/v1/orders", b"{}", AT)


def test_a_genuine_request_is_accepted_within_the_tolerance_on_both_sides(headers: SignedHeaders) -> None:
    for seconds in (-30, 0, 30):
        _verify(headers, now=AT + timedelta(seconds=seconds))
    _verify(headers, method="post")


@pytest.mark.parametrize(
    "changed",
    [
        {"secret": "other"},
        {"method": "GET"},
        {"path": "/v1/orders?"},
        {"body": b"{} "},
        {"now": AT + timedelta(seconds=30, microseconds=1)},
        {"now": AT - timedelta(seconds=30, microseconds=1)},
    ],
    ids=str,
)
def test_anything_else_is_refused_with_one_message(headers: SignedHeaders, changed: dict[str, object]) -> None:
    with pytest.raises(SecretError, match=r"^the request's signature does not fit$"):
        _verify(headers, **changed)


def test_altered_headers_are_refused_with_the_same_message(headers: SignedHeaders) -> None:
    for altered in (
        SignedHeaders(headers.timestamp, NONCE, headers.signature),
        SignedHeaders("2024-03-01T14:30:01.000005Z", headers.nonce, headers.signature),
        SignedHeaders("yesterday", headers.nonce, headers.signature),
        SignedHeaders("", "", ""),
        SignedHeaders(headers.timestamp, headers.nonce, headers.signature.upper()),
        SignedHeaders(headers.timestamp, headers.nonce, "ü\ud800"),
    ):
        with pytest.raises(SecretError, match=r"^the request's signature does not fit$"):
            _verify(altered)


def test_a_replayed_nonce_is_refused(headers: SignedHeaders) -> None:
    _verify(headers, seen={NONCE})
    with pytest.raises(SecretError):
        _verify(headers, seen={NONCE, headers.nonce})


def test_an_accepted_request_says_when_it_was_signed(headers: SignedHeaders) -> None:
    signed_at = verify_request(SECRET, "POST", "/v1/orders", b"{}", headers, now=AT, tolerance=TOLERANCE)
    assert signed_at == AT


def test_a_refusal_shows_neither_the_secret_nor_the_right_signature_even_with_local_variables(
    headers: SignedHeaders,
) -> None:
    forged = SignedHeaders(headers.timestamp, headers.nonce, "0" * 64)
    for act in (
        lambda: _verify(forged),
        lambda: sign_request(SECRET, "GET", "/a b", b"", AT),
        lambda: sign_request(SECRET, "GET", "/", b"", AT.replace(tzinfo=None)),
    ):
        with pytest.raises((SecretError, InputError)) as caught:
            act()
        trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        shown = "".join(f"{f.locals}" for f in trace.stack if f.filename.endswith("security/signing.py"))
        assert shown
        assert SECRET not in shown
        assert headers.signature not in shown


def test_every_request_gets_its_own_nonce() -> None:
    nonces = {sign_request(SECRET, "GET", "/", b"", AT).nonce for _ in range(50)}
    assert len(nonces) == 50


def test_the_time_is_signed_in_utc_whatever_zone_it_comes_in() -> None:
    there = AT.astimezone(timezone(timedelta(hours=9)))
    assert sign_request(SECRET, "GET", "/", b"", there, nonce=NONCE) == sign_request(
        SECRET, "GET", "/", b"", AT, nonce=NONCE
    )


@pytest.mark.parametrize(
    ("method", "path"), [("GET\n/x", "/"), ("GET", "/a\nb"), ("GET", "/a b"), ("", "/"), ("GET", "")]
)
def test_what_would_make_the_signed_text_ambiguous_is_refused(method: str, path: str) -> None:
    with pytest.raises(InputError):
        sign_request(SECRET, method, path, b"", AT)


@pytest.mark.parametrize("nonce", ["", "x" * 32, NONCE.upper(), NONCE + "\n"])
def test_a_nonce_of_another_form_is_refused(nonce: str) -> None:
    with pytest.raises(InputError):
        sign_request(SECRET, "GET", "/", b"", AT, nonce=nonce)


def test_a_naive_time_and_an_empty_secret_are_refused(headers: SignedHeaders) -> None:
    with pytest.raises(InputError, match="time zone"):
        sign_request(SECRET, "GET", "/", b"", AT.replace(tzinfo=None))
    with pytest.raises(InputError, match="time zone"):
        _verify(headers, now=AT.replace(tzinfo=None))
    with pytest.raises(SecretError):
        sign_request("", "GET", "/", b"", AT)


def test_the_headers_carry_no_secret(headers: SignedHeaders) -> None:
    names = {"X-Lightning-Timestamp", "X-Lightning-Nonce", "X-Lightning-Signature"}
    assert set(headers.as_mapping()) == names
    assert SECRET not in f"{headers}{headers.as_mapping()}"
    assert base64.b64encode(SECRET.encode()).decode() not in f"{headers}"
