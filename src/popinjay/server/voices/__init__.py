"""Loaded personas that write posts for several clients at once."""
