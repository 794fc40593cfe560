"""Inference: new profiles, of whatever platform and format, scored with a bundle."""
