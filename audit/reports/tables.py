"""Cells on paper and in CSV, and the CSV files of a report.

CSV: RFC 4180, UTF-8, one heading line; times in RFC 3339 UTC, durations in seconds, nothing for an
absent value. A text that a spreadsheet would take for a formula is given a leading apostrophe.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from audit.frameworks.coverage import ControlState, events_in
from audit.frameworks.periods import Period
from audit.log.recording import rfc3339
from audit.merkle.canonical import canonical_bytes
from audit.reports.ledger import spell_duration
from audit.reports.sections import Cell, Section

EVENT_COLUMNS = (
    "seq",
    "time",
    "action",
    "actor_kind",
    "actor_id",
    "role",
    "subject_type",
    "subject_id",
    "payload",
    "leaf_hash",
)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class PrintedCell:
    """`kind` is the cell's class in the style sheet: text, number, time, code or none."""

    text: str
    kind: str


def print_cell(value: Cell) -> PrintedCell:
    match value:
        case None | "":
            return PrintedCell("–", "none")
        case bool():
            return PrintedCell("yes" if value else "no", "text")
        case int():
            return PrintedCell(f"{value:,}", "number")
        case float():
            return PrintedCell(f"{value:,.3f}".rstrip("0").rstrip("."), "number")
        case datetime():
            return PrintedCell(print_time(value), "time")
        case timedelta():
            return PrintedCell(spell_duration(value), "number")
    if _DIGEST.fullmatch(value):
        return PrintedCell(f"{value[:12]}…", "code")
    if _UUID.fullmatch(value):
        return PrintedCell(value[:8], "code")
    return PrintedCell(value, "code" if re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", value) else "text")


def print_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def plain(value: Any) -> Any:
    """A cell as CSV holds it."""
    match value:
        case datetime():
            return rfc3339(value)
        case timedelta():
            return value.total_seconds()
        case str() if value.startswith(_FORMULA):
            return f"'{value}"
    return value


def section_csv(section: Section) -> bytes:
    return csv_bytes(section.columns, section.rows)


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(columns)
    writer.writerows([plain(cell) for cell in row] for row in rows)
    return file.getvalue().encode()


def events_csv(period: Period) -> bytes:
    """Every event of the period with its place in the log and the hash of its leaf."""
    return csv_bytes(EVENT_COLUMNS, _event_rows(period))


def _event_rows(period: Period) -> Iterator[tuple[Any, ...]]:
    for leaf in events_in(period).iterator(chunk_size=2000):
        event = leaf.event
        actor = event["actor"]
        yield (
            leaf.seq,
            leaf.time,
            leaf.action,
            actor["kind"],
            actor["id"],
            actor["role"] or "",
            leaf.subject_type,
            str(leaf.subject_id),
            canonical_bytes(event["payload"]).decode(),
            bytes(leaf.hash).hex(),
        )


def mapping_json(framework: str, states: Iterable[ControlState]) -> dict[str, Any]:
    """The mapping of a framework to the evidence found, for other tools to read."""
    return {
        "type": "framework-mapping",
        "version": 1,
        "framework": framework,
        "controls": [
            {
                "id": state.control.id,
                "function": state.control.function,
                "summary": state.control.summary,
                "voice": state.control.voice,
                "tags": list(state.control.tags),
                "relevance": state.control.relevance.value,
                "state": state.state.value,
                "evidence": [
                    {
                        "source": finding.source,
                        "title": finding.title,
                        "count": finding.evidence.count,
                        "summary": finding.evidence.summary,
                        "event_actions": list(finding.evidence.event_actions),
                        "occasional": finding.occasional,
                    }
                    for finding in state.findings
                ],
                "kept_elsewhere": state.control.elsewhere,
            }
            for state in states
        ],
    }
