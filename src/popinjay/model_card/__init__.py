"""The model card: a persona's `README.md`, its facts, its words and its images."""
