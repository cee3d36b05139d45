"""Significance: the six values of CIViC's ``clinical_significance`` with more than 100 statements; the others are too rare to learn."""

from __future__ import annotations

CLASSES = ("Sensitivity/Response", "Resistance", "Uncertain Significance", "Poor Outcome", "Positive", "Better Outcome")
