"""Classes: the nine effects of a variant, as the files number them, and the five that differ in kind."""

from __future__ import annotations

# Their meaning was given out after the competition, in OncoKB's words for a mutation's effect.
MEANING = {
    "class1": "likely loss of function",
    "class2": "likely gain of function",
    "class3": "neutral",
    "class4": "loss of function",
    "class5": "likely neutral",
    "class6": "inconclusive",
    "class7": "gain of function",
    "class8": "likely switch of function",
    "class9": "switch of function",
}

CLASSES = tuple(MEANING)

# An effect and its likely twin differ in how sure a curator was, not in what the variant does.
MERGE = {"class4": "class1", "class7": "class2", "class5": "class3", "class9": "class8"}
