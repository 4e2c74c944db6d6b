"""Arguments and output that the commands of this app share."""

import os
import tempfile
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path


def add_period_arguments(parser: ArgumentParser) -> None:
    """`period_from` and `period_to`; None stands for the first event and for now."""
    parser.add_argument(
        "--from",
        dest="period_from",
        type=start_of,
        metavar="DATE",
        help="first day (UTC) or moment of the period; the first event of the log if not given",
    )
    parser.add_argument(
        "--to",
        dest="period_to",
        type=end_of,
        metavar="DATE",
        help="last day (UTC), which belongs to the period, or the moment at which it ends; now if not given",
    )


def start_of(text: str) -> datetime:
    return _moment(text, days=0)


def end_of(text: str) -> datetime:
    return _moment(text, days=1)


def write_whole(path: Path, data: bytes) -> None:
    """All of `data` or nothing: the file appears under its name once it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(name).chmod(0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _moment(text: str, *, days: int) -> datetime:
    """A day gives its first moment, `days` days on; a moment without a zone is in UTC."""
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time.min, UTC) + timedelta(days=days)
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not a date like 2026-11-30 ({error})") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
