"""``lightning train`` and ``lightning promote``: a sizing policy, what it is worth out of sample, and its place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightning_gex.app.cli.errors import guarded
from lightning_gex.app.cli.options import (
    FlowOption,
    HistoryOption,
    HomeOption,
    JsonOption,
    VolatilityIndexOption,
    folder_named,
    workspace_of,
)
from lightning_gex.core.errors import SettingsError, shown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

    from lightning_gex.app.assembly.training import ShowTraining, TrainedOn
    from lightning_gex.sizing.model_card import ModelCard
    from lightning_gex.sizing.training import TrainingProgress


@guarded
def train(
    context: typer.Context,
    out: Annotated[
        Path, typer.Option("--out", parser=folder_named, metavar="DIR", help="Folder for policies and their card.")
    ],
    algorithm: Annotated[str, typer.Option("--algorithm", metavar="NAME", help="PPO, A2C or DQN.")] = "PPO",
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", metavar="NAME", help="default, or a TOML file: all that shapes a training."),
    ] = None,
    timesteps: Annotated[
        int, typer.Option("--timesteps", metavar="N", help="Candidate trades to learn from.")
    ] = 100_000,
    seeds: Annotated[int, typer.Option("--seeds", metavar="K", help="Trainings, with seeds 0 to K - 1.")] = 1,
    on: Annotated[str, typer.Option("--on", metavar="WHAT", help="simulated, history or both.")] = "simulated",
    bars: Annotated[
        Path | None, typer.Option("--bars", readable=False, metavar="FILE", help="Daily bars of the history.")
    ] = None,
    ticker: Annotated[
        list[str] | None, typer.Option("--ticker", metavar="T", help="Symbol to learn from; repeat for several.")
    ] = None,
    flow: FlowOption = None,
    history: HistoryOption = None,
    volatility_index: VolatilityIndexOption = None,
    folds: Annotated[int, typer.Option("--folds", metavar="N", help="Walk-forward folds of the history.")] = 3,
    markets: Annotated[int, typer.Option("--markets", metavar="N", help="Simulated markets.")] = 8,
    sessions: Annotated[int, typer.Option("--sessions", metavar="N", help="Sessions of each of them.")] = 1_000,
    planted_effect: Annotated[
        float, typer.Option("--planted-effect", metavar="X", help="Edge planted in the simulation, -1 to 1.")
    ] = 0.0,
    learning_rate: Annotated[float, typer.Option("--learning-rate", metavar="X", help="Of the optimiser.")] = 0.0003,
    environments: Annotated[int, typer.Option("--environments", metavar="N", help="Stepped at once.")] = 8,
    rollout_steps: Annotated[
        int | None, typer.Option("--rollout-steps", metavar="N", help="Between updates (default: the algorithm's own).")
    ] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", metavar="N", help="Of a gradient step.")] = 64,
    discount: Annotated[float, typer.Option("--discount", metavar="X", help="Of later rewards, 0 to 1.")] = 0.0,
    entropy: Annotated[float, typer.Option("--entropy", metavar="X", help="Reward for staying undecided.")] = 0.0,
    hidden: Annotated[str, typer.Option("--hidden", metavar="N,N", help="Units of each hidden layer.")] = "64,64",
    drawdown_penalty: Annotated[
        float, typer.Option("--drawdown-penalty", metavar="X", help="Cost of an episode's deepest fall in log equity.")
    ] = 0.0,
    device: Annotated[
        str, typer.Option("--device", metavar="NAME", help="cpu, cuda, or auto: a GPU where there is one.")
    ] = "cpu",
    checkpoint_every: Annotated[
        int, typer.Option("--checkpoint-every", metavar="N", help="Steps between checkpoints.")
    ] = 10_000,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what an interrupted training left.")] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write TensorBoard logs into DIR.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train sizing policies, judge them on trades they never saw, and write the median one with its card."""
    units = _units(hidden)
    workspace = workspace_of(context, home)
    from lightning_gex.app import bootstrap
    from lightning_gex.app.cli.console import stderr_console, stdout_console
    from lightning_gex.app.cli.output import check_output_folder

    folder = check_output_folder(out)
    if recipe is not None:
        _refuse_beside_recipe(context)
        request = bootstrap.recipe_request(
            recipe, folder, resume=resume, tensorboard=tensorboard, checkpoint_every=checkpoint_every
        )
    else:
        source = _source(on)
        files = None if bars is None else bootstrap.InputFiles(bars, flow, history, volatility_index)
        request = bootstrap.TrainingRequest(
            out=folder,
            algorithm=bootstrap.algorithm_named(algorithm),
            timesteps=timesteps,
            seeds=seeds,
            on=source,
            files=files,
            tickers=tuple(dict.fromkeys(ticker or ())),
            folds=folds,
            markets=markets,
            sessions=sessions,
            planted_effect=planted_effect,
            knobs=bootstrap.TrainingKnobs(
                learning_rate=learning_rate,
                environments=environments,
                rollout_steps=rollout_steps,
                batch_size=batch_size,
                discount=discount,
                entropy_coefficient=entropy,
                hidden=units,
                drawdown_penalty=drawdown_penalty,
                device=bootstrap.device_named(device),
            ),
            checkpoint_every=checkpoint_every,
            resume=resume,
            tensorboard=tensorboard,
        )
    with training_bar(stderr_console()) as show:
        card = bootstrap.train_policies(workspace, request, show=show)
    if as_json:
        typer.echo(card.to_json())
        return
    _show_card(card, stdout_console())
    typer.echo(f"policy and card written to {request.out}")


@guarded
def promote(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", parser=folder_named, help="Folder that train wrote.")],
    home: HomeOption = None,
) -> None:
    """Let the workspace size with a trained policy, if its card shows that it beats the champion."""
    from lightning_gex.app import bootstrap

    reason = bootstrap.promote_policy(workspace_of(context, home), folder)
    typer.echo(f"promoted: {reason}")


@contextmanager
def training_bar(console: Console) -> Iterator[ShowTraining]:
    """A bar with steps, reward, equity and time left for each training; silent where there is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        tasks: dict[str, TaskID] = {}

        def show(name: str, progress: TrainingProgress) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=progress.total, figures="")
            bar.update(tasks[name], completed=progress.done, figures=figures_of(progress))

        yield show


def figures_of(progress: TrainingProgress) -> str:
    """Reward and equity in words; empty before the first episode has ended."""
    if math.isnan(progress.mean_reward):
        return ""
    return f"reward {progress.mean_reward:+.4f}  equity {progress.mean_equity_usd:,.0f} USD"


def _refuse_beside_recipe(context: typer.Context) -> None:
    """A recipe holds all that shapes a training: nothing of it may be said again."""
    beside = {"out", "recipe", "checkpoint_every", "resume", "tensorboard", "home", "as_json"}
    given = [name for name in context.params if name not in beside and _is_given(context, name)]
    if given:
        raise SettingsError(f"--recipe says all of it: leave --{given[0].replace('_', '-')} out")


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _units(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise SettingsError(f"--hidden {shown(text)} is no list of whole numbers: write it as 64,64") from None


def _source(on: str) -> TrainedOn:
    from lightning_gex.app import bootstrap

    try:
        return bootstrap.TrainedOn(on)
    except ValueError:
        raise SettingsError(f"--on {shown(on)} is none of simulated, history, both") from None


def _show_card(card: ModelCard, console: Console) -> None:
    from rich.table import Table

    table = Table(title=f"A quarter on average, out of sample: {card.judged_on}", title_justify="left")
    heads = ("sized by", "log growth", "95 % interval", "drawdown", "invested", "turnover", "policy less this, 95 %")
    for head in heads:
        table.add_column(head, justify="left" if head == "sized by" else "right")
    for name, row in {f"policy ({len(card.seeds)} seeds)": card.policy, **card.others}.items():
        less = card.excess.get(name)
        table.add_row(
            name,
            f"{row['log_growth']:+.5f}",
            f"{row['log_growth_low']:+.5f} to {row['log_growth_high']:+.5f}",
            f"{row['max_drawdown']:.2%}",
            f"{row['exposure_pct']:.2%}",
            f"{row['turnover']:.2f}",
            "" if less is None else f"{less['mean']:+.5f} ({less['low']:+.5f} to {less['high']:+.5f})",
        )
    console.print(table)
    better, reason = card.verdict()
    console.print(("It may be promoted: it " if better else "It may not be promoted: it ") + reason, soft_wrap=True)
