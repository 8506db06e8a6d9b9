"""The metrics of the report: each is a function from texts to numbers with intervals."""
