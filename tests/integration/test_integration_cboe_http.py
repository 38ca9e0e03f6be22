"""The live source against a real HTTP server on loopback that behaves, fails, hangs, lies and breaks off."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from lightning_gex.adapters.market_data.cboe_http import CboeDelayedQuotes
from lightning_gex.adapters.market_data.chain_files import read_chain
from lightning_gex.core.errors import SettingsError, SourceError
from lightning_gex.core.ports import ChainSource

PAYLOAD = {
    "timestamp": "2024-06-03 19:30:00",
    "symbol": "TEST",
    "data": {
        "symbol": "TEST",
        "current_price": 100.5,
        "close": 100.25,
        "last_trade_time": "2024-06-03T15:15:00",
        "options": [
            {
                "option": "TEST240621C00100000",
                "bid": 2.1,
                "ask": 2.2,
                "iv": 0.25,
                "open_interest": 500.0,
                "volume": 40.0,
            },
            {
                "option": "TEST240621P00100000",
                "bid": 1.9,
                "ask": 2.0,
                "iv": 0.26,
                "open_interest": 400.0,
                "volume": 30.0,
            },
        ],
    },
}
GOOD = json.dumps(PAYLOAD).encode()
Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers request after request from a list; the last answer repeats."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[tuple[str, str]] = []
        self.stop_hanging = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, self.headers["User-Agent"]))
                answer = outer.answers[min(len(outer.asked), len(outer.answers)) - 1]
                answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Keep the test's output clean."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}"

    def close(self) -> None:
        self.stop_hanging.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def hang(self, handler: BaseHTTPRequestHandler) -> None:
        self.stop_hanging.wait(10)
        handler.close_connection = True


def says(body: bytes, status: int = 200, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def breaks_off(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(GOOD)))
    handler.end_headers()
    handler.wfile.write(GOOD[: len(GOOD) // 2])
    handler.close_connection = True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    running = Server()
    yield running
    running.close()


@pytest.fixture
def naps() -> list[float]:
    return []


@pytest.fixture
def source(server: Server, naps: list[float]) -> CboeDelayedQuotes:
    return CboeDelayedQuotes(base_url=server.url, timeout_s=5.0, sleep=naps.append)


def test_the_source_is_what_the_engine_asks_for(source):
    assert_is_chain_source: ChainSource = source
    assert callable(assert_is_chain_source.fetch)


def test_a_chain_is_fetched_politely_from_the_documented_address(server, source, naps):
    server.answers = [says(GOOD)]
    chain = source.fetch("test")
    assert (chain.underlying, chain.spot, len(chain)) == ("TEST", 100.5, 2)
    assert chain.open_interest.tolist() == [500.0, 400.0]
    [(path, agent)] = server.asked
    assert path == "/api/global/delayed_quotes/options/TEST.json"
    assert agent.startswith("lightning-gex/")
    assert naps == []


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("SPX", "_SPX"),
        ("^SPX", "_SPX"),
        ("_SPX", "_SPX"),
        ("ndx", "_NDX"),
        ("^MXEF", "_MXEF"),
        ("SPY", "SPY"),
        ("BRK/B", "BRK.B"),
    ],
)
def test_an_index_is_asked_for_under_its_mark(server, source, asked, name):
    server.answers = [says(b"", 404)]
    with pytest.raises(SourceError):
        source.fetch(asked)
    assert server.asked[0][0].endswith(f"/{name}.json")


@pytest.mark.parametrize("encoding", [{"Content_Encoding": "gzip"}, {}])
def test_a_packed_answer_is_unpacked(server, source, encoding):
    server.answers = [says(gzip.compress(GOOD), **encoding)]
    assert len(source.fetch("TEST")) == 2


@pytest.mark.parametrize("status", [403, 404])
def test_an_unknown_symbol_is_an_error_at_once(server, source, naps, status):
    server.answers = [says(b"<Error/>", status)]
    with pytest.raises(SourceError, match=r"no options on TEST.*check the symbol"):
        source.fetch("TEST")
    assert len(server.asked) == 1
    assert naps == []


def test_a_failing_server_is_asked_again_after_a_pause(server, source, naps):
    server.answers = [says(b"", 500), says(b"", 503), says(GOOD)]
    assert len(source.fetch("TEST")) == 2
    assert naps == [0.5, 1.0]


def test_the_pause_is_a_real_one_unless_another_is_given(server):
    server.answers = [says(b"", 500), says(GOOD)]
    assert len(CboeDelayedQuotes(base_url=server.url, backoff_s=0.01).fetch("TEST")) == 2


def test_a_server_that_keeps_failing_is_given_up_after_the_attempts(server, source, naps):
    server.answers = [says(b"", 500)]
    with pytest.raises(SourceError, match="answered status 500, 3 times tried"):
        source.fetch("TEST")
    assert (len(server.asked), naps) == (3, [0.5, 1.0])


@pytest.mark.parametrize("status", [301, 400, 418])
def test_an_answer_that_is_no_chain_and_no_failure_is_not_asked_for_again(server, source, status):
    server.answers = [says(b"", status)]
    with pytest.raises(SourceError, match=f"status {status}"):
        source.fetch("TEST")
    assert len(server.asked) == 1


def test_a_server_that_hangs_is_left_after_the_timeout(server, naps):
    server.answers = [server.hang]
    hasty = CboeDelayedQuotes(base_url=server.url, timeout_s=0.1, attempts=2, sleep=naps.append)
    with pytest.raises(SourceError, match=r"did not answer within 0\.1 s, 2 times tried"):
        hasty.fetch("TEST")
    assert naps == [0.5]


def test_an_answer_that_breaks_off_is_asked_for_again_and_never_half_read(server, source):
    server.answers = [breaks_off, says(GOOD)]
    assert len(source.fetch("TEST")) == 2
    server.answers = [breaks_off]
    with pytest.raises(SourceError, match="broke off"):
        source.fetch("TEST")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>maintenance</html>", id="a web page"),
        pytest.param(b"", id="nothing"),
        pytest.param(GOOD[:-20], id="cut JSON"),
        pytest.param(gzip.compress(GOOD)[:-9], id="cut gzip"),
        pytest.param(b"\xff\x00\xfe", id="binary"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(GOOD.replace(b'"TEST"', b'"ELSE"'), id="another symbol's chain"),
        pytest.param(json.dumps(PAYLOAD | {"data": {"options": []}}).encode(), id="no options"),
    ],
)
def test_nonsense_is_a_source_error_in_one_line(server, source, body):
    server.answers = [says(body)]
    with pytest.raises(SourceError, match="unusable") as caught:
        source.fetch("TEST")
    assert "\n" not in str(caught.value)


def test_an_answer_falsely_called_gzip_is_a_source_error(server, source):
    server.answers = [says(GOOD, Content_Encoding="gzip")]
    with pytest.raises(SourceError):
        source.fetch("TEST")


def test_nobody_listening_is_a_source_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    lonely = CboeDelayedQuotes(base_url=f"http://127.0.0.1:{port}", timeout_s=1.0, sleep=lambda _: None)
    with pytest.raises(SourceError, match="cannot be reached"):
        lonely.fetch("TEST")


@pytest.mark.parametrize("base", ["not a url", "ftp://127.0.0.1", "http://["])
def test_an_impossible_address_is_a_source_error(base):
    with pytest.raises(SourceError):
        CboeDelayedQuotes(base_url=base, sleep=lambda _: None).fetch("TEST")


@pytest.mark.parametrize("text", ["", "../../etc", "SPY?x=1", "TOOLONGNAME", "SP Y"])
def test_what_is_no_symbol_is_never_sent(server, source, text):
    with pytest.raises(SettingsError, match="no symbol"):
        source.fetch(text)
    assert server.asked == []


@pytest.mark.shared_data
def test_the_recorded_payload_over_the_wire_is_the_chain_in_the_file(server, source, shared_data):
    path = shared_data / "chains" / "raw" / "cboe_delayed_quotes_SPY_2022-07-12.json.gz"
    server.answers = [says(path.read_bytes(), Content_Encoding="gzip")]
    live, filed = source.fetch("SPY"), read_chain(path)
    assert (live.as_of, live.spot, live.contracts_read) == (filed.as_of, filed.spot, filed.contracts_read)
    for name in ("root", "expiry", "strike", "is_call", "bid", "ask", "implied_vol", "open_interest"):
        np.testing.assert_array_equal(getattr(live, name), getattr(filed, name))
