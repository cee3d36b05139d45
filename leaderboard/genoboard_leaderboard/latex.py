"""LaTeX: a board's document -> a booktabs table for a paper, to be used with \\input."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .page import DIRECTIONS

SIGNS = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "±": r"\ensuremath{\pm}",
}
CAPTIONED = {"test rows": "resampled test rows", "test rows and seeds": "resampled test rows and seeds"}


def latex(document: Mapping[str, Any], metrics: Sequence[str]) -> str:
    """Return a table of the standings with a score: the primary metric first, then the others of `metrics`, each with its interval.

    Those tied with the best are in bold (those of rank 1, where nothing is known of ties).
    """
    primary: str = document["metric"]
    shown = [primary, *(metric for metric in metrics if metric != primary)]
    rows = [row for row in document["standings"] if row["scores"].get(primary) is not None]
    ranked = any(row["rank"] is not None for row in rows)
    heads = [*(["Rank"] if ranked else []), "Name", *(f"{_escaped(metric)}{_arrow(document, metric)}" for metric in shown)]
    lines = [
        "% needs \\usepackage{booktabs}; input or paste it into a document in UTF-8",
        "\\begin{table}[htbp]",
        "\\centering",
        f"\\caption{{{_caption(document, rows, ranked)}}}",
        f"\\label{{tab:{_label(document)}}}",
        f"\\begin{{tabular}}{{{'r' if ranked else ''}l{'l' * len(shown)}}}",
        "\\toprule",
        f"{' & '.join(heads)} \\\\",
        "\\midrule",
    ]
    told = any(row.get("tied") for row in rows)
    for row in rows:
        best = ranked and (bool(row.get("tied")) if told else row["rank"] == 1)
        name, score = (_bold(text, best) for text in (_escaped(row["name"]), _measured(row, primary)))
        control = " (control)" if row["control"] else ""
        rank = ["--" if row["rank"] is None else str(row["rank"])] if ranked else []
        lines.append(f"{' & '.join([*rank, name + control, score, *(_measured(row, metric) for metric in shown[1:])])} \\\\")
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", "\\end{table}", ""])


def _caption(document: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], ranked: bool) -> str:
    data = f"{document['data']} ({document['data_fingerprint'][:8]})"
    parts = [f"{_escaped(document['task'])} on {_escaped(data)}, split {_escaped(document['split'])}."]
    if any(row["intervals"] for row in rows):
        covers = {str(row.get("covers", "test rows")) for row in rows}
        over = CAPTIONED.get(covers.pop(), "") if len(covers) == 1 else ""
        parts.append(f"In brackets: 95\\,\\% interval{f' over {over}' if over else ''}.")
    arrows = [arrow for arrow in DIRECTIONS if any(arrow == document.get("directions", {}).get(m) for m in document["metrics"])]
    if arrows:
        parts.append("; ".join(f"{_ARROWS[arrow]}: {DIRECTIONS[arrow]}" for arrow in arrows) + ".")
    if ranked:
        tied = any(row.get("tied") for row in rows)
        parts.append(
            "Bold: not told apart from the best (the 95\\,\\% interval of the paired difference includes 0)." if tied else "Bold: best."
        )
    return " ".join(parts)


_ARROWS = {"max": "$\\uparrow$", "min": "$\\downarrow$"}


def _arrow(document: Mapping[str, Any], metric: str) -> str:
    return _ARROWS.get(document.get("directions", {}).get(metric, ""), "")


def _measured(row: Mapping[str, Any], metric: str) -> str:
    value, interval = row["scores"].get(metric), row["intervals"].get(metric)
    if value is None:
        return "--"
    return f"{_number(value)} [{_number(interval[0])}, {_number(interval[1])}]" if interval else _number(value)


def _number(value: float) -> str:
    return f"{value:.4f}" if value >= 0 else f"$-${-value:.4f}"


def _bold(text: str, wanted: bool) -> str:
    return f"\\textbf{{{text}}}" if wanted else text


def _label(document: Mapping[str, Any]) -> str:
    """Letters, digits and hyphens alone: what every LaTeX takes in a label."""
    return re.sub(r"[^a-z0-9]+", "-", f"{document['task']} {document['data']} {document['split']}".lower()).strip("-")


def _escaped(text: object) -> str:
    """A stranger's text on one line, with no sign that LaTeX obeys; two hyphens stay two."""
    line = "".join(c if c.isprintable() else " " for c in str(text))
    return "".join(SIGNS.get(c, c) for c in line.replace("--", "-\0-").replace("--", "-\0-")).replace("\0", "{}")
