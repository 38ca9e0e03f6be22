"""The vault's file: private, one writer at a time, and wrong passwords counted across restarts."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lightning_gex.adapters.storage import file_lock
from lightning_gex.adapters.storage.file_lock import exclusive
from lightning_gex.adapters.storage.vault_file import VaultFile
from lightning_gex.core.errors import SecretError, StoreError
from lightning_gex.security.attempts import FREE_ATTEMPTS, Attempts

NOW = datetime(2024, 3, 1, 14, 30, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> VaultFile:
    return VaultFile(tmp_path / "vault.json")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def guess(file: VaultFile, count: int, now: datetime = NOW) -> None:
    for _ in range(count):
        file.count_attempt(now)


def test_it_is_absent_then_private_and_so_is_everything_beside_it(file: VaultFile) -> None:
    assert file.read() is None
    with file.locked():
        file.write(b"sealed")
        file.count_attempt(NOW)
    assert file.read() == b"sealed"
    assert {path.name: mode_of(path) for path in file.path.parent.iterdir()} == {
        "vault.json": 0o600,
        "vault.lock": 0o600,
        "vault.attempts": 0o600,
    }


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o666, 0o601])
def test_one_that_others_may_touch_is_refused_with_what_to_do(file: VaultFile, mode: int) -> None:
    file.write(b"sealed")
    file.path.chmod(mode)
    with pytest.raises(StoreError, match=r"vault\.json can be read by others: run chmod 600 on it"):
        file.read()
    file.path.chmod(0o600)
    assert file.read() == b"sealed"


def test_what_a_killed_process_left_is_cleared_by_the_next_holder(file: VaultFile) -> None:
    left = file.path.with_name(".vault.json.123.abcd.tmp")
    left.write_bytes(b"sealed with an old password")
    other = file.path.with_name(".other.json.123.abcd.tmp")
    other.write_bytes(b"not ours")
    with file.locked():
        assert not left.exists()
    assert other.exists()


def test_a_second_holder_waits_and_is_told_after_a_while(file: VaultFile) -> None:
    lock = file.path.with_suffix(".lock")
    with (
        file.locked(),
        pytest.raises(StoreError, match="the vault is in use by another process"),
        exclusive(lock, "the vault", patience_seconds=0.1),
    ):
        pass
    with file.locked():  # let go of again
        pass


def test_the_lock_is_let_go_of_after_an_error(file: VaultFile) -> None:
    with pytest.raises(KeyError), file.locked():
        raise KeyError
    with exclusive(file.path.with_suffix(".lock"), "the vault", patience_seconds=0):
        pass


def test_a_lock_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"), exclusive(tmp_path / "no" / "folder", "the vault"):
        pass


def test_a_waiting_holder_gets_the_lock_when_it_is_free(file: VaultFile, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, held = file.path.with_suffix(".lock"), []
    holder = exclusive(lock, "the vault")
    holder.__enter__()

    def pause(_: float) -> None:
        held.append(holder.__exit__(None, None, None))

    monkeypatch.setattr(file_lock.time, "sleep", pause)
    with exclusive(lock, "the vault"):
        assert len(held) == 1


def test_wrong_passwords_are_counted_across_restarts_and_then_cost_time(file: VaultFile) -> None:
    guess(file, FREE_ATTEMPTS)
    again = VaultFile(file.path)
    with pytest.raises(SecretError, match=r"tried again in 1 s$"):
        again.count_attempt(NOW)
    assert again.count_attempt(NOW + timedelta(seconds=1)) == Attempts(FREE_ATTEMPTS, NOW)
    with pytest.raises(SecretError, match=r"tried again in 2 s$"):
        again.count_attempt(NOW + timedelta(seconds=1))


def test_a_refused_attempt_does_not_lengthen_the_wait(file: VaultFile) -> None:
    guess(file, FREE_ATTEMPTS)
    for _ in range(20):
        with pytest.raises(SecretError):
            file.count_attempt(NOW)
    file.count_attempt(NOW + timedelta(seconds=1))


def test_a_right_one_settles_the_count(file: VaultFile) -> None:
    guess(file, FREE_ATTEMPTS)
    file.settle(Attempts())
    guess(file, FREE_ATTEMPTS)


def test_an_attempt_is_counted_before_it_is_made(file: VaultFile) -> None:
    before = file.count_attempt(NOW)  # a process killed from here on has used it up
    assert before == Attempts()
    assert VaultFile(file.path).count_attempt(NOW) == Attempts(1, NOW)


def test_a_clock_set_back_a_year_makes_nobody_wait_a_year(file: VaultFile) -> None:
    guess(file, FREE_ATTEMPTS)
    earlier = NOW - timedelta(days=365)
    with pytest.raises(SecretError):
        file.count_attempt(earlier)
    file.count_attempt(earlier + timedelta(seconds=1))


@pytest.mark.parametrize(
    "page",
    [b"", b"\0" * 128, b"{}", b"[1]", b'{"failed": -1, "last": null}', b'{"failed": 1, "last": "never"}', b"x" * 4_096,
     b'{"failed": 1, "last": "2024-01-01T00:00:00"}'],
    ids=range(8),
)  # fmt: skip
def test_a_damaged_count_makes_everybody_wait_once_and_is_mended(file: VaultFile, page: bytes) -> None:
    counted = file.path.with_suffix(".attempts")
    counted.write_bytes(page)
    counted.chmod(0o600)
    with pytest.raises(SecretError, match="too many wrong passwords"):
        file.count_attempt(NOW)
    assert json.loads(counted.read_bytes())["failed"] > FREE_ATTEMPTS
    file.count_attempt(NOW + timedelta(minutes=5))


def test_a_count_that_cannot_be_written_allows_no_attempt(file: VaultFile) -> None:
    file.path.with_suffix(".attempts").mkdir()
    with pytest.raises(StoreError):
        file.count_attempt(NOW)
