"""Bots: drafts that a person approved are posted to an account that says it is one."""
