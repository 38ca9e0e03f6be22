"""Every file the program reads, spoilt: readers of market data, settings, models, and what the workspace keeps."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import polars as pl
from fuzzing import CANARY, Call, Cases, Entry, Opened, either
from hostile import any_text, anything, spoilt_call
from spoilt_files import spoilt_archive, spoilt_bytes, spoilt_cells, spoilt_frame, spoilt_json, spoilt_parquet

from builders_chain import make_chain
from builders_chain_files import chain_text
from lightning_gex.adapters.halt_file import FORMAT, HaltFile
from lightning_gex.adapters.market_data.bars_census import census_of_bars
from lightning_gex.adapters.market_data.bars_file import bars_of_frame, read_bars
from lightning_gex.adapters.market_data.chain_files import read_chain
from lightning_gex.adapters.market_data.chain_frames import chain_of_frame
from lightning_gex.adapters.market_data.finra_short_volume import read_short_volume
from lightning_gex.adapters.market_data.index_members import read_members
from lightning_gex.adapters.market_data.intraday_file import read_intraday
from lightning_gex.adapters.market_data.market_file import read_books
from lightning_gex.adapters.market_data.old_trades import read_old_trades
from lightning_gex.adapters.market_data.osi_symbol import parse_osi_texts
from lightning_gex.adapters.market_data.positioning_history import history_frame, read_history
from lightning_gex.adapters.market_data.series_files import read_flow, read_market, read_rates, read_volatility_index
from lightning_gex.adapters.market_data.universe_files import read_events, read_sectors, read_universe
from lightning_gex.adapters.storage.anchor_file import AnchorFile
from lightning_gex.adapters.storage.codec import decode
from lightning_gex.adapters.storage.history_journal import open_journal
from lightning_gex.adapters.storage.memory_csv import read_patterns
from lightning_gex.adapters.storage.sweep_points import RunFolder, StoredRun
from lightning_gex.adapters.storage.workspace_files import load_or_create_audit_key
from lightning_gex.analytics.dealer_positioning import positioning
from lightning_gex.analytics.positioning_features import FEATURES
from lightning_gex.app.assembly.falsify import read_hypotheses
from lightning_gex.app.assembly.policies import read_policy
from lightning_gex.app.assembly.promotion import read_signed_card, signed_card
from lightning_gex.app.assembly.recipes import recipe_request
from lightning_gex.app.assembly.report_register import report_in
from lightning_gex.app.assembly.shipped import shipped_card, shipped_recipe
from lightning_gex.app.assembly.sweep_plan import read_plan
from lightning_gex.app.cli.commands_report import read_metrics
from lightning_gex.app.settings import default_toml, load_settings
from lightning_gex.core.chain import OptionChain
from lightning_gex.security.vault import KdfProfile, Vault
from lightning_gex.sizing.network import Activation, DenseLayer, Network
from lightning_gex.sizing.onnx_export import argmax_network
from lightning_gex.sizing.policy import METADATA_MEMBER, ONNX_MEMBER, WEIGHTS_MEMBER, Algorithm, PolicyMetadata
from mangling import BARS, SOUND, TABLE, assert_sound, damaged

OLD_TRADES = (
    "ticker,entry_date,exit_date,direction,quantity,size_pct,entry_price,exit_price\n"
    "AAA,2024-03-21,2024-03-25,long,100,,,\nAAA,2024-03-22,,short,,0.05,,\n"
)
FLOW = "date,price,dix,gex\n2024-03-01,5000.25,0.441,2500000000\n2024-03-04,5010.50,,-300000000\n"
HYPOTHESES = b"""[[hypothesis]]
name = "mine"
statistic = "share_of_rises"
feature = "gex"
part = "lowest_fifth"
horizon_sessions = 5
direction = "higher"
smallest_effect = 0.1
claim = "mine"
"""
INTRADAY = "time,open,close\n2024-03-01T14:30:00+00:00,5000.25,5001\n2024-03-01T15:00:00+00:00,5001,5000.5\n"
INDEX = "index,date,open,high,low,close\nVIX,2024-03-01,13.40,13.90,13.00,13.25\nSKEW,2024-03-01,,,,141.5\n"
RATES = "date,IRX_close,DFF\n2024-03-01,5.24,5.33\n2024-03-04,,5.33\n"
MARKET_TABLE = "date,vix,vix_20_avg,advance_decline_ratio\n2024-03-01,13.25,14.1,1.4\n2024-03-04,13.75,14.0,\n"
MARKET_RECORD = '{"spy_trend": 0.5, "vix": 16.0, "vix_20_avg": 18.0, "adx": 32.0, "as_of": "2024-03-01T16:00:00-05:00"}'
MARKET_TOML = b"as_of = 2024-03-01T16:00:00-05:00\nvix = 16.0\nadx = 32.0\n"
SHORT = (
    "Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market\n20240301|AAA|1200|3|4000|B,Q,N\n"
    "20240301|BRK/B|70|0|100|Q,N\n2\n"
)
MEMBERS = "ticker,from,to,symbol\nAAA,,,\nTSLA,2020-12-21,,\nNEWNAME,,2023-05-31,OLDNAME\nNEWNAME,2023-06-01,,\n"
SETTINGS = (
    b"[account]\ninitial_capital = 50000.0\n\n[guardrails]\nmax_daily_trades = 5\n\n[agents.weights]\ntrend = 2.0\n"
)
SYMBOLS = [
    "SPX   240621C05300000",
    "SPXW240621P05300000",
    "BRKB 240621C00400000",
    "AAPL1240621C00100000",
    None,
    "",
    "x",
]
SECTORS = "ticker,sector\nAAA,Energy\nBBB,\n"
EVENTS = "date,event,ticker,known_from\n2024-03-01,earnings,AAA,\n2024-03-04,meeting,,2024-02-01\n"
UNIVERSE = "from,ticker,to\n2024-03-01,AAA,\n2024-03-01,BBB,2024-03-28\n2024-04-01,CCC,\n"
UNIVERSE_LIST = "AAA\nBRK-B\n\nCCC\n"
KEY = bytes(range(32))
_READ_OF_A_FLAG = 8_192  # bytes: two pages; what is longer is no flag of ours


def reading(read: Callable[[Path], object], check: Callable[[Any], None] | None = None) -> Opened:
    """Calls that write the case into one file and read it."""

    @contextmanager
    def opened(folder: Path) -> Iterator[Call]:
        path = folder / "input.dat"

        def call(data: bytes) -> object:
            path.write_bytes(data)
            path.chmod(0o600)
            found = read(path)
            if check is not None:
                check(found)
            return found

        yield call

    return opened


def _bytes(sound: bytes) -> Cases:
    """The sound file, of which some must be read, or more often a spoilt one."""
    return lambda random: spoilt_bytes(random, sound) if random.randint(0, 7) else sound


def _json(sound: str) -> Cases:
    return either(lambda random: spoilt_json(random, sound), _bytes(sound.encode()))


def _text(sound: str, separator: str = ",") -> Cases:
    return either(lambda random: spoilt_cells(random, sound, separator), _bytes(sound.encode()))


def _parquet(sound: pl.DataFrame) -> Cases:
    return lambda random: spoilt_parquet(random, sound)


def _table(sound: str) -> Cases:
    return either(_text(sound), _text(sound), _parquet(frame_of(sound)))


@cache
def frame_of(sound: str) -> pl.DataFrame:
    """A table of text as a frame."""
    return pl.read_csv(sound.encode())


# --- answers -----------------------------------------------------------------------------------------------------


def demand_sound_bars(found: Any) -> None:
    """Every price is one, and lies where a bar's prices lie."""
    for bars in found.values():
        for name in ("open", "high", "low", "close"):
            values = getattr(bars, name)
            assert (np.isfinite(values) & (values > 0)).all()
        assert (bars.low <= np.minimum(bars.open, bars.close)).all()
        assert (bars.high >= np.maximum(bars.open, bars.close)).all()
        assert (np.diff(bars.session.astype(np.int64)) > 0).all()


def demand_no_infinity(found: Any) -> None:
    """A column of a dated table is finite or absent, and its days increase."""
    assert (np.diff(found.session.astype(np.int64)) > 0).all()
    for values in found.columns.values():
        assert not np.isinf(values).any()


def demand_sound_books(found: Any) -> None:
    """Whatever a market's books hold has a price."""
    for book in found:
        assert (np.isfinite(book.spot) & (book.spot > 0)).all()


def demand_the_signed_card(card: Any) -> None:
    """A card that was taken is the one that was signed, number by number."""
    assert card.to_json() == shipped_card().to_json()


def demand_sound_policy(policy: Any) -> None:
    """A policy that was taken answers with a rung."""
    assert policy.size_pct(np.zeros(7)) in (0.0, 0.02, 0.05, 0.10, 0.15)


def demand_sound_settings(settings: Any) -> None:
    """No limit is absent, infinite or off its scale."""
    limits = settings.guardrails
    assert 0 < limits.max_daily_loss_pct <= 1
    assert 0 < limits.max_position_size_pct <= 1
    assert limits.max_daily_trades >= 1
    assert all(math.isfinite(v) for v in settings.flat().values() if isinstance(v, float))


# --- what the workspace keeps ------------------------------------------------------------------------------------


SWEEP_PLAN = b"""bars = "bars.csv"
tickers = ["AAA"]
each = true
start = 2024-03-20
folds = 2
scheme = "rolling"
seed = 1
by = "accuracy"
[set]
kelly.fraction = [0.1, 0.25]
"enhancements.memory" = true
"""


@cache
def sound_run() -> bytes:
    """A finished run of a sweep, as it is kept."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        RunFolder(Path(folder)).write("k", StoredRun({"figures": {"trades": 3}}, {"growth": np.array([0.5, -0.25])}))
        return RunFolder(Path(folder)).file_of("k").read_bytes()


def _read_run(path: Path) -> object:
    runs = RunFolder(path.parent)
    runs.file_of("k").write_bytes(path.read_bytes())
    found = runs.read("k")
    assert found is not None
    assert found.words == {"figures": {"trades": 3}}, "a run that nobody finished was believed"
    assert found.arrays["growth"].tolist() == [0.5, -0.25], "a run that nobody finished was believed"
    return found


@cache
def sound_vault() -> bytes:
    """A vault with a secret."""
    vault = Vault.from_bytes(None, CANARY, KdfProfile.CHEAPEST)
    vault.store("broker", "key", f"{CANARY}-secret")
    return vault.to_bytes()


def _opened_vault(path: Path) -> object:
    vault = Vault.from_bytes(path.read_bytes(), CANARY, KdfProfile.CHEAPEST)
    for name in vault.names():
        found = vault.retrieve(name)
        assert (found.key, found.secret) == ("key", f"{CANARY}-secret"), "a damaged record was opened"
    return vault.public_records()


@cache
def sound_anchor() -> bytes:
    """An anchor of a few records."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        anchor = AnchorFile(Path(folder) / "anchor", KEY)
        anchor.create()
        anchor.advance(3, "a" * 64, sync=False)
        return (Path(folder) / "anchor").read_bytes()


def _read_anchor(path: Path) -> object:
    found = AnchorFile(path, KEY).read()
    assert (found.count, found.head) in {(0, found.head), (3, "a" * 64)}, "an anchor nobody sealed was believed"
    return found


@cache
def sound_flag() -> bytes:
    """A halt flag that says running."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        HaltFile(Path(folder) / "halt.flag").create()
        return (Path(folder) / "halt.flag").read_bytes()


def _read_flag(path: Path) -> object:
    found = HaltFile(path).read()
    page = _loaded(path.read_bytes()[:_READ_OF_A_FLAG])
    running = isinstance(page, dict) and page.get("format") == FORMAT and page.get("halted") is False
    assert (found is None) == running, "what is not plainly running was not taken for a halt"
    return found


def _loaded(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


@cache
def policy_members() -> dict[str, bytes]:
    """The members of a policy's archive."""
    rng = np.random.default_rng(1)
    layers = [
        DenseLayer(rng.normal(size=(4, 7)), rng.normal(size=4), Activation.TANH),
        DenseLayer(rng.normal(size=(5, 4)), rng.normal(size=5), Activation.NONE),
    ]
    from lightning_gex.analytics.observation import OBSERVATION_NAMES
    from lightning_gex.sizing.ladder import LADDER

    model, weights = argmax_network(layers), Network.of(layers).to_bytes()
    about = PolicyMetadata(
        Algorithm.PPO,
        OBSERVATION_NAMES,
        LADDER,
        1,
        10,
        0.001,
        {"numpy": "2"},
        {"candidates": 3.0},
        hashlib.sha256(model).hexdigest(),
        hashlib.sha256(weights).hexdigest(),
    )
    return {ONNX_MEMBER: model, METADATA_MEMBER: about.to_json().encode(), WEIGHTS_MEMBER: weights}


@cache
def history_table() -> pl.DataFrame:
    """A history of two sessions."""
    kinds = {
        float: 0.5,
        int: 3,
        str: "x",
        bool: True,
        date: date(2024, 6, 3),
        datetime: datetime(2024, 6, 3, 20, tzinfo=UTC),
    }
    row = {name: kinds[kind] for name, kind in FEATURES.items()} | {
        "underlying": "SPX",
        "dealer_model": "naive",
        "source": "x.csv",
        "content_hash": "0",
        "features_version": "1",
    }
    from lightning_gex.analytics import positioning_features

    version = getattr(positioning_features, "FEATURES_VERSION", "1")
    row["features_version"] = str(version)
    return history_frame([row, {**row, "session": date(2024, 6, 4)}])


@cache
def memory_text() -> str:
    """An export of memory with a signal and its outcome."""
    import tempfile

    from entries_founding import SIGNAL_TO_REMEMBER

    from builders_founding import open_system

    with tempfile.TemporaryDirectory() as folder, open_system(Path(folder) / "home") as (system, _):
        known = system.memory.record_signal(**SIGNAL_TO_REMEMBER)
        system.memory.record_outcome(known, 0.03)
        system.memory.export_to_csv(Path(folder) / "memory.csv")
        return (Path(folder) / "memory.csv").read_text(encoding="utf-8")


@contextmanager
def _reported(folder: Path) -> Iterator[Call]:
    def call(data: bytes) -> object:
        (folder / "report.json").write_bytes(data)
        return report_in(folder)

    yield call


@contextmanager
def _report(folder: Path) -> Iterator[Call]:
    def call(data: bytes) -> object:
        (folder / "metrics.json").write_bytes(data)
        return read_metrics(folder)

    yield call


def _read_history_journal(path: Path) -> object:
    with open_journal(path) as journal:
        return dict(journal.records)


@cache
def sound_history_journal() -> bytes:
    """The journal of a history: its header."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "j"
        with open_journal(path):
            pass
        return path.read_bytes()


EVENT = '{"at":"2024-06-03T18:00:00Z","what":"a note","detail":{"a":1.5,"b":null},"kind":"audit_noted"}'


def _chain_cases(name: str) -> Cases:
    sound = SOUND[name]
    if sound.startswith("{"):
        return _json(sound)
    return _text(sound) if name == "cboe_quotedata" else _table(sound)


def _positioned(path: Path) -> object:
    chain = read_chain(path)
    assert_sound(chain)
    return positioning(chain)


def _chain(path: Path) -> OptionChain:
    chain = read_chain(path)
    assert_sound(chain)
    return chain


def _frames(sound: str) -> Cases:
    spoilt = lambda random: spoilt_frame(random, frame_of(sound))  # noqa: E731
    return either(spoilt, spoilt, anything)


def _symbols(random: Random) -> list[str | None]:
    return [random.choice((*SYMBOLS, any_text(random, longest=24))) for _ in range(random.randint(0, 6))]


@contextmanager
def _osi(folder: Path) -> Iterator[Call]:
    yield parse_osi_texts


def _framed(call: Callable[[Any], object]) -> Opened:
    @contextmanager
    def opened(folder: Path) -> Iterator[Call]:
        yield call

    return opened


def _paths(read: Callable[..., object]) -> Opened:
    return _framed(lambda case: read(**case))


@cache
def market_frame() -> pl.DataFrame:
    """Our own table of two underlyings, whose strikes reach far enough for figures."""
    table = frame_of(chain_text(make_chain(strikes=np.arange(90.0, 111.0, 5.0))))
    other = table.with_columns(pl.lit("OTHER").alias("underlying"))
    return pl.concat([table, other])


def _entries() -> list[Entry]:
    def file(name: str, cases: Cases, opened: Opened, suite: int = 500, **more: Any) -> Entry:
        return Entry(f"file {name}", cases, opened, suite=suite, **more)

    chains = [
        file(f"chain {name}", _chain_cases(name), reading(_chain), covers=frozenset({"read_chain"})) for name in SOUND
    ]
    return [
        file("bars", _table(BARS), reading(read_bars, demand_sound_bars), covers=frozenset({"read_bars"})),
        file(
            "bars frame",
            _frames(BARS),
            _framed(lambda frame: demand_sound_bars(bars_of_frame(frame))),
            covers=frozenset({"bars_of_frame"}),
        ),
        *chains,
        file(
            "chain frame",
            _frames(TABLE),
            _framed(chain_of_frame),
            covers=frozenset({"chain_of_frame"}),
        ),
        file(
            "market of chains",
            _parquet(market_frame()),
            reading(read_books, demand_sound_books),
            covers=frozenset({"read_books"}),
        ),
        file("flow", _table(FLOW), reading(read_flow, demand_no_infinity), covers=frozenset({"read_flow"})),
        file(
            "volatility index",
            _table(INDEX),
            reading(read_volatility_index, demand_no_infinity),
            covers=frozenset({"read_volatility_index"}),
        ),
        file("old trades", _table(OLD_TRADES), reading(read_old_trades), covers=frozenset({"read_old_trades"})),
        file(
            "report document",
            _text('{"format": "lightning-gex report 1", "page": "a.html", "kind": "demo", "title": "t"}', ","),
            _reported,
        ),
        file("intraday", _table(INTRADAY), reading(read_intraday), covers=frozenset({"read_intraday"})),
        file("hypotheses", _bytes(HYPOTHESES), reading(read_hypotheses), covers=frozenset({"read_hypotheses"})),
        file("rates", _table(RATES), reading(read_rates, demand_no_infinity), covers=frozenset({"read_rates"})),
        file(
            "market",
            either(_table(MARKET_TABLE), _json(MARKET_RECORD), _bytes(MARKET_TOML)),
            reading(read_market),
            covers=frozenset({"read_market"}),
        ),
        file(
            "short volume",
            _text(SHORT, "|"),
            reading(lambda path: read_short_volume([path])),
            covers=frozenset({"read_short_volume"}),
        ),
        file("members", _table(MEMBERS), reading(read_members), covers=frozenset({"read_members"})),
        file(
            "history",
            _parquet(history_table()),
            reading(read_history),
            covers=frozenset({"read_history"}),
        ),
        file("history journal", _bytes(sound_history_journal()), reading(_read_history_journal)),
        file(
            "settings",
            either(_bytes(SETTINGS), lambda random: damaged(random, default_toml().encode())),
            reading(load_settings, demand_sound_settings),
            covers=frozenset({"load_settings"}),
        ),
        file(
            "model",
            lambda random: spoilt_archive(random, policy_members()),
            reading(read_policy, demand_sound_policy),
            covers=frozenset({"read_policy"}),
        ),
        file(
            "model card",
            _json(signed_card(shipped_card(), KEY)),
            reading(lambda path: read_signed_card(path, KEY), demand_the_signed_card),
            covers=frozenset({"read_signed_card"}),
        ),
        file(
            "recipe",
            either(_bytes(shipped_recipe().encode()), lambda random: damaged(random, shipped_recipe().encode())),
            reading(lambda path: recipe_request(str(path), path.parent / "out")),
        ),
        file(
            "plan of a sweep",
            either(_bytes(SWEEP_PLAN), lambda random: damaged(random, SWEEP_PLAN)),
            reading(read_plan),
            covers=frozenset({"read_plan"}),
        ),
        file("finished run", _json(sound_run().decode()), reading(_read_run)),
        file("vault", _json(sound_vault().decode()), reading(_opened_vault)),
        file("anchor and seal", _bytes(sound_anchor()), reading(_read_anchor)),
        file("halt flag", _json(sound_flag().decode()), reading(_read_flag)),
        file(
            "audit key",
            _bytes(KEY.hex().encode()),
            reading(lambda path: load_or_create_audit_key(path, journal_exists=True)),
            covers=frozenset({"load_or_create_audit_key"}),
        ),
        file(
            "journal record",
            _json(EVENT),
            _framed(lambda data: decode(data)),
        ),
        file("universe", _table(UNIVERSE), reading(read_universe), covers=frozenset({"read_universe"})),
        file("universe list", _bytes(UNIVERSE_LIST.encode()), reading(read_universe)),
        file("bars census", _table(BARS), reading(census_of_bars)),
        file("sectors", _table(SECTORS), reading(read_sectors), covers=frozenset({"read_sectors"})),
        file("events", _table(EVENTS), reading(read_events), covers=frozenset({"read_events"})),
        file("report", _json('{"cagr": 0.1, "notes": ["a"]}'), _report, covers=frozenset({"read_metrics"})),
        file(
            "memory",
            lambda random: spoilt_cells(random, memory_text()),
            reading(lambda path: list(read_patterns(path))),
            covers=frozenset({"read_patterns"}),
        ),
        file(
            "option symbols",
            _symbols,
            _osi,
            covers=frozenset({"parse_osi_texts"}),
        ),
        file("paths", lambda random: spoilt_call(random, {"path": "absent.csv"}), _framed(_every_reader)),
    ]


_READERS: tuple[Callable[..., object], ...] = (
    read_bars,
    read_chain,
    read_books,
    read_flow,
    read_volatility_index,
    read_intraday,
    read_hypotheses,
    read_rates,
    read_market,
    read_members,
    read_history,
)


def _every_reader(case: dict[str, Any]) -> object:
    """A path that is none, to every reader: the last one's refusal counts."""
    from lightning_gex.core.errors import LightningError

    for read in _READERS[1:]:
        try:
            read(case["path"])
        except LightningError:
            continue
    return read_bars(case["path"])


ENTRIES = tuple(_entries())
