"""FINRA's files and a bars file become a flow file."""

from __future__ import annotations

import numpy as np
import pytest

from lightning_gex.app.assembly.dark_pool import build_flow
from lightning_gex.core.errors import InputError, InsufficientDataError

HEADER = "Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market"
#: session -> symbol -> (short, total)
VOLUME = {
    "2020-12-18": {"AAA": (40, 100), "BRK/B": (10, 100), "FB": (30, 100), "TSLA": (90, 100)},
    "2020-12-21": {"AAA": (50, 100), "BRK/B": (20, 100), "FB": (60, 100), "TSLA": (80, 100)},
}
BARS = {"AAA": 10.0, "BRK-B": 20.0, "META": 10.0, "TSLA": 60.0}
MEMBERS = "ticker,from\nAAA,\nBRK.B,\nMETA,\nTSLA,2020-12-21\n"


@pytest.fixture
def files(tmp_path):
    finra = tmp_path / "finra"
    finra.mkdir()
    for day, symbols in VOLUME.items():
        rows = [f"{day.replace('-', '')}|{s}|{a}|0|{b}|Q" for s, (a, b) in symbols.items()]
        (finra / f"CNMSshvol{day.replace('-', '')}.txt").write_text("\n".join([HEADER, *rows, str(len(rows)), ""]))
    bars = tmp_path / "bars.csv"
    rows = [f"{t},{day},{p},{p},{p},{p},1000000" for t, p in BARS.items() for day in VOLUME]
    bars.write_text("\n".join(["ticker,date,open,high,low,close,volume", *rows, ""]))
    members = tmp_path / "members.csv"
    members.write_text(MEMBERS)
    return finra, bars, members


def test_the_index_follows_members_spellings_and_former_symbols(files):
    finra, bars, members = files
    built = build_flow([finra], bars=[bars], members=members)
    assert built.session.astype(str).tolist() == list(VOLUME)
    assert built.index.members.tolist() == [3, 4]
    first = (10 * 0.4 + 20 * 0.1 + 10 * 0.3) / 40
    second = (10 * 0.5 + 20 * 0.2 + 10 * 0.6 + 60 * 0.8) / 100
    np.testing.assert_allclose(built.index.dix, [first, second], rtol=1e-14)
    assert set(built.flow.columns) == {"dix", "coverage"}
    assert built.notes == ()


def test_without_a_members_file_every_ticker_of_the_bars_with_a_volume_counts(files):
    finra, bars, _ = files
    bars.write_text(bars.read_text() + "^VIX,2020-12-18,20,20,20,20,\n")
    built = build_flow(sorted(finra.iterdir()), bars=[bars])
    assert built.index.members.tolist() == [4, 4]
    assert "every ticker of the bars" in built.notes[0]
    assert "funds too" in built.notes[0]
    assert "--members" in built.notes[0]


def test_what_is_missing_is_named_with_its_sessions(files):
    finra, bars, members = files
    members.write_text(MEMBERS + "GONE,\n")
    for path in finra.iterdir():
        path.write_text("\n".join(r for r in path.read_text().splitlines() if "|AAA|" not in r).replace("\n4", "\n3"))
    built = build_flow([finra], bars=[bars], members=members, coverage_floor=0.7, members_floor=0.5)
    assert dict(built.without_bars) == {"GONE": 2}
    assert dict(built.without_short_volume) == {"AAA": 2}
    assert built.index.coverage.tolist() == pytest.approx([0.75, 0.9])
    assert any("GONE (2 sessions)" in note for note in built.notes)
    thin = build_flow([finra], bars=[bars], members=members, coverage_floor=0.8, members_floor=0.5)
    assert np.isnan(thin.index.dix).tolist() == [True, False]
    assert any("no index: 2020-12-18" in note for note in thin.notes)
    with pytest.raises(InsufficientDataError, match="no session has enough of its members"):
        build_flow([finra], bars=[bars], members=members, coverage_floor=0.95)


def test_a_session_without_a_file_is_noted(files):
    finra, bars, members = files
    path = finra / "CNMSshvol20201221.txt"
    path.write_text(path.read_text().replace("20201221", "20201223"))
    bars.write_text(bars.read_text().replace("2020-12-21", "2020-12-23"))
    built = build_flow([finra], bars=[bars], members=members)
    assert "sessions without a file: 2020-12-21, 2020-12-22" in built.notes


def test_a_ticker_of_two_bars_files_is_taken_from_the_first(files, tmp_path):
    finra, bars, members = files
    other = tmp_path / "other.csv"
    other.write_text(bars.read_text().replace("AAA,2020-12-18,10.0,10.0,10.0,10.0", "AAA,2020-12-18,9,9,9,9"))
    one = build_flow([finra], bars=[bars, other], members=members).index.dix[0]
    assert one == build_flow([finra], bars=[bars], members=members).index.dix[0]
    assert one != build_flow([finra], bars=[other, bars], members=members).index.dix[0]


def test_files_may_be_named_as_texts_and_one_of_each_must_be(files):
    finra, bars, members = files
    built = build_flow([str(finra)], bars=[str(bars)], members=str(members))
    np.testing.assert_array_equal(built.index.dix, build_flow([finra], bars=[bars], members=members).index.dix)
    with pytest.raises(InputError, match="'bars': names no file"):
        build_flow([finra], bars=[])
    with pytest.raises(InputError, match="'short_volume': names no file"):
        build_flow([], bars=[bars])
    with pytest.raises(InputError, match="cannot be read"):
        build_flow(["n" * 300], bars=[bars])


def test_an_empty_folder_and_an_index_of_nobody_are_refused(files, tmp_path):
    finra, bars, members = files
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="holds no files"):
        build_flow([empty], bars=[bars], members=members)
    members.write_text("ticker,from\nAAA,2030-01-02\n")
    with pytest.raises(InputError, match="nobody is a member"):
        build_flow([finra], bars=[bars], members=members)
    bars.write_text("ticker,date,open,high,low,close,volume\n^SPX,2020-12-18,1,1,1,1,\n")
    with pytest.raises(InputError, match="has a volume"):
        build_flow([finra], bars=[bars])
