"""A web server on this machine that takes alerts: what came is kept, and what comes to ``fails`` is refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer


@dataclass
class Listener:
    """The server's port, and what came."""

    port: int = 0
    messages: list[dict[str, str]] = field(default_factory=list)

    def address(self, path: str, *, user: str = "", password: str = "") -> str:
        """An address of apprise's that leads here."""
        who = f"{user}:{password}@" if user else ""
        return f"json://{who}127.0.0.1:{self.port}/{path}"


@contextmanager
def listening() -> Iterator[Listener]:
    """The server, while it is needed."""
    found = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.messages.append(json.loads(body))
            self.send_response(500 if self.path.endswith("/fails") else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is said on standard error."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
