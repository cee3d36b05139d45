"""Kind: what a variant's name says it is: a substitution, a truncation, a fusion, ..."""

from __future__ import annotations

import re

# The first that is found decides. In upper case, and in one-letter code.
PATTERNS = {
    "fusion": r"FUSION|REARRANGEMENT|TRANSLOCATION|::",
    "splice": r"SPLIC|SKIPPING|\bIVS\d|C\.\d+[+-]\d",
    "truncation": r"TRUNC|NONSENSE|FRAME ?SHIFT|\dFS|[A-Z]\d+[A-Z]FS|\b[A-Z]\d+(?:\*|X\b|TER\b)",
    "amplification or expression": r"AMPLIFICATION|EXPRESSION|COPY NUMBER",
    "insertion or duplication": r"\d[A-Z]?INS|DELINS|INSERTION|DUP|\bITD\b|\b[A-Z]\d+[A-Z]{2,3}\b",
    "deletion": r"DEL|\bLOSS\b",
    "substitution": r"\b[A-Z]\d+[A-Z]\b",
}
KINDS = (*PATTERNS, "other")
COMPILED = {kind: re.compile(pattern) for kind, pattern in PATTERNS.items()}
JOINED = re.compile(r"([A-Z][A-Z0-9]+)[-\N{EN DASH}/]([A-Z][A-Z0-9]+)\b")


def kind_of(gene: str, variation: str) -> str:
    """Return the kind, one of `KINDS`, of a variant of `gene` that goes by the name `variation`."""
    name = variation.upper()
    joined = JOINED.match(name)
    if joined and gene.upper() in joined.groups():
        return "fusion"
    return next((kind for kind, pattern in COMPILED.items() if pattern.search(name)), "other")
