"""genoboard-biobert: the cards of its models."""
