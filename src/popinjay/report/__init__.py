"""The report as people read it: page, terminal table, charts, verdict."""
