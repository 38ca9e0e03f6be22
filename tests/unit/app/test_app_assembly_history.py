"""A folder of chains becomes a table of daily features: whole, incremental, and never stopped by one bad file."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from builders_chain_files import write_history, write_session_chain
from lightning_gex.app.assembly import history
from lightning_gex.app.assembly.history import build_history, ranked_history
from lightning_gex.core.errors import InputError, InsufficientDataError, RefusedError, SettingsError

DAYS = [np.datetime64(day) for day in ("2023-01-03", "2023-01-04", "2023-01-05")]


def silent(items, *, total, label):
    return items


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "chains"
    for day in DAYS:
        write_session_chain(made, "AAA", day)
    write_session_chain(made / "more", "BBB", DAYS[0])
    return made


@pytest.fixture
def out(tmp_path):
    return tmp_path / "history.parquet"


def build(folder, out, **how):
    return build_history(folder, out, progress=silent, **how)


def test_every_underlying_and_session_has_one_row_with_its_origin(folder, out):
    built = build(folder, out)
    table = pl.read_parquet(out)
    assert table.equals(built.table)
    assert table.select("underlying", "session").rows() == [
        ("AAA", date(2023, 1, 3)), ("AAA", date(2023, 1, 4)), ("AAA", date(2023, 1, 5)), ("BBB", date(2023, 1, 3)),
    ]  # fmt: skip
    assert table["source"].to_list()[-1] == "more/BBB_2023-01-03.csv"
    assert table["content_hash"].n_unique() == 4
    assert set(table["features_version"]) == {history.FEATURES_VERSION}
    assert table["as_of"][0] == datetime(2023, 1, 3, 20, 45, tzinfo=UTC)
    assert (table["contracts_used"] == 68).all()
    assert (built.read, built.unchanged, dict(built.bad), built.superseded, built.gone) == (4, 0, {}, 0, 0)
    assert [(e.underlying, e.sessions) for e in built.underlyings] == [("AAA", 3), ("BBB", 1)]


def test_the_last_chain_before_the_close_counts(folder, out):
    late = write_session_chain(folder, "AAA", DAYS[0], minutes_after_close=14, name="late.csv", vol=0.3)
    write_session_chain(folder, "AAA", DAYS[0], minutes_after_close=-200, name="noon.csv", vol=0.5)
    write_session_chain(folder, "AAA", DAYS[0], minutes_after_close=120, name="evening.csv", vol=0.7)
    built = build(folder, out)
    row = built.table.row(0, named=True)
    assert row["source"] == late.name
    assert row["implied_vol"] == pytest.approx(0.3)
    assert built.superseded == 3
    assert any("3 chains of sessions" in note for note in built.notes)


def test_where_no_chain_stands_before_the_close_the_first_after_it_counts(tmp_path, out):
    folder = tmp_path / "evenings"
    write_session_chain(folder, "AAA", DAYS[0], minutes_after_close=300, name="b.csv", vol=0.5)
    write_session_chain(folder, "AAA", DAYS[0], minutes_after_close=60, name="a.csv", vol=0.3)
    assert build(folder, out).table["source"].to_list() == ["a.csv"]


def test_only_new_and_changed_files_are_read_again(folder, out):
    build(folder, out)
    first = out.read_bytes()
    assert build(folder, out).read == 0
    assert out.read_bytes() == first
    write_session_chain(folder, "AAA", DAYS[1], vol=0.4)
    write_session_chain(folder, "AAA", np.datetime64("2023-01-06"))
    built = build(folder, out)
    assert (built.read, built.unchanged) == (2, 3)
    assert built.table["implied_vol"].to_list()[1] == pytest.approx(0.4)
    assert len(built.table) == 5


def test_a_file_that_was_only_touched_or_renamed_is_known_by_its_bytes(folder, out, monkeypatch):
    before = build(folder, out).table

    def refuse(*_, **__):
        raise AssertionError("positioned again")

    monkeypatch.setattr(history, "positioning", refuse)
    os.utime(folder / f"AAA_{DAYS[0]}.csv", ns=(1, 1))
    (folder / f"AAA_{DAYS[1]}.csv").rename(folder / "renamed.csv")
    built = build(folder, out, prune=True)
    assert built.read == 2
    assert built.table["source"].to_list()[1] == "renamed.csv"
    assert built.table.drop("source").equals(before.drop("source"))


def test_the_table_is_the_same_however_the_work_was_cut_up(folder, tmp_path):
    whole, parts = tmp_path / "whole.parquet", tmp_path / "parts.parquet"
    build(folder, whole)
    files = sorted(folder.rglob("*.csv"))
    aside = {path: path.read_bytes() for path in files}
    for path in files:
        path.unlink()
    for path in files[::-1]:
        path.write_bytes(aside[path])
        build(folder, parts)
    assert parts.read_bytes() == whole.read_bytes()


def test_a_bad_file_is_named_and_does_not_stop_the_rest(folder, out):
    (folder / "README.md").write_text("# my chains\n")
    (folder / "cut.csv").write_bytes((folder / f"AAA_{DAYS[0]}.csv").read_bytes()[:-30])
    (folder / "empty.csv").write_text("")
    built = build(folder, out)
    assert len(built.table) == 4
    assert list(built.bad) == ["README.md", "cut.csv", "empty.csv"]
    assert "row 69" in built.bad["cut.csv"]
    assert "the file is empty" in built.bad["empty.csv"]
    again = build(folder, out)
    assert (again.read, again.bad) == (0, built.bad)
    write_session_chain(folder, "AAA", np.datetime64("2023-01-06"), name="cut.csv")
    mended = build(folder, out)
    assert "cut.csv" not in mended.bad
    assert len(mended.table) == 5


def test_a_chain_too_thin_to_answer_is_named_with_its_reason(folder, out):
    write_session_chain(folder, "CCC", DAYS[0], open_interest=float("nan"))
    built = build(folder, out)
    assert "open interest is known for 0.0%" in built.bad["CCC_2023-01-03.csv"]
    assert not build(folder, out, underlyings=["AAA"]).bad


def test_a_fault_of_the_program_costs_one_file_only(folder, out, monkeypatch):
    real = history.positioning

    def sometimes(chain, **how):
        if chain.underlying == "BBB":
            raise ZeroDivisionError("division by zero")
        return real(chain, **how)

    monkeypatch.setattr(history, "positioning", sometimes)
    built = build(folder, out)
    assert len(built.table) == 3
    assert "report it" in built.bad["more/BBB_2023-01-03.csv"]


def test_a_problem_is_looked_at_again_by_another_version(folder, out, monkeypatch):
    (folder / "bad.csv").write_text("a,b\n1,2\n")
    build(folder, out)
    assert build(folder, out).read == 0
    monkeypatch.setattr(history, "__version__", "9.9.9")
    assert build(folder, out).read == 1


def test_rows_of_files_that_are_gone_are_kept_until_they_are_pruned(folder, out):
    build(folder, out)
    (folder / f"AAA_{DAYS[0]}.csv").unlink()
    kept = build(folder, out)
    assert (len(kept.table), kept.gone) == (4, 1)
    assert any("--prune" in note for note in kept.notes)
    pruned = build(folder, out, prune=True)
    assert (len(pruned.table), pruned.gone) == (3, 0)
    assert len(build(folder, out).table) == 3


def test_another_dealer_model_reads_everything_anew(folder, out):
    naive = build(folder, out).table
    other = build(folder, out, dealer_model="inverted")
    assert other.read == 4
    assert set(other.table["dealer_model"]) == {"inverted"}
    np.testing.assert_allclose(other.table["gamma_exposure_usd_per_pct"], -naive["gamma_exposure_usd_per_pct"])


def test_underlyings_can_be_chosen_however_they_are_spelled(folder, out):
    built = build(folder, out, underlyings=["^bbb"])
    assert set(built.table["underlying"]) == {"BBB"}
    assert build(folder, out).read == 0
    with pytest.raises(InsufficientDataError, match="not one of 4 files"):
        build(folder, out, underlyings=["CCC"])


def test_hidden_files_and_the_table_itself_are_passed_over(folder):
    (folder / ".DS_Store").write_bytes(b"\0\1")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "a.csv").write_text("x")
    out = folder / "history.parquet"
    assert not build(folder, out).bad
    again = build(folder, out)
    assert (again.read, again.unchanged, dict(again.bad)) == (0, 4, {})


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"dealer_model": "clever"}, SettingsError, "naive"),
        ({"workers": 0}, SettingsError, "at least 1"),
    ],
)
def test_wrong_arguments_are_named_before_anything_is_read(folder, out, arguments, error, words):
    with pytest.raises(error, match=words):
        build(folder, out, **arguments)
    assert not out.exists()


def test_a_folder_that_is_none_or_empty_is_named(tmp_path, out):
    with pytest.raises(InputError, match="is no folder"):
        build(tmp_path / "none", out)
    with pytest.raises(InputError, match="is no folder"):
        build(tmp_path / ("n" * 300), out)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no files"):
        build(tmp_path / "empty", out)


def test_without_one_chain_there_is_no_table(tmp_path, out):
    (tmp_path / "chains").mkdir()
    (tmp_path / "chains" / "a.csv").write_text("nothing\n")
    with pytest.raises(InsufficientDataError, match=r"the first: a\.csv: "):
        build(tmp_path / "chains", out)
    assert not out.exists()


def test_two_builds_of_one_table_do_not_meet(folder, out):
    def meddle(items, *, total, label):
        with pytest.raises(RefusedError, match="another process"):
            build(folder, out)
        return items

    assert len(build_history(folder, out, progress=meddle).table) == 4


@pytest.mark.slow
def test_several_workers_make_the_same_table(folder, tmp_path):
    one, two = tmp_path / "one.parquet", tmp_path / "two.parquet"
    build(folder, one)
    build(folder, two, workers=2)
    assert two.read_bytes() == one.read_bytes()


def test_ranks_need_sixty_sessions_and_lie_between_minus_one_and_one(tmp_path, out):
    folder = tmp_path / "long"
    write_history(folder, "AAA", 75)
    write_session_chain(folder, "BBB", DAYS[0])
    build(folder, out)
    found = {history.underlying: history for history in ranked_history(out)}
    for name, first in (("gex_signal", 59), ("charm_pressure", 59), ("vanna_sensitivity", 64)):
        rank = found["AAA"].ranks[name]
        assert np.isnan(rank[:first]).all()
        assert (np.abs(rank[first:]) <= 1.0).all()
        assert np.isnan(found["BBB"].ranks[name]).all()
    assert [h.underlying for h in ranked_history(out, underlyings=["bbb"])] == ["BBB"]
    with pytest.raises(InputError, match="holds nothing of CCC: it has AAA, BBB"):
        ranked_history(out, underlyings=["CCC"])


def test_a_parquet_file_of_many_chains_gives_a_row_for_each_and_counts_the_thin_ones(folder, tmp_path, out):
    texts = [p.read_text().splitlines() for p in sorted(folder.rglob("*.csv"))]
    thin = write_session_chain(tmp_path, "CCC", DAYS[0], open_interest=float("nan")).read_text().splitlines()
    rows = "\n".join([texts[0][0], *(line for text in (*texts, thin) for line in text[1:])])
    market = tmp_path / "market"
    market.mkdir()
    pl.read_csv(rows.encode(), infer_schema_length=None, schema_overrides={"open_interest": pl.Float64}).write_parquet(
        market / "everything.parquet"
    )
    apart, together = build(folder, out).table, build(market, tmp_path / "market.parquet")
    assert together.table.select("underlying", "session").equals(apart.select("underlying", "session"))
    for name in (n for n, kind in apart.schema.items() if kind.is_float()):
        np.testing.assert_allclose(
            together.table[name].to_numpy(), apart[name].to_numpy(), rtol=1e-12, atol=1e-9, err_msg=name
        )
    same = [n for n, kind in apart.schema.items() if not kind.is_float() and n not in ("source", "content_hash")]
    assert together.table.select(same).equals(apart.select(same))
    assert any("1 chains of files that hold several are too thin" in note for note in together.notes)
    only = build(market, tmp_path / "market.parquet", underlyings=["BBB"])
    assert (only.read, only.table["underlying"].to_list()) == (0, ["BBB"])


def test_of_a_file_of_many_chains_only_the_rows_asked_for_are_kept(folder, tmp_path, out):
    market = tmp_path / "market"
    market.mkdir()
    frames = [pl.read_csv(p, infer_schema_length=None) for p in sorted(folder.rglob("*.csv"))]
    pl.concat(frames).write_parquet(market / "everything.parquet")
    first = build(market, out, underlyings=["^bbb"])
    assert (first.read, set(first.table["underlying"])) == (1, {"BBB"})
    assert build(market, out, underlyings=["BBB"]).read == 0
    more = build(market, out, underlyings=["AAA", "BBB"])
    assert (more.read, len(more.table)) == (1, 4)
    assert (build(market, out, underlyings=["AAA"]).read, build(market, out).read) == (0, 1)
    assert build(market, out, underlyings=["AAA"]).read == 0


def test_a_parquet_file_of_one_thin_chain_says_what_is_wrong_with_it(tmp_path, out):
    text = write_session_chain(tmp_path / "text", "CCC", DAYS[0], open_interest=float("nan")).read_bytes()
    (tmp_path / "chains").mkdir()
    frame = pl.read_csv(text, infer_schema_length=None).with_columns(pl.col("open_interest").cast(pl.Float64))
    frame.write_parquet(tmp_path / "chains" / "ccc.parquet")
    write_session_chain(tmp_path / "chains", "AAA", DAYS[0])
    assert "open interest is known for 0.0%" in build(tmp_path / "chains", out).bad["ccc.parquet"]


def test_ranks_of_a_table_that_is_no_history_are_refused_with_what_is_missing():
    from lightning_gex.app.assembly.history import ranks_of
    from lightning_gex.core.series import DatedSeries

    sessions = np.array(["2024-06-03"], dtype="datetime64[D]")
    with pytest.raises(InputError, match="holds no charm_exposure_usd_per_day"):
        ranks_of(DatedSeries(sessions, {"gamma_exposure_usd_per_pct": np.array([1.0])}, "x.parquet"))
