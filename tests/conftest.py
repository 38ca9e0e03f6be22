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

REPOSITORY = Path(__file__).resolve().parents[1]


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
