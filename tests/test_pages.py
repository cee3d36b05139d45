"""The pages: a board and a report as a reader meets them, in a browser, and the LaTeX table."""

from __future__ import annotations

import functools
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from genoboard_leaderboard import boardpage, forest, report
from genoboard_leaderboard.errors import LeaderboardError
from genoboard_leaderboard.latex import latex
from genoboard_leaderboard.page import escape, shortened
from genoboard_leaderboard.report import Panel, Report, ScoreLine

HOSTILE = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>\' & \u202eevil'
METRICS = ["f1-macro", "accuracy", "multiclass-log-loss", "f1[cortex]", "f1[amygdala]"]
LONG = "a-tabular-transformer-with-a-very-long-and-descriptive-name-that-goes-on"
WIDTHS = (1280, 390)

Open = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Open a page without a network; at the end nothing may have been asked of one, and the console holds no word."""
    said: list[str] = []
    contexts = []

    def open_(text: str, width: int = 1280, scheme: Any = "light", **more: Any) -> Page:
        file = tmp_path / "page.html"
        file.write_text(text, encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **more)
        contexts.append(context)
        context.set_offline(True)
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url) if request.url != file.as_uri() else None)
        page.goto(file.as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()
    assert said == []


def a_row(rank: int | None, name: str, score: float | None, **fields: Any) -> dict[str, Any]:
    scored = score is not None
    return {
        "rank": rank,
        "name": name,
        "entry": f"entry-{rank}-{name}",
        "scores": {m: None if score is None else (1 - score if "loss" in m else score - 0.01 * k) for k, m in enumerate(METRICS)},
        "intervals": {"f1-macro": [score - 0.03, score + 0.02]} if score is not None else {},
        "sd": {"f1-macro": 0.002} if scored and rank == 1 else {},
        "seeds": 3 if rank == 1 else 1,
        "fold_mean": {},
        "fold_sd": {},
        "created": f"2026-11-{(rank or 0) % 27 + 1:02}T10:00:00.000000",
        "origin": "run",
        "verdict": "ok" if scored else "timeout",
        "reason": "" if scored else "stopped after 60 s",
        "control": False,
        "code": {"plugin": "", "version": "", "source": "", "state": "released", "commit": ""},
        "model": name,
        "parameters": {},
        **fields,
    }


def a_document(rows: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
    """A board of 30 standings, one of them a control, and two entries that failed."""
    if rows is None:
        names = ["xgboost", LONG, "knn", *(f"model-{i}" for i in range(4, 30))]
        rows = [
            a_row(i, name, 0.9 - 0.01 * i, ranks=[max(1, i - 2), i + 2], tied=i in (1, 2, 4), chance=0.5 / i, covers="test rows")
            for i, name in enumerate(names, 1)
        ]
        rows[0]["covers"] = "test rows and seeds"
        rows.append(a_row(30, "gene-only", 0.55, control=True, warning="not shown to beat the control prior"))
        rows += [a_row(None, "slow", None), a_row(None, "broken", None, verdict="invalid", reason="row 17 is missing " * 12)]
    return {
        "task": "brain-region",
        "split": "donor",
        "data": "gtex",
        "data_fingerprint": "0123456789abcdef",
        "split_fingerprint": "fedcba9876543210",
        "metric": "f1-macro",
        "metrics": METRICS,
        "unranked": "",
        "standings": rows,
        "directions": {m: "min" if "loss" in m else "max" for m in METRICS},
        **fields,
    }


@functools.cache
def a_drawing(points: int = 40) -> str:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "the same ids in every panel"}):
        figure = Figure(figsize=(6.4, 4))
        axes = figure.add_subplot()
        axes.plot(np.linspace(0, 1, points), np.random.default_rng(0).random(points), marker="o")
        text = io.StringIO()
        figure.savefig(text, format="svg")
    return text.getvalue()


def a_panel(number: int = 1, svg: str | None = None, count: int = 20, **fields: Any) -> Panel:
    values = [(f"bin {i}", i, i / 7, None) for i in range(count)]
    told = {"title": f"Calibration {number}", "alt": f"Points near the diagonal, {number}.", "note": "Bars are 95 % intervals."}
    return Panel(**{**told, "svg": a_drawing() if svg is None else svg, "head": ["bin", "n", "observed", "sd"], "rows": values, **fields})


def a_report(**fields: Any) -> Report:
    others = {"best: xgboost": "0.81234 [0.78000, 0.84000]", "control: prior": "0.10000"}
    scores = [
        ScoreLine("f1-macro", "mean F1 over classes", "max", 0.8, 0.77, 0.83, "test rows", "", others),
        ScoreLine("auroc", "area under the ROC curve", "max", None, None, None, "", "one class is absent", {}),
    ]
    told: dict[str, Any] = {
        "title": "knn on brain-region",
        "lead": ["Rank 3 of 30.", "Tied with the best."],
        "scores": scores,
        "card": {"command": "genoboard run brain-region knn", "sha256": "0" * 64},
        "methods": "Models were compared\non held-out donors.",
        "panels": [a_panel(i) for i in (1, 2, 3)],
        "missing": [("Importances", "the model has none")],
        "cite": ["The GTEx Consortium (2020). https://doi.org/10.1126/science.aaz1776"],
    }
    return Report(**{**told, **fields})


def names(page: Page) -> list[str]:
    return page.locator("section[aria-labelledby=table] tbody th bdi").all_inner_texts()


def head(page: Page, title: str) -> Any:
    return page.locator("section[aria-labelledby=table] th", has=page.get_by_role("button", name=title, exact=True))


PAGES = {"board": lambda: boardpage.page(a_document(notes=["A note. " * 30])), "report": lambda: report.page(a_report())}
either = pytest.mark.parametrize("build", PAGES.values(), ids=PAGES)


# --------------------------------------------------------------------------------------------------------------- any page


@either
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_overflows_overlaps_or_is_cut(build: Callable[[], str], width: int, opened: Open) -> None:
    page = opened(build(), width)
    for details in page.locator("details").all():
        details.evaluate("d => d.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    faults = page.evaluate(
        """() => {
        const shown = e => e.checkVisibility() && e.getBoundingClientRect().height > 0 && !e.closest(".unseen, .skip");
        const faults = [];
        const blocks = [...document.querySelectorAll("header > *, section, section > *, figure.panel > *, footer")].filter(shown);
        for (const a of blocks) for (const b of blocks) {
          if (a === b || a.contains(b) || b.contains(a)) continue;
          const [p, q] = [a.getBoundingClientRect(), b.getBoundingClientRect()];
          if (p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1)
            faults.push(`${a.className || a.tagName} lies on ${b.className || b.tagName}`);
        }
        for (const e of [...document.querySelectorAll("body *")].filter(shown)) {
          const style = getComputedStyle(e);
          if (e.closest("svg") || style.display === "inline") continue;
          const scrolls = style.overflowX === "auto";
          if (!scrolls && (e.scrollWidth > e.clientWidth + 2 || e.scrollHeight > e.clientHeight + 2)) {
            faults.push(`${e.tagName}.${e.className} is cut: ${e.textContent.slice(0, 40)}`);
          }
          const box = e.getBoundingClientRect();
          if (!e.closest(".scroll") && box.right > innerWidth + 1) faults.push(`${e.tagName} leaves the window`);
        }
        for (const t of [...document.querySelectorAll("svg.forest text, .forest svg text")].filter(shown)) {
          const [box, own] = [t.getBoundingClientRect(), t.closest("svg").getBoundingClientRect()];
          if (box.left < own.left - 1 || box.right > own.right + 1 || box.bottom > own.bottom + 1) faults.push(`${t.textContent} leaves the plot`);
        }
        return faults; }"""
    )
    assert faults == []


@pytest.mark.parametrize("width", WIDTHS)
def test_the_texts_of_the_plot_can_be_read_and_do_not_touch(width: int, opened: Open) -> None:
    page = opened(boardpage.page(a_document()), width)
    found = page.evaluate(
        """() => [...document.querySelectorAll(".forest svg")].filter(s => s.checkVisibility()).map(s => {
        const scale = s.getBoundingClientRect().width / s.viewBox.baseVal.width;
        const boxes = [...s.querySelectorAll("text")].map(t => [t.textContent, t.getBoundingClientRect()]);
        const smallest = Math.min(...[...s.querySelectorAll("text")].map(t => parseFloat(getComputedStyle(t).fontSize))) * scale;
        const touching = boxes.flatMap(([m, p], i) => boxes.slice(i + 1).filter(([, q]) =>
          p.left < q.right && q.left < p.right && p.top + 3 < q.bottom && q.top + 3 < p.bottom).map(([n]) => `${m} / ${n}`));
        return [smallest, touching]; })"""
    )
    assert len(found) == 1, "one of the two layouts is shown"
    smallest, touching = found[0]
    assert smallest >= 10
    assert touching == []


@either
def test_light_and_dark_differ_and_both_can_be_read(build: Callable[[], str], opened: Open) -> None:
    contrast = """() => {
        const channels = text => text.match(/[\\d.]+/g).slice(0, 3).map(c => (c /= 255, c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        const light = text => channels(text).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
        const probe = document.createElement("i");
        document.body.append(probe);
        const of = name => { probe.style.color = `var(--${name})`; return light(getComputedStyle(probe).color); };
        const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        const least = Math.min(...["ink", "faint", "accent", "good", "warn"].flatMap(
            ink => ["paper", "tint"].map(ground => ratio(of(ink), of(ground)))));
        return [getComputedStyle(document.body).backgroundColor, least]; }"""
    (light, least), (dark, least_dark) = (opened(build(), scheme=scheme).evaluate(contrast) for scheme in ("light", "dark"))
    assert light != dark
    assert min(least, least_dark) >= 4.5


@either
def test_print_is_light_and_unrolls_the_tables(build: Callable[[], str], opened: Open) -> None:
    page = opened(build(), scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--paper').trim()") == "#fdfdfc"
    assert page.evaluate("getComputedStyle(document.querySelector('.scroll')).overflowX") == "visible"
    assert not page.locator(".skip").is_visible()
    assert page.pdf().startswith(b"%PDF")


@either
def test_the_page_is_a_document_that_a_screen_reader_can_walk(build: Callable[[], str], opened: Open) -> None:
    page = opened(build())
    assert page.locator("html").get_attribute("lang") == "en"
    assert [page.locator(what).count() for what in ("h1", "header", "main", "footer")] == [1, 1, 1, 1]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")
    assert page.locator("table").count() == page.locator("table > caption").count() > 0
    assert page.locator("th:not([scope])").count() == 0
    for svg in page.locator("svg").all():
        assert svg.get_attribute("role") == "img"
        labels = (svg.get_attribute("aria-labelledby") or "").split()
        assert len(labels) == 2
        assert all(page.locator(f"[id='{label}']").text_content() for label in labels)


@either
def test_ids_are_unique_and_every_reference_finds_its_own(build: Callable[[], str]) -> None:
    text = build()
    ids = Counter(re.findall(r'\sid="([^"]+)"', text))
    assert {i: n for i, n in ids.items() if n > 1} == {}
    referred = set(re.findall(r'href="#([^"]+)"', text)) | set(re.findall(r"url\(#([^)]+)\)", text))
    assert referred <= set(ids)


def test_only_the_pages_own_script_runs(opened: Open) -> None:
    page = opened(boardpage.page(a_document()))
    policy = page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content") or ""
    assert "default-src 'none'" in policy
    assert "unsafe-inline'; script-src 'sha256-" in policy
    assert not re.search(r"""(?:src|href|url\()\s*=?\s*["']?https?:""", boardpage.page(a_document()))


# -------------------------------------------------------------------------------------------------------------- the board


def test_a_click_sorts_the_best_first_and_a_second_one_the_other_way(opened: Open) -> None:
    page = opened(boardpage.page(a_document()))
    before = names(page)
    assert head(page, "rank").get_attribute("aria-sort") == "ascending"
    page.get_by_role("button", name="f1-macro", exact=True).first.click()
    assert head(page, "f1-macro").get_attribute("aria-sort") == "descending"
    assert head(page, "rank").get_attribute("aria-sort") is None
    assert names(page) == before
    page.get_by_role("button", name="f1-macro", exact=True).first.click()
    assert head(page, "f1-macro").get_attribute("aria-sort") == "ascending"
    assert names(page) == before[::-1]
    page.get_by_role("button", name="multiclass-log-loss").click()
    assert head(page, "multiclass-log-loss").get_attribute("aria-sort") == "ascending"
    assert names(page) == before


def test_the_keyboard_sorts_stably_with_empty_cells_last(opened: Open) -> None:
    rows = [a_row(i, f"m{i}", 0.9 - i / 100, chance=[0.1, None, 0.3, 0.1, None][i - 1]) for i in range(1, 6)]
    page = opened(boardpage.page(a_document(rows)))
    button = page.get_by_role("button", name="chance")
    button.focus()
    page.keyboard.press("Enter")
    assert names(page) == ["m3", "m1", "m4", "m2", "m5"]
    page.keyboard.press("Enter")
    assert names(page) == ["m1", "m4", "m3", "m2", "m5"]
    assert page.evaluate("document.activeElement.textContent") == "chance"


def test_ranks_sort_as_numbers(opened: Open) -> None:
    page = opened(boardpage.page(a_document()))
    page.get_by_role("button", name="rank", exact=True).click()
    assert page.locator("section[aria-labelledby=table] tbody tr td:first-child").all_inner_texts()[:3] == ["30", "29", "28"]


@pytest.mark.parametrize("page", ["board", "report"])
def test_a_hostile_text_is_inert(page: str, opened: Open) -> None:
    if page == "board":
        rows = [a_row(1, HOSTILE, 0.8, warning=HOSTILE, covers=HOSTILE, origin=HOSTILE, created=HOSTILE, parameters={HOSTILE: HOSTILE})]
        rows += [{**rows[0], "rank": 2, "entry": HOSTILE, "parameters": {}}, a_row(None, HOSTILE, None, reason=HOSTILE, verdict=HOSTILE)]
        told = dict.fromkeys(("task", "data", "split", "asks", "null", "cluster", "unranked"), HOSTILE)
        removed = [{"entry": HOSTILE, "name": HOSTILE, "reason": HOSTILE}]
        text = boardpage.page(
            a_document(rows, **told, notes=[HOSTILE], removed=removed, clusters=3), {HOSTILE: "java\nscript:window.hit=1"}
        )
    else:
        line = ScoreLine(HOSTILE, HOSTILE, HOSTILE, None, None, None, HOSTILE, HOSTILE, {HOSTILE: HOSTILE})
        panel = a_panel(title=HOSTILE, alt=HOSTILE, note=HOSTILE, head=[HOSTILE], rows=[[HOSTILE]])
        text = report.page(Report(HOSTILE, [HOSTILE], [line], {HOSTILE: HOSTILE}, HOSTILE, [panel], [(HOSTILE, HOSTILE)], [HOSTILE]))
    shown = opened(text)
    shown.wait_for_timeout(50)
    assert shown.evaluate("window.hit") is None
    assert shown.locator("body img").count() == 0
    assert shown.locator("script").count() == 1
    assert shown.locator("a:not([href^='#'])").count() == 0
    assert HOSTILE.replace("\u202e", " ") in (shown.locator("h1").text_content() or "")


def test_names_lead_to_their_reports() -> None:
    text = boardpage.page(a_document(), {"entry-1-xgboost": "reports/x&y.html"})
    assert '<a href="reports/x&amp;y.html"><bdi>xgboost</bdi></a>' in text


def test_a_link_that_would_run_something_is_left_out() -> None:
    for link in ("javascript:alert(1)", " java\tscript:alert(1)", "data:text/html,x"):
        assert "<a href" not in boardpage.page(a_document(), {"entry-1-xgboost": link}).partition("<main")[2]


def test_the_board_says_what_it_knows(opened: Open) -> None:
    removed = [{"entry": "e1", "name": "leaky", "reason": "saw the answers"}]
    notes = ["Removed: e1: saw the answers", "An entry was made earlier."]
    more = {"asks": "Does it carry over?", "null": "the most frequent region", "clusters": 7, "cluster": "donor", "few_groups": True}
    page = opened(boardpage.page(a_document(**more, notes=notes, removed=removed)))
    header, main = page.locator("header").inner_text(), page.locator("main").inner_text()
    for told in ("brain-region", "gtex", "01234567", "donor", "Does it carry over?", "the most frequent region", "7 donors"):
        assert told in header
    assert page.locator(".callout").all_inner_texts()[0] == "An entry was made earlier."
    assert "only 7 donors" in page.locator(".callout").all_inner_texts()[1]
    for told in ("stopped after 60 s", "row 17 is missing", "leaky", "saw the answers", "test rows and seeds", "whole donors"):
        assert told in main
    first = page.locator("section[aria-labelledby=table] tbody tr").first.locator("th, td").all_inner_texts()
    assert first[:2] == ["1", "1-3"]
    assert "0.89000 [0.86000, 0.91000]" in first[3]
    assert first[5:7] == ["tied", "50 %"]
    assert "not shown to beat the control prior" in main
    assert not page.get_by_text("f1[cortex]").is_visible()
    page.locator("summary").click()
    assert page.get_by_text("f1[cortex]").is_visible()


def test_a_plain_document_makes_a_page_too(opened: Open) -> None:
    assert "ied with the best" not in boardpage.page(a_document([a_row(1, "a", 0.5), a_row(2, "b", 0.4)]))
    bare = {key: value for key, value in a_document([a_row(1, "a", 0.5)]).items() if key != "directions"}
    assert names(opened(boardpage.page(bare))) == ["a"]
    opened(boardpage.page(a_document([])))
    unranked = opened(boardpage.page(a_document([a_row(None, "a", 0.5)], unranked="for practice only")))
    assert unranked.locator(".callout").inner_text() == "Unranked: for practice only"
    assert unranked.locator("th button").all_inner_texts()[0] == "name"


def test_namesakes_say_in_what_they_differ(opened: Open) -> None:
    rows = [a_row(i, "knn", 0.9 - i / 10, parameters={"k": i, "p": 2}) for i in (1, 2)]
    page = opened(boardpage.page(a_document(rows)))
    assert page.locator("section[aria-labelledby=table] tbody th small").all_inner_texts() == ["k=1", "k=2"]


# --------------------------------------------------------------------------------------------------------------- the plot


def test_the_plot_fills_the_marks_of_the_tie_group_alone() -> None:
    drawn = forest.svg(a_document())
    assert drawn.count("<circle") == 29 + 2, "29 contestants and two marks of the key"
    assert drawn.count(f'fill="{forest.ACCENT}" stroke') == 3 + 1
    assert drawn.count(f'v{forest.WIDE.row}h-{forest.WIDE.width}z" fill="{forest.TINT}"') == 3
    assert drawn.index(">controls<") > drawn.index("model-29")
    assert "Tied with the best: xgboost, a-tabular" in drawn


def test_a_plot_of_one_score_without_an_interval_or_of_none() -> None:
    assert forest.svg(a_document([])) == ""
    assert forest.svg(a_document([a_row(1, "a", 0.5, intervals={})])).count("<circle") == 2


def test_one_score_far_out_does_not_squeeze_the_others() -> None:
    rows = [a_row(i, f"m{i}", 0.9 - i / 100) for i in range(1, 12)]
    drawn = forest.svg(a_document([*rows, a_row(12, "broken", -900.0)]))
    at = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', drawn)]
    assert len(at) == 11 + 1, "the one far out has an arrow in place of a mark"
    assert max(at) - min(at[1:] if at[0] == 0 else at[:-1]) > 80


def test_a_name_is_cut_in_its_middle_by_the_room_that_it_takes() -> None:
    assert shortened("short", 9) == "short"
    assert shortened("abcdefghijkl", 7) == "abc…jkl"
    assert shortened("漢字漢字漢字", 7) == "漢…字"
    assert escape("a\u202eb\n<") == "a b &lt;"


# ------------------------------------------------------------------------------------------------------------- the report


def test_every_figure_has_its_table_and_its_words(opened: Open) -> None:
    page = opened(report.page(a_report()))
    figures = page.locator("figure").all()
    assert len(figures) == 3
    assert page.locator("nav li a").all_inner_texts() == ["Calibration 1", "Calibration 2", "Calibration 3"]
    for number, figure in enumerate(figures, 1):
        assert figure.locator("svg").count() == 1
        assert page.locator(f"#p{number}-alt").text_content() == f"Points near the diagonal, {number}."
        assert figure.locator("figcaption").inner_text() == "Bars are 95 % intervals."
        figure.locator("summary").click()
        assert figure.locator("tbody tr").count() == 20
        assert figure.locator("tbody tr").nth(1).locator("td").all_inner_texts() == ["bin 1", "1", "0.142857", ""]
    main = page.locator("main").inner_text()
    for told in ("one class is absent", "the model has none", "genoboard run brain-region knn", "science.aaz1776", "best: xgboost"):
        assert told in main


def test_two_panels_with_the_same_ids_keep_their_own_clip_paths(opened: Open) -> None:
    page = opened(report.page(a_report()))
    assert page.evaluate(
        """() => [...document.querySelectorAll("[clip-path]")].every(e => {
        const id = e.getAttribute("clip-path").match(/#([^)]+)/)[1];
        return e.closest("svg").contains(document.getElementById(id)); })"""
    )
    assert page.locator("[clip-path]").count() >= 3
    marks = page.locator("svg use").all()
    assert marks
    assert all((mark.get_attribute("href") or "").startswith("#p") for mark in marks)


def test_25_big_panels_stay_under_two_megabytes() -> None:
    wide = {"head": [f"column {i}" for i in range(8)], "rows": [[0.123456789 * i] * 8 for i in range(3000)]}
    big = a_drawing(1200)
    assert len(big) > 40_000
    text = report.page(a_report(panels=[a_panel(i, big, **wide) for i in range(25)]))
    assert len(text.encode()) < 2_000_000
    assert text.count("<figure") == text.count("of 3000 rows") == 25
    huge = big.replace("</svg>", "<g/>" * 60_000 + "</svg>")
    text = report.page(a_report(panels=[a_panel(i, huge, **wide) for i in range(8)]))
    assert len(text.encode()) < 2_000_000
    assert "which the page has no room for" in text


def test_a_short_page_shows_500_rows_and_says_so() -> None:
    text = report.page(a_report(panels=[a_panel(count=501)]))
    assert "the first 500 of 501 rows" in text
    assert "first" not in report.page(a_report(panels=[a_panel(count=500)])).partition('<figure class="panel"')[2].partition("<tbody>")[0]


def test_what_a_drawing_could_run_or_fetch_is_taken_out(opened: Open) -> None:
    svg = """<?xml version="1.0"?><!DOCTYPE svg><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
      xmlns:h="http://www.w3.org/1999/xhtml" viewBox="0 0 9 9" onload="window.hit=1"><metadata>who</metadata><script>window.hit=1</script>
      <style>circle { fill: red } #dot { stroke: url(#ink) } p { display: none }</style><linearGradient id="ink"/>
      <h:img src="x" onerror="window.hit=1"/><foreignObject><h:p>html</h:p></foreignObject>
      <a xlink:href="javascript:window.hit=1"><circle id="dot" r="3" onclick="window.hit=1"/></a>
      <image href="https://example.org/x.png"/><circle id="dot" r="1"/></svg>"""
    text = report.page(a_report(panels=[a_panel(1, svg)]))
    page = opened(text)
    drawn = text.partition("<svg")[2].partition("</svg>")[0]
    for gone in ("script", "metadata", "onload", "onclick", "onerror", "javascript", "foreignObject", "img ", "example.org", "xmlns"):
        assert gone not in drawn
    assert "#p1-dot {" in drawn
    assert "url(#p1-ink)" in drawn
    assert page.evaluate("window.hit") is None
    assert page.evaluate("getComputedStyle(document.getElementById('p1-dot')).fill") == "rgb(255, 0, 0)"
    assert page.locator("header p").first.is_visible(), "a drawing's style holds for that drawing alone"


@pytest.mark.parametrize("svg", ["<svg><g></svg>", "<html/>", "", "&"])
def test_a_drawing_that_is_no_svg_is_refused_by_name(svg: str) -> None:
    with pytest.raises(LeaderboardError, match=r"The figure of the panel 'Calibration 1' is no SVG"):
        report.page(a_report(panels=[a_panel(1, svg)]))


def test_the_methods_are_copied_by_the_keyboard(opened: Open) -> None:
    page = opened(report.page(a_report()), permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy this paragraph").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "Models were compared\non held-out donors."


def test_the_methods_are_selected_where_the_clipboard_is_shut(opened: Open) -> None:
    page = opened(report.page(a_report()))
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.get_by_role("button", name="Copy this paragraph").click()
    page.get_by_text("Selected: copy it with Ctrl+C.").wait_for()
    assert page.evaluate("getSelection().toString()") == "Models were compared\non held-out donors."


def test_a_report_of_nothing_is_a_page(opened: Open) -> None:
    page = opened(report.page(Report("empty", [], [], {}, "", [], [], [])))
    assert page.locator("h1").inner_text() == "empty"


# ------------------------------------------------------------------------------------------------------------------ LaTeX


def test_latex_is_a_booktabs_table_with_the_tie_group_in_bold() -> None:
    rows = [a_row(1, "a", 0.9, tied=True), a_row(2, "b", 0.8, tied=True), a_row(3, "c", 0.7), a_row(None, "slow", None)]
    assert latex(a_document(rows), ["accuracy", "multiclass-log-loss"]) == "\n".join(
        [
            r"% needs \usepackage{booktabs}; input or paste it into a document in UTF-8",
            r"\begin{table}[htbp]",
            r"\centering",
            r"\caption{brain-region on gtex (01234567), split donor. In brackets: 95\,\% interval over resampled test rows."
            r" $\uparrow$: higher is better; $\downarrow$: lower is better."
            r" Bold: not told apart from the best (the 95\,\% interval of the paired difference includes 0).}",
            r"\label{tab:brain-region-gtex-donor}",
            r"\begin{tabular}{rllll}",
            r"\toprule",
            r"Rank & Name & f1-macro$\uparrow$ & accuracy$\uparrow$ & multiclass-log-loss$\downarrow$ \\",
            r"\midrule",
            r"1 & \textbf{a} & \textbf{0.9000 [0.8700, 0.9200]} & 0.8900 & 0.1000 \\",
            r"2 & \textbf{b} & \textbf{0.8000 [0.7700, 0.8200]} & 0.7900 & 0.2000 \\",
            r"3 & c & 0.7000 [0.6700, 0.7200] & 0.6900 & 0.3000 \\",
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def test_latex_claims_no_tie_where_nothing_is_known_of_ties() -> None:
    text = latex(a_document([a_row(1, "a", 0.9, tied=False), a_row(2, "b", 0.8, tied=False)]), [])
    assert "Bold: best." in text
    assert re.findall(r"\\textbf\{([a-z])\}", text) == ["a"]


def test_latex_obeys_no_name() -> None:
    text = latex(a_document([a_row(1, "\\input{x} a_b & 50 % $x^2$ #1 ~ {--}\n\\end{document}", 0.5)]), [])
    told = (
        r"\textbackslash{}input\{x\} a\_b \& 50 \% \$x\textasciicircum{}2\$ \#1 \textasciitilde{} \{-{}-\} \textbackslash{}end\{document\}"
    )
    assert f"1 & \\textbf{{{told}}} & " in text
    assert text.count("\n") == 13


def test_latex_of_an_unranked_or_empty_board_holds_together() -> None:
    for rows in ([a_row(None, "a", 0.5), a_row(None, "b", 0.4, control=True)], []):
        text = latex(a_document(rows, unranked="practice"), ["accuracy"])
        assert r"\begin{tabular}{lll}" in text
        assert r"\textbf" not in text
        body = text.partition("\\midrule\n")[2].partition("\\bottomrule")[0]
        assert [line.count(" & ") for line in body.splitlines()] == [2] * len(rows)
