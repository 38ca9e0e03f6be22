"""The line above the pictures of dealer positioning: what a reader must know before looking."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import PurePath

from lightning_gex.analytics.dealer_models import BOUNDS, Unsigned
from lightning_gex.analytics.positioning_result import DealerPositioning
from lightning_gex.core.enums import ZeroGammaStatus
from lightning_gex.core.sessions import NEW_YORK
from lightning_gex.evaluation.picture_scale import NOT_AVAILABLE, amount, percent_text, price_text

PLUS_MINUS = "\N{PLUS-MINUS SIGN}"
_NO_ROOT = {
    ZeroGammaStatus.NO_ROOT_NET_POSITIVE: "none within 20 % of spot: dealers are long gamma throughout",
    ZeroGammaStatus.NO_ROOT_NET_NEGATIVE: "none within 20 % of spot: dealers are short gamma throughout",
    ZeroGammaStatus.INSUFFICIENT_DATA: "not enough gamma to tell",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure with what it must be read beside.

    Parameters
    ----------
    name, value : words.
    beside : smaller words below it.
    """

    name: str
    value: str
    beside: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Headline:
    """What stands above the pictures.

    Parameters
    ----------
    underlying : whose positioning this is.
    as_of : when all of it was true, New York and UTC.
    stamp : whose, when and under which assumption, short enough for each picture.
    facts : spot, net gamma, zero gamma, walls, expected move, dealer model and coverage.
    warnings : what must not be overlooked, in whole sentences.
    badge : says that a model made the chain; None for a market's quotes.
    """

    underlying: str
    as_of: str
    stamp: str
    facts: tuple[Fact, ...]
    warnings: tuple[str, ...]
    badge: str | None


def headline(p: DealerPositioning) -> Headline:
    """The headline of one chain's positioning."""
    return Headline(
        underlying=p.underlying,
        as_of=f"as of {p.as_of.astimezone(NEW_YORK):%a %Y-%m-%d %H:%M} New York ({p.as_of:%H:%M} UTC)",
        stamp=f"{p.underlying}, {p.as_of:%Y-%m-%d %H:%M} UTC, dealer model {p.dealer_model}"
        + (", modelled chain" if p.modelled else ""),
        facts=(
            Fact("Spot (USD)", price_text(p.spot), (f"source: {PurePath(p.source).name}",)),
            _net_gamma(p),
            Fact("Zero gamma (USD)", _nearest(p), root_words(p)),
            Fact("Expected move (USD)", _move(p), move_words(p)),
            Fact("Call wall (USD)", price_text(p.call_wall), (_from_spot(p, p.call_wall), "largest call gamma")),
            Fact("Put wall (USD)", price_text(p.put_wall), (_from_spot(p, p.put_wall), "largest put gamma")),
            Fact("Max pain (USD)", price_text(p.max_pain), _max_pain(p)),
            _assumption(p),
        ),
        warnings=warnings(p),
        badge="modelled chain" if p.modelled else None,
    )


def warnings(p: DealerPositioning) -> tuple[str, ...]:
    """Sentences that must not be overlooked: models that disagree on the sign, and a chain that no market quoted."""
    said = []
    if p.modelled:
        said.append("Modelled: no market quoted this chain, a model made it.")
    if p.models_agree_on_sign is False:
        views = [f"{name} {amount(value)}" for name, value in _views(p).items()]
        said.append(
            f"Dealer models disagree on the sign of net gamma ({', '.join(views)} USD per 1 %): whether dealers calm "
            "or feed moves is not known from this chain."
        )
    return tuple(said)


def root_words(p: DealerPositioning) -> tuple[str, ...]:
    """What there is to say about zero gamma: how far the nearest is, and all the others; or why there is none."""
    if p.zero_gamma_status is not ZeroGammaStatus.OK:
        return (_NO_ROOT[p.zero_gamma_status],)
    others = [price_text(root) for root in p.zero_gamma if root != p.zero_gamma_nearest]
    more = (f"also at {', '.join(others)}",) if others else ("the only one within 20 % of spot",)
    return (_from_spot(p, p.zero_gamma_nearest), *more)


def move_words(p: DealerPositioning) -> tuple[str, ...]:
    """Where the expected move comes from, and what the straddle says beside it."""
    share = percent_text(p.expected_move_usd / p.spot, digits=2)
    first = f"one session at {percent_text(p.atm_implied_vol)} a year: {share}"
    if not math.isfinite(p.straddle_move_usd):
        return (first,)
    return (first, f"straddle to {p.straddle_expiry}: {price_text(p.straddle_move_usd)} on average")


def _net_gamma(p: DealerPositioning) -> Fact:
    value = p.gamma_exposure_usd_per_pct
    others = [f"{name} {amount(v)}" for name, v in _views(p).items() if name != p.dealer_model]
    by_others = (f"by {', '.join(others)}",) if others else ()
    return Fact("Net gamma (USD per 1 %)", amount(value), (_stance(p), *by_others))


def _stance(p: DealerPositioning) -> str:
    """What the sign says of dealers, as far as it says anything."""
    value = p.gamma_exposure_usd_per_pct
    if p.dealer_model == Unsigned().name:
        return "a size without a sign"
    if p.models_agree_on_sign is False:
        return "sign not known: dealer models disagree"
    if not value:
        return "dealers neither long nor short gamma"
    return "dealers long gamma: hedging calms moves" if value > 0 else "dealers short gamma: hedging feeds moves"


def _views(p: DealerPositioning) -> dict[str, float]:
    """Net gamma by each dealer model that has a view of its own and can tell."""
    by_model = p.dealer_model_band["gamma_exposure_usd_per_pct"].by_model
    return {name: value for name, value in by_model.items() if name not in BOUNDS and math.isfinite(value)}


def _nearest(p: DealerPositioning) -> str:
    return price_text(p.zero_gamma_nearest) if math.isfinite(p.zero_gamma_nearest) else "none"


def _move(p: DealerPositioning) -> str:
    return f"{PLUS_MINUS}{price_text(p.expected_move_usd)}" if math.isfinite(p.expected_move_usd) else NOT_AVAILABLE


def _max_pain(p: DealerPositioning) -> tuple[str, ...]:
    return (_from_spot(p, p.max_pain), f"first expiry alone: {price_text(p.max_pain_nearest_expiry)}")


def _assumption(p: DealerPositioning) -> Fact:
    return Fact(
        "Dealer model",
        f"{p.dealer_model} v{p.dealer_model_version}",
        (
            f"{percent_text(p.open_interest_coverage)} of the open interest of {p.open_interest_session}",
            f"{p.contracts_used:,} of {p.contracts_read:,} contracts used",
        ),
    )


def _from_spot(p: DealerPositioning, level: float) -> str:
    if not math.isfinite(level):
        return NOT_AVAILABLE
    return f"{percent_text(abs(level / p.spot - 1.0))} {'above' if level >= p.spot else 'below'} spot"
