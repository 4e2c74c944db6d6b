"""Charts as geometry: templates draw them as inline SVG, on paper and on pages alike.

Lengths are in SVG user units. Each chart goes with a table of the same numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count
from django.db.models.functions import TruncDay

from audit.frameworks.coverage import CoverageCount, State, events_in
from audit.frameworks.periods import Period

WIDTH, LABEL_WIDTH, ROW_HEIGHT, BAR_HEIGHT = 640.0, 92.0, 30.0, 18.0
COLUMN_AREA = 96.0


@dataclass(frozen=True)
class Segment:
    state: State
    count: int
    x: float
    width: float

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


@dataclass(frozen=True)
class Bar:
    name: str
    total: int
    y: float
    segments: tuple[Segment, ...]

    @property
    def baseline(self) -> float:
        return self.y + BAR_HEIGHT - 5


@dataclass(frozen=True)
class CoverageChart:
    """One stacked bar a group, each as long as its number of controls."""

    bars: tuple[Bar, ...]
    width: float
    height: float
    bar_height: float = BAR_HEIGHT


def coverage_chart(counts: Sequence[CoverageCount]) -> CoverageChart:
    unit = (WIDTH - LABEL_WIDTH) / max((count.total for count in counts), default=1)
    bars = []
    for row, count in enumerate(counts):
        x, segments = LABEL_WIDTH, []
        for state in State:
            if found := getattr(count, state.value):
                segments.append(Segment(state, found, round(x, 2), round(found * unit, 2)))
                x += found * unit
        bars.append(Bar(count.name, count.total, row * ROW_HEIGHT + 4, tuple(segments)))
    return CoverageChart(tuple(bars), WIDTH, len(bars) * ROW_HEIGHT + 4)


@dataclass(frozen=True)
class Column:
    start: datetime
    count: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class ActivityChart:
    """Events a day (a week in periods over 70 days), as columns."""

    columns: tuple[Column, ...]
    unit: str
    highest: int
    width: float = WIDTH
    height: float = COLUMN_AREA

    @property
    def last(self) -> Column:
        return self.columns[-1]


def activity_chart(period: Period) -> ActivityChart:
    """At most 104 columns: of a longer period, the last two years."""
    days = max((period.end - period.start).days, 1)
    step = timedelta(days=1 if days <= 70 else 7)
    slots = min(-(-days // step.days), 104)
    first = (period.end - slots * step).replace(hour=0, minute=0, second=0, microsecond=0)
    per_day = (
        events_in(period)
        .filter(time__gte=first)
        .order_by()
        .annotate(day=TruncDay("time"))
        .values_list("day")
        .annotate(Count("seq"))
    )
    counts = [0] * (slots + 1)
    for day, count in per_day:
        counts[min((day - first) // step, slots)] += count
    highest = max(counts)
    pitch = WIDTH / len(counts)
    columns = tuple(
        Column(
            start=first + slot * step,
            count=count,
            x=round(slot * pitch, 2),
            y=round(COLUMN_AREA * (1 - count / highest), 2) if highest else COLUMN_AREA,
            width=round(pitch * 0.78, 2),
            height=round(COLUMN_AREA * count / highest, 2) if highest else 0,
        )
        for slot, count in enumerate(counts)
    )
    return ActivityChart(columns, "day" if step.days == 1 else "week", highest)


@dataclass(frozen=True)
class ByteBar:
    x: float
    y: float
    height: float
    accent: bool


def byte_bars(digest: bytes, *, pitch: float = 10.3, height: float = 92.0) -> tuple[ByteBar, ...]:
    """A digest as a waveform, one bar a byte, so that two printed copies can be compared at a glance."""
    heights = [8 + (height - 8) * byte / 255 for byte in digest]
    tallest = max(heights, default=0)
    return tuple(
        ByteBar(round(at * pitch, 1), round((height - bar) / 2, 1), round(bar, 1), bar == tallest)
        for at, bar in enumerate(heights)
    )
