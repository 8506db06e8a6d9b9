"""Talking to servers: checked addresses, bounded responses, rate limits, retries."""
