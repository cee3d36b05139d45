"""Spellings: the names under which a paper may speak of a variant."""

from __future__ import annotations

from .residues import THREE
from .variants import Variant, normal, parse

DASH = "\N{EN DASH}"
VERBS = {"deletion": "del", "insertion": "ins", "duplication": "dup", "indel": "delins", "splice": "splice", "truncation": "trunc"}
PLACES = ("codon", "residue", "position", "amino acid", "codons", "residues", "positions", "amino acids")
CONSEQUENCES = {
    "truncation": ("truncating", "truncation", "truncated", "nonsense", "frameshift"),
    "amplification": ("amplification", "amplified", "copy number gain"),
    "loss": ("deletion", "deleted", "loss", "inactivation"),
    "fusion": ("fusion", "fusions", "rearrangement", "rearranged", "translocation"),
    "expression": ("overexpression", "overexpressed", "expression"),
    "methylation": ("methylation", "hypermethylation", "methylated", "silencing", "silenced"),
    "promoter": ("promoter",),
    "duplication": ("duplication", "internal tandem duplication", "ITD"),
    "splice": ("splice", "splicing", "skipping"),
    "wildtype": ("wild type", "wild-type", "wildtype"),
    "domain": ("domain",),
}
IN_EXON = {"deletion": ("deletion", "del"), "insertion": ("insertion", "ins"), "splice": ("skipping", "splice")}


def spellings(gene: str, variation: str) -> tuple[str, ...]:
    """Return under which names a paper may speak of the variant: as it is given first, then V600E, Val600Glu, p.V600E, ..."""
    variant = parse(gene, variation)
    found = [" ".join(variation.split())]
    if variant.position == variant.position:
        found += [s for three in (False, True) for s in _residues(variant, three)]
        # BRAFV600E: the superscript of a printed page
        found += [f"{gene}{found[1]}"] if gene else []
    elif variant.partner:
        five, three = (variant.partner, gene) if normal(variation).startswith(variant.partner) else (gene, variant.partner)
        found += [f"{five}{joint}{three}" for joint in ("-", "/", DASH, "::", ":")]
    elif variant.exon == variant.exon:
        exon = f"exon {variant.exon:.0f}"
        found += [f"{exon} {what}{s}" for what in IN_EXON.get(variant.kind, ("mutation",)) for s in ("", "s")] + [exon]
    else:
        found += CONSEQUENCES.get(variant.kind, ())
    if found[0].endswith(("ions", "ants")):
        found.append(found[0][:-1])
    return tuple(dict.fromkeys(f for f in found if f))


def codon(gene: str, variation: str) -> tuple[str, ...]:
    """Return under which names a text speaks of the variant's codon, whatever became of it there; none where it has no codon."""
    variant = parse(gene, variation)
    if variant.position != variant.position:
        return ()
    place = f"{variant.position:.0f}"
    found = [f"{what} {place}" for what in PLACES]
    if variant.reference not in ("", "*"):
        three = THREE.get(variant.reference, variant.reference)
        found += [f"{variant.reference}{place}", f"{three}{place}", f"{three}-{place}"]
    return tuple(dict.fromkeys(found))


def _residues(variant: Variant, three: bool) -> list[str]:
    """Return the spellings of a variant with a place, in one-letter or three-letter code, with and without p."""

    def code(letters: str) -> str:
        return "".join(THREE.get(c, c) for c in letters) if three else letters

    before, after = code(variant.reference), code(variant.alternate)
    first, last = f"{variant.position:.0f}", f"{variant.last:.0f}"
    match variant.kind:
        case "substitution" | "extension":
            joints = (" ", "-", ">", "→", "/", "-to-", " to ")
            found = [f"{before}{first}{after}", *(f"{before}{first}{joint}{after}" for joint in joints)]
        case "nonsense":
            found = [f"{before}{first}{stop}" for stop in ("*", "Ter", "X", "stop")]
        case "frameshift":
            found = [f"{before}{first}{after}fs", f"{before}{first}fs"]
        case kind if kind in VERBS and variant.last > variant.position:
            ends = [f"{before}{first}{joint}{code(variant.final)}{last}" for joint in ("_", "-", DASH)]
            verb = VERBS[kind]
            found = [
                s for end in ends for s in (f"{end}{verb}{after}", f"{end} {verb}{after}", f"{end}{verb}", f"{verb}{end}", f"{verb} {end}")
            ]
            found += ends
        case kind if kind in VERBS:
            verb = VERBS[kind]
            found = [f"{before}{first}{verb}{after}", f"{before}{first}{verb}", f"{verb}{before}{first}", f"{before}{first} {verb}"]
        case _:
            found = [f"{before}{first}"]
    return [found[0], f"p.{found[0]}", f"p.({found[0]})", *found[1:]]
