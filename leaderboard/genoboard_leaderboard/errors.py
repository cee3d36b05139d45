"""LeaderboardError: what the leaderboard says when it cannot go on."""

from __future__ import annotations


class LeaderboardError(Exception):
    """An error that a user can mend; the text says what happened and what to do."""


class UnusableIndexError(LeaderboardError):
    """The database is damaged, another version's, or not ours at all; a rebuild from the submission folders mends it."""
