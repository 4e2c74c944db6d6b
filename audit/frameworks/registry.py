"""Sources of evidence that the log alone cannot give: the apps above register theirs at start.

# synthesis/apps.py
def ready(self) -> None:
    from audit.frameworks import register_evidence
    from synthesis.evidence import watermark_checks

    register_evidence(
        "watermark_checks",
        controls=["MEASURE 2.7", "MS-2.7-005"],
        describe="Clips whose watermark was detected again before release",
        provider=watermark_checks,
    )

# synthesis/evidence.py
def watermark_checks(period: Period) -> Evidence:
    found = Render.objects.filter(ready_at__gte=period.start, ready_at__lt=period.end).count()
    return Evidence(count=found, summary=f"{found} clips detected again", event_actions=("render.ready",))
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from audit.frameworks.periods import Period


@dataclass(frozen=True)
class Evidence:
    """What one source found in a period.

    `count` is the number of things found (0: nothing), `summary` a short plain sentence that gives no
    personal data, `event_actions` the actions of the log that a reader can look up behind the count.
    """

    count: int
    summary: str
    event_actions: Sequence[str] = ()


@dataclass(frozen=True)
class EvidenceSource:
    name: str
    controls: tuple[str, ...]
    describe: str
    provider: Callable[[Period], Evidence]


_sources: dict[str, EvidenceSource] = {}


def register_evidence(
    name: str, *, controls: Sequence[str], describe: str, provider: Callable[[Period], Evidence]
) -> None:
    """Adds a source to the given controls (ids of any catalogue, "GOVERN 1.1" or "GV-1.2-001").

    Registering a name twice replaces it, because Django may run `ready()` again under a reloader.
    """
    _sources[name] = EvidenceSource(name=name, controls=tuple(controls), describe=describe, provider=provider)


def registered_evidence() -> tuple[EvidenceSource, ...]:
    return tuple(_sources.values())
