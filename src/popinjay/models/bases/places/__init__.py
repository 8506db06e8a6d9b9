"""The places that base models come from, one class per file."""
