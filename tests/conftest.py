"""What every test may ask for."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "suite", max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("soak", max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

#: Begun first where several processes share the tests, one by each: they compile most of the kernels between them, and
#: all that come later find those compiled.
COMPILING = ("analytics/test_analytics_american_kernels.py", "analytics/test_analytics_dealer_positioning.py")
#: Begun next, so that what takes a minute is not what everybody waits for at the end.
LONG = ("tests/fuzz/", "tests/integration/", "tests/contract/", "tests/founding/")

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In each of several processes: files in the order in which they are handed out; alike ones stay at random."""
    if hasattr(config, "workerinput"):
        items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    if any(name in item.nodeid for name in COMPILING):
        return 0
    return 1 if item.nodeid.startswith(LONG) else 2


@pytest.fixture(autouse=True)
def _no_secret_is_known_from_the_test_before():
    yield
    redaction = sys.modules.get("lightning_gex.security.redaction")
    if redaction is not None:
        redaction.KNOWN_SECRETS.forget()
        logging.setLogRecordFactory(logging.LogRecord)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real market data that may stand beside the checkout."""
    folder = Path(os.environ.get("LIGHTNING_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "daily").is_dir():
        pytest.skip(f"real market data is not here: {folder} (set LIGHTNING_SHARED_DATA)")
    return folder
