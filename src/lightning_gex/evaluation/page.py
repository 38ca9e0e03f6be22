"""The bones of a self-contained page: escaping, tables, tiles, style, and nothing fetched from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

#: Everything comes from the file itself: a browser that honours this refuses any other address.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)

#: What a page says of itself.
OFFLINE = "This page holds everything it shows and asks no other address for anything."

STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --card: #f6f8fa; --ink: #1c2430; --quiet: #566172;
  --line: #d8dee6; --blue: #1d5fd1; --good: #0b7a4b; --bad: #b42318; --warn: #8a5300; --warn-paper: #fff4dc; }
@media (prefers-color-scheme: dark) { :root:not(.printing) { --paper: #0e1420; --card: #172030; --ink: #e6ebf2;
  --quiet: #a3afc0; --line: #2a3648; --blue: #7fb0ff; --good: #4ecb94; --bad: #ff8f85; --warn: #ffc867;
  --warn-paper: #33270f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.55; overflow-wrap: anywhere;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main, header.top, footer { max-width: 1120px; margin: 0 auto; padding: 0 28px; }
header.top { padding-top: 36px; }
h1 { font-size: 1.85rem; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; }
h2 { font-size: 1.3rem; margin: 0; letter-spacing: -0.005em; }
h3 { font-size: 1.02rem; margin: 26px 0 2px; }
p { margin: 8px 0; max-width: 100ch; }
.quiet, figcaption { color: var(--quiet); }
.top .quiet { margin: 2px 0; }
nav { margin: 14px 0 0; display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 0.94rem; }
a { color: var(--blue); text-underline-offset: 3px; }
.section-head { display: flex; align-items: baseline; gap: 12px; flex-wrap: wrap; margin: 44px 0 10px;
  padding-bottom: 8px; border-bottom: 1px solid var(--line); }
.banner { margin: 18px 0 0; padding: 12px 16px; border-radius: 8px; background: var(--warn-paper); color: var(--warn);
  border: 1px solid currentColor; font-weight: 600; }
.badge { font-size: 0.78rem; font-weight: 600; padding: 1px 9px; border-radius: 99px; color: var(--warn);
  background: var(--warn-paper); border: 1px solid currentColor; }
.verdict { margin: 22px 0 0; padding: 18px 22px; border-radius: 10px; background: var(--card);
  border: 1px solid var(--line); border-left: 6px solid var(--quiet); }
.verdict.better { border-left-color: var(--good); } .verdict.worse { border-left-color: var(--bad); }
.verdict.undecided { border-left-color: var(--warn); }
.verdict h2 { font-size: 1.42rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 12px; margin: 16px 0 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px; }
.tile .name { font-size: 0.86rem; color: var(--quiet); }
.tile .value { font-size: 1.55rem; font-weight: 650; font-variant-numeric: tabular-nums; line-height: 1.3; }
.tile .beside { font-size: 0.86rem; color: var(--quiet); font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; -webkit-overflow-scrolling: touch; overscroll-behavior-x: contain;
  background: linear-gradient(to right, var(--paper) 30%, transparent) left / 40px 100% no-repeat local,
    linear-gradient(to left, var(--paper) 30%, transparent) right / 40px 100% no-repeat local,
    linear-gradient(to left, var(--line), transparent) right / 14px 100% no-repeat scroll; }
table { border-collapse: collapse; width: 100%; overflow-wrap: normal; margin: 4px 0; font-size: 0.94rem; }
.caption { color: var(--quiet); font-size: 0.94rem; margin: 10px 0 0; }
th, td { text-align: left; padding: 7px 14px 7px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; } thead th { color: var(--quiet); font-size: 0.86rem; }
td.number, th.number { text-align: right; padding-right: 26px;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
thead th.number { white-space: normal; }
tbody th { min-width: 9.5em; } td:not(.number):not(:empty) { min-width: 6.5em; }
figure { margin: 8px 0 18px; } figcaption { font-size: 0.94rem; max-width: 84ch; }
.verdict-passed { color: var(--good); } .verdict-blocked { color: var(--bad); }
.verdict-abstained, .verdict-not, .verdict-switched { color: var(--quiet); }
details { margin: 8px 0; border: 1px solid var(--line); border-radius: 8px; padding: 8px 14px; }
summary { cursor: pointer; font-weight: 600; }
ul { margin: 8px 0; padding-left: 22px; } li { margin: 3px 0; max-width: 90ch; }
code { font: 0.9em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
footer { margin-top: 48px; padding-bottom: 40px; color: var(--quiet); font-size: 0.88rem; }
.facts { grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); }
@media (max-width: 640px) { main, header.top, footer { padding-left: 14px; padding-right: 14px; }
  .facts { grid-template-columns: 1fr 1fr; gap: 8px; } .facts .tile { padding: 8px 10px; }
  .facts .tile .value { font-size: 1.1rem; } .facts .tile .beside { font-size: 0.8rem; overflow-wrap: anywhere; }
  .tiles:not(.facts) { grid-template-columns: 1fr; } h1 { font-size: 1.5rem; }
  th, td { padding: 6px 10px 6px 0; } td.number, th.number { padding-right: 12px; }
  thead th.number, td.number { white-space: normal; min-width: 5.4em; } table { font-size: 0.88rem; }
  tbody th, thead th:first-child { position: sticky; left: 0; min-width: 8em; max-width: 9.5em;
    background: var(--paper); overflow-wrap: anywhere; }
  td:not(.number):not(:empty) { min-width: 11em; } td:last-child:not(.number):not(:empty) { min-width: 17em; }
  .modebar { display: none; } .section-head { margin-top: 32px; } details { padding: 8px 10px; } }
@media print { :root, :root.printing { color-scheme: light; } nav, .modebar { display: none !important; }
  .section-head, h3, figcaption, .caption { break-after: avoid; } figure, .tile, .verdict, tr { break-inside: avoid; }
  body { zoom: 0.7; } .scroll { overflow: visible; background: none; } .section-head { margin-top: 26px; }
  td.number, th.number { padding-right: 14px; } footer { margin-top: 20px; padding-bottom: 0; } }
@page { margin: 12mm; }
"""

#: Gives every picture the page's own text and grid colours and the labels that fit its width, and again when the reader
#: switches between light and dark or turns the phone. ``layout.meta.screens`` holds what differs between screens; lines
#: named ``ink`` take the colour of text.
THEME_SCRIPT = """
(function () {
  var NARROW = 640;
  function dress(div, ink, line, card, paper) {
    var layout = div.layout || {}, change = {'font.color': ink, 'hoverlabel.bgcolor': card,
      'hoverlabel.font.color': ink, 'hoverlabel.bordercolor': line};
    Object.keys(layout).forEach(function (key) {
      if (/^[xy]axis/.test(key)) { change[key + '.gridcolor'] = line; change[key + '.zerolinecolor'] = ink; }
    });
    var screens = (layout.meta || {}).screens;
    if (screens) {
      var fit = JSON.parse(JSON.stringify(screens[div.clientWidth < NARROW ? 'narrow' : 'wide']));
      fit.annotations.forEach(function (note) { note.bgcolor = paper; });
      fit.shapes.forEach(function (shape) { if (shape.name === 'ink') { shape.line.color = ink; } });
      div.parentElement.style.height = fit.height + 'px';
      Object.assign(change, fit);
    }
    div.dataset.drag = div.dataset.drag || layout.dragmode || 'zoom';
    change.dragmode = div.clientWidth < NARROW ? false : div.dataset.drag;  // a finger on a picture scrolls the page
    var inked = [];
    (div.data || []).forEach(function (trace, k) { if (trace.meta === 'ink') { inked.push(k); } });
    if (inked.length) { Plotly.restyle(div, {'line.color': ink, 'marker.color': ink}, inked); }
    Plotly.relayout(div, change);
  }
  function paint() {
    var style = getComputedStyle(document.documentElement);
    function colour(name) { return style.getPropertyValue(name).trim(); }
    document.querySelectorAll('.plotly-graph-div').forEach(function (div) {
      try {
        dress(div, colour('--ink'), colour('--line'), colour('--card'), colour('--paper'));
      } catch (problem) { console.error(div.id, problem); }
    });
  }
  var waiting = null, root = document.documentElement;
  function printed(now) { return function () { root.classList.toggle('printing', now); paint(); }; }
  paint();
  window.addEventListener('beforeprint', printed(true));  // paper is white, whatever the screen was
  window.addEventListener('afterprint', printed(false));
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', paint);
  window.addEventListener('resize', function () { clearTimeout(waiting); waiting = setTimeout(paint, 200); });
})();
"""


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[int] = (), caption: str | None = None
) -> str:
    """A table of plain text; the first cell of each row names it.

    Parameters
    ----------
    header, rows : text, escaped here.
    numbers : columns to align to the right.
    caption : a sentence above it, or None.
    """

    def cell(k: int, text: str, tag: str, scope: str = "") -> str:
        kind = ' class="number"' if k in numbers else ""
        return f"<{tag}{scope}{kind}>{escape(text)}</{tag}>"

    head = "".join(cell(k, text, "th", ' scope="col"') for k, text in enumerate(header))
    body = []
    for row in rows:
        cells = [cell(0, row[0], "th", ' scope="row"'), *(cell(k, text, "td") for k, text in enumerate(row) if k)]
        body.append(f"<tr>{''.join(cells)}</tr>")
    said = f'<p class="caption">{escape(caption)}</p>' if caption else ""  # outside: it must not scroll away
    return (
        f'{said}<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'
    )


def banner(sentence: str) -> str:
    """What a reader must not overlook."""
    return f'<div class="banner" role="note">{escape(sentence)}</div>'


def tile(name: str, value: str, *beside: str) -> str:
    """One figure, large, with what it must be read beside."""
    lines = "".join(f'<div class="beside">{escape(text)}</div>' for text in beside)
    return (
        f'<div class="tile"><div class="name">{escape(name)}</div><div class="value">{escape(value)}</div>{lines}</div>'
    )


def picture(fragment: str, name: str, title: str, caption: str) -> str:
    """A picture with its title and a caption that says in words what it shows.

    Parameters
    ----------
    fragment : HTML of the picture, trusted.
    name : unique in the page.
    title, caption : text, escaped here.
    """
    return (
        f'<h3 id="{name}-title">{escape(title)}</h3><figure aria-labelledby="{name}-title">'
        f"<figcaption>{escape(caption)}</figcaption>{fragment}</figure>"
    )


def section(name: str, title: str, body: str, badge: str | None) -> str:
    """A section; ``badge`` (text, or None) is repeated at the head of each."""
    mark = f'<span class="badge">{escape(badge)}</span>' if badge else ""
    return (
        f'<section id="{name}" aria-labelledby="{name}-head"><div class="section-head">'
        f'<h2 id="{name}-head">{escape(title)}</h2>{mark}</div>{body}</section>'
    )


def document(title: str, header: str, sections: Sequence[str], footer: str, scripts: Sequence[str]) -> str:
    """The whole page.

    Parameters
    ----------
    title : text, escaped here.
    header, sections, footer : HTML, trusted.
    scripts : JavaScript put at the head, in order; the theme script follows the body.
    """
    head = "".join(f"<script>{script}</script>" for script in scripts)
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{CONTENT_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>{head}</head><body>"
        f'<header class="top">{header}</header><main>{"".join(sections)}</main><footer>{footer}</footer>'
        f"<script>{THEME_SCRIPT}</script></body></html>"
    )
