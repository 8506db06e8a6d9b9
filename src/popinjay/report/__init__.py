"""The report: its schema, and how people read it (page, terminal table, charts, verdict)."""
