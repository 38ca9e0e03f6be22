"""Messages to people, by whatever service their addresses name: the one door to apprise.

An address is an URL of apprise's, such as ``mailto://user:password@example.com`` or ``ntfy://topic``. It holds what is
needed to send, so it is a secret: it is never shown, and hidden wherever a library might show it.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from lightning_gex.core.errors import MissingExtraError
from lightning_gex.security.redaction import KNOWN_SECRETS, guard_logging

_LONGEST_TITLE, _LONGEST_BODY = 200, 4_000  # characters; services cut what is longer, each in its own way


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one message.

    Parameters
    ----------
    reached : addresses whose service took it. of : addresses there are.
    why : what is wrong with the others; empty where nothing is.
    """

    reached: int
    of: int
    why: str = ""

    @property
    def whole(self) -> bool:
        """Whether there is an address, and every one was reached."""
        return self.reached == self.of > 0


def send(addresses: Sequence[str], title: str, body: str) -> Delivery:
    """Send one message to every address. Never raises: who is not reached is told by the outcome.

    Each service has some seconds to answer (apprise's own limits: 4 to connect, 4 to answer).

    Parameters
    ----------
    addresses : URLs of apprise's.
    title, body : plain text; secrets that this process knows are hidden.
    """
    guard_logging()
    for address in addresses:
        KNOWN_SECRETS.register(address)
        _learn_password(address)
    title, body = KNOWN_SECRETS.text(title)[:_LONGEST_TITLE], KNOWN_SECRETS.text(body)[:_LONGEST_BODY]
    reached, problems = 0, []
    for number, address in enumerate(addresses, 1):
        problem = _problem_sending(address, title, body)
        if problem is None:
            reached += 1
        else:
            problems.append(f"address {number}: {KNOWN_SECRETS.text(problem)}")
    return Delivery(reached, len(addresses), "; ".join(problems))


def _learn_password(address: str) -> None:
    with suppress(ValueError):
        password = urlsplit(address).password
        if password:
            KNOWN_SECRETS.register(password)


def _problem_sending(address: str, title: str, body: str) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # apprise's own use of the standard library
        return _problem_of_apprise(address, title, body)


def _problem_of_apprise(address: str, title: str, body: str) -> str | None:
    try:
        import apprise
    except ModuleNotFoundError:
        return str(MissingExtraError("apprise", "alerts"))
    log = logging.getLogger("apprise")
    propagated, log.propagate = log.propagate, False  # it would write to standard error where nobody set logging up
    try:
        service = apprise.Apprise.instantiate(address, suppress_exceptions=True)
        if service is None:
            return "this is no address that apprise knows"
        return None if service.notify(title=title, body=body) else "its service did not take the message"
    except Exception as error:  # whatever a service's code raises, trading goes on
        return f"{type(error).__name__}: {error}"
    finally:
        log.propagate = propagated
