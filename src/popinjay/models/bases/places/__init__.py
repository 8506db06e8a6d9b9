"""Places that base models come from, one class a file."""
