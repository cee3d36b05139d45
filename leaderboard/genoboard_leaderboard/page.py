"""Page: the shell that every page shares: one self-contained HTML document, its look, its script, and its tables."""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .inert import escape as escape

STYLE = """
:root { color-scheme: light dark; --paper: #fdfdfc; --ink: #1c2329; --faint: #5b6670; --grid: #e1e5e8; --tint: #edf4f8;
  --accent: #0b5f8a; --good: #1b7346; --warn: #8a5200; --warn-tint: #fbf3e4; }
@media screen and (prefers-color-scheme: dark) { :root { --paper: #14181c; --ink: #e4e8eb; --faint: #9ca8b2; --grid: #2c343b;
  --tint: #1a2832; --accent: #74bce8; --good: #6fcb9a; --warn: #e8b96a; --warn-tint: #2a2316; } }
*, ::before, ::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto,
  "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, sans-serif; overflow-wrap: anywhere; }
header, main, footer { max-width: 1360px; margin: 0 auto; padding: 0 32px; }
header { padding-top: 48px; }
footer { padding-top: 24px; padding-bottom: 48px; color: var(--faint); font-size: .875rem; }
h1 { font-size: clamp(1.6rem, 1.2rem + 2vw, 2.25rem); line-height: 1.2; font-weight: 650; letter-spacing: -.015em; margin: 0 0 8px; }
h2 { font-size: 1.25rem; line-height: 1.3; font-weight: 650; margin: 0 0 12px; }
h3 { font-size: 1.05rem; line-height: 1.35; font-weight: 600; margin: 0 0 8px; }
p, ul, ol { margin: 0 0 12px; max-width: 72ch; }
section { margin: 48px 0 0; }
a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: 2px; }
code { font: .875em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 2px; }
.skip { position: absolute; left: -9999px; }
.skip:focus { left: 16px; top: 8px; background: var(--paper); padding: 8px 12px; z-index: 9; }
.eyebrow { color: var(--faint); font-size: .875rem; margin: 0 0 4px; }
.lead { font-size: 1.125rem; }
.faint, small { color: var(--faint); }
small { font-size: .8125rem; font-weight: 400; line-height: 1.4; }
.warn { color: var(--warn); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.facts { display: flex; flex-wrap: wrap; gap: 12px 36px; margin: 20px 0; padding: 16px 0; border: solid var(--grid); border-width: 1px 0; }
.facts div { min-width: 0; }
.facts dt { color: var(--faint); font-size: .8125rem; }
.facts dd { margin: 0; font-weight: 550; }
.callout { border-left: 3px solid var(--warn); background: var(--warn-tint); padding: 10px 16px; margin: 0 0 12px; max-width: 80ch; }
.tag { display: inline-block; font-size: .75rem; font-weight: 500; line-height: 1.35; padding: 0 7px; border: 1px solid var(--grid);
  border-radius: 9px; color: var(--faint); white-space: nowrap; }
.scroll { overflow-x: auto; max-width: 100%; position: relative; background: linear-gradient(to left, var(--paper) 12px, transparent)
  right / 36px 100% no-repeat local, linear-gradient(to left, var(--grid), transparent) right / 12px 100% no-repeat scroll; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; line-height: 1.45; font-variant-numeric: tabular-nums lining-nums; }
caption { text-align: left; color: var(--faint); padding: 0 0 8px; font-size: .8125rem; }
caption span { position: sticky; left: 0; display: inline-block; max-width: min(72ch, calc(100vw - 32px)); }
th, td { text-align: left; vertical-align: top; padding: 7px 9px; border-bottom: 1px solid var(--grid); overflow-wrap: break-word; }
td { white-space: nowrap; }
thead th { vertical-align: bottom; font-weight: 600; border-bottom: 1px solid var(--faint); }
thead small { display: block; }
tbody th { font-weight: 550; background: var(--paper); }
tbody th small { display: block; }
.n { text-align: right; }
tr.tied > * { background: var(--tint); }
tr.control > * { color: var(--faint); }
.name { min-width: 13em; max-width: 24em; overflow-wrap: anywhere; }
.pinned { font-size: .8125rem; }
.pinned small { font-size: .75rem; }
.pinned tbody th, .pinned thead .name { position: sticky; left: 0; background: var(--paper); z-index: 1; }
.pinned tr.tied > th { background: var(--tint); }
.text, .card td { white-space: normal; overflow-wrap: anywhere; }
.text { min-width: 20em; }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; margin: 0; cursor: pointer; text-align: inherit;
  display: inline-flex; align-items: flex-end; }
th button:hover { color: var(--accent); }
th button::after { content: "\\2195" / ""; color: var(--faint); opacity: .6; margin-left: 5px; display: inline-block; width: .7em; }
th[aria-sort=ascending] button::after { content: "\\2191" / ""; color: var(--accent); opacity: 1; }
th[aria-sort=descending] button::after { content: "\\2193" / ""; color: var(--accent); opacity: 1; }
details { margin: 12px 0 0; }
summary { cursor: pointer; color: var(--accent); width: fit-content; padding: 2px 0; }
details > .scroll { margin-top: 10px; }
figure { margin: 0; }
figure svg { display: block; color: var(--ink); max-width: 100%; height: auto; }
.forest svg { width: 100%; max-width: 1000px; }
figcaption { color: var(--faint); font-size: .9375rem; margin-top: 10px; max-width: 72ch; }
.panel { margin: 40px 0 0; padding: 32px 0 0; border-top: 1px solid var(--grid); }
.panels { display: grid; grid-template-columns: minmax(0, 1fr); column-gap: 56px; align-items: start; }
@media (min-width: 1080px) { .panels { grid-template-columns: repeat(2, minmax(0, 1fr)); } .both { grid-column: 1 / -1; } }
.card th { width: 16em; color: var(--faint); font-weight: 500; }
.contents ol { columns: 18em; column-gap: 32px; padding-left: 1.4em; max-width: none; }
.contents li { break-inside: avoid; padding: 1px 0; }
.passage { border-left: 3px solid var(--grid); padding: 2px 0 2px 16px; white-space: pre-line; }
.copy { font: inherit; font-size: .875rem; color: var(--accent); background: none; border: 1px solid var(--accent); border-radius: 6px;
  padding: 5px 14px; cursor: pointer; }
.copy:hover { background: var(--tint); }
.small { display: none; }
@media (max-width: 640px) {
  header, main, footer { padding-left: 16px; padding-right: 16px; }
  header { padding-top: 28px; }
  section { margin-top: 36px; }
  .facts { gap: 10px 24px; }
  th, td { padding: 6px 9px; }
  .name { min-width: 9.5em; max-width: 9.5em; }
  .text { min-width: 15em; }
  .wide { display: none !important; }
  .small { display: block; }
  .drawing > svg { width: 440px; max-width: none; }
  .card th { width: 9em; }
}
@media print {
  @page { margin: 12mm; }
  @page broad { size: landscape; }
  .broad { page: broad; }
  body { font-size: 9.5pt; }
  header, main, footer { max-width: none; padding: 0; }
  section { margin-top: 20pt; }
  .scroll { overflow: visible; background: none; }
  table, .pinned { font-size: 7pt; }
  .pinned small { font-size: 6pt; }
  th, td { padding: 2pt 3pt; }
  .name, .text { min-width: 10em; }
  td { white-space: normal; }
  td span, td small, time { white-space: nowrap; }
  .text span { white-space: normal; }
  tr, .forest, .drawing, .callout { break-inside: avoid; }
  thead { display: table-header-group; }
  h2, h3 { break-after: avoid; }
  .panels { display: block; }
  .skip, .copy, th button::after { display: none !important; }
  .pinned tbody th, .pinned thead .name { position: static; }
}
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
"""

SCRIPT = """
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = Array.from(table.tHead.rows[0].cells);
  const body = table.tBodies[0];
  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const first = head.dataset.first || "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === first ? other : first;
      const sign = order === "ascending" ? 1 : -1;
      const value = row => row.cells[column].dataset.value || "";
      const rows = Array.from(body.rows);
      const numeric = head.classList.contains("n");
      rows.sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        if (x === "" || y === "") return (x === "") - (y === "");
        return sign * (numeric ? Number(x) - Number(y) : x.localeCompare(y, "en", { numeric: true }));
      });
      body.append(...rows);
      heads.forEach(h => h.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
    });
  });
}
for (const button of document.querySelectorAll("button[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  const said = document.getElementById(button.dataset.copy + "-said");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.textContent);
      said.textContent = "Copied.";
    } catch {
      const range = document.createRange();
      range.selectNodeContents(source);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      said.textContent = "Selected: copy it with Ctrl+C.";
    }
  });
}
"""

DIRECTIONS: Mapping[str, str] = {"max": "higher is better", "min": "lower is better"}


@dataclass(frozen=True)
class Column:
    """A column's title (plain text), a line below it, and in which order the first click sorts."""

    title: str
    note: str = ""
    numeric: bool = False
    kind: str = ""  # name: the row's head; text: sentences
    first: str = "ascending"


@dataclass(frozen=True)
class Cell:
    """HTML that is safe already, and what it sorts by; None sorts last."""

    html: str
    value: float | str | None = None


def shell(title: str, header: str, main: str, footer: str = "") -> str:
    """Return the whole document; `title` is plain text, the other parts are safe HTML. Nothing in it comes from outside the file."""
    allowed = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            '<a class="skip" href="#main">Skip to the content</a>',
            f"<header>\n{header}\n</header>",
            f'<main id="main">\n{main}\n</main>',
            f"<footer>\n{footer}\n</footer>",
            f"<script>{SCRIPT}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def table(
    caption: str, columns: Sequence[Column], rows: Sequence[tuple[str, Sequence[Cell]]], by: int | None = None, pinned: bool = False
) -> str:
    """Return a sortable table in a box that scrolls by itself.

    Each row is its class and its cells; `by` is the column in whose order they come; `pinned` keeps the names in sight.
    """
    heads = []
    for index, column in enumerate(columns):
        sort = f' aria-sort="{column.first}"' if index == by else ""
        note = f"<small>{escape(column.note)}</small>" if column.note else ""
        kind = " ".join(filter(None, (column.kind, "n" if column.numeric else "")))
        head = f'<button type="button">{escape(column.title)}</button>{note}'
        heads.append(f'<th scope="col" class="{kind}" data-first="{column.first}"{sort}>{head}</th>')
    body = []
    for kind, cells in rows:
        drawn = "".join(_cell(column, cell) for column, cell in zip(columns, cells, strict=True))
        body.append(f'<tr class="{kind}">{drawn}</tr>' if kind else f"<tr>{drawn}</tr>")
    return boxed(
        caption,
        f'<table class="sortable{" pinned" if pinned else ""}"><caption><span>{escape(caption)}</span></caption>\n'
        f"<thead><tr>{''.join(heads)}</tr></thead>\n<tbody>\n{chr(10).join(body)}\n</tbody></table>",
    )


def boxed(label: str, inner: str) -> str:
    """Return safe HTML in a box that scrolls sideways, by keyboard too."""
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(label)}">{inner}</div>'


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Return a list of words and what they stand for; the second of each pair is safe HTML."""
    return f'<dl class="facts">{"".join(f"<div><dt>{escape(word)}</dt><dd>{what}</dd></div>" for word, what in pairs)}</dl>'


def shortened(text: str, width: int) -> str:
    """Cut a text in its middle to `width` columns; wide characters take two."""
    if _columns(text) <= width:
        return text
    head, tail = text, ""
    while head and _columns(head) > (width - 1) // 2 + (width - 1) % 2:
        head = head[:-1]
    for char in reversed(text[len(head) :]):
        if _columns(tail + char) > (width - 1) // 2:
            break
        tail = char + tail
    return f"{head}…{tail}"


def number(value: float | None) -> str:
    """Return a score as the boards show it."""
    return "-" if value is None else f"{value:.5f}"


def _cell(column: Column, cell: Cell) -> str:
    tag, scope = ("th", ' scope="row"') if column.kind == "name" else ("td", "")
    kind = " ".join(filter(None, (column.kind, "n" if column.numeric else "")))
    class_ = f' class="{kind}"' if kind else ""
    value = "" if cell.value is None else f' data-value="{escape(cell.value)}"'
    return f"<{tag}{scope}{class_}{value}>{cell.html}</{tag}>"


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
