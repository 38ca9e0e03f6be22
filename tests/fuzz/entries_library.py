"""``import lightning_gex as lg``: every name of it that takes something, called with something else."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from entries_files import FLOW, SHORT, frame_of, history_table, market_frame
from fuzzing import Call, Cases, Entry, Opened, stateless
from hostile import anything, spoilt_call
from spoilt_files import parquet, spoilt_bytes, spoilt_json

import lightning_gex as lg
from builders_chain import AS_OF, make_chain
from builders_chain_files import chain_text
from lightning_gex.adapters.market_data import cboe_http
from lightning_gex.core.errors import LightningError
from lightning_gex.core.series import DatedSeries
from mangling import BARS, PAYLOAD, TABLE

N = 6
OPTION: dict[str, object] = {
    "spot": np.full(N, 100.0), "strike": np.linspace(90.0, 110.0, N), "time_to_expiry_years": np.full(N, 0.25),
    "implied_vol": np.full(N, 0.2), "rate": 0.03, "dividend_yield": 0.01, "is_call": np.arange(N) % 2 == 0,
}  # fmt: skip
VOLUME = np.array([[40.0, 60.0], [10.0, 20.0]])
SESSIONS = np.array(["2024-06-03", "2024-06-04"], dtype="datetime64[D]")


@cache
def chain() -> lg.OptionChain:
    """A small sound chain."""
    return make_chain(strikes=np.arange(90.0, 111.0, 2.5))


@cache
def found() -> lg.DealerPositioning:
    """Its positioning."""
    return lg.positioning(chain())


@cache
def found_before() -> lg.DealerPositioning:
    """The positioning of a day before."""
    return lg.positioning(make_chain(strikes=np.arange(90.0, 111.0, 2.5), as_of=AS_OF - timedelta(days=3)))


def calls(**sound: object) -> Cases:
    return lambda random: spoilt_call(random, sound)


def on(function: Callable[..., Any], check: Callable[[Any], None] | None = None) -> Opened:
    """Calls of a function by its parameters' names."""

    def call(case: dict[str, Any]) -> object:
        answer = function(**case)
        if check is not None:
            check(answer)
        return answer

    return stateless(call)


# --- answers -----------------------------------------------------------------------------------------------------


def demand_no_infinity(answer: Any) -> None:
    """No array of a result is infinite."""
    for f in fields(answer):
        values = getattr(answer, f.name)
        if isinstance(values, np.ndarray) and values.dtype.kind == "f":
            assert not np.isinf(values).any(), f.name


def demand_one_length(answer: Any) -> None:
    """Every array of a result has the same length, a value for each option."""
    assert len({len(getattr(answer, f.name)) for f in fields(answer)}) == 1


def demand_sound_vols(answer: Any) -> None:
    """A volatility is there exactly where it was solved, and then it is one."""
    sigma, status = answer
    assert (np.isfinite(sigma) == (status == lg.ImpliedVolStatus.SOLVED)).all()
    assert (sigma[np.isfinite(sigma)] > 0).all()


def demand_prices(answer: Any) -> None:
    """A price is not below nothing."""
    assert not (answer < 0).any()


def demand_sound_positioning(answer: Any) -> None:
    """The headline figures are numbers, and the walls are strikes."""
    for name in (
        "gamma_exposure_usd_per_pct",
        "delta_exposure_usd",
        "vanna_exposure_usd_per_vol_point",
        "charm_exposure_usd_per_day",
    ):
        assert math.isfinite(getattr(answer, name)), name
    assert 0.0 <= answer.open_interest_coverage <= 1.0
    assert not any(math.isinf(z) for z in answer.zero_gamma)


def demand_ranks(answer: Any) -> None:
    """Ranks lie between -1 and 1, or are absent."""
    assert (np.isnan(answer) | (np.abs(answer) <= 1.0)).all()


def demand_dix(answer: Any) -> None:
    """Shares lie between 0 and 1, or are absent."""
    for values in (answer.dix, answer.coverage):
        assert (np.isnan(values) | ((values >= 0.0) & (values <= 1.0 + 1e-12))).all()


# --- what must be there ------------------------------------------------------------------------------------------


def _chain_fields() -> dict[str, object]:
    return {
        f.name: getattr(chain(), f.name)
        for f in fields(lg.OptionChain)
        if f.init and f.name not in {"fetched_at", "quoted_at", "notes"}
    }


def _chain_cases(random: Random) -> dict[str, Any]:
    return spoilt_call(random, _chain_fields())


def _chain_used(case: dict[str, Any]) -> object:
    made = lg.OptionChain(**case)
    book = lg.book_of(made)
    lg.forward_curve(made)
    answer = lg.positioning(made)
    demand_sound_positioning(answer)
    return book


def _book_used(case: dict[str, Any]) -> object:
    book = lg.ChainBook(**case)
    return lg.market_scan(book)


def _book_fields() -> dict[str, object]:
    book = lg.book_of(chain())
    return {f.name: getattr(book, f.name) for f in fields(lg.ChainBook) if f.init}


def _tables(case: dict[str, Any]) -> object:
    answer = found()
    demand_no_infinity(answer.exposures_by_strike(case["weight"], include_0dte=case["include_0dte"]))
    demand_no_infinity(answer.exposures_by_expiry(case["weight"], include_0dte=case["include_0dte"]))
    answer.exposures_by_strike_and_expiry(case["weight"])
    return answer.exposures_by_contract(case["weight"])


def _fetched(case: dict[str, Any]) -> object:
    """Cboe's answer is what the case says: no test uses the network."""
    before = cboe_http.CboeDelayedQuotes._body
    cboe_http.CboeDelayedQuotes._body = lambda *_: case["body"]  # type: ignore[method-assign, assignment]
    try:
        return lg.fetch_chain(case["symbol"])
    finally:
        cboe_http.CboeDelayedQuotes._body = before  # type: ignore[method-assign]


def _fetch_cases(random: Random) -> dict[str, Any]:
    body = random.choice((spoilt_json(random, PAYLOAD), spoilt_bytes(random, PAYLOAD.encode()), PAYLOAD.encode()))
    return {"symbol": random.choice(("TEST", "TEST", anything(random))), "body": body}


Files = Mapping[str, Path]
InFolder = Callable[[dict[str, Any], Path], object]


def in_a_folder(call: InFolder) -> Opened:
    """Calls in a folder of small sound files; a text that is a path lies inside it."""

    @contextmanager
    def opened(folder: Path) -> Iterator[Call]:
        import os

        (folder / "chains").mkdir()
        (folder / "chains" / "a.csv").write_text(chain_text(chain()))
        (folder / "market.parquet").write_bytes(parquet(market_frame()))
        (folder / "finra.txt").write_text(SHORT)
        (folder / "flow.csv").write_text(FLOW)
        (folder / "bars.csv").write_text(BARS.replace("2024-03-04", "2024-03-05"))
        (folder / "history.parquet").write_bytes(parquet(history_table()))
        before = Path.cwd()
        os.chdir(folder)
        try:
            yield lambda case: call(case, folder)
            assert (folder / "chains" / "a.csv").read_text() == chain_text(chain()), "an input was written over"
        finally:
            os.chdir(before)

    return opened


def _safe(value: object) -> object:
    """A path that a case invented, kept inside the folder it runs in."""
    return value.lstrip("/~.").replace("..", "_") if isinstance(value, str) else value


def _history(case: dict[str, Any], folder: Path) -> object:
    """With one process: a case that asks for many is asked for none of them."""
    (folder / "built.parquet").unlink(missing_ok=True)
    (folder / "built.parquet.journal").unlink(missing_ok=True)
    return lg.history(**{**case, "out": _safe(case["out"]), "workers": _few(case["workers"])})


def _few(workers: object) -> object:
    return 1 if isinstance(workers, int) and workers > 1 else workers


def _scanned(case: dict[str, Any], folder: Path) -> object:
    return lg.scan(**{**case, "workers": _few(case["workers"])})


def _written(case: dict[str, Any], folder: Path) -> object:
    return lg.write(case["result"], _safe(case["path"]))  # type: ignore[arg-type]


def _plotted(case: dict[str, Any], folder: Path) -> object:
    return lg.plot(case["found"], _safe(case["path"]))  # type: ignore[arg-type]


class _Model:
    """A dealer model of a user's own that answers with whatever the case holds."""

    def __init__(self, case: Mapping[str, Any]) -> None:
        self.name, self.version, self._signs, self._raises = (
            case["name"],
            case["version"],
            case["signs"],
            case["raises"],
        )

    def signs(self, book: object) -> object:
        if self._raises is not False:
            raise ZeroDivisionError("a stranger's fault")
        return self._signs

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.signs


def _modelled_by(case: dict[str, Any]) -> object:
    from lightning_gex.analytics.dealer_models import unregister

    model = _Model(case) if case["model"] is True else case["model"]
    try:
        lg.register_dealer_model(model)
        answer = lg.positioning(chain(), dealer_model=model)
    except LightningError:
        assert len(lg.dealer_models()) in {4, 5}
        raise
    finally:
        for registered in lg.dealer_models()[4:]:
            unregister(registered.name)
    return answer


#: What takes milliseconds or more a call: inputs in the suite, and in the soak.
_COUNTS = {
    "modelled_chain": (40, 2_000), "OptionChain": (80, 4_000), "ChainBook": (80, 4_000), "positioning": (100, 4_000),
    "DealerPositioning": (150, 10_000), "positioning_changes": (40, 2_000), "plot": (4, 100), "history": (10, 300),
    "register_dealer_model": (80, 4_000), "market_scan": (100, 4_000), "scan": (50, 2_000), "read_books": (80, 4_000),
    "forward_curve": (100, 5_000), "build_flow": (60, 3_000), "write": (150, 4_000), "chain_of_frame": (100, 5_000),
    "read_chain": (200, 10_000),
}  # fmt: skip


def _entries() -> list[Entry]:
    def lib(name: str, cases: Any, opened: Opened, *, also: tuple[str, ...] = ()) -> Entry:
        suite, soak = _COUNTS.get(name, (500, 10_000))
        return Entry(f"lg.{name}", cases, opened, suite, soak, frozenset({f"lg.{n}" for n in (name, *also)}))

    vol = {
        "price": 5.0,
        "forward": 100.0,
        "strike": np.linspace(95.0, 105.0, N),
        "time_to_expiry_years": 0.5,
        "discount": 0.98,
        "is_call": True,
    }
    return [
        lib("greeks", calls(**OPTION), on(lg.greeks, demand_one_length), also=("Greeks",)),
        lib(
            "higher_greeks",
            calls(**{k: v for k, v in OPTION.items() if k != "is_call"}),
            on(lg.higher_greeks, demand_one_length),
            also=("HigherGreeks",),
        ),
        lib("price", calls(**OPTION), on(lg.price, demand_prices)),
        lib("implied_vol", calls(**vol), on(lg.implied_vol, demand_sound_vols), also=("ImpliedVolStatus",)),
        lib(
            "time_to_expiry_years",
            calls(as_of=AS_OF, settles_at=chain().settles_at[:4], clock=lg.TimeClock.TRADING),
            on(lg.time_to_expiry_years),
            also=("TimeClock",),
        ),
        lib(
            "dark_pool_index",
            calls(
                short_volume=VOLUME / 2,
                total_volume=VOLUME,
                dollar_volume=VOLUME * 1e6,
                member=VOLUME > 0,
                coverage_floor=0.9,
                members_floor=0.8,
            ),
            on(lg.dark_pool_index, demand_dix),
            also=("DarkPoolIndex",),
        ),
        lib("rolling_rank", calls(values=np.arange(80.0), window=70, minimum=60), on(lg.rolling_rank, demand_ranks)),
        lib("largest", calls(change=np.array([1.0, -5.0, 0.0, 3.0]), count=2), on(lg.largest)),
        lib(
            "modelled_chain",
            calls(
                underlying="SPX",
                as_of=AS_OF,
                spot=5_000.0,
                atm_vol=0.15,
                spot_average_20=4_950.0,
                spot_average_60=4_900.0,
                call_tilt=0.1,
                rate=0.03,
                dividend_yield=0.01,
            ),
            on(lg.modelled_chain),
        ),
        lib("OptionChain", _chain_cases, stateless(_chain_used), also=("book_of", "forward_curve", "ForwardCurve")),
        lib("ChainBook", lambda random: spoilt_call(random, _book_fields()), stateless(_book_used)),
        lib(
            "positioning",
            calls(
                chain=chain(),
                dealer_model="naive",
                clock=lg.TimeClock.CALENDAR,
                coverage_floor=0.8,
                value_early_exercise=True,
                max_age=timedelta(days=3),
                now=AS_OF + timedelta(hours=1),
            ),
            on(lg.positioning, demand_sound_positioning),
        ),
        lib("DealerPositioning", calls(weight="open_interest", include_0dte=True), stateless(_tables)),
        lib("book_of", calls(chain=chain()), on(lg.book_of)),
        lib("forward_curve", calls(chain=chain(), value_early_exercise=True), on(lg.forward_curve)),
        lib(
            "positioning_changes",
            calls(now=found(), before=found_before()),
            on(lg.positioning_changes),
            also=("PositioningChanges",),
        ),
        lib(
            "market_scan",
            calls(
                book=lg.book_of(chain()),
                dealer_model="naive",
                clock=lg.TimeClock.CALENDAR,
                coverage_floor=0.8,
                value_early_exercise=False,
                workers=1,
            ),
            on(lambda **c: lg.market_scan(**{**c, "workers": _few(c["workers"])}), demand_no_infinity),
            also=("MarketScan",),
        ),
        lib(
            "register_dealer_model",
            calls(name="mine", version="1", signs=np.ones(len(chain())), raises=False, model=True),
            stateless(_modelled_by),
            also=("DealerModel", "dealer_models"),
        ),
        lib("fetch_chain", _fetch_cases, stateless(_fetched)),
        _chain_of_frame(lib),
        lib("ranks_of", calls(features=_features()), on(lg.ranks_of)),
        lib("frame", calls(result={"strike": np.array([95.0, 100.0]), "name": ["a", "b"]}), on(lg.frame)),
        lib("write", calls(result={"strike": np.array([95.0])}, path="out.csv"), in_a_folder(_written)),
        lib("plot", calls(found=found(), path="out.html"), in_a_folder(_plotted)),
        lib(
            "read_chain",
            calls(path="chains/a.csv", format="table", underlying="TEST", as_of=AS_OF, spot=100.0),
            in_a_folder(lambda case, folder: lg.read_chain(**case)),
        ),
        lib(
            "read_books",
            calls(path="market.parquet", contracts_a_book=10, threads=False),
            in_a_folder(lambda case, _: list(lg.read_books(**case))),
        ),
        lib("read_flow", calls(path="flow.csv"), in_a_folder(lambda case, _: lg.read_flow(**case))),
        lib(
            "read_history",
            calls(path="history.parquet"),
            in_a_folder(lambda case, _: lg.read_history(**case)),
            also=("PositioningHistory",),
        ),
        lib(
            "history",
            calls(
                folder="chains",
                out="built.parquet",
                underlyings=("TEST",),
                dealer_model="naive",
                format=None,
                workers=1,
                prune=False,
            ),
            in_a_folder(_history),
            also=("BuiltHistory",),
        ),
        lib(
            "scan",
            calls(
                path="market.parquet",
                dealer_model="naive",
                clock=lg.TimeClock.CALENDAR,
                value_early_exercise=False,
                workers=1,
            ),
            in_a_folder(_scanned),
            also=("ScannedMarket",),
        ),
        lib(
            "build_flow",
            calls(short_volume=["finra.txt"], bars=["bars.csv"], members=None, coverage_floor=0.1, members_floor=0.1),
            in_a_folder(lambda case, _: lg.build_flow(**case)),
        ),
        lib(
            "InputError",
            calls(problem="x", source="a.csv", row=3, field="close"),
            stateless(_shown_error),
            also=("InsufficientDataError", "LightningError", "SettingsError"),
        ),
    ]


def _chain_of_frame(lib: Any) -> Entry:
    cases = calls(frame=frame_of(TABLE), format="table", underlying="TEST", as_of=None, spot=100.0, source="frame")
    made: Entry = lib("chain_of_frame", cases, on(lg.chain_of_frame))
    return made


def _shown_error(case: dict[str, Any]) -> object:
    """An error made of whatever a caller holds is still one line."""
    raise lg.InputError(**case)


@cache
def _features() -> DatedSeries:
    names = (
        "gamma_exposure_usd_per_pct",
        "charm_exposure_usd_per_day",
        "vanna_exposure_usd_per_vol_point",
        "implied_vol",
    )
    return DatedSeries(SESSIONS, {name: np.array([1.0, 2.0]) for name in names}, "history.parquet")


ENTRIES = tuple(_entries())
#: Names of the library that take nothing from a caller.
TAKE_NOTHING = frozenset({"lg.__version__"})
