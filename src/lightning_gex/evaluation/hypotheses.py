"""What people say that dealers' gamma does, as values: written down, numbered and hashed before any outcome is read.

A hypothesis fixes everything that a result could tempt somebody to choose: the statistic, its sign, the level, the
smallest effect that would matter, and the rule by which a verdict follows. ``registry_hash`` is over all of it, so that
a verdict which names the hash cannot have been fitted to the outcome.

References
----------
- Ni, Pearson, Poteshman & White (2021), Does option trading have a pervasive impact on underlying stock prices?, Review
  of Financial Studies 34(4).
- Barbon & Buraschi (2021), Gamma Fragility, working paper, University of St. Gallen.
- Baltussen, Da, Lammers & Martens (2021), Hedging demand and market intraday momentum, Journal of Financial Economics
  142(1).
- Ni, Pearson & Poteshman (2005), Stock price clustering on option expiration dates, Journal of Financial Economics
  78(1).
- SqueezeMetrics (2017), Gamma Exposure; SqueezeMetrics (2018), Short is Long: white papers.
- Lakens (2017), Equivalence tests, Social Psychological and Personality Science 8(4): the smallest effect of interest.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final

from lightning_gex.core.errors import InputError

#: Rises with any change of the registry, the rule, or how a statistic is computed.
VERSION: Final = "1"
LEVEL: Final = 0.05
#: How a verdict follows, for the record and for whoever reads it; ``falsification.verdict_of`` does as it says.
DECISION_RULE: Final = (
    "not testable: an input is missing, or too few observations. "
    "supported: the effect has the claimed sign and its p-value, adjusted for all hypotheses of the run "
    "(Benjamini-Hochberg), is at most the level. "
    "contradicted: the adjusted p-value is at most the level with the opposite sign, or the whole 95 % interval lies "
    "short of the smallest effect of interest. "
    "underpowered: none of these, and an effect of the smallest size of interest would be found less than 80 times in "
    "100. "
    "not shown: none of these."
)


class Family(StrEnum):
    """What a claim is about."""

    VOLATILITY = "volatility"
    DIRECTION = "direction"
    TREND_OR_REVERSAL = "trend or reversal"
    LEVELS = "levels"
    PINNING = "pinning"
    HEDGING_FLOW = "hedging flow"


class Statistic(StrEnum):
    """What is computed. Each is documented with its function in ``falsification_tests``."""

    VARIANCE_COEFFICIENT = "variance_coefficient"
    LOG_MSE_GAIN = "log_mse_gain"
    QLIKE_GAIN = "qlike_gain"
    MOVE_COEFFICIENT = "move_coefficient"
    SHARE_OF_RISES = "share_of_rises"
    RETURN_COEFFICIENT = "return_coefficient"
    AUTOCORRELATION_BY_RANK = "autocorrelation_by_rank"
    AUTOCORRELATION_BY_SIGN = "autocorrelation_by_sign"
    LAST_HALF_HOUR_BY_RANK = "last_half_hour_by_rank"
    LEVEL_HOLDS = "level_holds"
    CLOSE_TO_STRIKE = "close_to_strike"
    CLOSE_TO_WALL = "close_to_wall"
    CALENDAR_RETURN = "calendar_return"


#: Unit of each statistic's effect.
UNITS: Final[Mapping[Statistic, str]] = {
    Statistic.VARIANCE_COEFFICIENT: "log variance per unit of rank",
    Statistic.LOG_MSE_GAIN: "share of squared log errors removed",
    Statistic.QLIKE_GAIN: "share of QLIKE removed",
    Statistic.MOVE_COEFFICIENT: "basis points per unit of rank",
    Statistic.SHARE_OF_RISES: "share of rises less the base rate",
    Statistic.RETURN_COEFFICIENT: "basis points per unit of rank",
    Statistic.AUTOCORRELATION_BY_RANK: "autocorrelation per unit of rank",
    Statistic.AUTOCORRELATION_BY_SIGN: "autocorrelation below zero gamma less above",
    Statistic.LAST_HALF_HOUR_BY_RANK: "slope on the day's move per unit of rank",
    Statistic.LEVEL_HOLDS: "share of touches that hold less that of spaced levels",
    Statistic.CLOSE_TO_STRIKE: "strike steps nearer at expiry",
    Statistic.CLOSE_TO_WALL: "daily standard deviations nearer at expiry",
    Statistic.CALENDAR_RETURN: "basis points a session",
}


class Part(StrEnum):
    """Which part of a feature's own last year a hypothesis is about."""

    ALL = "all"
    LOWEST_FIFTH = "lowest_fifth"
    HIGHEST_FIFTH = "highest_fifth"


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One claim, and how it is tested.

    Parameters
    ----------
    name : identifies it in every table.
    family : what it is about.
    claim : in words.
    source : who says so.
    needs : inputs without which it is not testable, as ``claim_data.Need`` names them.
    statistic : what is computed.
    feature : of the day whose close the statistic looks ahead from; empty where the calendar alone decides.
    part : of the feature's rank.
    horizon_sessions : how far ahead.
    sign : +1 or -1, of the effect as claimed.
    two_sided : whether the opposite effect counts as well.
    smallest_effect : size, positive, in the statistic's unit, below which the claim would not matter.
    level : of the test.
    """

    name: str
    family: Family
    claim: str
    source: str
    needs: tuple[str, ...]
    statistic: Statistic
    feature: str
    part: Part
    horizon_sessions: int
    sign: int
    two_sided: bool
    smallest_effect: float
    level: float = LEVEL

    @property
    def unit(self) -> str:
        """Of its effect."""
        return UNITS[self.statistic]


_NI = "Ni, Pearson, Poteshman & White (2021)"
_HEDGING = "Baltussen, Da, Lammers & Martens (2021)"
_SQUEEZE = "SqueezeMetrics (2017), Gamma Exposure"
_SHORT = "SqueezeMetrics (2018), Short is Long"
_TRADERS = "what traders and vendors say; no peer-reviewed source"
_GAMMA, _VIX = "dealers' gamma", "volatility index"
_HORIZONS = (3, 5, 10, 21)


def _volatility() -> tuple[Hypothesis, ...]:
    claims = (
        ("gamma_lowers_variance", "More dealer gamma means less variance in the next session, after HAR and VIX.", _NI,
         Statistic.VARIANCE_COEFFICIENT, -1, True, 0.05),
        ("gamma_improves_log_mse", "Dealer gamma makes a walk-forward forecast of next-session log variance better.",
         _NI, Statistic.LOG_MSE_GAIN, 1, False, 0.015),
        ("gamma_improves_qlike", "Dealer gamma makes a walk-forward forecast of next-session variance better in QLIKE.",
         _NI, Statistic.QLIKE_GAIN, 1, False, 0.015),
        ("gamma_shrinks_moves", "More dealer gamma means a smaller move in the next session, with VIX held fixed.",
         _SQUEEZE, Statistic.MOVE_COEFFICIENT, -1, True, 5.0),
    )  # fmt: skip
    return tuple(
        Hypothesis(
            name, Family.VOLATILITY, claim, source, (_GAMMA, _VIX), statistic, "gex", Part.ALL, 1, sign, two, least
        )
        for name, claim, source, statistic, sign, two, least in claims
    )


_FLOW_FEATURES = (
    ("gex", "dealer gamma", "the founding document's reading of gex_signal", _GAMMA),
    ("dix", "the dark-pool short share", _SHORT, "dark-pool flow"),
)
_SIDES = (
    (Part.HIGHEST_FIFTH, "highest", 1, "more often than usual"),
    (Part.LOWEST_FIFTH, "lowest", -1, "less often than usual"),
)


def _direction() -> tuple[Hypothesis, ...]:
    return tuple(
        Hypothesis(
            name=f"{feature}_{side}_{horizon}",
            family=Family.DIRECTION,
            claim=f"With {words} in its year's {side} fifth, prices rise {way} over {horizon} sessions.",
            source=source,
            needs=(need,),
            statistic=Statistic.SHARE_OF_RISES,
            feature=feature,
            part=part,
            horizon_sessions=horizon,
            sign=sign,
            two_sided=True,
            smallest_effect=0.05,
        )
        for feature, words, source, need in _FLOW_FEATURES
        for part, side, sign, way in _SIDES
        for horizon in _HORIZONS
    )


def _trend() -> tuple[Hypothesis, ...]:
    family, every = Family.TREND_OR_REVERSAL, Part.ALL
    return (
        Hypothesis("gamma_reverses", family, "More dealer gamma makes a session turn the move before it back.",
                   _HEDGING, (_GAMMA,), Statistic.AUTOCORRELATION_BY_RANK, "gex", every, 1, -1, True, 0.05),
        Hypothesis("short_gamma_trends", family, "Below zero dealer gamma a session goes on as the one before went.",
                   _SQUEEZE, (_GAMMA,), Statistic.AUTOCORRELATION_BY_SIGN, "gex", every, 1, 1, True, 0.10),
        Hypothesis("gamma_turns_last_half_hour", family,
                   "The less dealer gamma, the more the last half-hour goes on as the day went.", _HEDGING,
                   (_GAMMA, "intraday bars"), Statistic.LAST_HALF_HOUR_BY_RANK, "gex", every, 1, -1, True, 0.03),
    )  # fmt: skip


def _levels() -> tuple[Hypothesis, ...]:
    said = {
        "call_wall": "The call wall holds as resistance more often than equally spaced levels beside it.",
        "put_wall": "The put wall holds as support more often than equally spaced levels beside it.",
        "zero_gamma": "Zero gamma holds, from either side, more often than equally spaced levels beside it.",
    }
    return tuple(
        Hypothesis(f"{level}_holds", Family.LEVELS, claim, _TRADERS, ("history of positioning",),
                   Statistic.LEVEL_HOLDS, level, Part.ALL, 1, 1, True, 0.05)
        for level, claim in said.items()
    )  # fmt: skip


def _pinning() -> tuple[Hypothesis, ...]:
    source, strikes = "Ni, Pearson & Poteshman (2005)", ("raw closes", "strike step")
    family, every = Family.PINNING, Part.ALL
    return (
        Hypothesis("monthly_expiry_pins", family, "At monthly expiry the close is nearer to a strike than usual.",
                   source, strikes, Statistic.CLOSE_TO_STRIKE, "monthly_expiry", every, 0, 1, True, 0.025),
        Hypothesis("weekly_expiry_pins", family, "At weekly expiry the close is nearer to a strike than usual.",
                   source, strikes, Statistic.CLOSE_TO_STRIKE, "weekly_expiry", every, 0, 1, True, 0.025),
        Hypothesis("expiry_pins_to_wall", family,
                   "At monthly expiry the close lies nearer to the largest strike in gamma than on other days.", source,
                   ("history of positioning",), Statistic.CLOSE_TO_WALL, "monthly_expiry", every, 0, 1, True, 0.10),
    )  # fmt: skip


def _flows() -> tuple[Hypothesis, ...]:
    family, every, slope = Family.HEDGING_FLOW, Part.ALL, Statistic.RETURN_COEFFICIENT
    return (
        Hypothesis("expiry_week_drifts_up", family,
                   "In the five sessions up to monthly expiry prices drift up: charm makes dealers buy.", _TRADERS, (),
                   Statistic.CALENDAR_RETURN, "expiry_week", every, 1, 1, True, 5.0),
        Hypothesis("charm_pushes", family, "Buying that time decay asks of dealers lifts the next session.", _TRADERS,
                   ("history of positioning",), slope, "charm_pressure", every, 1, 1, True, 5.0),
        Hypothesis("vanna_pushes", family, "Buying that falling volatility asks of dealers lifts the next session.",
                   _TRADERS, ("history of positioning",), slope, "vanna_sensitivity", every, 1, 1, True, 5.0),
        Hypothesis("falling_vix_lifts", family, "After a week of falling VIX, vanna hedging lifts the next five.",
                   _TRADERS, (_VIX,), slope, "vix_fall", every, 5, 1, True, 25.0),
    )  # fmt: skip


#: What every run tests, in this order.
REGISTRY: Final[tuple[Hypothesis, ...]] = (
    *_volatility(),
    *_direction(),
    *_trend(),
    *_levels(),
    *_pinning(),
    *_flows(),
)


def registry_document(hypotheses: Sequence[Hypothesis]) -> dict[str, object]:
    """Hypotheses, rule and version as plain values: what the hash is over."""
    return {
        "version": VERSION,
        "decision_rule": DECISION_RULE,
        "hypotheses": [{**asdict(h), "needs": list(h.needs), "unit": h.unit} for h in hypotheses],
    }


def registry_hash(hypotheses: Sequence[Hypothesis]) -> str:
    """SHA-256 of the canonical JSON of ``registry_document``: sorted keys, no blanks."""
    text = json.dumps(registry_document(hypotheses), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _OwnKind:
    """What a user's own hypothesis of a statistic may say: its features, their inputs, and what it is by default."""

    family: Family
    features: Mapping[str, tuple[str, ...]]
    smallest_effect: float
    parts: tuple[Part, ...] = (Part.ALL,)


_HISTORY = ("history of positioning",)
_FEATURES: Final[Mapping[str, tuple[str, ...]]] = {
    "gex": (_GAMMA,),
    "dix": ("dark-pool flow",),
    "charm_pressure": _HISTORY,
    "vanna_sensitivity": _HISTORY,
    "vix_fall": (_VIX,),
}
_FIFTHS = (Part.LOWEST_FIFTH, Part.HIGHEST_FIFTH)
OWN_KINDS: Final[Mapping[Statistic, _OwnKind]] = {
    Statistic.SHARE_OF_RISES: _OwnKind(Family.DIRECTION, _FEATURES, 0.05, _FIFTHS),
    Statistic.RETURN_COEFFICIENT: _OwnKind(Family.DIRECTION, _FEATURES, 5.0),
    Statistic.VARIANCE_COEFFICIENT: _OwnKind(
        Family.VOLATILITY, {name: (*needs, _VIX) for name, needs in _FEATURES.items()}, 0.05
    ),
    Statistic.MOVE_COEFFICIENT: _OwnKind(
        Family.VOLATILITY, {name: (*needs, _VIX) for name, needs in _FEATURES.items()}, 5.0
    ),
}
LONGEST_HORIZON: Final = 63  # sessions, a quarter
_DIRECTIONS = {"higher": 1, "lower": -1}
_MOST_OWN = 50  # hypotheses: every one more costs all the others power
_LONGEST_TEXT = 300
_KEYS = {"name", "statistic", "feature", "part", "horizon_sessions", "direction", "claim", "source", "smallest_effect"}
_NEEDED = ("name", "statistic", "feature", "horizon_sessions", "direction")


def own_hypotheses(text: str, *, source: str) -> tuple[Hypothesis, ...]:
    """A user's own hypotheses, of given statistics: only feature, part, horizon, direction and size are free.

    Parameters
    ----------
    text : TOML with one ``[[hypothesis]]`` a claim: ``name, statistic, feature, horizon_sessions, direction`` ("higher"
        or "lower") and optionally ``part`` (of ``share_of_rises``), ``claim, source, smallest_effect``.
    source : its name, for messages.

    Raises
    ------
    InputError : naming the hypothesis and the key that is wrong.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"is no TOML: {error}", source=source) from None
    told = document.get("hypothesis")
    if set(document) != {"hypothesis"} or not isinstance(told, list) or not all(isinstance(o, dict) for o in told):
        raise InputError("holds one [[hypothesis]] table a claim and nothing else", source=source)
    if len(told) > _MOST_OWN:
        raise InputError(f"{len(told)} hypotheses: at most {_MOST_OWN}, each costs the others power", source=source)
    found = tuple(_own(one, row, source) for row, one in enumerate(told, 1))
    taken = {h.name for h in REGISTRY}
    for row, one in enumerate(found, 1):
        if one.name in taken:
            raise InputError(f"the name {one.name!r} is taken: give another", source=source, row=row, field="name")
        taken.add(one.name)
    return found


def _own(told: Mapping[str, object], row: int, source: str) -> Hypothesis:
    def wrong(field: str, problem: str) -> InputError:
        return InputError(problem, source=source, row=row, field=field)

    _demand_keys(told, wrong)
    statistic = next((kind for kind in OWN_KINDS if kind.value == told["statistic"]), None)
    if statistic is None:
        raise wrong("statistic", f"is none of {', '.join(OWN_KINDS)}")
    kind, feature, way = OWN_KINDS[statistic], str(told["feature"]), str(told["direction"])
    part = str(told.get("part", kind.parts[0].value if len(kind.parts) == 1 else ""))
    for key, value, known in (
        ("feature", feature, kind.features),
        ("direction", way, _DIRECTIONS),
        ("part", part, kind.parts),
    ):
        if value not in known:
            raise wrong(key, f"is none of {', '.join(known)}")
    horizon, least = told["horizon_sessions"], told.get("smallest_effect", kind.smallest_effect)
    if not isinstance(horizon, int) or isinstance(horizon, bool) or not 1 <= horizon <= LONGEST_HORIZON:
        raise wrong("horizon_sessions", f"is no whole number in 1..{LONGEST_HORIZON}")
    if not isinstance(least, int | float) or isinstance(least, bool) or not 0 < least < float("inf"):
        raise wrong("smallest_effect", "is no positive number")
    said = f"{feature} ({part.replace('_', ' ')}): {UNITS[statistic]} {way} over {horizon} sessions."
    return Hypothesis(
        name=str(told["name"]),
        family=kind.family,
        claim=str(told.get("claim", said)),
        source=str(told.get("source", f"the user's own ({source})")),
        needs=kind.features[feature],
        statistic=statistic,
        feature=feature,
        part=Part(part),
        horizon_sessions=horizon,
        sign=_DIRECTIONS[way],
        two_sided=True,
        smallest_effect=float(least),
    )


def _demand_keys(told: Mapping[str, object], wrong: Callable[[str, str], InputError]) -> None:
    """Refuse an unknown or missing key, a text that is none, and a name that is no word."""
    for key in told:
        if key not in _KEYS:
            raise wrong(str(key)[:40], f"unknown key (known: {', '.join(sorted(_KEYS))})")
    for key in _NEEDED:
        if key not in told:
            raise wrong(key, "is missing")
    for key in _KEYS - {"horizon_sessions", "smallest_effect"}:
        value = told.get(key, "")
        if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
            raise wrong(key, f"is no text of at most {_LONGEST_TEXT} characters")
    name = str(told["name"])
    if not name.isascii() or not name.replace("_", "").isalnum():
        raise wrong("name", "letters, digits and _ only")
