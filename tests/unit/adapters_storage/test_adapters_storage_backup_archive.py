"""A backup is read with suspicion: whatever it is, it is taken whole or refused, and nothing leaves the folder."""

from __future__ import annotations

import hashlib
import io
import json
import random
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.adapters.storage.backup_archive import (
    FORMAT,
    FORMAT_VERSION,
    MANIFEST,
    Manifest,
    is_plain_path,
    opened_archive,
    write_archive,
)
from lightning_gex.core.errors import InputError, IntegrityError, LightningError, StoreError

CONTENTS = {"lightning.toml": b"[account]\n", "models/policy.zip": random.Random(1).randbytes(40_000), "empty": b""}


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    files = {}
    for number, (name, content) in enumerate(CONTENTS.items()):
        files[name] = tmp_path / str(number)
        files[name].write_bytes(content)
    path = tmp_path / "a.backup"
    write_archive(path, files, {"made_at": "now"})
    return path


def extracted(path: Path, into: Path) -> dict[str, bytes]:
    into.mkdir()
    with opened_archive(path) as archive:
        archive.check()
        archive.extract(into)
    return {p.relative_to(into).as_posix(): p.read_bytes() for p in into.rglob("*") if p.is_file()}


def forged(path: Path, members: Mapping[str, bytes], manifest: object = None, mode: int = stat.S_IFREG | 0o600) -> Path:
    """An archive that names what it likes; with a manifest that fits where none is given."""
    sizes = {n: {"size": len(c), "sha256": hashlib.sha256(c).hexdigest()} for n, c in members.items()}
    document = {"format": FORMAT, "format_version": FORMAT_VERSION, "members": sizes} if manifest is None else manifest
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo("placeholder")
            entry.filename = name  # as it is: the constructor would make it harmless
            entry.external_attr = mode << 16
            archive.writestr(entry, content)
        archive.writestr(MANIFEST, json.dumps(document))
    return path


def test_what_was_written_is_what_is_extracted_private_and_nothing_else(backup: Path, tmp_path: Path) -> None:
    assert extracted(backup, tmp_path / "out") == CONTENTS
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert {stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "out").rglob("*") if p.is_file()} == {0o600}
    with opened_archive(backup) as archive:
        assert archive.manifest.about == {"made_at": "now"}
        sizes = {name: member.size for name, member in archive.manifest.members.items()}
    assert sizes == {name: len(content) for name, content in CONTENTS.items()}


def test_the_same_files_make_the_same_archive(backup: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.backup"
    write_archive(again, {n: tmp_path / str(i) for i, n in enumerate(CONTENTS)}, {"made_at": "now"})
    assert again.read_bytes() == backup.read_bytes()


def test_a_file_that_is_there_is_never_overwritten_and_a_failure_leaves_none(backup: Path, tmp_path: Path) -> None:
    before = backup.read_bytes()
    with pytest.raises(StoreError):
        write_archive(tmp_path / "b.backup", {"x": tmp_path / "absent"}, {})
    assert not (tmp_path / "b.backup").exists()
    assert backup.read_bytes() == before


@pytest.mark.parametrize(
    "name",
    [
        "../escaped",
        "a/../../b",
        "/etc/cron.d/x",
        "a//b",
        "./a",
        "a/.",
        "..",
        "",
        "a\\..\\b",
        "C:/x",
        "a\x00b",
        "a\nb",
        "a/",
    ],
)
def test_a_path_that_could_leave_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    assert not is_plain_path(name)
    with pytest.raises(LightningError), opened_archive(forged(tmp_path / "f.backup", {name: b"x"})) as archive:
        archive.extract(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"f.backup"}


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_a_link_a_device_or_a_folder_is_refused(kind: int, tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="no plain file"),
        opened_archive(forged(tmp_path / "f.backup", {"x": b"/etc/passwd"}, mode=kind | 0o777)),
    ):
        pass


def test_more_bytes_than_were_counted_are_refused_before_they_fill_the_disk(tmp_path: Path) -> None:
    bomb = bytes(5_000_000)
    said = {"size": 10, "sha256": hashlib.sha256(bomb).hexdigest()}
    manifest = {"format": FORMAT, "format_version": FORMAT_VERSION, "members": {"x": said}}
    with pytest.raises(InputError, match="another size"), opened_archive(forged(tmp_path / "f", {"x": bomb}, manifest)):
        pass
    plain = forged(tmp_path / "g", {"x": bomb}, manifest).read_bytes()
    lying = plain.replace((5_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))  # the zip's own sizes lie too
    (tmp_path / "h").write_bytes(lying)
    (tmp_path / "out").mkdir()
    with pytest.raises(LightningError), opened_archive(tmp_path / "h") as archive:
        archive.extract(tmp_path / "out")
    assert sum(p.stat().st_size for p in (tmp_path / "out").iterdir()) <= 10


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        ({"format": "another"}, "no backup of a workspace"),
        ([], "no backup of a workspace"),
        ({"format": FORMAT, "format_version": 99, "members": {}}, "upgrade"),
        ({"format": FORMAT, "format_version": FORMAT_VERSION}, "manifest cannot be read"),
        ({"format": FORMAT, "format_version": FORMAT_VERSION, "members": {}}, "its manifest and its contents differ"),
    ],
)
def test_a_foreign_manifest_is_refused(manifest: object, problem: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=problem), opened_archive(forged(tmp_path / "f", {"x": b"1"}, manifest)):
        pass


def test_no_file_no_zip_and_a_zip_without_a_manifest_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("x", b"1")
    for name in ("absent", "text", "other.zip"):
        with pytest.raises(InputError), opened_archive(tmp_path / name):
            pass


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    data = forged(tmp_path / "f", {"x": b"1", "y": b"2"}).read_bytes()
    (tmp_path / "g").write_bytes(data.replace(b"y", b"x"))
    with pytest.raises(LightningError), opened_archive(tmp_path / "g") as archive:
        archive.check()


def test_every_cut_is_noticed(backup: Path, tmp_path: Path) -> None:
    whole = backup.read_bytes()
    for length in {*range(0, len(whole), 997), len(whole) - 1, len(whole) - 22}:
        (tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(LightningError), opened_archive(tmp_path / "cut") as archive:
            archive.check()


def test_a_flipped_bit_never_gives_other_contents(backup: Path, tmp_path: Path) -> None:
    whole, draw = backup.read_bytes(), random.Random(3)
    for number in range(300):
        damaged = bytearray(whole)
        damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        (tmp_path / "damaged").write_bytes(damaged)
        try:
            found = extracted(tmp_path / "damaged", tmp_path / f"out-{number}")
        except LightningError:
            continue
        assert found == CONTENTS  # where it hit what means nothing, such as a date


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_in_words(data: bytes) -> None:
    with pytest.raises(InputError), opened_archive(io.BytesIO(data)):  # type: ignore[arg-type]
        pass


@given(st.text(max_size=20))
def test_a_plain_path_stays_in_its_folder(name: str) -> None:
    if is_plain_path(name):
        assert not Path(name).is_absolute()
        assert ".." not in Path(name).parts


def test_a_manifest_says_again_what_it_was_told() -> None:
    manifest = Manifest({}, {"made_at": "now", "journal": {"records": 3}})
    assert Manifest.from_json(manifest.to_json(), "here") == manifest
    with pytest.raises(InputError, match="here"):
        Manifest.from_json(b"[" * 100_000, "here")


def test_a_member_that_is_not_what_was_backed_up_is_named(tmp_path: Path) -> None:
    said = {"size": 1, "sha256": hashlib.sha256(b"2").hexdigest()}
    manifest = {"format": FORMAT, "format_version": FORMAT_VERSION, "members": {"x": said}}
    with (
        opened_archive(forged(tmp_path / "f", {"x": b"1"}, manifest)) as archive,
        pytest.raises(IntegrityError, match="x is not what was backed up"),
    ):
        archive.check()
