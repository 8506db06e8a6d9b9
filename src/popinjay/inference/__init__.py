"""Inference engines: tokens in, logits out."""
