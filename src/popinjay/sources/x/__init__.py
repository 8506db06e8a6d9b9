"""X (Twitter): archives and the API."""
