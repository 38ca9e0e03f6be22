"""Peers of the benchmarks: arrays out and answers back, ratios by round, and a reason for each that cannot be had."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from peers import comparison, environments, runs
from peers.comparison import Comparison, Series, compared, judged, shown
from peers.environments import Group, PeerUnavailableError
from peers.many_digits import many_digit_greeks, many_digit_implied_vol
from peers.runs import Peer, run_peer

DOUBLING = """
from serve import serve
serve(["numpy"], lambda c: lambda: {"twice": 2 * c["x"]})
"""


@pytest.fixture
def here(monkeypatch, tmp_path):
    """A folder of scripts that are run by this interpreter, and no measurement longer than a moment."""
    monkeypatch.setattr(runs, "SCRIPTS", tmp_path)
    monkeypatch.setattr(runs, "interpreter", lambda group: sys.executable)
    monkeypatch.setattr(comparison, "ROUNDS", 1)
    path = environments.REPOSITORY / "benchmarks" / "peers"
    monkeypatch.setitem(runs._SETTING, "PYTHONPATH", f"{path}:{path / 'scripts'}")
    return tmp_path


def test_a_peer_gets_the_arrays_and_its_answer_comes_back_with_times_and_versions(here):
    (here / "doubling.py").write_text(DOUBLING)
    found = run_peer(Peer("doubling", Group("any", ()), "doubling.py", "twice"), {"x": np.arange(3.0)})
    np.testing.assert_array_equal(found.columns["twice"], [0.0, 2.0, 4.0])
    assert found.times["median_s"] >= found.times["min_s"] > 0
    assert found.versions["numpy"] == np.__version__


def test_a_peer_that_fails_is_listed_with_its_last_words(here, capsys):
    (here / "failing.py").write_text("raise RuntimeError('no such model')")
    peer = Peer("failing", Group("any", ()), "failing.py", "nothing")
    found = compared({3: {"ours": ("x", lambda: None)}}, (peer,), {3: {"x": np.arange(3.0)}})
    assert found.not_available == {"failing": "failing.py failed: RuntimeError: no such model"}
    assert "failing: not available" in capsys.readouterr().out
    assert [row["name"] for row in found.rows] == ["ours"]


def test_a_package_that_cannot_be_installed_gives_the_installers_reason(monkeypatch, tmp_path):
    monkeypatch.setattr(environments, "HOME", tmp_path)
    monkeypatch.setattr(environments.sys, "executable", str(tmp_path / "python"))
    (tmp_path / "python").write_text("#!/bin/sh\necho 'ERROR: No matching distribution found' >&2\nexit 1\n")
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(PeerUnavailableError, match="ERROR: No matching distribution found"):
        environments.interpreter(Group("any", ("nothing==0",)))


def test_the_ratio_is_the_median_over_rounds_of_theirs_to_ours_in_the_same_round():
    series = Series()
    for theirs, ours in ((8.0, 1.0), (30.0, 3.0), (9.0, 1.0)):  # 8, 10, 9 times ours; the machine was slow once
        series.add({"median_s": theirs, "min_s": theirs}, {"ours": {"median_s": ours, "min_s": ours}})
    row = series.row("peer", 10, "all of it")
    assert row["times"] == {"ours": 9.0}
    assert row["min_ns"] == pytest.approx(8e8)
    assert "9.0" in shown([row])


def test_a_goal_is_missed_where_the_ratio_is_too_small_or_the_peer_was_not_to_be_had(capsys):
    rows = [{"name": "peer", "contracts": 10, "times": {"ours": 7.9}}]
    assert not judged(Comparison(rows=rows), 10, 8.0, "ours", "peer")["met"]
    assert not judged(Comparison(), 10, 8.0, "ours", "peer")["met"]
    assert "goal MISSED" in capsys.readouterr().out


def test_the_many_digits_know_hulls_example():
    # Hull, 10th ed., section 19.4: S 49, K 50, r 5 %, sigma 20 %, 20 weeks; example 15.6: a call worth 4.76.
    one = {"spot": 49.0, "strike": 50.0, "years": 0.3846, "implied_vol": 0.2, "rate": 0.05, "dividend_yield": 0.0}
    columns = {name: np.array([value]) for name, value in one.items()} | {"is_call": np.array([True])}
    assert many_digit_greeks(columns)["delta"][0] == pytest.approx(0.522, abs=5e-4)
    quote = {"price": 4.7594223928, "forward": 42 * np.exp(0.05), "strike": 40.0, "years": 0.5}
    quote |= {"discount": np.exp(-0.05), "is_call": True}
    columns = {name: np.array([value]) for name, value in quote.items()}
    assert many_digit_implied_vol(columns, np.array([0.19]))[0] == pytest.approx(0.2, abs=1e-9)
