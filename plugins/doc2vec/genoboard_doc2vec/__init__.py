"""genoboard-doc2vec: the cards of its models."""
