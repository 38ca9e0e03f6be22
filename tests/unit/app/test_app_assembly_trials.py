"""What counts as the same data and the same variant, whatever file the data came in."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lightning_gex.analytics.trials import TRAININGS
from lightning_gex.app.assembly.jobs import InputFiles
from lightning_gex.app.assembly.policies import POLICY_FILE, SHIPPED
from lightning_gex.app.assembly.shipped import ARCHIVE_FILE, DIGESTS, shipped_bytes
from lightning_gex.app.assembly.training import TrainedOn, TrainingRequest, _judged, trial_of
from lightning_gex.app.assembly.trials import inputs_digest, put_on_record, sizing_digest, tried_so_far
from lightning_gex.app.assembly.variants import Subject
from lightning_gex.app.workspace import Workspace
from lightning_gex.core.sessions import sessions_between
from lightning_gex.engine.inputs import MarketInputs
from lightning_gex.simulation.market import simulate_market

SESSIONS = sessions_between(np.datetime64("2022-01-03"), np.datetime64("2023-12-29"))


def frame(*, count: int = len(SESSIONS), factor: float = 1.0, seed: int = 1) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    parts = []
    for ticker in ("AAA", "BBB"):
        close = factor * 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, len(SESSIONS))))[:count]
        parts.append(
            pl.DataFrame(
                {
                    "ticker": [ticker] * count,
                    "date": [str(day) for day in SESSIONS[:count]],
                    "open": close,
                    "high": close * 1.01,
                    "low": close * 0.99,
                    "close": close,
                    "volume": np.full(count, 1e6),
                }
            )
        )
    return pl.concat(parts)


def flow(seed: int = 2, *, count: int = len(SESSIONS)) -> pl.DataFrame:
    values = np.random.default_rng(seed).uniform(0.3, 0.5, len(SESSIONS))[:count]
    return pl.DataFrame({"date": [str(d) for d in SESSIONS[:count]], "price": values, "dix": values, "gex": values})


def subject(folder: Path, name: str, bars: pl.DataFrame, flows: pl.DataFrame | None = None, **more) -> Subject:
    file, other = folder / name, folder / f"flow_of_{name}.csv"
    bars.write_parquet(file) if name.endswith("parquet") else bars.write_csv(file)
    if flows is not None:
        flows.write_csv(other)
    return Subject(InputFiles(file, flow=None if flows is None else other), ("AAA",), **more)


@pytest.fixture
def home(tmp_path) -> Workspace:
    return Workspace.open(tmp_path / "home")


def count(home: Workspace, of: Subject, variants: dict[str, float] | None = None) -> int:
    inputs = of.inputs()
    found = of.counted(home, inputs, {of.variant_hash(home, inputs): math.nan} if variants is None else variants)
    assert found == tried_so_far(home, of.judged(inputs))
    return found.count


def test_the_same_bars_in_another_file_are_the_same_data_to_the_digest_and_the_same_variant(tmp_path, home) -> None:
    bars = frame()
    first = subject(tmp_path, "bars.csv", bars, flow())
    turned = bars.select(reversed(bars.columns)).sort("date", descending=False)
    again = subject(tmp_path, "bars.parquet", turned, flow())
    one, other = first.inputs(), again.inputs()
    assert first.judged(one).digest == again.judged(other).digest
    assert inputs_digest(one) == inputs_digest(other)
    assert first.variant_hash(home, one) == again.variant_hash(home, other)
    assert (count(home, first), count(home, again)) == (1, 1)


def test_a_session_more_a_part_and_another_scale_count_on(tmp_path, home) -> None:
    short = subject(tmp_path, "short.csv", frame(count=400), flow(count=400))
    longer = subject(tmp_path, "longer.csv", frame(count=401), flow(count=401))
    scaled = subject(tmp_path, "scaled.csv", frame(count=400, factor=3.0), flow(count=400))
    assert count(home, short) == 1
    assert count(home, longer) == 1  # the same variant, on a session more
    assert count(home, scaled) == 1
    part = replace(longer, start=SESSIONS[200].item())
    assert count(home, part) == 2  # where to begin is a choice too
    late = subject(tmp_path, "late.csv", frame(), flow(), start=SESSIONS[420].item())
    assert count(home, late) == 1  # nothing was judged on these sessions yet


def test_other_inputs_settings_and_policies_are_other_variants_on_the_same_data(tmp_path, home) -> None:
    bars = frame(count=400)
    with_flow = subject(tmp_path, "a.csv", bars, flow())
    assert count(home, with_flow) == 1
    assert count(home, subject(tmp_path, "b.csv", bars)) == 2
    assert count(home, subject(tmp_path, "c.csv", bars, flow(3))) == 3
    assert count(Workspace.open(home.home, overrides={"kelly": {"fraction": 0.1}}), with_flow) == 4
    (home.home / POLICY_FILE).write_bytes(shipped_bytes(ARCHIVE_FILE))
    assert count(home, with_flow) == 5
    assert count(home, with_flow) == 5
    other = subject(tmp_path, "d.csv", frame(seed=7, count=400), flow())
    assert count(home, other) == 1  # another history under the same name


def test_what_sizes_is_told_by_its_bytes_and_kelly_by_nothing(home) -> None:
    def under(**sizing: object) -> Workspace:
        return Workspace.open(home.home, overrides=sizing)

    assert sizing_digest(home) == ""
    assert sizing_digest(under(sizing={"policy": SHIPPED})) == DIGESTS[ARCHIVE_FILE]
    (home.home / POLICY_FILE).write_bytes(b"a policy")
    assert sizing_digest(home) == hashlib.sha256(b"a policy").hexdigest()
    assert sizing_digest(under(sizing={"policy": SHIPPED})) == DIGESTS[ARCHIVE_FILE]
    assert sizing_digest(under(enhancements={"rl_sizing": False})) == ""


def test_a_training_on_a_history_with_a_session_more_is_another_attempt_on_the_same(tmp_path) -> None:
    market = simulate_market(seed=3, sessions=420, start=np.datetime64("2022-01-03"))
    found = []
    for rows in (400, 420):
        request = TrainingRequest(tmp_path, on=TrainedOn.HISTORY, files=InputFiles(tmp_path), tickers=("SIM",), folds=1)
        inputs = MarketInputs({"SIM": market.bars.first(rows)}, flow=market.flow, volatility_index=market.vix)
        trial = trial_of(request, inputs)
        found.append(_judged(request, inputs, trial))
        assert found[-1].digest == trial.counted_sha256
    assert found[0].digest != found[1].digest
    assert found[0].overlaps(found[1])
    assert {one.kind for one in found} == {TRAININGS}


def test_what_was_counted_by_the_bytes_of_the_files_counts_on(tmp_path, home) -> None:
    of = subject(tmp_path, "bars.csv", frame(count=400))
    by_bytes = hashlib.sha256(hashlib.sha256((tmp_path / "bars.csv").read_bytes()).digest()).hexdigest()
    put_on_record(home, by_bytes, {f"old {k}": 0.01 * k for k in range(5)})
    assert count(home, of) == 6
    assert count(home, subject(tmp_path, "bars.parquet", frame(count=401))) == 6  # known by what they hold from now on
