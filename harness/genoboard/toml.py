"""TOML: plain values -> the text that tomllib reads back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

WIDTH = 110


def dump(tables: Mapping[str, Any], heading: str) -> str:
    """Return TOML: plain values first, then a table for every mapping, and ``[[name]]`` for every list of mappings; `heading` is a comment."""
    plain = {k: v for k, v in tables.items() if not _is_table(v)}
    lines = [f"# {line}" for line in heading.splitlines()]
    lines += [f"{_key(k)} = {_value(v)}" for k, v in plain.items()]
    for name, content in tables.items():
        for one in [content] if isinstance(content, Mapping) else content if _is_table(content) else []:
            lines += ["", f"[{name}]" if isinstance(content, Mapping) else f"[[{name}]]"]
            lines += [f"{_key(k)} = {_value(v)}" for k, v in one.items()]
    return "\n".join(lines) + "\n"


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list | tuple) and bool(value) and isinstance(value[0], Mapping))


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        cells = [_value(v) for v in value]
        if sum(map(len, cells)) + 2 * len(cells) < WIDTH:
            return f"[{', '.join(cells)}]"
        lines = [""]
        for cell in cells:
            if len(lines[-1]) + len(cell) > WIDTH:
                lines.append("")
            lines[-1] += f"{cell}, "
        return "[\n" + "".join(f"    {line.rstrip()}\n" for line in lines if line) + "]"
    # JSON spells texts, numbers and truth as TOML does, but for infinity and the one control character that JSON leaves alone
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
