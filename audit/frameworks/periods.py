"""A stretch of time as reports see it, and the part of the event log that it stands on."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Period:
    """Half open: from `start` up to, but not including, `end`.

    `log_size` pins the period to the first so many events of the log (those under one checkpoint), so
    that a figure can be worked out again later and come out the same. None means the log as it is now.
    """

    start: datetime
    end: datetime
    log_size: int | None = None

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise RuntimeError("A period needs times with a time zone.")
        if self.end < self.start:
            raise RuntimeError(f"A period cannot end ({self.end}) before it starts ({self.start}).")
