"""The picture in the README: the first page of the demo's report, as Debian's chromium shows it.

Needs a browser (``chromium``); without one it says so and changes nothing. Run it after a change of the report's look.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "report.png"
WIDTH, HEIGHT = 1200, 1450  # CSS pixels: down to the last tile
_PATIENCE_S = 120
_DRAWN_MS = 10_000  # of the page's own time, by which its pictures stand


def demo_report(folder: Path) -> Path:
    """The report of ``lightning demo`` in a workspace of its own."""
    out = folder / "demo"
    command = [str(Path(sys.executable).with_name("lightning")), "demo", "--out", str(out)]
    environment = {**os.environ, "LIGHTNING_HOME": str(folder / "home")}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return out / "report.html"


def photographed(browser: str, page: Path, picture: Path, profile: Path) -> None:
    """The top of a page, light, as an image."""
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={WIDTH},{HEIGHT}",
        "--blink-settings=preferredColorScheme=1", f"--virtual-time-budget={_DRAWN_MS}", f"--user-data-dir={profile}",
        f"--screenshot={picture}", page.as_uri(),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=_PATIENCE_S)


def main() -> None:
    """Make the report, show it, keep the picture."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        print("skipped: no chromium here")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photographed(browser, demo_report(folder), PICTURE, folder / "profile")
    print(f"written: {PICTURE}")


if __name__ == "__main__":
    main()
