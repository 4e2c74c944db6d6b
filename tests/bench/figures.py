"""What a benchmark leaves behind: named figures, a table for people, ``bench.json`` for machines."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Figure:
    """One measured value. ``goal`` is None where a value is only watched, not aimed at."""

    name: str
    value: float | None
    unit: str
    goal: float | None = None
    better: Literal["higher", "lower"] = "lower"
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "not measured"
        if self.goal is None:
            return ""
        met = self.value <= self.goal if self.better == "lower" else self.value >= self.goal
        return "met" if met else "MISSED"


def write(figures: Sequence[Figure], path: Path) -> None:
    path.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")


def table(figures: Sequence[Figure]) -> str:
    """Columns: name, value with unit, goal, verdict, note."""
    rows = [("figure", "value", "goal", "", "note")]
    for figure in figures:
        value = "–" if figure.value is None else f"{figure.value:.4g} {figure.unit}"
        sign = "≤" if figure.better == "lower" else "≥"
        goal = "" if figure.goal is None else f"{sign} {figure.goal:g}"
        rows.append((figure.name, value.strip(), goal, figure.verdict, figure.note))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)).rstrip()
        for row in rows
    ]
    met = sum(figure.verdict == "met" for figure in figures)
    missed = sum(figure.verdict == "MISSED" for figure in figures)
    return "\n".join([*lines, "", f"goals met {met}, missed {missed}"])
