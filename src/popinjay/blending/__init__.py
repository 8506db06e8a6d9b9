"""Blends: personas whose weights are the weighted sum of those of others."""
