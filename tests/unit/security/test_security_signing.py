"""Signed requests: the published construction, and what is not accepted."""

from __future__ import annotations

import base64
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
