"""A persona's folder: its record, locks, journal, and files that are written whole or not at all."""
