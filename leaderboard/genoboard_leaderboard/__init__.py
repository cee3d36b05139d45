"""genoboard_leaderboard: entries, standings and the index that holds them; knows nothing of the harness."""
