"""A page in a real browser: Debian's chromium without a window, at a phone's width and a desk's, light and dark."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from html import unescape
from pathlib import Path

#: The browser, or None where none is installed.
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PHONE, DESK = 360, 1280  # CSS pixels wide
_SECONDS = 120
_MEASURE = """<script>addEventListener('load', function () { setTimeout(function () {
  var root = document.documentElement, style = getComputedStyle(root), failed = [];
  document.querySelectorAll('.plotly-graph-div').forEach(function (div) {
    if (!div.querySelector('svg')) { failed.push(div.id); } });
  parent.postMessage(JSON.stringify({scroll: root.scrollWidth, client: root.clientWidth, failed: failed,
    pictures: document.querySelectorAll('.plotly-graph-div').length,
    paper: getComputedStyle(document.body).backgroundColor, ink: style.getPropertyValue('--ink').trim(),
    drawn: (document.querySelector('.plotly-graph-div text') || {style: {}}).style.fill || '',
    wide: Array.from(document.querySelectorAll('body *')).filter(function (one) {
      return one.getBoundingClientRect().right > root.clientWidth + 1 && !one.closest('.scroll') &&
        !one.closest('.plotly-graph-div'); }).map(function (one) { return one.tagName; }).slice(0, 5)}), '*');
}, 1500); });</script></body>"""


def measured(pages: Mapping[str, tuple[str, int]], folder: Path, *, dark: bool = False) -> dict[str, dict[str, object]]:
    """What a browser makes of pages: ``scroll, client`` widths, pictures, those not drawn, colours of each.

    Each page is shown in a frame of its width, because no window of chromium's is narrower than 500 pixels, and all
    frames in one window, because a browser takes longer to start than to show a page.

    Parameters
    ----------
    pages : name -> HTML and CSS pixels wide.
    folder : for the files.
    dark : the colour scheme asked for.
    """
    assert CHROMIUM is not None
    frames = ""
    for name, (html, width) in pages.items():
        (folder / f"{name}.html").write_text(html.replace("</body>", _MEASURE))
        frames += f'<iframe name="{name}" src="{name}.html" style="border:0;width:{width}px;height:900px"></iframe>'
    wrapper = folder / "wrapper.html"
    wrapper.write_text(
        f'<body style="margin:0">{frames}<p id="said">{{}}</p><script>addEventListener("message", function (e) {{'
        'var said = document.getElementById("said"), found = JSON.parse(said.textContent);'
        "found[e.source.name] = JSON.parse(e.data); said.textContent = JSON.stringify(found); });</script>"
    )
    window = max(DESK, *(width for _, width in pages.values()))
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--allow-file-access-from-files",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}", f"--window-size={window},900",
        "--virtual-time-budget=8000", f"--user-data-dir={folder / 'profile'}", "--dump-dom", f"file://{wrapper}",
    ]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout
    found = re.search(r'<p id="said">(.*?)</p>', shown, re.S)
    assert found is not None, shown[-500:]
    document: dict[str, dict[str, object]] = json.loads(unescape(found[1]))
    assert set(document) == set(pages), shown[-500:]
    return document
