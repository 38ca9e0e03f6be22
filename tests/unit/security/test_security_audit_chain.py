"""The chain: every way of tampering shows, and says where."""

from __future__ import annotations

import hashlib
import hmac
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.core.errors import IntegrityError, SecretError
from lightning_gex.security.audit_chain import GENESIS, Anchor, ChainChecker, chain_digest, verify_chain

KEY = bytes(range(32))
Record: TypeAlias = tuple[int, str, bytes, str]


def _chain(payloads: list[bytes], key: bytes = KEY) -> tuple[list[Record], Anchor]:
    records: list[Record] = []
    head = GENESIS
    for sequence, payload in enumerate(payloads, start=1):
        digest = chain_digest(key, head, payload)
        records.append((sequence, head, payload, digest))
        head = digest
    return records, Anchor.sealed(key, len(records), head)


def test_the_digest_is_hmac_sha256_of_what_the_docs_say() -> None:
    message = b"lightning-gex record 1\x00" + GENESIS.encode() + b"\x00" + b"payload"
    assert chain_digest(KEY, GENESIS, b"payload") == hmac.new(KEY, message, hashlib.sha256).hexdigest()


@given(st.lists(st.binary(max_size=8), max_size=8))
def test_a_sound_chain_verifies_to_its_length(payloads: list[bytes]) -> None:
    records, anchor = _chain(payloads)
    assert verify_chain(KEY, records, anchor) == len(payloads)
    assert verify_chain(KEY, records, None) == len(payloads)


@given(st.lists(st.binary(min_size=1, max_size=8), min_size=1, max_size=6), st.data())
def test_a_flipped_bit_anywhere_is_found_at_its_record(payloads: list[bytes], data: st.DataObject) -> None:
    records, anchor = _chain(payloads)
    at = data.draw(st.integers(0, len(records) - 1))
    sequence, previous, payload, digest = records[at]
    bit = data.draw(st.integers(0, len(payload) * 8 - 1))
    flipped = bytearray(payload)
    flipped[bit // 8] ^= 1 << bit % 8
    records[at] = (sequence, previous, bytes(flipped), digest)
    with pytest.raises(IntegrityError, match=f"record {sequence} was altered"):
        verify_chain(KEY, records, anchor)


@given(st.integers(2, 6), st.data())
def test_a_swap_a_removal_and_a_repetition_are_found_at_the_first_wrong_record(size: int, data: st.DataObject) -> None:
    records, anchor = _chain([bytes([n]) for n in range(size)])
    a, b = sorted(data.draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=2, unique=True)))
    swapped = records.copy()
    swapped[a], swapped[b] = swapped[b], swapped[a]
    renumbered = swapped.copy()
    for at in (a, b):
        renumbered[at] = (at + 1, *renumbered[at][1:])
    removed = records[:a] + records[a + 1 :]
    repeated = records[: a + 1] + records[a:]
    for tampered, first in ((swapped, a + 1), (renumbered, a + 1), (removed, a + 1), (repeated, a + 2)):
        with pytest.raises(IntegrityError, match=f"record {first} "):
            verify_chain(KEY, tampered, anchor)


@given(st.integers(1, 6), st.data())
def test_a_cut_tail_is_found_by_the_anchor_and_by_nothing_else(size: int, data: st.DataObject) -> None:
    records, anchor = _chain([b"x"] * size)
    left = data.draw(st.integers(0, size - 1))
    with pytest.raises(IntegrityError, match=f"record {left + 1} is missing: the journal ends at {left}"):
        verify_chain(KEY, records[:left], anchor)
    assert verify_chain(KEY, records[:left], None) == left


def test_records_beyond_the_anchor_are_accepted_only_under_the_key() -> None:
    records, _ = _chain([b"a", b"b", b"c"])
    anchor = Anchor.sealed(KEY, 1, records[0][3])
    assert verify_chain(KEY, records, anchor) == 3
    forged = [*records[:2], (3, records[1][3], b"forged", chain_digest(bytes(32), records[1][3], b"forged"))]
    with pytest.raises(IntegrityError, match="record 3 was altered"):
        verify_chain(KEY, forged, anchor)


def test_a_sound_chain_that_is_not_the_anchored_one_is_found() -> None:
    _, anchor = _chain([b"a", b"b"])
    other, _ = _chain([b"a", b"c", b"d"])
    with pytest.raises(IntegrityError, match="record 2 is not the one the anchor knows"):
        verify_chain(KEY, other, anchor)


def test_a_chain_rebuilt_without_the_key_is_found() -> None:
    records, _ = _chain([b"a", b"b"], key=bytes(32))
    with pytest.raises(IntegrityError, match="record 1 was altered"):
        verify_chain(KEY, records, None)


def test_an_anchor_survives_its_bytes_and_an_altered_one_does_not() -> None:
    _, anchor = _chain([b"a", b"b"])
    data = anchor.to_bytes()
    assert Anchor.from_bytes(data + b"   \n") == anchor
    for altered in (data.replace(b'"count": 2', b'"count": 1'), data.replace(anchor.head.encode(), GENESIS.encode())):
        with pytest.raises(IntegrityError, match="anchor was altered"):
            verify_chain(KEY, [], Anchor.from_bytes(altered))
    assert not Anchor.from_bytes(data).holds(bytes(32))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"\xff",
        b"[]",
        b"{}",
        b'{"count": -1, "head": "", "mac": ""}',
        b'{"count": true, "head": "", "mac": ""}',
        b'{"count": 1, "head": 1, "mac": ""}',
        '{"count": 1, "head": "ü", "mac": ""}'.encode(),
        b"[" * 100_000,
    ],
    ids=range(10),
)
def test_bytes_that_are_no_anchor_are_refused(data: bytes) -> None:
    with pytest.raises(IntegrityError, match="anchor cannot be read"):
        Anchor.from_bytes(data)


def test_an_anchors_seal_cannot_pass_for_a_records_digest() -> None:
    anchor = Anchor.sealed(KEY, 0, GENESIS)
    assert anchor.mac not in {chain_digest(KEY, GENESIS, b""), chain_digest(KEY, "0", GENESIS.encode())}


def test_a_walk_can_begin_at_a_place_that_is_known() -> None:
    records, _ = _chain([b"a", b"b", b"c"])
    checker = ChainChecker(KEY, 1, records[0][3])
    for record in records[1:]:
        checker.accept(*record)
    assert (checker.count, checker.head) == (3, records[2][3])
    assert KEY.hex() not in repr(checker)


@pytest.mark.parametrize("key", [b"", b"short"])
def test_a_key_too_short_to_protect_is_refused(key: bytes) -> None:
    for use in (lambda: chain_digest(key, GENESIS, b""), lambda: verify_chain(key, [], None)):
        with pytest.raises(SecretError):
            use()
