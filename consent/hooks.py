"""What higher apps do when a consent ends, handed down by registration in their apps.py."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from audit.actors import Actor
from consent.models import Consent


@dataclass(frozen=True, slots=True)
class Consequence:
    """One line of the revocation receipt: `count` things of a kind, and what became of them.

    `what` is a plural noun a person understands (`requests`, `clips`), `note` says why where that is needed.
    """

    outcome: Literal["stopped", "destroyed", "kept"]
    what: str
    count: int
    note: str = ""


class EndHook(Protocol):
    """Runs in the transaction that ends the consent: its row is changed, it and its voice are locked."""

    def __call__(self, *, consent: Consent, actor: Actor, now: datetime) -> Iterable[Consequence] | None: ...


_end_hooks: list[EndHook] = []


def on_consent_ended(hook: EndHook) -> EndHook:
    """Call `hook` whenever a consent is withdrawn or expires. Registering twice is once."""
    if hook not in _end_hooks:
        _end_hooks.append(hook)
    return hook


def run_end_hooks(*, consent: Consent, actor: Actor, now: datetime) -> list[Consequence]:
    """What each hook says it stopped, destroyed or kept. An error in one undoes the whole operation."""
    return [line for hook in _end_hooks for line in hook(consent=consent, actor=actor, now=now) or ()]
