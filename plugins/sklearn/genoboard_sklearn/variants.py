"""Variants: names of variants, as curators write them -> what they say, in columns."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import pandas as pd

from .residues import BLOSUM62, ONE, PROPERTIES

KINDS = (
    "substitution", "nonsense", "frameshift", "deletion", "insertion", "duplication", "indel", "truncation", "fusion", "amplification",
    "loss", "splice", "silent", "promoter", "expression", "extension", "start", "codon", "exon", "domain", "methylation", "isoform",
    "polymorphism", "modification", "gain", "wildtype", "mutation", "other",
)  # fmt: skip

# A residue: one letter, X or null where it was left open. Names come in upper case, in three-letter code they are translated first.
_AT = r"(?:P\.\(?)?(?P<reference>[A-Z*]|NULL)?(?P<position>\d+)"
_TO = r"(?:[_-](?P<end>[A-Z])?(?P<last>\d+))?"
_NAMED = (
    ("indel", rf"{_AT}{_TO}(?:(?:DEL[A-Z]*?)?INDEL|DEL[A-Z]*?INS|DEL[A-Z]*?>|>)(?P<alternate>[A-Z*]*)"),
    ("frameshift", rf"{_AT}(?P<alternate>[A-Z])??FS(?:\*|X|TER)?(?P<stop>\d+|\?)?"),
    ("insertion", rf"{_AT}{_TO}INS(?P<alternate>[A-Z*]*)(?P<added>\d+)?"),
    ("duplication", rf"{_AT}{_TO}DUP(?P<alternate>[A-Z]*)"),
    ("deletion", rf"{_AT}{_TO}DEL[A-Z]*"),
    ("deletion", rf"DEL ?{_AT}{_TO}"),
    ("splice", rf"{_AT}{_TO}_?SPLICE"),
    ("truncation", rf"{_AT}{_TO}TRUNC"),
    ("silent", rf"{_AT}="),
    ("start", r"(?P<reference>M)(?P<position>1)\?"),
    ("extension", r"(?P<reference>\*)(?P<position>\d+)(?P<alternate>[A-Z])"),
    ("nonsense", r"(?:P\.\(?)?(?P<reference>[A-WYZ])(?P<position>\d+)(?P<alternate>\*|X)"),
    ("substitution", r"(?:P\.\(?)?(?P<reference>[A-Z]|NULL)(?P<position>\d+)(?P<alternate>[A-Z])"),
    # K558NP and L232LI: one residue becomes several
    ("indel", r"(?P<reference>[A-Z])(?P<position>\d+)(?P<alternate>[A-Z]{2,3})"),
)
NAMED = tuple((kind, re.compile(rf"(?<![A-Z0-9*.]){pattern}(?![A-Z0-9])")) for kind, pattern in _NAMED)
CODON = re.compile(r"(?<![A-Z0-9-])(?:NON-)?(?P<reference>[A-Z])(?P<position>\d{2,})(?:/[A-Z]?\d+)*(?![A-Z0-9])")
EXON = re.compile(r"\b(?P<place>EXONS?|EX|INTRON) ?(?P<number>\d+)(?:-(?P<last>\d+))?")
# two genes joined: also by what a lost dash became
FUSED = re.compile(
    r"(?<![A-Z0-9])(?P<five>[A-Z][A-Z0-9@.]+(?:-\d)?)(?: ?(?:-|/|::|\?|\u2013) ?)(?P<three>[A-Z][A-Z0-9]+)(?P<lost>\?)?(?![A-Z0-9])"
)
# the first that is found decides
WORDS = (
    ("fusion", r"FUSIONS?\b|REARRANGEMENT|TRANSLOCATION(?<!NUCLEAR TRANSLOCATION)|DOUBLE PH"),
    ("methylation", r"METHYLATION|SILENCING"),
    ("promoter", r"PROMOTER|5' ?(?:UTR|TANDEM)"),
    ("splice", r"SPLIC|SKIPPING|IVS\d|C\.\S*\d[+-]\d"),
    ("expression", r"EXPRESSION|SERUM LEVELS"),
    ("amplification", r"AMPLIFICATION|COPY NUMBER (?:GAIN|VARIATION)"),
    ("frameshift", r"FRAME ?SHIFT"),
    ("truncation", r"TRUNCAT|TRUNC\b|NONSENSE"),
    ("duplication", r"DUPLICATION|\bITD\b|\bKDD\b|-KDD"),
    ("polymorphism", r"\bRS\d+|\bSNP|POLYMORPHISM|UTR\b|[A-Z0-9]\*\d+"),
    ("loss", r"LOSS|\bLOH\b|INACTIVAT|DELETERIOUS|\bNULL\b|COPY NUMBER LOSS|LOSS-OF-FUNCTION|^DELETIONS?$|\d+MB DEL"),
    ("indel", r"DELETIONS?/INSERTION|INSERTIONS?/DELETION|INDEL"),
    ("deletion", r"DELETION|\bDEL\b|C\.\S*DEL"),
    ("insertion", r"INSERTION"),
    ("wildtype", r"WILD ?-?TYPE"),
    ("modification", r"PHOSPHORYLATION|UBIQUITIN|ACETYLATION|TRANSLOCATION|MISLOCALI[SZ]ATION"),
    ("gain", r"GAIN-OF-FUNCTION|ACTIVATING"),
    ("isoform", r"ISOFORM|TRANSCRIPT|V(?:I{1,3}|IV|V)$|^V\d+$|-V\d+$|[A-Z]V\d+ES$|^P\d+[A-Z]|-NICK$|\d+B\d+$"),
    ("domain", r"DOMAIN|P-LOOP|\bTKD\b"),
    ("exon", EXON.pattern),
    ("mutation", r"MUTATIONS?\b|\bMUT\b|ALTERATION"),
)
SPOKEN = tuple((kind, re.compile(pattern)) for kind, pattern in WORDS)
UP = re.compile(r"OVEREXPRESSION|AMPLIFICATION|GAIN|(?<!IN)ACTIVATING|DEMETHYLATION")
DOWN = re.compile(r"UNDEREXPRESSION|LOSS|\bLOH\b|INACTIVAT|DELETERIOUS|\bNULL\b|SILENCING|(?<!DE)METHYLATION|^DELETIONS?$|TRUNCAT")
THREE_BEFORE = re.compile(rf"(?<![A-Za-z])({'|'.join(ONE)})(?=\d)", re.IGNORECASE)
THREE_AFTER = re.compile(rf"(?<=[0-9>])({'|'.join(ONE)})(?![A-Za-z])|(?<=\d)({'|'.join(ONE)})(?=fs)", re.IGNORECASE)
THREE_ADDED = re.compile(rf"(?<=ins)((?:{'|'.join(ONE)})+)(?![A-Za-z])", re.IGNORECASE)


@dataclass(frozen=True)
class Variant:
    """What the name of one variant says; "" and NaN where it says nothing.

    Parameters
    ----------
    kind : one of `KINDS`.
    reference, alternate : residues in one-letter code, ``*`` for a stop; `alternate` has several where several come in.
    final : the residue at the other end of a range.
    position, last : codon, and the last codon of a range, the same where there is none; where an exon is named instead, see `exon`.
    partner : the other gene of a fusion.
    exon : number of the first exon named, or of an intron.
    added : residues that come in.
    fused : whether a fusion is named, alone or as what carries the variant.
    direction : 1 where the name says more of the gene (amplification, gain), -1 where less.
    several : whether more than one variant is named.
    """

    kind: str = "other"
    reference: str = ""
    alternate: str = ""
    final: str = ""
    position: float = np.nan
    last: float = np.nan
    partner: str = ""
    exon: float = np.nan
    added: float = 0.0
    fused: bool = False
    direction: int = 0
    several: bool = False
    hydropathy: float = field(default=0.0, init=False)
    volume: float = field(default=0.0, init=False)
    charge: float = field(default=0.0, init=False)
    blosum62: float = field(default=np.nan, init=False)

    def __post_init__(self) -> None:
        if self.reference in PROPERTIES and self.alternate in PROPERTIES:
            before, after = PROPERTIES[self.reference], PROPERTIES[self.alternate]
            for name in before._fields:
                object.__setattr__(self, name, getattr(after, name) - getattr(before, name))
            object.__setattr__(self, "blosum62", float(BLOSUM62[self.reference, self.alternate]))

    @property
    def span(self) -> float:
        """Codons from the first to the last; NaN without a position."""
        return self.last - self.position + 1


def describe(X: pd.DataFrame) -> pd.DataFrame:
    """Return what each row's name says of its variant.

    Parameters
    ----------
    X : DataFrame with the str columns ``gene`` and ``variation``; others are left aside.

    Returns
    -------
    DataFrame on the same index: ``gene``, the fields of `Variant` (residue properties as alternate less reference), and ``span``.
    A row depends on nothing but itself.
    """
    pairs = pd.MultiIndex.from_arrays([X["gene"].astype(str), X["variation"].astype(str)])
    code, distinct = pd.factorize(pairs)
    found = [parse(gene, name) for gene, name in distinct]
    columns = list(Variant.__dataclass_fields__)
    table = pd.DataFrame([asdict(v) for v in found], columns=columns).astype(
        {"kind": "str", "reference": "str", "alternate": "str", "final": "str", "partner": "str"}
    )
    table["span"] = table["last"] - table["position"] + 1
    table.insert(0, "gene", pd.Series([gene for gene, _ in distinct], dtype="str"))
    return table.take(code).set_axis(X.index)


def parse(gene: str, variation: str) -> Variant:
    """Return what `variation`, a name of a variant of `gene`, says."""
    name = normal(variation)
    fused = _fused(gene.upper(), name)
    name_in = name.replace(fused.group(), " ", 1) if fused else name
    partner = ""
    if fused:
        five, three = fused["five"], fused["three"] + (fused["lost"] or "")
        partner = five if three.startswith(gene.upper()[:3]) else three
    spoken = next((kind for kind, pattern in SPOKEN if pattern.search(name)), "")
    exon = EXON.search(name)
    common = Variant(
        partner=partner,
        exon=float(exon["number"]) if exon else np.nan,
        fused=bool(fused) or spoken == "fusion",
        direction=int(bool(UP.search(name))) - int(bool(DOWN.search(name))),
        several=bool(re.search(r" AND |[A-Z0-9]/[A-Z0-9]|;", name)) or len(re.findall(r"\b[A-Z]\d{2,}[A-Z]\b", name_in)) > 1,
    )
    own = name_in.removeprefix(gene.upper() + " ")
    for kind, pattern in NAMED:
        if hit := pattern.search(own):
            return _placed(common, kind, hit.groupdict())
    if hit := CODON.search(own):
        known = {"SPLIC": "splice", "PHOSPHORYLATION": "modification", "DELETION": "deletion"}
        kind = next((k for word, k in known.items() if word in own), "codon")
        return _placed(common, kind, hit.groupdict())
    return replace(common, kind=spoken or ("fusion" if fused else "other"))


def normal(variation: str) -> str:
    """Return the name in upper case and one-letter code, without the nucleotides that stand in brackets after it."""
    name = re.sub(r"\s*\(?c\.\S+\)?$", "", variation.strip()) or variation.strip()
    name = re.sub(r"\s+", " ", name)
    name = THREE_ADDED.sub(lambda m: "".join(ONE[m[1][i : i + 3].lower()] for i in range(0, len(m[1]), 3)), name)
    name = THREE_BEFORE.sub(lambda m: ONE[m[1].lower()], name)
    name = re.sub(r"_(" + "|".join(ONE) + r")(?=\d)", lambda m: "_" + ONE[m[1].lower()], name, flags=re.IGNORECASE)
    name = THREE_AFTER.sub(lambda m: ONE[(m[1] or m[2]).lower()], name)
    return name.upper()


def _fused(gene: str, name: str) -> re.Match[str] | None:
    """Return where two genes stand joined; words that are no genes' names and ranges are passed over."""
    for hit in FUSED.finditer(name):
        five, three = hit["five"], hit["three"]
        symbols = (
            gene[:3] in (five[:3], three[:3]) or "FUSION" in name or bool(re.search(r"\d", five + three)) or (len(five) < 8 > len(three))
        )
        residue = re.fullmatch(r"[A-Z]\d+[A-Z*]?", five) or re.fullmatch(r"[A-Z]\d+[A-Z*]?", three)
        plain = {"LOSS", "NON", "COPY", "DEL", "KDD", "NICK", "LOOP", "GAIN", "WILD"} & {five, three}
        if symbols and not residue and not plain:
            return hit
    return None


def _placed(common: Variant, kind: str, found: dict[str, str | None]) -> Variant:
    """Return `common` with its kind, residues and codons."""
    reference = found["reference"] or ""
    alternate = found.get("alternate") or ""
    position = float(found["position"] or "nan")
    # X and null stand for a residue that was not named
    reference = "" if reference in ("X", "NULL") else reference
    if kind == "nonsense":
        alternate = "*"
    if kind == "substitution" and reference and reference == alternate:
        kind = "silent"
    if kind == "frameshift":
        added = 0.0
    else:
        added = float(found.get("added") or len(alternate.replace("*", "")) * (kind in ("indel", "insertion", "duplication")))
    # K12_2del is no range that could be
    last = max(position, float(found.get("last") or position))
    if kind == "duplication":
        added = last - position + 1
    return replace(
        common, kind=kind, reference=reference, alternate=alternate, final=found.get("end") or "", position=position, last=last, added=added
    )
