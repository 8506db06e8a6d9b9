"""Turn logits into posts."""
