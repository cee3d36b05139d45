"""Demo: generated variants in the shape of the real ones, with articles that tell of them; seeded, and nobody's data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard import Dataset

from .classes import CLASSES, MERGE
from .stages import STAGE1, STAGE2, TRAIN
from .templates import BACKGROUND, CLOSING, FINDINGS, METHODS, ROLES, SLOTS, VERDICTS

Ints = NDArray[np.int64]

SEED = 20170630
GENES, NEW_GENES = 72, 30

# Rows by class, in the order of CLASSES: the training file's own numbers times 1320 / 3321, the rarest ones rounded up.
SIZES = (225, 180, 35, 272, 96, 109, 379, 9, 15)
ASKED_1, ASKED_2, EMPTY = 120, 200, 5

# The scored rows of stage 2 by class: about its own shares, and dealt out whatever the texts say.
SIZES_2 = (2, 16, 1, 6, 1, 1, 2, 9, 2)

# Role of a gene -> the share of such genes, and how its variants lean, in the order of CLASSES.
HABITS = {
    "suppressor": (0.42, (0.34, 0.02, 0.04, 0.40, 0.08, 0.09, 0.02, 0.004, 0.006)),
    "oncogene": (0.43, (0.03, 0.28, 0.05, 0.04, 0.07, 0.06, 0.46, 0.004, 0.006)),
    "mixed": (0.15, (0.15, 0.12, 0.06, 0.13, 0.12, 0.16, 0.15, 0.05, 0.06)),
}
# The smaller, the more does a gene lean its own way.
FIRMNESS = 3.2

# What a class does -> the kinds of its variants, of 100; the others are single exchanges.
KINDS = {
    "loss": {"*": 6, "fs": 5, "Truncating Mutations": 7, "Deletion": 5, "del": 2, "exon deletion": 2, "splice": 2, "Fusion": 1},
    "gain": {
        "Fusion": 13,
        "Amplification": 7,
        "del": 8,
        "ins": 4,
        "dup": 2,
        "Promoter Mutations": 1,
        "Overexpression": 1,
        "exon skipping": 1,
    },
    "other": {"del": 3, "*": 1, "fs": 1, "Amplification": 1, "Fusion": 2},
}
DOES = {"class1": "loss", "class4": "loss", "class2": "gain", "class7": "gain"}
RESIDUES = "ACDEFGHIKLMNPQRSTVWY"

# How often a sentence takes a class for its twin (loss for likely loss), or for any other; and a beginning the gene's role.
TWIN, ASTRAY, MISCAST = 0.22, 0.3, 0.2
# How many rows an article tells of, and how many of their variants it names at most; how often a further row has a reprint
# that ends in another sentence, if the article has so many that the two are still near-duplicates.
SHARED = {1: 0.7, 2: 0.13, 3: 0.07, 5: 0.05, 9: 0.03, 16: 0.02}
NAMED, REPRINTED, LONG = 3, 0.06, 14


@dataclass(frozen=True)
class Gene:
    """An invented gene: its role, how its variants lean (9,), its weight among genes, and its protein's length."""

    symbol: str
    role: str
    lean: NDArray[np.float64]
    weight: float
    length: int


def generate() -> Dataset:
    """Make 1,200 training variants and two further stages, with the articles that tell of them.

    The same rows on every call under the same NumPy: one PCG64 stream, drawn from in a fixed order.
    """
    random = np.random.Generator(np.random.PCG64(SEED))
    genes = _genes(random)
    known, shifted = _known(random, genes[:GENES]), _shifted(random, genes)
    told, of = (np.r_[a, b] for a, b in zip(known, shifted, strict=True))
    first, n = len(known[0]), len(told)
    variations = _variations(random, genes, told, of)
    articles = [*_articles(random, *known), *(rows + first for rows in _articles(random, *shifted))]
    text, article = _texts(random, genes, variations, told, of, articles)
    part = np.repeat(np.array([TRAIN, STAGE2], dtype=object), (first, ASKED_2))
    part[random.choice(first, ASKED_1, replace=False)] = STAGE1
    label = np.array(CLASSES, dtype=object)[told]
    label[first:] = random.permutation([*np.repeat(CLASSES, SIZES_2), *[None] * (ASKED_2 - sum(SIZES_2))])
    for row in random.choice(np.flatnonzero(part == TRAIN), EMPTY, replace=False):
        text[row], article[row] = "", n + row
    order = random.permutation(n)
    index = pd.Index([f"DEMO-{i + 1:04d}" for i in range(n)], dtype="str", name="ID")

    def column(values: Sequence[str] | NDArray[np.object_]) -> pd.Series:
        return pd.Series(np.array(values, dtype=object)[order], index=index, dtype="str")

    gene = column([genes[g].symbol for g in of])
    return Dataset(
        X=pd.DataFrame({"gene": gene, "variation": column(variations), "text": column(text)}),
        y=column(label).rename("Class"),
        # as the reader does: a text's group is called by the first of its rows
        groups=pd.DataFrame({"gene": gene, "text": index.to_series().groupby(article[order]).transform("min")}),
        unit="gene + variation + text",
        notes=("These variants and their texts are generated; nothing in them is anybody's data.",),
        part=column(part).rename("part"),
    )


def _genes(random: np.random.Generator) -> list[Gene]:
    """Invent genes, a few of them with many variants; the last ones are first met in stage 2."""
    # no gene of man has a symbol with one of these pairs in its middle
    stems = [a + b + c for a in "BDFGKLMNPRSTVZ" for b in "AEIOU" for c in ("QD", "QK", "VQ", "XZ", "ZQ")]
    symbols = [f"{stem}{random.integers(1, 10)}" for stem in random.permutation(stems)[: GENES + NEW_GENES]]
    shares = [share for share, _ in HABITS.values()]
    roles = random.choice(list(HABITS), len(symbols), p=shares)
    weights = np.minimum(random.lognormal(0.0, 1.4, len(symbols)), 12.0)
    return [
        Gene(s, str(r), random.dirichlet(np.array(HABITS[r][1]) * FIRMNESS + 0.01), w, int(random.integers(180, 2200)))
        for s, r, w in zip(symbols, roles, weights, strict=True)
    ]


def _known(random: np.random.Generator, genes: list[Gene]) -> tuple[Ints, Ints]:
    """Return class and gene of every variant before stage 2, (n,) each: as many of each class as there are, in genes that lean to it."""
    told = np.repeat(np.arange(len(CLASSES)), SIZES)
    odds = np.array([g.weight * g.lean for g in genes])
    of = np.concatenate([random.choice(len(genes), size, p=odds[:, c] / odds[:, c].sum()) for c, size in enumerate(SIZES)])
    return told, of


def _shifted(random: np.random.Generator, genes: list[Gene]) -> tuple[Ints, Ints]:
    """Return what the texts of stage 2 tell, and its genes, (n,) each: half of the rows are of genes never met before."""
    told = random.choice(len(CLASSES), ASKED_2, p=np.array(SIZES) / sum(SIZES))
    new = random.random(ASKED_2) < 0.5
    return told, np.where(new, random.integers(GENES, len(genes), ASKED_2), random.integers(0, GENES, ASKED_2))


def _variations(random: np.random.Generator, genes: list[Gene], told: Ints, of: Ints) -> list[str]:
    """Name the variants; within a gene no name comes twice."""
    seen: set[tuple[int, str]] = set()
    names = []
    for c, g in zip(told, of, strict=True):
        kinds = KINDS[DOES.get(CLASSES[c], "other")]
        shares = np.array([*kinds.values(), 100 - sum(kinds.values())]) / 100
        kind = str(random.choice([*kinds, ""], p=shares))
        name = _name(random, kind, genes[g], genes)
        while (g, name) in seen:
            name = _name(random, "", genes[g], genes)
        seen.add((g, name))
        names.append(name)
    return names


def _name(random: np.random.Generator, kind: str, gene: Gene, genes: list[Gene]) -> str:
    """Write a variant as the real files do: ``V600E``, ``W802*``, ``E746_A750del``, ``Truncating Mutations``."""
    at, over = int(random.integers(2, gene.length)), int(random.integers(1, 12))
    old, last, new = (RESIDUES[i] for i in random.choice(len(RESIDUES), 3, replace=False))
    exon = random.integers(2, 25)
    written = {
        "": f"{old}{at}{new}",
        "*": f"{old}{at}*",
        "fs": f"{old}{at}fs",
        "del": f"{old}{at}_{last}{at + over}del",
        "ins": f"{old}{at}_{last}{at + 1}ins{new}{old}",
        "dup": f"{old}{at}dup",
        "splice": f"X{at}_splice",
        "exon deletion": f"Exon {exon} deletion",
        "exon skipping": f"Exon {exon} skipping",
        "Fusion": f"{_another(random, gene, genes)}-{gene.symbol} Fusion",
    }
    return written.get(kind, kind)


def _articles(random: np.random.Generator, told: Ints, of: Ints) -> list[Ints]:
    """Return the rows of each article: all of one gene, and most of them of one class."""
    # a few rows stand among those of another class
    beside = np.where(random.random(len(told)) < 0.15, random.choice(told, len(told)), told)
    found = []
    for g in np.unique(of):
        rows = np.flatnonzero(of == g)
        rows = rows[np.lexsort((random.random(len(rows)), beside[rows]))]
        while len(rows):
            size = random.choice(list(SHARED), p=list(SHARED.values()))
            found.append(rows[:size])
            rows = rows[size:]
    return found


def _texts(
    random: np.random.Generator, genes: list[Gene], variations: list[str], told: Ints, of: Ints, articles: list[Ints]
) -> tuple[list[str], Ints]:
    """Return the text of every row, and the number of the article that it comes from."""
    text, article = [""] * len(told), np.zeros(len(told), dtype=np.int64)
    for number, rows in enumerate(articles):
        gene = genes[of[rows[0]]]
        sentences = _write(random, gene, genes, [variations[r] for r in rows], told[rows])
        article[rows] = number
        for place, row in enumerate(rows):
            if place and len(sentences) >= LONG and random.random() < REPRINTED:
                sentences = [*sentences[:-1], _fill(random, CLOSING, gene, genes)]
            text[row] = " ".join(sentences)
    return text, article


def _write(random: np.random.Generator, gene: Gene, genes: list[Gene], variations: list[str], told: Ints) -> list[str]:
    """Write an article on some variants of a gene: what it says of them is hedged, now and then wrong, and not all that it says."""
    role = str(random.choice(list(HABITS))) if random.random() < MISCAST else gene.role
    chosen = random.permutation(len(told))[:NAMED]
    body = [
        _fill(random, FINDINGS[_heard(random, told[i])], gene, genes, variations[i]) for i in chosen for _ in range(random.integers(1, 3))
    ]
    body += [_fill(random, VERDICTS[_heard(random, told[i])], gene, genes) for i in random.choice(len(told), 1)]
    for _ in range(random.integers(1, 4)):
        # other variants that the same article mentions, of this gene or another
        beside = gene if random.random() < 0.4 else genes[random.integers(len(genes))]
        body.append(_fill(random, FINDINGS[str(random.choice(CLASSES))], beside, genes, _name(random, "", beside, genes)))
    body += [_fill(random, METHODS, gene, genes) for _ in range(random.integers(0, 9))]
    before = [_fill(random, BACKGROUND, gene, genes) for _ in range(random.integers(0, 9))]
    after = [_fill(random, CLOSING, gene, genes) for _ in range(random.integers(1, 6))]
    return [_fill(random, ROLES[role], gene, genes), *before, *(body[i] for i in random.permutation(len(body))), *after]


def _heard(random: np.random.Generator, told: int) -> str:
    """Return the class that a sentence speaks of where the variant is of the class `told`."""
    if random.random() < ASTRAY:
        return CLASSES[random.choice(len(CLASSES), p=np.array(SIZES) / sum(SIZES))]
    name, twins = CLASSES[told], {**MERGE, **{b: a for a, b in MERGE.items()}}
    return twins.get(name, name) if random.random() < TWIN else name


def _fill(random: np.random.Generator, templates: tuple[str, ...], gene: Gene, genes: list[Gene], variant: str = "") -> str:
    """Take one of the sentences and fill in what its braces stand for."""

    def word(brace: re.Match[str]) -> str:
        slot = brace[1]
        if slot in SLOTS:
            return SLOTS[slot][random.integers(len(SLOTS[slot]))]
        if slot == "other":
            return _another(random, gene, genes)
        return {"gene": gene.symbol, "variant": variant}.get(slot) or str(
            random.integers(2, 99) if slot == "p" else random.integers(5, 400)
        )

    return re.sub(r"\{(\w+)\}", word, templates[random.integers(len(templates))])


def _another(random: np.random.Generator, gene: Gene, genes: list[Gene]) -> str:
    """Return the symbol of another gene."""
    drawn = int(random.integers(len(genes)))
    return genes[drawn - 1 if genes[drawn] is gene else drawn].symbol
