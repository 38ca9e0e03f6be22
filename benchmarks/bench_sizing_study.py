"""Trained sizing policies out of sample: with a planted effect, without one, and on SPY 2012 to 2021.

Ten seeds of every algorithm are trained and played beside Kelly, fixed sizes, volatility targeting, doing nothing, and
a fixed size that is as much invested as the policy. Parts and seeds do not depend on one another:

    bench_sizing_study.py                          the whole study, two processes
    bench_sizing_study.py --only zero --workers 16 one part on a machine with more processors
    bench_sizing_study.py --prepare DIR            only the candidates, into DIR/*.npz, for a machine without the data
    bench_sizing_study.py --from DIR               those candidates; needs numpy, numba, scipy and the extra rl alone

Whatever is trained is kept in the folder of ``--from`` (or a scratch folder) and not trained again. Candidates are
those of the defaults that the program decides with: ones prepared under others are refused, and results on them are
not kept beside new ones. SPY needs the real daily data that may stand beside the checkout (``../shared/data/daily``, or
LIGHTNING_SHARED_DATA).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, fields
from datetime import date
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from lightning_gex.engine.config import EngineConfig
from lightning_gex.sizing.episodes import Episodes
from lightning_gex.sizing.policy import Algorithm
from lightning_gex.sizing.score import Score, median_of, of_seeds
from lightning_gex.sizing.training import TrainingKnobs, data_digest, train_policy
from lightning_gex.sizing.trial import Trial, figures, history_trial, markets_trial


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """What a configuration holds beside numbers and words, in an order of its own."""
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    return sorted(value) if isinstance(value, set | frozenset) else str(value)


HERE = Path(__file__).resolve().parent
RESULTS, PICTURES = HERE / "results", HERE.parent / "docs" / "images"
RESULT, PICTURE = "sizing_study.json", "sizing_study.png"
PARTS = ("planted", "zero", "spy")
#: The strength that docs/concepts/simulation.md documents, and none.
PLANTED_EFFECT = {"planted": 0.3, "zero": 0.0}
#: Many markets: the ladder ends at 15 %, so what skill adds to an edge is small beside the noise.
MARKETS, JUDGED, SESSIONS, FOLDS, SEEDS, TIMESTEPS = 96, 96, 1_000, 3, 10, 100_000
#: Large rollouts and batches: a trade's outcome is noise by far the most, and a small batch learns the noise.
KNOBS = {
    Algorithm.PPO: TrainingKnobs(learning_rate=0.001, rollout_steps=4_096, batch_size=512),
    Algorithm.A2C: TrainingKnobs(rollout_steps=64),
    Algorithm.DQN: TrainingKnobs(batch_size=256),
}
#: The markets every policy of the study is judged on; the knobs above were chosen on others (seed 424,242).
JUDGED_SEED = 777_001
WORDS = {
    "planted": f"{JUDGED} other simulated markets of {SESSIONS:,} sessions, effect {PLANTED_EFFECT['planted']}",
    "zero": f"{JUDGED} other simulated markets of {SESSIONS:,} sessions, no effect",
    "spy": f"SPY 2012-2021, {FOLDS} walk-forward folds",
}
#: Of the configuration that the candidates follow from.
DEFAULTS = hashlib.sha256(json.dumps(asdict(EngineConfig()), default=_plain, sort_keys=True).encode()).hexdigest()
COLUMNS = [f.name for f in fields(Episodes) if f.name != "source"]
Row = dict[str, Any]
SCORED = [f.name for f in fields(Score)]


def prepare(part: str, folder: Path) -> None:
    """Write the candidates of a part: to learn from and to be judged on, or the whole history."""
    if part == "spy":
        from bench_dix import data_folder

        from lightning_gex.app.assembly.jobs import InputFiles, inputs_of
        from lightning_gex.app.assembly.training_data import history_episodes

        daily = data_folder() / "daily"
        bars, flow, vix = "index_etf_megacap_ohlcv.parquet", "spx_dix_gex.csv", "cboe_vol_indices.csv"
        files = InputFiles(bars=daily / bars, flow=daily / flow, volatility_index=daily / vix)
        inputs = inputs_of(files, ("SPY",), end=date(2021, 12, 31))
        sets = {"whole": history_episodes(inputs, ("SPY",), start=np.datetime64("2012-01-01"))}
    else:
        from lightning_gex.app.assembly.training_data import SimulatedTerms

        effect = PLANTED_EFFECT[part]
        learnt, judged = (SimulatedTerms(count, SESSIONS, effect) for count in (MARKETS, JUDGED))
        sets = {"learnt": learnt.episodes(0), "judged": judged.episodes(JUDGED_SEED)}
    arrays = {f"{name}.{column}": getattr(one, column) for name, one in sets.items() for column in COLUMNS}
    scratch = folder / f"{part}.{os.getpid()}.npz"
    np.savez(scratch, defaults=DEFAULTS, **arrays)
    scratch.replace(folder / f"{part}.npz")


@cache
def trial_of(part: str, folder: Path) -> Trial:
    """What a part learns from and is judged on."""
    with np.load(folder / f"{part}.npz", allow_pickle=False) as found:
        if str(found["defaults"]) != DEFAULTS:
            raise SystemExit(f"{folder / part}.npz holds candidates of other defaults: remove it")
        names = {key.split(".")[0] for key in found.files if "." in key}
        sets = {n: Episodes(**{c: found[f"{n}.{c}"][()] for c in COLUMNS}, source=WORDS[part]) for n in names}
    if part == "spy":
        return history_trial(sets["whole"], FOLDS)
    return markets_trial(sets["learnt"], sets["judged"], [part])


def one(part: str, algorithm: Algorithm, seed: int, timesteps: int, folder: Path) -> tuple[Score, float, list[str]]:
    """What the policies of one seed came to, from the folder where they were trained before; seconds; their digests."""
    trial = trial_of(part, folder)
    kept = folder / f"{part}_{algorithm.value}_{timesteps}_{seed}.npz"
    digest = "".join(data_digest(learnt) for learnt in (*trial.learnt, trial.judged))
    if kept.exists():
        with np.load(kept, allow_pickle=False) as found:
            if str(found["digest"]) == digest:
                score = Score(**{name: found[name][()] for name in SCORED})
                return score, float(found["seconds"]), found["policies"].tolist()
    began = time.perf_counter()
    trained = [
        train_policy(
            learnt,
            algorithm=algorithm,
            total_timesteps=timesteps,
            seed=seed,
            knobs=KNOBS[algorithm],
        )
        for learnt in trial.learnt
    ]
    seconds = time.perf_counter() - began
    score = trial.score([one.policy() for one in trained])
    policies = [one.metadata.policy_sha256 for one in trained]
    scratch = folder / f"{kept.stem}.{os.getpid()}.npz"
    np.savez(scratch, **asdict(score), digest=digest, seconds=seconds, policies=policies)
    scratch.replace(kept)
    return score, seconds, policies


def found_of(part: str, algorithm: Algorithm, done: Sequence[tuple[Score, float, list[str]]], folder: Path) -> Row:
    """A part's figures with one algorithm."""
    scores = [score for score, _, _ in done]
    others, over = figures(trial_of(part, folder), scores)
    return {
        "judged_on": WORDS[part],
        "algorithm": algorithm.value,
        "seeds": len(scores),
        "blocks": len(scores[0].log_growth),
        "training_seconds_median": round(float(np.median([seconds for _, seconds, _ in done])), 1),
        "growth_by_seed": [float(score.log_growth.mean()) for score in scores],
        "median_seed": int(median_of(scores)),
        "policy": of_seeds(scores).summary(),
        "others": others,
        "excess": over,
        "beats": sorted(name for name, gain in over.items() if gain["low"] > 0),
        "policies_sha256": [policies for _, _, policies in done],
    }


def draw(results: Mapping[str, Any], file: Path) -> None:
    """One panel a part: by how much the policies grew more than each way of sizing, a quarter, with 95 % intervals."""
    from matplotlib.figure import Figure

    parts = [p for p in PARTS if any(name.startswith(p) for name in results)]
    figure = Figure(figsize=(4.4 * len(parts), 4.2), layout="constrained")
    for panel, part in zip(np.atleast_1d(figure.subplots(1, len(parts))), parts, strict=True):
        for k, (key, marker) in enumerate(zip([n for n in results if n.startswith(part)], "os^", strict=False)):
            over = results[key]["excess"]
            for row, gain in enumerate(over.values()):
                y = row + 0.22 * (k - 1)
                panel.plot([1e4 * gain["low"], 1e4 * gain["high"]], [y, y], color=f"C{k}", lw=1.6)
                label = results[key]["algorithm"] if row == 0 else None
                panel.plot(1e4 * gain["mean"], y, marker, color=f"C{k}", ms=4, label=label)
            panel.set_yticks(range(len(over)), [name.replace("_", " ") for name in over])
        panel.axvline(0.0, color="0.4", lw=0.8)
        panel.invert_yaxis()
        panel.set_title(WORDS[part], fontsize=8)
        panel.set_xlabel("policy less this, basis points of log growth a quarter", fontsize=8)
        panel.tick_params(labelsize=8)
        panel.legend(fontsize=7)
    figure.savefig(file, dpi=110)


def study(arguments: argparse.Namespace, folder: Path) -> None:
    """Train, judge, write."""
    for part in arguments.only:
        if not (folder / f"{part}.npz").exists():
            prepare(part, folder)
    if arguments.prepare:
        return
    jobs = [(p, a, s) for p in arguments.only for a in arguments.algorithms for s in range(arguments.seeds)]
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as pool:
        asked = {job: pool.submit(one, *job, arguments.timesteps, folder) for job in jobs}
        done = {}
        for job, answer in asked.items():
            done[job] = answer.result()
            print(*job, f"{done[job][0].log_growth.mean():+.5f}", f"{done[job][1]:.0f} s", flush=True)
        of_part = {
            (part, algorithm): [done[part, algorithm, seed] for seed in range(arguments.seeds)]
            for part in arguments.only
            for algorithm in arguments.algorithms
        }
        told = {key: pool.submit(found_of, *key, of_part[key], folder) for key in of_part}
        rows = {f"{part} {algorithm.value}": answer.result() for (part, algorithm), answer in told.items()}
    setup = json.loads(
        json.dumps(
            {
                "timesteps": arguments.timesteps,
                "seeds": arguments.seeds,
                "candidates_of_defaults": DEFAULTS,
                "knobs": {algorithm.value: asdict(knobs) for algorithm, knobs in KNOBS.items()},
                "markets": {
                    "learnt from": MARKETS,
                    "judged on": JUDGED,
                    "sessions": SESSIONS,
                    "judged_seed": JUDGED_SEED,
                },
            }
        )
    )
    file = (arguments.into or RESULTS) / RESULT
    before = json.loads(file.read_text()) if file.exists() else {}
    results = before["results"] if before.get("setup") == setup else {}  # parts of this study that ran before
    results |= rows
    from peers.comparison import machine

    results = {key: results[key] for part in PARTS for key in sorted(results) if key.startswith(part)}
    file.write_text(json.dumps({"machine": machine(), "setup": setup, "results": results}, indent=1) + "\n")
    draw(results, (arguments.into or PICTURES) / PICTURE)


def main() -> None:
    """Read the command line and go."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--algorithms", nargs="+", type=Algorithm, default=list(Algorithm))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--timesteps", type=int, default=TIMESTEPS)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--prepare", type=Path, metavar="DIR")
    parser.add_argument("--from", type=Path, metavar="DIR", dest="kept")
    parser.add_argument("--into", type=Path, metavar="DIR", help="folder for result and picture")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread a process: the processes are the parallel part
    folder = arguments.prepare or arguments.kept
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        study(arguments, folder)
        return
    with tempfile.TemporaryDirectory() as scratch:
        study(arguments, Path(scratch))


if __name__ == "__main__":
    main()
