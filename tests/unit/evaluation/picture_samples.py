"""Pictures of dealer positioning made by hand, for the tests of what draws them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lightning_gex.evaluation.picture_builders import PictureSet
from lightning_gex.evaluation.picture_data import Bars, HeatMap, HedgingFlow, NetBars, Profile, TermStructure
from lightning_gex.evaluation.picture_headline import Fact, Headline
from lightning_gex.evaluation.picture_scale import Mark, MarkKind, PriceRange, Unit

SHOWN = PriceRange(80.0, 120.0)
MILLIONS = Unit(1e6, "USD million per 1 %", "m")
LEVELS = (
    Mark(MarkKind.SPOT, 100.0),
    Mark(MarkKind.ZERO_GAMMA, 97.5),
    Mark(MarkKind.ZERO_GAMMA, 104.25),
    Mark(MarkKind.CALL_WALL, 110.0),
    Mark(MarkKind.PUT_WALL, 90.0),
    Mark(MarkKind.MAX_PAIN, 99.0),
)
WORDS = ("how to read it.", "what it says.")


def bars() -> Bars:
    prices, calls = np.array([90.0, 100.0, 110.0]), np.array([0.5, 2.0, 3.0])
    puts = np.array([-4.0, -1.0, 0.0])
    return Bars("Gamma", *WORDS, SHOWN, prices, 10.0, calls, puts, calls + puts, MILLIONS, LEVELS)


def net_bars() -> NetBars:
    net = np.array([-1.0, 0.0, 2.0])
    return NetBars("Vanna", *WORDS, SHOWN, np.array([90.0, 100.0, 110.0]), 10.0, net, MILLIONS, LEVELS[:1])


def profile() -> Profile:
    prices = np.linspace(75.0, 125.0, 51)
    net = (prices - 97.5) * (prices - 104.25) / 10.0
    return Profile(
        "Profile", *WORDS, SHOWN, prices, net, net - 2.0, net + 1.0, ("naive", "volume_signed"), MILLIONS, LEVELS[:3],
        (98.0, 102.0),
    )  # fmt: skip


def heat() -> HeatMap:
    net = np.array([[-4.0, 0.0, 1.0], [np.nan, 2.0, 4.0]])
    rows = ("2024-06-07 4d", "2024-06-14 11d")
    return HeatMap(
        "Heat", *WORDS, "Expiry (date, days to it)", SHOWN, np.array([90.0, 100.0, 110.0]), rows, net, 4.0, MILLIONS,
        LEVELS,
    )  # fmt: skip


def ahead() -> HeatMap:
    return replace(heat(), title="Ahead", rows=("now", "Fri 06-07"), zero=((97.5, 0), (104.25, 0), (98.0, 1)))


def flow() -> HedgingFlow:
    return HedgingFlow("Drift", *WORDS, ("Fri 06-07",), np.array([-3.0]), Unit(1e6, "USD million", "m"))


def term() -> TermStructure:
    two = np.array([12.0, np.nan])
    return TermStructure(
        "Term", *WORDS, ("2024-06-07 4d", "2024-06-14 11d"), two, two / 4, np.array([-1.0, 2.0]), MILLIONS
    )


def headline(*warnings: str, badge: str | None = None) -> Headline:
    facts = tuple(Fact(f"figure {k}", f"{k}", ("beside it", "and below")) for k in range(8))
    stamp = "AAA, 2024-06-03 18:00 UTC, dealer model naive"
    return Headline("AAA", "as of Mon 2024-06-03 14:00 New York (18:00 UTC)", stamp, facts, warnings, badge)


def picture_set(*warnings: str, badge: str | None = None) -> PictureSet:
    return PictureSet(
        headline(*warnings, badge=badge), bars(), profile(), heat(), ahead(), flow(), term(), net_bars(), net_bars()
    )
