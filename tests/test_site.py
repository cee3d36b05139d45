"""The site: built from docs/ without a warning and without a network, whole, and read in a browser without one."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag

import click
import pytest
import yaml
from playwright.sync_api import Browser, Page

import genoboard
from genoboard import hookspecs
from genoboard.cli import cli
from genoboard.metrics import BUILTIN

REPO = Path(__file__).resolve().parents[1]
DOCS = sorted(path.relative_to(REPO / "docs").as_posix() for path in (REPO / "docs").rglob("*.md"))
NAV = yaml.safe_load((REPO / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
HTML = [Path(page).with_suffix(".html").as_posix() for page in DOCS]
WIDTHS = (1280, 390)

Open = Callable[..., Page]


@dataclass
class Links(HTMLParser):
    """What a page has and asks for: ids, links to pages, and whatever a browser would fetch."""

    ids: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    fetched: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self.ids.update(filter(None, (told.get("id"), told.get("name") if tag == "a" else None)))
        if tag == "a" and "href" in told:
            self.links.add(told["href"])
        elif tag == "link" and "href" in told:
            self.fetched.add(told["href"])
        if "src" in told:
            self.fetched.add(told["src"])

    @classmethod
    def of(cls, page: Path) -> Links:
        found = cls()
        found.feed(page.read_text(encoding="utf-8"))
        return found


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the built site, and what was said while it was built; the network is a proxy that nobody serves."""
    folder = tmp_path_factory.mktemp("site")
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=REPO, env={**os.environ, **nowhere, "NO_MKDOCS_2_WARNING": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return folder, done.stdout


@pytest.fixture(scope="module")
def site(built: tuple[Path, str]) -> Path:
    return built[0]


@pytest.fixture(scope="module")
def links(site: Path) -> dict[str, Links]:
    return {page: Links.of(site / page) for page in HTML}


def in_nav(entries: Any) -> Iterator[str]:
    for entry in entries:
        for told in entry.values() if isinstance(entry, dict) else [entry]:
            if isinstance(told, str):
                yield told
            else:
                yield from in_nav(told)


def test_the_build_has_nothing_to_say(built: tuple[Path, str]) -> None:
    assert [line for line in built[1].splitlines() if line and not line.startswith("INFO ")] == []
    assert not any(path.suffix == ".py" for path in built[0].rglob("*"))


def test_every_page_is_in_the_navigation_once() -> None:
    assert sorted(in_nav(NAV)) == DOCS


def test_every_link_within_the_site_resolves(site: Path, links: dict[str, Links]) -> None:
    lost = []
    for page, told in links.items():
        for link in told.links:
            path, anchor = urldefrag(unquote(link))
            if re.match(r"[a-z]+:", link):
                continue
            target = (Path(page).parent / path).as_posix() if path else page
            target = "index.html" if target == "." else target
            if not (site / target).is_file() or (anchor and target in links and anchor not in links[target].ids | {"__top"}):
                lost.append((page, link))
    assert lost == []


def test_nothing_is_fetched_from_another_host(site: Path, links: dict[str, Links]) -> None:
    foreign = re.compile(r"(?:[a-z]+:)?//")
    assert [url for told in links.values() for url in told.fetched if foreign.match(url)] == []
    for style in site.rglob("*.css"):
        assert [url for url in re.findall(r"url\(['\"]?([^'\")]+)", style.read_text(encoding="utf-8")) if foreign.match(url)] == []


@pytest.mark.parametrize("command", sorted(cli.commands))
def test_every_command_is_on_its_page_with_its_options(command: str, site: Path) -> None:
    text = (site / "cli.html").read_text(encoding="utf-8")
    assert f'<h2 id="{command}">' in text
    own = text.partition(f'<h2 id="{command}">')[2].partition("<h2 ")[0]
    for option in (p for p in cli.commands[command].params if isinstance(p, click.Option)):
        assert option.opts[-1] in own


def test_every_face_name_and_every_hook_is_in_the_reference(links: dict[str, Links]) -> None:
    ids = links["reference.html"].ids
    hooks = [n for n in vars(hookspecs) if n.startswith(("register_", "entry_"))]
    assert {f"genoboard.{name}" for name in genoboard.__all__} <= ids
    assert {f"genoboard.hookspecs.{name}" for name in hooks} <= ids
    assert {f"genoboard.testing.{name}" for name in ("check", "check_model", "check_task", "Finding")} <= ids


def test_parameters_are_told_by_their_docstrings_with_types_from_the_code(site: Path) -> None:
    text = (site / "reference.html").read_text(encoding="utf-8")
    card = re.sub(r"<[^>]+>|\s+", " ", text.partition('id="genoboard.Split"')[2].partition('id="genoboard.Split.bootstrap_group"')[0])
    assert re.search(r"asks\s+str\s+the question that the split asks, in a sentence\.\s+required", card)
    assert re.search(r"folds\s+int\s+into how many parts the rows are dealt", card)


def test_every_metric_is_in_its_table(site: Path) -> None:
    text = (site / "reference-metrics.html").read_text(encoding="utf-8")
    for metric in BUILTIN:
        assert f"<td><code>{metric.name}</code></td>" in text


# ----------------------------------------------------------------------------------------------------------- in a browser


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def places(site: Path) -> Iterator[dict[str, str]]:
    """Where the site is read from: the disk, or a server on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {"disk": f"{site.as_uri()}/", "server": f"http://127.0.0.1:{server.server_port}/"}
        server.shutdown()


@pytest.fixture
def opened(browser: Browser, places: dict[str, str]) -> Iterator[Open]:
    """Open a page; at the end nothing may have been asked of another place than its own, and the console holds no word."""
    said: list[str] = []
    contexts = []

    def open_(name: str, where: str = "disk", scheme: Any = "light") -> Page:
        context = browser.new_context(viewport={"width": WIDTHS[0], "height": 900}, color_scheme=scheme)
        contexts.append(context)
        context.set_default_timeout(10_000)
        own = (places[where], "about:", "data:")
        context.on("request", lambda request: said.append(request.url) if not request.url.startswith(own) else None)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(places[where] + name)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert said == []


def test_no_page_is_wider_than_its_window(opened: Open, places: dict[str, str]) -> None:
    page = opened(HTML[0])
    for name in HTML:
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            if width == WIDTHS[0]:
                page.goto(places["disk"] + name)
                assert page.locator("h1").count() == 1, name
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_light_and_dark_differ_and_both_can_be_read(opened: Open) -> None:
    contrast = """() => {
        const channels = text => text.match(/[\\d.]+/g).slice(0, 3).map(c => (c /= 255, c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        const light = text => channels(text).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
        const ground = getComputedStyle(document.body).backgroundColor;
        const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        const over = (c, g) => { const [r, v, b, a = 1] = c.match(/[\\d.]+/g).map(Number), h = g.match(/[\\d.]+/g).map(Number);
          return `rgb(${[r, v, b].map((x, i) => x * a + h[i] * (1 - a)).join(",")})`; };
        const inks = [".md-content p", ".md-content a[href]:not(.headerlink)", ".md-content h1"].map(
          where => getComputedStyle(document.querySelector(where)).color);
        return [ground, Math.min(...inks.map(ink => ratio(light(over(ink, ground)), light(ground))))]; }"""
    (light, least), (dark, least_dark) = (opened("index.html", scheme=scheme).evaluate(contrast) for scheme in ("light", "dark"))
    assert light != dark
    assert min(least, least_dark) >= 4.5


@pytest.mark.parametrize("where", ["disk", "server"])
def test_the_search_finds_what_is_asked(where: str, opened: Open) -> None:
    page = opened("index.html", where)
    page.get_by_role("textbox", name="Search").click()
    page.keyboard.type("satterthwaite")
    result = page.locator(".md-search-result__link").first
    result.wait_for()
    assert "uncertainty.html" in (result.get_attribute("href") or "")


def test_a_reader_chooses_between_light_and_dark(opened: Open) -> None:
    page = opened("index.html")
    ground = "getComputedStyle(document.body).backgroundColor"
    seen = [page.evaluate(ground)]
    for _ in range(2):
        page.locator("form[data-md-component=palette] label:visible").click()
        seen.append(page.evaluate(ground))
    assert seen[0] == seen[1] != seen[2], "as the system has it, light, dark"
