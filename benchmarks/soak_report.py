"""How often the whole report is wrong: ``evaluate``, ``ablate`` and ``sweep`` on simulated markets of known truth.

Every seed is a universe of its own, written as the files a user has and judged by the very functions behind the
commands. In one condition nothing is to be found (dealers do not hedge, nothing is planted; prices drift up as shares
do); in the other each ticker's positioning moves its next session. A claim made in the first is false, one not made in
the second is missed. Which claims there are, and the chance of each by luck, stands in ``evaluation/claims.py``.

Finished reports are kept as lines, with a digest of the program's sources, so a run that was stopped goes on where it
was, and what other sources made is made anew.

    python benchmarks/soak_report.py --seeds 200 --workers 2
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS"):
    os.environ.setdefault(_threads, "1")  # before anything that counts cores is imported: the workers are the cores

from scipy.stats import beta, binom  # noqa: E402

from lightning_gex.adapters.executors import Here  # noqa: E402
from lightning_gex.adapters.market_data.bars_file import read_bars  # noqa: E402
from lightning_gex.app.assembly.ablation import AblatedSubject, ablate_subject  # noqa: E402
from lightning_gex.app.assembly.evaluation import Evaluation, evaluate_subject  # noqa: E402
from lightning_gex.app.assembly.simulated_inputs import SimulationRequest, write_simulated  # noqa: E402
from lightning_gex.app.assembly.sweeps import Sweep, SweepRequest, run_sweep  # noqa: E402
from lightning_gex.app.assembly.variants import Subject  # noqa: E402
from lightning_gex.app.workspace import Workspace  # noqa: E402
from lightning_gex.evaluation.claims import (  # noqa: E402
    INTERVAL_LEVEL,
    P_LEVEL,
    Claim,
    counted,
    hold_claim,
    report_claims,
    run_claims,
)
from lightning_gex.evaluation.sweep_words import SWEEP_LEVEL, may_be_used  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[1]
RESULT = REPOSITORY / "benchmarks" / "results" / "soak_report.json"
IMAGE = REPOSITORY / "docs" / "images" / "soak_report.png"
PARTS = REPOSITORY / ".bench" / "soak_report"

#: What each condition simulates.
CONDITIONS: Mapping[str, Mapping[str, float]] = {
    "nothing": {"direction_effect": 0.0, "volatility_effect": 0.0},
    "planted": {"direction_effect": 1.0, "volatility_effect": 0.0},
}
#: Tickers, sessions, and sessions that are learnt from first.
SIZE = (6, 504, 126)
CONFIDENCE = 0.95  # of the interval around a rate
#: Of an ablation: name -> level. Four enhancements are judged by their gain, each at the level of an interval.
ABLATION_LEVELS = {
    "keeps_one_enhancement": INTERVAL_LEVEL,
    "keeps_any_of_four": 4 * INTERVAL_LEVEL,
    "superior_ability": P_LEVEL,
    "any_superior_variant": P_LEVEL,
}
#: What a sweep goes over: other sizes and other bars to entry, so that its variants are invested more and less.
SWEPT: Mapping[str, tuple[float, ...]] = {
    "sizing.fixed_size_pct": (0.02, 0.05, 0.15),
    "decision.minimum_confidence": (0.5, 0.52),
}
JUDGED_ENHANCEMENTS = ("rl_sizing", "memory", "multi_agent", "hierarchical")


@cache
def sources_digest() -> str:
    """Of everything that shapes a report."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted((REPOSITORY / "src").rglob("*")):
        if path.suffix in (".py", ".onnx", ".json") and path.name != "kernels.json":
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Task:
    """One report to make.

    Parameters
    ----------
    command : ``evaluate``, ``ablate`` or ``sweep``.
    condition : of ``CONDITIONS``.
    seed : of the market.
    tickers, sessions, learnt : its size, and sessions that are learnt from before the first decision counts.
    """

    command: str
    condition: str
    seed: int
    tickers: int = SIZE[0]
    sessions: int = SIZE[1]
    learnt: int = SIZE[2]

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from others of one size."""
        return self.command, self.condition, self.seed


def silent(items: Iterable[object], *, total: int, label: str) -> Iterable[object]:
    """No bar."""
    return items


def report_of(task: Task, home: Path) -> Evaluation | AblatedSubject | Sweep:
    """One report, from files to figures, in a workspace of its own.

    Parameters
    ----------
    task : which.
    home : an empty folder.
    """
    effects = CONDITIONS[task.condition]
    request = SimulationRequest(
        seed=task.seed,
        sessions=task.sessions,
        tickers=task.tickers,
        direction_effect=effects["direction_effect"],
        volatility_effect=effects["volatility_effect"],
    )
    made = write_simulated(request, home / "files", progress=silent)
    first = _session_after(made.files.bars, made.tickers[0], task.learnt)
    subject = Subject(made.files, made.tickers, start=first)
    workspace = Workspace.open(home / "home")
    if task.command == "evaluate":
        return evaluate_subject(workspace, subject, seed=task.seed, progress=silent)
    if task.command == "sweep":
        request_of = SweepRequest((subject,), SWEPT, home / "sweep", seed=task.seed)
        return run_sweep(workspace, request_of, Here(), progress=silent)
    return ablate_subject(workspace, subject, seed=task.seed, progress=silent)


def _session_after(bars: Path, ticker: str, count: int) -> date:
    found: date = read_bars(bars, tickers=[ticker])[ticker].session[count].item()
    return found


def line_of(task: Task) -> dict[str, Any]:
    """What is kept of one report."""
    begun, used = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory(prefix="soak-report-") as home:
        found = report_of(task, Path(home))
    told = (
        evaluated(found)
        if isinstance(found, Evaluation)
        else swept(found)
        if isinstance(found, Sweep)
        else ablated(found)
    )
    return {
        "command": task.command,
        "condition": task.condition,
        "seed": task.seed,
        "size": [task.tickers, task.sessions, task.learnt],
        "sources": sources_digest(),
        "cpu_seconds": round(time.process_time() - used, 2),
        "seconds": round(time.perf_counter() - begun, 2),
        **told,
    }


def evaluated(found: Evaluation) -> dict[str, Any]:
    """An evaluation's claims, and the figures behind them: of the system, and of the baseline beside it."""
    claims = report_claims(found.metrics, found.baseline, found.placebos, found.random)
    own = {c.name: c.made for c in claims}
    first_three = ("same_date_excess", "excess_over_all_sessions", "accuracy")
    return {
        "system": {
            "claims": own,
            "counted": [c.name for c in counted(claims)],
            "worse": _worse(found.metrics.excess_over_drift_interval),
            "sharpe": _at_least(found.metrics.deflated_sharpe),
            "decisions": found.metrics.decisions_taken,
            **{name: _plain(getattr(found.metrics, name)) for name in first_three},
        },
        "baseline": {
            "claims": {c.name: c.made for c in baseline_claims(found)},
            "counted": [c.name for c in counted(baseline_claims(found))],
            "worse": _worse(found.baseline.metrics.excess_over_drift_interval),
            "sharpe": _at_least(found.baseline.metrics.deflated_sharpe),
            "decisions": found.baseline.metrics.decisions_taken,
            **{name: _plain(getattr(found.baseline.metrics, name)) for name in first_three},
        },
    }


def baseline_claims(found: Evaluation) -> tuple[Claim, ...]:
    """What the same page would claim of options flow alone, which trades far more often."""
    metrics = found.baseline.metrics
    return (*run_claims(metrics), hold_claim(metrics))


def ablated(found: AblatedSubject) -> dict[str, Any]:
    """What an ablation concludes."""
    of = found.ablation
    verdicts = {v.enhancement: v for v in of.verdicts if v.enhancement in JUDGED_ENHANCEMENTS}
    return {
        "kept": {name: None if math.isnan(v.interval[0]) else v.keep for name, v in verdicts.items()},
        "superior_ability_p": of.superior.p_value,
        "superior": int(of.superior.superior.sum()),
        "overfitting": _plain(of.overfitting),
        "runs": {v.name: {c.name: c.made for c in run_claims(v.metrics)} for v in of.variants},
        "decisions": {v.name: v.metrics.decisions_taken for v in of.variants},
    }


def swept(found: Sweep) -> dict[str, Any]:
    """What a sweep concludes; None where nothing was traded, so that there was nothing to choose from."""
    of = found.findings
    if of is None or of.best is None or of.superior is None:
        return {"claim": None, "any_superior_variant": None, "superior_ability_p": None, "variants": len(found.plan)}
    return {
        "claim": may_be_used(of),
        "any_superior_variant": bool(of.superior.superior.any()),
        "superior_ability_p": of.superior.p_value,
        "variants": len(of.variants),
        "distinct": of.distinct,
    }


def _worse(interval: tuple[float, float]) -> bool | None:
    return interval[1] < 0.0 if math.isfinite(interval[1]) else None


def _at_least(probability: float) -> bool | None:
    return None if math.isnan(probability) else probability >= 1.0 - P_LEVEL


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def rate(made: Sequence[bool | None], level: float | None) -> dict[str, Any]:
    """How often a claim was made, its Clopper-Pearson interval, and how surely more often than its stated level.

    Parameters
    ----------
    made : one a report; None where it could not be judged.
    level : stated; None where none is.

    Returns
    -------
    ``p_value`` is the chance of so many claims or more at the stated level; 1 without a report.

    References
    ----------
    Clopper & Pearson (1934), The use of confidence or fiducial limits illustrated in the case of the binomial,
    Biometrika 26(4).
    """
    known = [m for m in made if m is not None]
    n, k = len(known), sum(known)
    tail = (1.0 - CONFIDENCE) / 2.0
    low = 0.0 if k == 0 else float(beta.ppf(tail, k, n - k + 1))
    high = 1.0 if k == n else float(beta.ppf(1.0 - tail, k + 1, n - k))
    found: dict[str, Any] = {"reports": n, "made": k, "rate": k / n if n else None, "interval": [low, high]}
    if level is not None:
        found |= {"level": level, "p_value": float(binom.sf(k - 1, n, level)) if n else 1.0}
    return found


def stated_rates(name: str, value: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every rate in a summary that has a stated level, with its path."""
    if isinstance(value, Mapping) and "reports" in value:
        if "level" in value:
            yield name, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from stated_rates(f"{name} {key}".strip(), inner)


def exceeded(summary: Mapping[str, Any]) -> list[str]:
    """The stated levels that are not kept, by Holm's step-down over all of them at 5 % together.

    References
    ----------
    Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6(2).
    """
    rates = sorted(stated_rates("", summary), key=lambda pair: pair[1]["p_value"])
    found = []
    for place, (name, one) in enumerate(rates):
        if one["p_value"] * (len(rates) - place) > 1.0 - CONFIDENCE:
            break
        found.append(name)
    return found


def summary_of(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Every rate of every condition."""
    out: dict[str, Any] = {}
    for condition in CONDITIONS:
        mine = [line for line in lines if line["condition"] == condition]
        seen = [line for line in mine if line["command"] == "evaluate"]
        cut = [line for line in mine if line["command"] == "ablate"]
        false = condition == "nothing"
        out[condition] = {}
        for whose in ("system", "baseline") if seen else ():
            of = [line[whose] for line in seen]
            levels = {name: _level(name) for name in of[0]["claims"]}
            made = {name: [one["claims"].get(name) for one in of] for name in levels}
            any_made = [_any(one["claims"].values()) for one in of]
            out[condition][whose] = {
                "claims": {name: rate(made[name], level if false else None) for name, level in levels.items()},
                "any_claim_that_counts": rate([_any_counted(one) for one in of], P_LEVEL if false else None),
                "any_claim_whether_it_counts_or_not": rate(any_made, None),
                "worse_than_any_time": rate([one["worse"] for one in of], INTERVAL_LEVEL if false else None),
                "sharpe_above_luck": rate([one["sharpe"] for one in of], None),
                "decisions_mean": sum(one["decisions"] for one in of) / len(of),
                "reports_without_a_decision": sum(one["decisions"] == 0 for one in of),
                "accuracy_mean": _mean(one["accuracy"] for one in of),
                "excess_over_all_sessions_mean": _mean(one["excess_over_all_sessions"] for one in of),
                "same_date_excess_mean": _mean(one["same_date_excess"] for one in of),
            }
        if cut:
            out[condition]["ablation"] = _ablation_rates(cut, false=false)
        gone_over = [line for line in mine if line["command"] == "sweep"]
        if gone_over:
            out[condition]["sweep"] = _sweep_rates(gone_over, false=false)
    return out


def _level(name: str) -> float:
    return P_LEVEL if name in ("circular_shift", "sharpe_over_hold") or name.startswith("random_") else INTERVAL_LEVEL


def _any(made: Iterable[bool | None]) -> bool | None:
    known = [m for m in made if m is not None]
    return any(known) if known else None


def _any_counted(one: Mapping[str, Any]) -> bool | None:
    return None if one["claims"]["verdict"] is None else bool(one["counted"])


def _mean(values: Iterable[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


def _ablation_rates(lines: Sequence[Mapping[str, Any]], *, false: bool) -> dict[str, Any]:
    def stated(name: str) -> float | None:
        return ABLATION_LEVELS[name] if false else None

    variants = list(lines[0]["runs"])
    one, verdicts = stated("keeps_one_enhancement"), INTERVAL_LEVEL if false else None
    return {
        "keeps": {name: rate([line["kept"][name] for line in lines], one) for name in JUDGED_ENHANCEMENTS},
        "keeps_any_of_four": rate([_any(line["kept"].values()) for line in lines], stated("keeps_any_of_four")),
        "superior_ability": rate([line["superior_ability_p"] <= P_LEVEL for line in lines], stated("superior_ability")),
        "any_superior_variant": rate([line["superior"] > 0 for line in lines], stated("any_superior_variant")),
        "overfitting_mean": _mean(line["overfitting"] for line in lines),
        "verdict_by_variant": {
            name: rate([line["runs"][name]["verdict"] for line in lines], verdicts) for name in variants
        },
        "decisions_mean": {name: _mean(line["decisions"][name] for line in lines) for name in variants},
    }


def _sweep_rates(lines: Sequence[Mapping[str, Any]], *, false: bool) -> dict[str, Any]:
    p_values = [line["superior_ability_p"] for line in lines]
    made = {
        "claim": [line["claim"] for line in lines],
        "any_superior_variant": [line["any_superior_variant"] for line in lines],
        "superior_ability": [None if p is None else p <= SWEEP_LEVEL for p in p_values],
    }
    return {name: rate(one, SWEEP_LEVEL if false else None) for name, one in made.items()}


def tasks_of(seeds: int, commands: Sequence[str], size: tuple[int, int, int]) -> list[Task]:
    """Every report of a soak: evaluations in both conditions, ablations and sweeps where nothing is to be found."""
    made = [("evaluate", "nothing"), ("evaluate", "planted"), ("ablate", "nothing"), ("sweep", "nothing")]
    chosen = [(command, condition) for command, condition in made if command in commands]
    return [Task(command, condition, seed, *size) for command, condition in chosen for seed in range(seeds)]


def read_lines(folder: Path) -> list[dict[str, Any]]:
    """The reports of a folder that the present sources made; a line that a kill tore apart is passed over."""
    found: dict[tuple[str, str, int], dict[str, Any]] = {}
    for file in sorted(folder.glob("*.jsonl")):
        for text in file.read_text().splitlines():
            try:
                line = json.loads(text)
            except json.JSONDecodeError:
                continue
            if line["sources"] == sources_digest():
                found[line["command"], line["condition"], line["seed"]] = line
    return list(found.values())


def run(tasks: Sequence[Task], folder: Path, workers: int, until_s: float) -> None:
    """Make the reports that are not there yet, and keep each as soon as it is made.

    Parameters
    ----------
    tasks : wanted.
    folder : of the lines.
    workers : processes.
    until_s : seconds after which no report is waited for.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = {(line["command"], line["condition"], line["seed"]) for line in read_lines(folder)}
    left = [task for task in tasks if task.key not in done]
    begun = time.perf_counter()
    print(f"{len(tasks) - len(left)} of {len(tasks)} reports are there, {len(left)} to make", flush=True)
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers) as pool, (folder / f"lines-{os.getpid()}.jsonl").open("a") as file:
        for count, line in enumerate(pool.imap_unordered(line_of, left), start=1):
            file.write(json.dumps(line) + "\n")
            file.flush()
            took = time.perf_counter() - begun
            if count % 10 == 0 or count == len(left):
                print(f"{count} of {len(left)} after {took:.0f} s", flush=True)
            if took > until_s:
                pool.terminate()
                print("stopped: run the same command again to go on", flush=True)
                break


def draw(summary: Mapping[str, Any], image: Path) -> None:
    """The rate of every claim with its interval beside its stated level, and below it how often it finds an effect."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.0, 6.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    rows = [(whose, name) for whose in ("system", "baseline") for name in summary["nothing"][whose]["claims"]]
    rows += [(whose, "any_claim_that_counts") for whose in ("system", "baseline")]
    for axis, condition in ((left, "nothing"), (right, "planted")):
        for at, (whose, name) in enumerate(rows):
            of = summary[condition][whose]
            found = of[name] if name in of else of["claims"][name]
            if not found["reports"]:
                continue
            low, high = found["interval"]
            colour = "C0" if whose == "system" else "C1"
            axis.plot([low, high], [at, at], color=colour, linewidth=2)
            axis.plot(found["rate"], at, "o", color=colour)
            if "level" in found:
                axis.plot([found["level"]] * 2, [at - 0.4, at + 0.4], color="C3", linewidth=1.5)
        axis.grid(axis="x", alpha=0.3)
    left.set_yticks(range(len(rows)), [f"{whose}: {name.replace('_', ' ')}" for whose, name in rows], fontsize=8)
    left.invert_yaxis()
    left.set(
        title="nothing to find: claimed all the same", xlabel="share of reports; red: the stated level", xlim=(0, 0.25)
    )
    right.set(title="a planted effect: found", xlabel="share of reports", xlim=(0, 1))
    figure.savefig(image, dpi=110)


def show(summary: Mapping[str, Any]) -> None:
    """Print every rate on a line."""

    def walk(name: str, value: object) -> None:
        if isinstance(value, Mapping) and "reports" in value:
            low, high = value["interval"]
            level = f", stated {value['level']:.3f}, p {value['p_value']:.3f}" if "level" in value else ""
            shown = "none judged" if not value["reports"] else f"{value['made']} of {value['reports']}"
            print(f"{name}: {shown} [{low:.3f}, {high:.3f}]{level}")
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                walk(f"{name} {key}".strip(), inner)
        else:
            print(f"{name}: {value}")

    walk("", summary)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the reports, then tell every rate; write result and picture once all are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--commands", default="evaluate,ablate", help="some of evaluate, ablate and sweep")
    parser.add_argument("--size", default=",".join(map(str, SIZE)), help="tickers, sessions, learnt")
    parser.add_argument("--parts", type=Path, default=PARTS, help="folder of finished reports")
    parser.add_argument("--until-s", type=float, default=math.inf, help="stop waiting after so many seconds")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--image", type=Path, default=IMAGE)
    options = parser.parse_args(arguments)
    tickers, sessions, learnt = (int(word) for word in options.size.split(","))
    tasks = tasks_of(options.seeds, options.commands.split(","), (tickers, sessions, learnt))
    run(tasks, options.parts, options.workers, options.until_s)
    wanted = {task.key for task in tasks}
    lines = [line for line in read_lines(options.parts) if (line["command"], line["condition"], line["seed"]) in wanted]
    summary = summary_of(lines)
    show(summary)
    print(f"exceeded: {', '.join(exceeded(summary)) or 'none'}")
    cpu = sum(line["cpu_seconds"] for line in lines)
    result = {
        "what": f"{len(lines)} reports on simulated universes of {tickers} tickers and {sessions} sessions, "
        f"the first {learnt} learnt from",
        "conditions": {name: dict(of) for name, of in CONDITIONS.items()},
        "seeds": options.seeds,
        "reports": len(lines),
        "missing": len(wanted) - len(lines),
        "cpu_minutes": round(cpu / 60, 1),
        "stated_levels": len(list(stated_rates("", summary))),
        "exceeded": exceeded(summary),
        **summary,
    }
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    if len(lines) == len(wanted) and "evaluate" in options.commands:
        draw(summary, options.image)


if __name__ == "__main__":
    main()
