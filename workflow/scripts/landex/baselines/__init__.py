"""Baselines: models of all targets at once that a network has to beat, one module a family."""
