"""Make the policy that ships with the package: rerun its recipe, judge it on SPY, write cards, digests and its table.

Needs the real daily data that may stand beside the checkout (``../shared/data/daily``, or LIGHTNING_SHARED_DATA) for
the second card; the policy itself is ``lightning train --recipe default``.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
from bench_dix import data_folder

from lightning_gex.app.assembly import shipped
from lightning_gex.app.assembly.jobs import InputFiles, inputs_of
from lightning_gex.app.assembly.recipes import recipe_request
from lightning_gex.app.assembly.training import train_policies
from lightning_gex.app.assembly.training_data import history_episodes
from lightning_gex.app.assembly.wiring import open_workspace
from lightning_gex.sizing.model_card import ModelCard
from lightning_gex.sizing.policy import load_policy
from lightning_gex.sizing.trial import figures, judged_digest, never_seen_trial

MODULE = Path(shipped.__file__)
FOLDER = MODULE.parent.parent / "shipped_policy"
PAGE = Path(__file__).resolve().parents[1] / "docs" / "concepts" / "position_sizing.md"
BEGIN, END = "<!-- shipped policy: begin", "<!-- shipped policy: end"
JUDGED_ON = "SPY 2012-2021, whole, none of which it learnt from"


def history_card(card: ModelCard, archive: bytes) -> ModelCard:
    """What the policy of a card comes to on SPY."""
    daily = data_folder() / "daily"
    bars, flow, vix = "index_etf_megacap_ohlcv.parquet", "spx_dix_gex.csv", "cboe_vol_indices.csv"
    files = InputFiles(bars=daily / bars, flow=daily / flow, volatility_index=daily / vix)
    inputs = inputs_of(files, ("SPY",), end=date(2021, 12, 31))
    whole = history_episodes(inputs, ("SPY",), start=np.datetime64("2012-01-01"))
    trial = never_seen_trial(whole)
    scores = [trial.score([load_policy(archive, shipped.ARCHIVE_FILE)])]
    others, excess = figures(trial, scores)
    return ModelCard(
        trained_on=card.trained_on,
        judged_on=JUDGED_ON,
        data_sha256=card.data_sha256,
        config_sha256=card.config_sha256,
        judged_sha256=judged_digest(trial),
        counted_sha256=trial.counted_sha256,
        attempts=1,
        made_with=card.made_with,
        seeds=(card.chosen_seed,),
        blocks=len(scores[0].log_growth),
        policy_sha256=card.policy_sha256,
        chosen_seed=card.chosen_seed,
        growth_by_seed={str(card.chosen_seed): float(scores[0].log_growth.mean())},
        policy=scores[0].summary(),
        others=others,
        excess=excess,
    )


def table(simulated: ModelCard, history: ModelCard) -> str:
    """Both cards as the rows of a table, and their verdicts."""
    lines = [
        "| sized by | simulated: growth | policy less this | SPY: growth | policy less this |",
        "|---|---|---|---|---|",
    ]
    cards = (simulated, history)
    own = [f"{_bp(card.policy['log_growth'])} | " for card in cards]
    lines.append(f"| the shipped policy (simulated: {len(simulated.seeds)} seeds) | {' | '.join(own)}|")
    for name in simulated.others:
        cells = [
            f"{_bp(card.others[name]['log_growth'])} | {_bp(gain['mean'])} ({_bp(gain['low'])} to {_bp(gain['high'])})"
            if (gain := card.excess.get(name))
            else " | "
            for card in cards
        ]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    said = [
        f"{name}, it {card.verdict()[1].partition(':')[0]}"
        for name, card in zip(("On simulated markets", "On SPY"), cards, strict=True)
    ]
    return "\n".join([*lines, "", *(f"{one}." for one in said)])


def _bp(growth: float) -> str:
    return f"{1e4 * growth:+.1f}"


def documented(text: str) -> None:
    """Put the table into the page that speaks of the shipped policy."""
    page = PAGE.read_text()
    begin, end = page.index(BEGIN), page.index(END)
    begin = page.index("\n", begin) + 1
    PAGE.write_text(f"{page[:begin]}{text}\n{page[end:]}")


def pinned(folder: Path) -> None:
    """Write the digests of the files into the module that checks them."""
    text = MODULE.read_text()
    for name in shipped.DIGESTS:
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        text = re.sub(rf'("{re.escape(name)}": )"[0-9a-f]*"', rf'\1"{digest}"', text)
    MODULE.write_text(text)


def main() -> None:
    """Train, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trained", type=Path, help="folder that lightning train --recipe default wrote")
    parser.add_argument(
        "--recipe", type=Path, default=FOLDER / shipped.RECIPE_FILE, help="another than the shipped one"
    )
    arguments = parser.parse_args()
    kept, recipe = arguments.trained, arguments.recipe  # by its file: one that was just edited is not pinned yet
    with tempfile.TemporaryDirectory() as scratch:
        folder = kept or Path(scratch) / "out"
        request = recipe_request(str(recipe), folder, resume=kept is not None)
        card = train_policies(open_workspace(Path(scratch) / "home"), request)
        archive = (folder / "policy.zip").read_bytes()
        (FOLDER / shipped.CARD_FILE).write_text(card.to_json() + "\n")
        judged = history_card(card, archive)
        (FOLDER / shipped.HISTORY_CARD_FILE).write_text(judged.to_json() + "\n")
        shutil.copy(folder / "policy.zip", FOLDER / shipped.ARCHIVE_FILE)
    if recipe.resolve() != (FOLDER / shipped.RECIPE_FILE).resolve():
        shutil.copy(recipe, FOLDER / shipped.RECIPE_FILE)
    pinned(FOLDER)
    documented(table(card, judged))
    print(f"simulated: {card.verdict()[1]}")
    print(f"history: {judged.verdict()[1]}")


if __name__ == "__main__":
    main()
