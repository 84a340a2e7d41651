"""Ranking: the same training over and over with one thing changed, every result tested, and told whether a difference is real."""
