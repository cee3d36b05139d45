"""Reporting: an entry -> its figures, its scores beside controls and the best, and the words that a paper can use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pandas as pd

from genoboard_leaderboard import report
from genoboard_leaderboard.entry import Score
from genoboard_leaderboard.ranking import FEW, Standing
from genoboard_leaderboard.report import Panel, Report, ScoreLine
from genoboard_leaderboard.store import Store

from . import catalog
from .competition import Competition
from .errors import DataError, UnknownName, UsageError
from .figure import Figure, themed
from .metrics import Metric
from .plugins import Plugins
from .results import NotDrawn, Results
from .table import harmless
from .task import Task, Tell
from .workspace import Workspace, slug, write_text

Missing = tuple[str, str]


def results_of(
    text: str,
    workspace: str | Path | None = None,
    task: str | None = None,
    tell: Tell = lambda _: None,
    plugins: Plugins | None = None,
) -> Results:
    """Return the results of the entry whose id is `text`, or of the latest valid entry of that name.

    Raise `UnknownName` or `UsageError`, which says why, where there is none to report.
    """
    place = Workspace.here(workspace)
    store = Store(place.database)
    found = store.find(text, task)
    if not found:
        raise UnknownName("entry", text, {e.name for e in store.entries(task=task)}, "genoboard leaderboard TASK shows what there is.")
    standing = [e for e in found if e.verdict == "ok" and not e.removed]
    if not standing:
        last = found[-1]
        why = f"was removed: {last.removed}" if last.removed else f"gave no predictions ({last.verdict}: {last.reason})"
        raise UsageError(f"{text} {why}. There is nothing to report.")
    entry = standing[-1]
    if len({e.board.key for e in standing}) > 1:
        tell(f"{text} stands on several boards; this is its latest entry, {entry.id} ({entry.board.task}, {entry.board.split}).")
    competition = Competition.open(entry.board.task, entry.board.split, entry.board.data, place, plugins, tell)
    if competition.board != entry.board:
        raise DataError(
            f"{entry.id} was made on another version of {entry.board.data} or of split {entry.board.split!r}"
            f" ({entry.board.data_fingerprint[:8]}, {entry.board.split_fingerprint[:8]}) than this machine has now. Bring that version to report it."
        )
    return Results(competition, entry)


def figures(results: Results, tell: Tell = lambda _: None) -> tuple[list[Figure], list[Missing]]:
    """Return the figures of the task's panels, and the panels that drew none, each with its reason."""
    drawn: list[Figure] = []
    missing: list[Missing] = []
    for target in results.competition.task.panels:
        name = target.rpartition(":")[2].replace("_", " ")
        tell(f"Drawing {name}.")
        try:
            with themed():
                made = resolve_name(target)(results)
        except NotDrawn as error:
            missing.append((name, str(error)))
            continue
        except Exception as error:  # one broken panel must not cost the report
            missing.append((name, f"it failed: {type(error).__name__}: {error}"))
            continue
        drawn += [made] if isinstance(made, Figure) else list(made)
    return drawn, missing


def page(results: Results, drawn: Sequence[Figure], missing: Sequence[Missing]) -> str:
    """Return the report as one HTML file."""
    entry, competition = results.entry, results.competition
    where = f"{competition.task.title}, split {competition.split.name}"
    return report.page(
        Report(
            title=f"{entry.name} on {where}",
            lead=lead(results),
            scores=_score_lines(results),
            card=run_card(results),
            methods=methods(results),
            panels=[_panel(f) for f in drawn],
            missing=missing,
            cite=citations(competition.task, competition.data.name),
        )
    )


def write_figures(drawn: Iterable[Figure], folder: Path) -> list[Path]:
    """Write each figure as SVG and PDF, with its data as CSV; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    wrote = []
    for number, figure in enumerate(drawn, start=1):
        stem = folder / f"{number:02d}-{slug(figure.title.lower())}"
        # alone, a drawing has no page to take its colours from
        write_text(stem.with_suffix(".svg"), _alone(figure.svg))
        harmless(figure.table).to_csv(stem.with_suffix(".csv"), index=not isinstance(figure.table.index, pd.RangeIndex))
        wrote += [stem.with_suffix(".svg"), stem.with_suffix(".csv")]
        if figure.pdf is not None:
            stem.with_suffix(".pdf").write_bytes(figure.pdf())
            wrote.append(stem.with_suffix(".pdf"))
    return wrote


def lead(results: Results) -> list[str]:
    """Return where the entry stands, in a few sentences."""
    competition, standings = results.competition, results.standings
    own = _own(results)
    said = [competition.split.asks]
    if own is not None and own.rank is not None:
        several = sum(s.tied for s in standings)
        place = f"Rank {own.rank} of {sum(s.rank is not None for s in standings)}"
        if own.ranks:
            place += f", true rank {own.ranks[0]} to {own.ranks[1]}" if own.ranks[0] < own.ranks[1] else f", true rank {own.ranks[0]}"
        if own.tied and several > 1:
            others = f"{several - 1} other{'s' if several > 2 else ''}"
            place += (
                f"; {others} cannot be told apart from it" if own.rank == 1 else f"; with {others} it cannot be told apart from the best"
            )
        said.append(f"{place}.")
    if own is not None and own.warning:
        said.append(f"It is {own.warning}.")
    if competition.split.leaks:
        said.append(f"This split leaks: {competition.split.leaks}")
    if results.solution.clusters < FEW:
        said.append(f"Few groups: intervals rest on {results.solution.clusters} {competition.split.bootstrap_group or 'row'}s.")
    return said


def methods(results: Results) -> str:
    """Return a paragraph that a paper can use: data, split, folds, metric, intervals, controls."""
    competition, entry = results.competition, results.entry
    split, primary, about = competition.split, competition.metrics[0], competition.data.about
    by = split.bootstrap_group
    unit = f"{results.solution.clusters:,} groups of one {by}" if by else f"{len(results.truth):,} single rows"
    train = [len(f.train) for f in competition.folds]
    kept = f"no {split.group} on both sides" if split.group else "single rows dealt at random"
    if split.rule:
        dealt = f"the rows were divided by the rule of the split {split.name!r}"
    elif split.cross_validated:
        dealt = f"the rows were dealt into {len(train)} parts with {kept}, and each was predicted by a model fitted on the others"
    else:
        dealt = f"one of {split.folds} parts, with {kept}, was held out for testing"
    known = {s.metric: s for s in entry.scores}
    score = known.get(primary.name)
    controls = ", ".join(dict.fromkeys(s.name for s in results.standings if s.control))
    model = f"The model was {entry.model or entry.name}" + (f" ({entry.code.plugin} {entry.code.version})" if entry.code.plugin else "")
    settings = ", ".join(f"{k} = {v}" for k, v in entry.parameters.items())
    sentences = [
        f"We used the dataset {competition.data.name} of the task {competition.task.name} ({about['rows']:,} rows, {about['features']:,} features"
        f"{', ' + results.unit if results.unit else ''}; data fingerprint {entry.board.data_fingerprint[:16]}).",
        f"Under the split {split.name!r}, {dealt} ({', '.join(f'{n:,}' for n in train[:1])} rows to fit{' in the first fold' if len(train) > 1 else ''},"
        f" {len(results.truth):,} scored; split fingerprint {entry.board.split_fingerprint[:16]}).",
        f"This split asks: {split.asks}",
        *([f"It is known to leak: {split.leaks}"] if split.leaks else []),
        f"{model}{', with ' + settings if settings else ''}{f', seed {entry.seed}' if entry.seed is not None else ''};"
        " it was fitted on training rows alone, in a process that had no access to the test target.",
        f"The primary metric is {primary.name} ({primary.summary}; version {primary.version}).",
        f"Intervals are 95 %: the estimate +- t(G-1) times the bootstrap standard error (1,000 resamples of whole groups, here {unit}) times sqrt(G/(G-1));"
        " for AUROC, DeLong's with clustered components.",
    ]
    if score is not None and score.value is not None:
        sentences.append(f"The result is {_told(score)}.")
    if controls:
        sentences.append(f"Controls that were run on the same split: {controls}.")
    sentences.append(f"Scored with genoboard {results.record.get('genoboard', '')} (scorer {entry.scorer}).")
    return " ".join(sentences)


def run_card(results: Results) -> dict[str, str]:
    """Return what one needs to know, or to do, to make the entry once more."""
    entry, record = results.entry, results.record
    versions = record.get("versions", {})
    card = {
        "entry": entry.id,
        "made": entry.created,
        "command": record.get("command", ""),
        "origin": entry.origin,
        "model": entry.model,
        "parameters": json.dumps(dict(entry.parameters), ensure_ascii=False) if entry.parameters else "",
        "seed": "" if entry.seed is None else str(entry.seed),
        "threads": "" if entry.threads is None else str(entry.threads),
        "code": " ".join(filter(None, (entry.code.plugin, entry.code.version, entry.code.state, entry.code.source))),
        "commit": entry.code.commit,
        "data": f"{entry.board.data} {entry.board.data_fingerprint}",
        "split": f"{entry.board.split} {entry.board.split_fingerprint}",
        "submission": f"SHA-256 {entry.submission_sha256}",
        "scorer": str(entry.scorer),
        "time to fit": "" if entry.seconds_fit is None else f"{entry.seconds_fit:.2f} s",
        "time to predict": "" if entry.seconds_predict is None else f"{entry.seconds_predict:.2f} s",
        "peak memory": f"{entry.peak_memory / 2**20:,.0f} MiB" if entry.peak_memory else "",
        "genoboard": record.get("genoboard", ""),
        "python": record.get("python", ""),
        "platform": record.get("platform", ""),
        "packages": ", ".join(f"{k} {v}" for k, v in versions.items()),
        "message": entry.message,
        "notes": "; ".join(entry.notes),
    }
    return {k: v for k, v in card.items() if v}


def citations(task: Task, data: str | None = None) -> list[str]:
    """Return what to cite for a task: of one dataset, or of all."""
    known = catalog.sources(task)
    named = [known[data]] if data is not None and data in known else list(known.values())
    return [*(f"{s.name}: {s.cite}" for s in named if s.cite), *task.references]


def cite(plugins: Plugins, name: str) -> dict[str, Any]:
    """Return what to cite for a task, with its datasets' licences."""
    card = plugins.task(name)
    datasets = [{"name": s.name, "cite": s.cite, "licence": s.licence} for s in card.sources if s.cite or s.licence]
    return {"task": card.name, "title": card.title, "datasets": datasets, "references": list(card.references)}


def _panel(figure: Figure) -> Panel:
    table = figure.table if isinstance(figure.table.index, pd.RangeIndex) else figure.table.reset_index()
    rows = table.astype(object).where(table.notna(), None).to_numpy().tolist()
    return Panel(figure.title, figure.svg, figure.alt, [str(c) for c in table.columns], rows, figure.note)


def _score_lines(results: Results) -> list[ScoreLine]:
    standings, own = results.standings, _own(results)
    primary = results.metrics[0].name
    beside: list[tuple[str, Standing]] = []
    best = next((s for s in standings if s.rank is not None and (own is None or s.key != own.key)), None)
    if best is not None:
        beside.append((f"{'best' if own is None or (own.rank or 0) > 1 else 'next'}: {best.name}", best))
    beside += [(f"control: {s.name}", s) for s in standings if s.control and (own is None or s.key != own.key)]
    known = {s.metric: s for s in results.entry.scores}
    lines = []
    for metric in results.metrics:
        score = known.get(metric.name) or Score(metric.name, None, reason="not scored when it was entered")
        others = {title: _of_standing(s, metric) for title, s in beside}
        lines.append(
            ScoreLine(metric.name, metric.summary, metric.direction, score.value, score.low, score.high, "test rows", score.reason, others)
        )
    if own is not None and own.seeds > 1 and primary in own.scores and own.scores[primary] is not None:
        lines.insert(1, _over_seeds(results.metrics[0], own))
    return lines


def _over_seeds(metric: Metric, own: Standing) -> ScoreLine:
    low, high = own.intervals.get(metric.name, (None, None))
    summary = f"the same, mean over {own.seeds} seeds"
    return ScoreLine(f"{metric.name}, {own.seeds} seeds", summary, metric.direction, own.scores[metric.name], low, high, own.covers, "", {})


def _of_standing(standing: Standing, metric: Metric) -> str:
    value = standing.scores.get(metric.name)
    if value is None:
        return "-"
    interval = standing.intervals.get(metric.name)
    return f"{value:.5f}" + (" [{:.5f}, {:.5f}]".format(*interval) if interval else "")


def _told(score: Score) -> str:
    interval = f" [{score.low:.5f}, {score.high:.5f}]" if score.low is not None and score.high is not None else ""
    return f"{score.metric} {score.value:.5f}{interval}"


def _own(results: Results) -> Standing | None:
    return next((s for s in results.standings if results.entry.standing == s.key), None)


def _alone(svg: str) -> str:
    return re.sub(r"var\(--[a-z]+, ?(#[0-9a-f]+)\)", r"\1", svg).replace("currentColor", "#000000")
