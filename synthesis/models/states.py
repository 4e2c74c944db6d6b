"""The one way to move a row of this app from one state to another."""

from collections.abc import Mapping
from typing import Protocol

from audit.errors import ConflictError


class Stateful(Protocol):
    """A model with ``status``, its ``Status`` choices and the table of ``TRANSITIONS`` between them."""

    TRANSITIONS: Mapping[str, set[str]]
    status: str

    def get_status_display(self) -> str: ...


def require_transition(row: Stateful, to: str) -> None:
    """Raises ConflictError ``<thing>.wrong_state`` where the table has no such edge."""
    if to in row.TRANSITIONS[row.status]:
        return
    thing, noun = _NAMES.get(type(row).__name__, ("thing", "thing"))
    raise ConflictError(
        f"{thing}.wrong_state",
        f"This {noun} is {row.get_status_display().lower()}; that can no longer be done with it.",
        "Load the page again to see how it stands.",
    )


_NAMES = {
    "SpeechRequest": ("request", "request"),
    "VoiceModel": ("voice", "voice model"),
    "Render": ("render", "clip"),
}
