"""A persona's folder: record, lock and journal, and files written completely or not at all."""
