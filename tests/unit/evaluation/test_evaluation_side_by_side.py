"""Two systems are compared session by session: what is alike is no difference, and every cell is counted once."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from evaluation_runs import run, wandering_run

from lightning_gex.core.enums import DecisionStatus
from lightning_gex.core.errors import InputError
from lightning_gex.core.membership import Membership
from lightning_gex.evaluation.side_by_side import (
    NO_SIGNAL,
    SideBySide,
    common_sessions,
    per_capital_given,
    side_by_side,
)


@cache
def compared() -> SideBySide:
    new = wandering_run(count=220, seed=1)
    old = replace(wandering_run(count=220, seed=1, every=3), run_id="run-2")
    return side_by_side(new, old, new_words="this", old_words="that")


def test_a_system_beside_itself_differs_in_nothing():
    one = wandering_run(count=160)
    found = side_by_side(one, one, new_words="a", old_words="b")
    assert found.gain.return_a_year == 0.0
    assert found.total_interval == (0.0, 0.0)
    assert found.agreement.share == 1.0
    assert found.agreement.entries_shared == 1.0
    for low, high in (found.agreement.share_interval, found.agreement.entries_interval, found.agreement.held_interval):
        assert 0.5 < low < high == 1.0  # that all were alike so far does not make it sure
    assert found.differing == ()


def test_every_cell_is_counted_once():
    a = compared().agreement
    assert a.cells == a.both + a.opposite + a.only_new + a.only_old + a.neither == 160
    assert a.either == a.cells - a.neither


def test_what_both_held_is_counted_by_the_close_from_entry_to_exit():
    found = compared()
    new = np.zeros(len(found.sessions), dtype=bool)
    old = new.copy()
    for held, side in ((new, found.new), (old, found.old)):
        for trade in side.run.trades:
            first, last = (np.datetime64(f"{at:%Y-%m-%d}") for at in (trade.entry_at, trade.exit_at))
            held |= (found.sessions >= first) & (found.sessions < last)
    a = found.agreement
    assert a.held_either == int((new | old).sum())
    assert a.held_both <= int((new & old).sum())
    assert a.held_shared == pytest.approx(a.held_both / a.held_either)
    low, high = a.held_interval
    assert low <= a.held_shared <= high


def test_each_lone_entry_has_a_reason_and_the_reasons_add_up():
    found = compared()
    lone = found.agreement.only_new + found.agreement.only_old
    assert len(found.differing) == lone > 0
    assert sum(one.outcome.entries for one in found.disagreements) == lone
    assert all(e.why and e.reason for e in found.differing)


def test_the_gate_that_stopped_the_other_is_named():
    found = compared()
    said = {(str(d.as_of)[:10], d.ticker): d for d in found.old.run.decisions}
    for entry in (e for e in found.differing if e.entered == "new"):
        decision = said[str(entry.session), entry.ticker]
        if decision.status is DecisionStatus.NO_SIGNAL:
            assert entry.why == NO_SIGNAL
        else:
            assert entry.why.startswith(str(decision.blocked_by))


def test_the_mixtures_end_at_either_system():
    found = compared()
    ends = {mix.share: mix.equity for mix in found.mixes}
    assert ends[1.0] == pytest.approx(found.new.run.equity)
    assert ends[0.0] == pytest.approx(found.old.run.equity)
    between = np.sort([ends[0.0][-1], ends[0.5][-1], ends[1.0][-1]])
    assert ends[0.5][-1] == between[1]


def test_the_total_difference_is_that_of_the_logarithms_of_equity():
    found = compared()
    new, old = (np.log(side.run.equity[-1] / side.run.initial_capital) for side in (found.new, found.old))
    assert found.total_difference == pytest.approx(new - old)
    low, high = found.total_interval
    assert low <= found.total_difference <= high


def test_only_the_sessions_that_both_lived_through_count():
    whole = wandering_run(count=160)
    part = replace(whole, sessions=whole.sessions[20:], equity=whole.equity[20:], exposure=whole.exposure[20:],
                   bill_rate=whole.bill_rate[20:], initial_capital=float(whole.equity[19]))  # fmt: skip
    one, _ = common_sessions(whole, part)
    assert np.array_equal(one.sessions, part.sessions)
    assert one.initial_capital == part.initial_capital
    assert np.array_equal(one.equity, part.equity)


def test_runs_without_sessions_in_common_are_refused():
    whole = wandering_run(count=120)
    later = replace(whole, sessions=whole.sessions + np.timedelta64(4_000, "D"))
    with pytest.raises(InputError, match="in common"):
        common_sessions(whole, later)


def test_a_quarter_of_the_capital_compares_as_all_of_it():
    whole = wandering_run(count=120)
    before = np.r_[whole.initial_capital, whole.equity[:-1]]
    gained = (whole.equity / before - 1.0) * 0.25
    quarter = replace(
        whole, equity=whole.initial_capital * np.cumprod(1.0 + gained), exposure=0.25 * whole.exposure / whole.equity
    )
    quarter = replace(quarter, exposure=quarter.exposure * quarter.equity)
    found = per_capital_given(quarter, np.full(len(whole.sessions), 0.25))
    assert found.equity == pytest.approx(whole.equity)
    assert found.exposure == pytest.approx(whole.exposure)


def test_it_becomes_json_without_a_number_that_is_none():
    document = compared().to_json_dict()
    text = json.dumps(document, allow_nan=False)
    assert json.loads(text)["sessions"] == 160


def test_a_system_that_never_enters_has_no_outcome_and_breaks_nothing():
    new = wandering_run(count=120)
    idle = replace(run(dict(new.bars), [], over=new.sessions), run_id="idle")
    found = side_by_side(new, idle, new_words="a", old_words="b")
    assert found.agreement.only_old == 0
    assert np.isnan(found.agreement.old_alone.hit_rate)
    assert {d.why for d in found.disagreements} == {"no trade"}


def test_a_ticker_is_no_cell_while_it_does_not_belong():
    new = wandering_run(tickers=("AAA", "BBB"), count=120)
    half = new.sessions[30]
    members = Membership(np.array([new.sessions[0], half]), (frozenset({"AAA"}), frozenset({"AAA", "BBB"})))
    idle = replace(run(dict(new.bars), [], over=new.sessions), run_id="idle")
    found = side_by_side(replace(idle, membership=members), replace(idle, run_id="old"), new_words="a", old_words="b")
    assert found.agreement.cells == 60 + 30
