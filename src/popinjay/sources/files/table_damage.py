"""Count the rows of a table that look damaged, by the sort of damage."""

from __future__ import annotations

from dataclasses import dataclass, field

MERGED = "that an unclosed quotation mark merged with others, now read line by line"
BROKEN = "with broken quotation marks, whose text may be cut off"
LONGER = "with more cells than the header, whose text may be cut off"
JOINED = "with the delimiter within the text, which was rejoined"
SHORTER = "with fewer cells than the header"
REPEATED = "equal to the header, which are skipped"


@dataclass
class TableDamage:
    """The numbers of damaged rows by sort, with the first line of each."""

    counts: dict[str, int] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def add(self, sort: str, line: int) -> None:
        """Count one row."""
        self.counts[sort] = self.counts.get(sort, 0) + 1
        self.lines.setdefault(sort, line)

    def notes(self, label: str) -> list[str]:
        """Return a sentence for each sort."""
        return [
            f"{label} has {count:,} {'row' if count == 1 else 'rows'} {sort}; the first is in line "
            f"{self.lines[sort]:,}."
            for sort, count in self.counts.items()
        ]
