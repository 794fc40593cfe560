"""Bundles: one file with all that scoring a new profile takes, opened without running anything in it."""
