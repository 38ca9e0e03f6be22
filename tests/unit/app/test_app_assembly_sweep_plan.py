"""What a sweep goes over is checked whole before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_gex.app.assembly.sweep_plan import MOST_VARIANTS, combinations, grid_from_options, read_plan
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.errors import InputError, SettingsError


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Workspace:
    return Workspace.open(tmp_path_factory.mktemp("sweep") / "home")


def test_options_are_numbers_switches_and_words() -> None:
    grid = grid_from_options(["a.b=1, 0.5", "c.d=true,false", "e.f=server,1e-3x"])
    assert grid == {"a.b": (1, 0.5), "c.d": (True, False), "e.f": ("server", "1e-3x")}


@pytest.mark.parametrize(
    ("option", "what"),
    [
        ("a.b", "write it as"),
        ("=1", "write it as"),
        ("a.b=", "write it as"),
        ("a.b=1,,2", "empty"),
        ("a.b=1,1", "twice"),
        ("a.b=1,1.0", "twice"),
        ("a.b=Infinity", "no number"),
        ("a.b=NaN", "no number"),
    ],
)
def test_options_that_say_nothing_clear_are_refused(option: str, what: str) -> None:
    with pytest.raises(SettingsError, match=what):
        grid_from_options([option])


def test_a_setting_given_twice_is_refused() -> None:
    with pytest.raises(SettingsError, match="twice"):
        grid_from_options(["a.b=1", "a.b=2"])


@given(st.text(max_size=30))
def test_any_text_is_a_grid_or_a_refusal(text: str) -> None:
    try:
        grid = grid_from_options([text])
    except SettingsError:
        return
    assert all(values for values in grid.values())


def test_the_settings_as_they_are_come_first_and_once(workspace: Workspace) -> None:
    found = combinations(workspace, {"kelly.fraction": (0.25, 0.5), "enhancements.memory": (True, False)})
    assert [one.as_set for one in found] == [True, False, False, False]
    assert found[0].words == {"kelly.fraction": 0.25, "enhancements.memory": True}
    assert found[0].settings is workspace.settings
    assert {(one.words["kelly.fraction"], one.words["enhancements.memory"]) for one in found} == {
        (fraction, memory) for fraction in (0.25, 0.5) for memory in (True, False)
    }
    assert all(one.settings.kelly.fraction == one.words["kelly.fraction"] for one in found)


def test_a_grid_that_leaves_the_present_value_out_is_run_beside_it(workspace: Workspace) -> None:
    found = combinations(workspace, {"agents.weights.trend": (0, 2)})
    assert [one.words["agents.weights.trend"] for one in found] == [1.0, 0.0, 2.0]


def test_without_a_grid_the_settings_as_they_are_are_all(workspace: Workspace) -> None:
    (only,) = combinations(workspace, {})
    assert only.as_set


@pytest.mark.parametrize(
    ("grid", "what"),
    [
        ({"decision.minimum_confidance": (0.6,)}, "did you mean 'minimum_confidence'"),
        ({"nonsense.key": (1,)}, "no such setting"),
        ({"kelly.fraction": (0.25, 7.0)}, "kelly.fraction"),
        ({"enhancements.memory": (3.5,)}, "enhancements.memory"),
        ({"storage.url": ("x",)}, "not swept"),
        ({"universe.sectors": ("x",)}, "not swept"),
        ({"kelly": (1,)}, "write section.key"),
        ({"agents.weights": (1,)}, "agents.weights"),
        ({"kelly.fraction.more": (1,)}, "kelly.fraction"),
        (
            {"concentration.fewest_sessions": (40, 200), "concentration.correlation_sessions": (126, 100)},
            "fewest_sessions",
        ),
    ],
)
def test_what_cannot_be_set_is_refused_by_name(workspace: Workspace, grid, what: str) -> None:
    with pytest.raises(SettingsError, match=what):
        combinations(workspace, grid)


def test_more_variants_than_any_history_tells_apart_are_refused_before_they_are_made(workspace: Workspace) -> None:
    values = tuple(k / 1_000 for k in range(1, 1_000))
    with pytest.raises(SettingsError, match=f"{MOST_VARIANTS:,}"):
        combinations(workspace, {"kelly.fraction": values, "kelly.cold_start_size_pct": values})


def test_a_plan_is_read_with_its_grid_and_paths_beside_it(tmp_path) -> None:
    (tmp_path / "sweep.toml").write_text(
        'bars = "bars.csv"\ntickers = ["SPY"]\nstart = 2012-01-03\nfolds = 3\n'
        '[set]\nkelly.fraction = [0.1, 0.25]\n"enhancements.memory" = true\n'
    )
    assert read_plan(tmp_path / "sweep.toml") == {
        "bars": tmp_path / "bars.csv",
        "tickers": ["SPY"],
        "start": "2012-01-03",
        "folds": 3,
        "set": {"kelly.fraction": (0.1, 0.25), "enhancements.memory": (True,)},
    }


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("foldz = 3", "no key 'foldz'"),
        ("folds = 'three'", "is no int"),
        ("folds = true", "is no int"),
        ("tickers = [1]", "in quotes"),
        ("[set]\nkelly.fraction = []", "no values"),
        ("[set]\nkelly.fraction = [0.1, 0.1]", "twice"),
        ("[set]\nkelly.fraction = [[0.1]]", "no value of a setting"),
        ("[set]\nkelly.fraction = [nan]", "no number"),
        ("start = 2012-01-03T10:00:00", None),
    ],
)
def test_a_plan_that_says_something_else_is_refused_with_its_key(tmp_path, text: str, what: str | None) -> None:
    file = tmp_path / "sweep.toml"
    file.write_text(text)
    if what is None:
        assert read_plan(file)["start"] == "2012-01-03 10:00:00"  # refused where dates are read
        return
    with pytest.raises(SettingsError, match=what):
        read_plan(file)


def test_a_plan_that_is_no_toml_or_not_there_is_an_input_error(tmp_path) -> None:
    (tmp_path / "sweep.toml").write_text("= 3")
    for name in ("sweep.toml", "absent.toml"):
        with pytest.raises(InputError) as caught:
            read_plan(tmp_path / name)
        assert caught.value.source == str(Path(tmp_path, name))
