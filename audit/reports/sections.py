"""What the apps above add to a report and to the evidence package: sections and signed records.

    # synthesis/apps.py
    def ready(self) -> None:
        from audit.reports import register_records, register_section
        from synthesis import reporting

        register_section("requests", reporting.requests_section)
        register_records("decision", reporting.decision_records)

    # synthesis/reporting.py
    def requests_section(period: Period) -> Section:
        found = SpeechRequest.objects.filter(submitted_at__gte=period.start, submitted_at__lt=period.end)
        return Section(
            title="Requests and decisions",
            columns=("Request", "Purpose", "State", "Submitted", "Digest"),
            rows=[(r.number, r.purpose, r.get_status_display(), r.submitted_at, r.digest) for r in found],
            figures=(Figure("Submitted", len(found)),),
            note="Every request submitted in the period, with the digest its decisions were bound to.",
        )

    def decision_records(period: Period) -> Iterator[Record]:
        for d in Decision.objects.filter(created_at__lt=period.end):
            yield Record(id=str(d.pk), payload=bytes(d.record), signature=bytes(d.signature), key_id=d.key_id)

A printed report shows the first rows of a section and carries all of them as CSV inside the file.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from audit.frameworks.periods import Period

Cell = str | int | float | bool | datetime | timedelta | None


@dataclass(frozen=True)
class Figure:
    """One number with its name, shown large above a section's table."""

    label: str
    value: str | int | float | timedelta
    note: str = ""


@dataclass(frozen=True)
class Attachment:
    """A file put inside the report, and among the tables of the evidence package."""

    name: str
    data: bytes
    description: str


@dataclass(frozen=True)
class Section:
    """A table with figures. Cells keep their types: times, numbers and digests are set in their own way.

    `columns` and each row have the same length; times carry a zone. Long digests are shortened in print
    and whole in the CSV.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    figures: Sequence[Figure] = ()
    note: str = ""
    attachments: Sequence[Attachment] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise RuntimeError(
                    f"{self.title}: a row has {len(row)} cells for {len(self.columns)} columns."
                )


class Record(NamedTuple):
    """A signed record exactly as it was signed: `payload` is never serialised again."""

    id: str
    payload: bytes
    signature: bytes
    key_id: str


_sections: dict[str, Callable[[Period], Section]] = {}
_records: dict[str, Callable[[Period], Iterable[Record]]] = {}


def register_section(name: str, provider: Callable[[Period], Section]) -> None:
    """Adds a section to every report; `name` (lower case, underscores) names its CSV.

    Registering a name twice replaces it, because Django may run `ready()` again under a reloader.
    """
    _sections[name] = provider


def register_records(kind: str, provider: Callable[[Period], Iterable[Record]]) -> None:
    """Adds signed records to every evidence package, as records/<kind>/<id>.json with its signature.

    The provider gives every record that was made in the period or still counted in it. The verifier
    holds a record to the purpose of its key, so `kind` is that purpose ("consent", "decision").
    """
    if not (kind.isascii() and kind.isalpha() and kind.islower()):
        raise RuntimeError(f"A kind of records is the purpose of their key, such as consent, not {kind!r}.")
    _records[kind] = provider


def registered_sections() -> dict[str, Callable[[Period], Section]]:
    return dict(_sections)


def registered_records() -> dict[str, Callable[[Period], Iterable[Record]]]:
    return dict(_records)
