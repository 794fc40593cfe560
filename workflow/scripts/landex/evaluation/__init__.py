"""Evaluation: how good a model is, how sure that is, against what, and whether a gene may be used."""
