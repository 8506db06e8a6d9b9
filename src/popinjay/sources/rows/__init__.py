"""Posts as rows of JSON or of a table: which field is what."""
