"""What the log and the registered sources say to each control of a framework, in one period.

State of a control, by its sources:

    not assessed   no source is mapped to it: evidence, if any, is kept outside the portal
    absent         sources are mapped, and none found anything
    partial        some found something, and some that should always find something did not
    present        every source that should always find something did

No state says that a control is met: that is for people to judge, who can look up each event behind it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.db.models import Count, QuerySet, TextChoices

from audit.errors import NotFoundError
from audit.frameworks.catalogue import BUILT_IN, FUNCTIONS, Catalogue, Control, load_catalogues
from audit.frameworks.periods import Period
from audit.frameworks.registry import Evidence, registered_evidence
from audit.log.models import Leaf

NIST_AI_RMF = "nist-ai-rmf"


class State(TextChoices):
    PRESENT = "present", "Evidence present"
    PARTIAL = "partial", "Evidence partial"
    ABSENT = "absent", "Evidence absent"
    NOT_ASSESSED = "not_assessed", "Not assessed"


@dataclass(frozen=True)
class Finding:
    """What one source gave to one control."""

    source: str
    title: str
    evidence: Evidence
    occasional: bool = False


@dataclass(frozen=True)
class ControlState:
    control: Control
    state: State
    findings: tuple[Finding, ...]

    @property
    def count(self) -> int:
        return sum(finding.evidence.count for finding in self.findings)

    @property
    def event_actions(self) -> tuple[str, ...]:
        return tuple(
            dict.fromkeys(action for found in self.findings for action in found.evidence.event_actions)
        )


@cache
def catalogues() -> Mapping[str, Catalogue]:
    """The built-in catalogues and those of the organisation, read once a process."""
    return load_catalogues([BUILT_IN, settings.DATA_DIR / "frameworks"])


def get_catalogue(framework: str = NIST_AI_RMF) -> Catalogue:
    """Raises NotFoundError ``framework.unknown``."""
    try:
        return catalogues()[framework]
    except KeyError:
        raise NotFoundError(
            "framework.unknown",
            f"There is no framework {framework!r}.",
            f"Choose one of {', '.join(catalogues())}.",
        ) from None


def events_in(period: Period) -> QuerySet[Leaf]:
    """The events of the period, in the order of the log."""
    events = Leaf.objects.filter(time__gte=period.start, time__lt=period.end).order_by("seq")
    return events if period.log_size is None else events.filter(seq__lt=period.log_size)


def count_actions(period: Period) -> Counter[str]:
    """Events of the period by action."""
    counts = events_in(period).order_by().values_list("action").annotate(Count("seq"))
    return Counter(dict(counts))


def coverage(period: Period, *, framework: str = NIST_AI_RMF) -> list[ControlState]:
    """The state of every control, in the order of the framework. One query, and one call a source."""
    controls = get_catalogue(framework).controls
    registered: dict[str, list[Finding]] = {}
    for source in registered_evidence():
        if wanted := [control_id for control_id in source.controls if control_id in controls]:
            finding = Finding(source.name, source.describe, source.provider(period))
            for control_id in wanted:
                registered.setdefault(control_id, []).append(finding)
    counts = count_actions(period)
    return [
        _state(control, [*_log_findings(control, counts), *registered.get(control.id, ())])
        for control in controls.values()
    ]


def control_state(control_id: str, period: Period, *, framework: str = NIST_AI_RMF) -> ControlState:
    """One control, for a page of its own. Raises NotFoundError ``framework.control_unknown``."""
    for state in coverage(period, framework=framework):
        if state.control.id == control_id:
            return state
    raise NotFoundError("framework.control_unknown", f"{framework} has no control {control_id!r}.")


def evidence_events(state: ControlState, period: Period) -> QuerySet[Leaf]:
    """The events behind a control, newest first; the caller slices."""
    return events_in(period).filter(action__in=state.event_actions).order_by("-seq")


@dataclass(frozen=True)
class CoverageCount:
    """How many controls of a group (a function or a tag) are in each state."""

    name: str
    present: int
    partial: int
    absent: int
    not_assessed: int

    @property
    def label(self) -> str:
        """GOVERN stays; risk_management becomes Risk management."""
        return self.name if self.name.isupper() else self.name.replace("_", " ").capitalize()

    @property
    def total(self) -> int:
        return self.present + self.partial + self.absent + self.not_assessed


def coverage_by_function(states: Iterable[ControlState]) -> list[CoverageCount]:
    states = list(states)
    names = dict.fromkeys([*FUNCTIONS, *(state.control.function for state in states)])
    counts = [_count(name, [s for s in states if s.control.function == name]) for name in names]
    return [count for count in counts if count.total]


def coverage_by_tag(states: Iterable[ControlState]) -> list[CoverageCount]:
    """A control counts once under each of its tags."""
    states = list(states)
    tags = dict.fromkeys(tag for state in states for tag in state.control.tags)
    return [_count(tag, [s for s in states if tag in s.control.tags]) for tag in tags]


def coverage_summary(period: Period, *, framework: str = NIST_AI_RMF) -> CoverageCount:
    """All controls of a framework by state, for one line on a dashboard."""
    return _count(get_catalogue(framework).title, coverage(period, framework=framework))


def _log_findings(control: Control, counts: Mapping[str, int]) -> list[Finding]:
    findings = []
    for source in control.sources:
        found = {action: counts[action] for action in source.actions if counts.get(action)}
        summary = ", ".join(f"{action} {count}" for action, count in found.items()) or "no such event"
        evidence = Evidence(sum(found.values()), summary, source.actions)
        findings.append(Finding(source.name, source.title, evidence, source.occasional))
    return findings


def _state(control: Control, findings: list[Finding]) -> ControlState:
    expected = [f for f in findings if not f.occasional]
    if not findings:
        state = State.NOT_ASSESSED
    elif not any(f.evidence.count for f in findings):
        state = State.ABSENT
    elif all(f.evidence.count for f in expected):
        state = State.PRESENT
    else:
        state = State.PARTIAL
    return ControlState(control, state, tuple(findings))


def _count(name: str, states: list[ControlState]) -> CoverageCount:
    by_state = Counter(state.state for state in states)
    return CoverageCount(
        name=name,
        present=by_state[State.PRESENT],
        partial=by_state[State.PARTIAL],
        absent=by_state[State.ABSENT],
        not_assessed=by_state[State.NOT_ASSESSED],
    )
