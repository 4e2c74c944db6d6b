"""Everything that one report says, gathered before a word is set.

All of it is read at one checkpoint, so that the printed figures, the attached files and the log agree.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.conf import settings

from audit.frameworks.catalogue import Catalogue
from audit.frameworks.coverage import (
    ControlState,
    CoverageCount,
    State,
    catalogues,
    count_actions,
    coverage,
    coverage_by_function,
    coverage_by_tag,
    events_in,
)
from audit.frameworks.periods import Period
from audit.log.models import Checkpoint
from audit.merkle.canonical import sha256_hex
from audit.merkle.note import CheckpointText
from audit.reports import ledger
from audit.reports.charts import (
    ActivityChart,
    ByteBar,
    CoverageChart,
    activity_chart,
    byte_bars,
    coverage_chart,
)
from audit.reports.sections import Attachment, Cell, Figure, Section, registered_sections
from audit.reports.stories import Story, tell_stories
from audit.reports.tables import PrintedCell, events_csv, mapping_json, print_cell, section_csv

PRINTED_EVENTS = 200
PRINTED_ROWS = 80
SAMPLED_STORIES = 3
CHECKPOINT_NAME = "checkpoint.txt"
# How much wider than running text a kind of cell is set, a character.
WIDE = {"code": 1.05, "time": 1.2}
WIDEST = 48  # characters, after which a cell wraps


@dataclass(frozen=True)
class LogState:
    """What a checkpoint states, in the words that a report prints."""

    origin: str
    size: int
    root: str
    key_name: str
    key_hash: str
    note: str
    signed_at: datetime
    bars: Sequence[ByteBar]

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> "LogState":
        text, _, block = checkpoint.note.partition("\n\n")
        stated = CheckpointText.parse(text + "\n")
        _, key_name, encoded = block.splitlines()[0].split(" ")
        return cls(
            origin=stated.origin,
            size=stated.size,
            root=stated.root.hex(),
            key_name=key_name,
            key_hash=base64.b64decode(encoded)[:4].hex(),
            note=checkpoint.note,
            signed_at=checkpoint.created_at,
            bars=byte_bars(stated.root),
        )


@dataclass(frozen=True)
class PrintedFigure:
    label: str
    printed: str
    note: str

    @classmethod
    def of(cls, figure: Figure) -> "PrintedFigure":
        return cls(figure.label, print_cell(figure.value).text, figure.note)


@dataclass(frozen=True)
class PrintedColumn:
    """`kind` as of its cells; `width` in percent, by the length of what stands in it."""

    label: str
    kind: str
    width: float


@dataclass(frozen=True)
class PrintedSection:
    """The first rows of a section as they are set; all of them are in `csv_name`."""

    name: str
    title: str
    note: str
    figures: Sequence[PrintedFigure]
    columns: Sequence[PrintedColumn]
    rows: Sequence[Sequence[PrintedCell]]
    total: int
    csv_name: str

    @property
    def left_out(self) -> int:
        return self.total - len(self.rows)


@dataclass(frozen=True)
class Notable:
    """A kind of event that an auditor looks at first."""

    title: str
    count: int
    meaning: str


@dataclass(frozen=True)
class FrameworkPart:
    catalogue: Catalogue
    states: Sequence[ControlState]
    chart: CoverageChart
    by_function: Sequence[CoverageCount]
    by_tag: Sequence[CoverageCount]

    @property
    def groups(self) -> list[tuple[str, list[ControlState]]]:
        ordered = groupby(self.states, key=lambda state: state.control.function)
        return [(function, list(states)) for function, states in ordered]

    @property
    def total(self) -> CoverageCount:
        return CoverageCount(
            self.catalogue.title,
            *(sum(getattr(count, state.value) for count in self.by_function) for state in State),
        )


@dataclass(frozen=True)
class Content:
    organisation: str
    period: Period
    made_by: str
    made_at: datetime
    log: LogState
    figures: Sequence[PrintedFigure]
    notable: Sequence[Notable]
    activity: ActivityChart
    activity_sections: Sequence[PrintedSection]
    ledgers: Sequence[PrintedSection]
    stories: Sequence[Story]
    frameworks: Sequence[FrameworkPart]
    events: PrintedSection
    attachments: Sequence[Attachment]

    @property
    def last_moment(self) -> datetime:
        """The period's end as people say it: the last day that belongs to it."""
        return max(self.period.end - timedelta(microseconds=1), self.period.start)

    @property
    def files(self) -> list[tuple[Attachment, str]]:
        """What is inside the PDF, with SHA-256 digests."""
        return [(attachment, sha256_hex(attachment.data)) for attachment in self.attachments]


NOTABLE = {
    "decision.refused": (
        "Decisions refused",
        "Someone tried to decide on their own request, twice, or without the role. The portal refused.",
    ),
    "grant.refused": (
        "Grants refused by a worker",
        "A worker was asked to speak without a valid grant. No voice was unlocked.",
    ),
    "render.refused": ("Clips refused", "A check failed after speaking. Nothing was released."),
    "render.failed": ("Clips failed", "Speaking ended in a fault. Nothing was released."),
    "voice.enrolment_failed": ("Voices not enrolled", "No voice model came of the recordings."),
    "consent.withdrawn": ("Consents withdrawn", "The owner ended the use of their voice."),
    "vault.voice_destroyed": ("Voices destroyed", "Recordings, models and clips became unreadable for good."),
    "freeze.made": ("Freezes", "A voice, or the whole portal, was stopped by hand."),
}


def gather(
    *,
    checkpoint: Checkpoint,
    period: Period,
    made_by: str,
    made_at: datetime,
    progress: Callable[[int, str], None],
) -> Content:
    """Asks the log, every registered section and every source; tells `progress` percent and stage."""
    progress(5, "Counting events")
    activity_sections = ledger.log_sections(period)
    figures = ledger.figures(period)
    counts = count_actions(period)
    notable = [
        Notable(title, counts[action], meaning)
        for action, (title, meaning) in NOTABLE.items()
        if counts[action]
    ]
    progress(15, "Reading sections")
    ledgers = _registered(period)
    stories = tell_stories(period, sample=SAMPLED_STORIES, seed=bytes(checkpoint.root).hex())
    progress(30, "Mapping frameworks")
    parts = [_framework(catalogue, period) for catalogue in catalogues().values()]
    progress(40, "Collecting events")
    return Content(
        organisation=settings.ORGANISATION_NAME,
        period=period,
        made_by=made_by,
        made_at=made_at,
        log=LogState.of(checkpoint),
        figures=[PrintedFigure.of(figure) for figure in figures],
        notable=notable,
        activity=activity_chart(period),
        activity_sections=[_print(name, section) for name, section in activity_sections.items()],
        ledgers=[_print(name, section) for name, section in ledgers.items()],
        stories=stories,
        frameworks=parts,
        events=_print_events(period, sum(counts.values())),
        attachments=_attachments(checkpoint, period, activity_sections | ledgers, parts),
    )


def attached_files(checkpoint: Checkpoint, period: Period) -> list[Attachment]:
    """What a report of the period carries inside, for the evidence package to lay beside it."""
    parts = [_framework(catalogue, period) for catalogue in catalogues().values()]
    return _attachments(checkpoint, period, ledger.log_sections(period) | _registered(period), parts)


def _registered(period: Period) -> dict[str, Section]:
    return {name: provider(period) for name, provider in registered_sections().items()}


def _framework(catalogue: Catalogue, period: Period) -> FrameworkPart:
    states = coverage(period, framework=catalogue.id)
    by_function = coverage_by_function(states)
    return FrameworkPart(catalogue, states, coverage_chart(by_function), by_function, coverage_by_tag(states))


def _print(name: str, section: Section) -> PrintedSection:
    rows = [[print_cell(cell) for cell in row] for row in section.rows[:PRINTED_ROWS]]
    return PrintedSection(
        name=name,
        title=section.title,
        note=section.note,
        figures=[PrintedFigure.of(figure) for figure in section.figures],
        columns=_columns(section.columns, rows),
        rows=rows,
        total=len(section.rows),
        csv_name=f"{name}.csv",
    )


def _print_events(period: Period, total: int) -> PrintedSection:
    """The newest events of the period in the order of the log."""
    newest = reversed(events_in(period).order_by("-seq")[:PRINTED_EVENTS])
    found: list[tuple[Cell, ...]] = list(ledger.event_rows(newest))
    rows = [[print_cell(cell) for cell in row] for row in found]
    return PrintedSection(
        name="events",
        title="Events",
        note="",
        figures=(),
        columns=_columns(("No.", "Time (UTC)", "Event", "By", "Concerns", "Detail"), rows),
        rows=rows,
        total=total,
        csv_name="events.csv",
    )


def _columns(labels: Sequence[str], rows: Sequence[Sequence[PrintedCell]]) -> list[PrintedColumn]:
    """Widths are worked out here, because measuring every cell takes the typesetter most of its time."""
    cells = [[row[column] for row in rows] for column in range(len(labels))]
    kinds = [next((cell.kind for cell in each if cell.kind != "none"), "text") for each in cells]
    lengths = [
        min(max(len(label), 4, *(len(cell.text) * WIDE.get(cell.kind, 1.0) for cell in each)), WIDEST) + 2
        for label, each in zip(labels, cells, strict=True)
    ]
    return [
        PrintedColumn(label, kind, round(100 * length / sum(lengths), 2))
        for label, kind, length in zip(labels, kinds, lengths, strict=True)
    ]


def _attachments(
    checkpoint: Checkpoint,
    period: Period,
    sections: Mapping[str, Section],
    parts: Sequence[FrameworkPart],
) -> list[Attachment]:
    mapping = [mapping_json(part.catalogue.id, part.states) for part in parts]
    files = [
        Attachment(CHECKPOINT_NAME, checkpoint.note.encode(), "The signed checkpoint behind this report"),
        Attachment(
            "mapping.json",
            json.dumps(mapping, indent=1, ensure_ascii=False).encode(),
            "Controls of each framework with their evidence and state",
        ),
        Attachment("events.csv", events_csv(period), "Every event, with its place and leaf hash"),
    ]
    for name, section in sections.items():
        files.append(Attachment(f"{name}.csv", section_csv(section), f"{section.title}, every row"))
        files.extend(section.attachments)
    return files
