"""Residues: the amino acids' codes and properties, and how alike two of them are."""

from __future__ import annotations

from typing import NamedTuple

# one-letter code -> three-letter code; * is a stop
THREE = {
    "A": "Ala", "R": "Arg", "N": "Asn", "D": "Asp", "C": "Cys", "Q": "Gln", "E": "Glu", "G": "Gly", "H": "His", "I": "Ile",
    "L": "Leu", "K": "Lys", "M": "Met", "F": "Phe", "P": "Pro", "S": "Ser", "T": "Thr", "W": "Trp", "Y": "Tyr", "V": "Val",
    "*": "Ter",
}  # fmt: skip
ONE = {three.lower(): one for one, three in THREE.items()}

LETTERS = "ARNDCQEGHILKMFPSTWYV"


class Residue(NamedTuple):
    """An amino acid: hydropathy (Kyte and Doolittle 1982), volume in cubic angstrom (Zamyatnin 1972), charge at pH 7."""

    hydropathy: float
    volume: float
    charge: float


PROPERTIES = {
    "A": Residue(1.8, 88.6, 0), "R": Residue(-4.5, 173.4, 1), "N": Residue(-3.5, 114.1, 0), "D": Residue(-3.5, 111.1, -1),
    "C": Residue(2.5, 108.5, 0), "Q": Residue(-3.5, 143.8, 0), "E": Residue(-3.5, 138.4, -1), "G": Residue(-0.4, 60.1, 0),
    "H": Residue(-3.2, 153.2, 0), "I": Residue(4.5, 166.7, 0), "L": Residue(3.8, 166.7, 0), "K": Residue(-3.9, 168.6, 1),
    "M": Residue(1.9, 162.9, 0), "F": Residue(2.8, 189.9, 0), "P": Residue(-1.6, 112.7, 0), "S": Residue(-0.8, 89.0, 0),
    "T": Residue(-0.7, 116.1, 0), "W": Residue(-0.9, 227.8, 0), "Y": Residue(-1.3, 193.6, 0), "V": Residue(4.2, 140.0, 0),
}  # fmt: skip

# BLOSUM62 (Henikoff and Henikoff 1992), the lower triangle in the order of LETTERS
TRIANGLE = """
4
-1 5
-2 0 6
-2 -2 1 6
0 -3 -3 -3 9
-1 1 0 0 -3 5
-1 0 0 2 -4 2 5
0 -2 0 -1 -3 -2 -2 6
-2 0 1 -1 -3 0 0 -2 8
-1 -3 -3 -3 -1 -3 -3 -4 -3 4
-1 -2 -3 -4 -1 -2 -3 -4 -3 2 4
-1 2 0 -1 -3 1 1 -2 -1 -3 -2 5
-1 -1 -2 -3 -1 0 -2 -3 -2 1 2 -1 5
-2 -3 -3 -3 -2 -3 -3 -3 -1 0 0 -3 0 6
-1 -2 -2 -1 -3 -1 -1 -2 -2 -3 -3 -1 -2 -4 7
1 -1 1 0 -1 0 0 0 -1 -2 -2 0 -1 -2 -1 4
0 -1 0 -1 -1 -1 -1 -2 -2 -1 -1 -1 -1 -2 -1 1 5
-3 -3 -4 -4 -2 -2 -3 -2 -2 -3 -2 -3 -1 1 -4 -3 -2 11
-2 -2 -2 -3 -2 -1 -2 -3 2 -1 -1 -2 -1 3 -3 -2 -2 2 7
0 -3 -3 -3 -1 -2 -2 -3 -3 3 1 -2 1 -1 -2 -2 0 -3 -1 4
"""
BLOSUM62 = {
    pair: int(score)
    for i, line in enumerate(TRIANGLE.split("\n")[1:-1])
    for j, score in enumerate(line.split())
    for pair in ((LETTERS[i], LETTERS[j]), (LETTERS[j], LETTERS[i]))
}
