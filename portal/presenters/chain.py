"""A request as its reader follows it: the chain from consent to clips, and each line with its clip."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from consent.models import Consent
from portal.presenters import wording
from synthesis.models import Decision, Render, ScriptLine, SpeechRequest
from synthesis.models.requests import Stage

Status = SpeechRequest.Status
ENDED_BADLY = {Status.REJECTED, Status.CANCELLED, Status.FAILED, Status.WITHDRAWN, Status.EXPIRED}


@dataclass(frozen=True, slots=True)
class Knot:
    """One link of the chain. ``at`` is done, now or broken; empty where it is still to come."""

    title: str
    at: str = ""
    text: str = ""
    quote: str = ""
    when: datetime | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the script with the clip that came of it, if any."""

    line: ScriptLine
    render: Render | None

    @property
    def is_finished(self) -> bool:
        return self.render is not None and self.render.status not in Render.UNFINISHED

    @property
    def measures(self) -> list[tuple[str, str]]:
        """What was measured on a released clip, as label and value."""
        if self.render is None or self.render.status != Render.Status.READY:
            return []
        found: dict[str, Any] = self.render.measurements
        shown = [("Watermark", f"{self.render.watermark_id:08x}")]
        for key, label in (("similarity_campp", "Likeness CAM++"), ("similarity_ge2e", "GE2E")):
            if key in found:
                shown.append((label, f"{found[key]:.2f}"))
        if found.get("word_error_rate") is not None:
            shown.append(("Wrong words", f"{found['word_error_rate']:.0%}"))
        return shown


def lines_of(request: SpeechRequest) -> list[Line]:
    """The script with the newest render of each line. Two queries."""
    renders = {render.line_id: render for render in request.renders.order_by("created_at")}
    return [Line(line, renders.get(line.pk)) for line in request.lines.all()]


def chain_of(request: SpeechRequest, lines: list[Line]) -> list[Knot]:
    """Consent, script, decisions, grant, clips: each with what binds it to the one before."""
    stages = [Stage.POLICY, Stage.LEGAL]
    if request.consent is not None and request.consent.scope.owner_approves_scripts:
        stages.append(Stage.OWNER)
    decisions = {decision.stage: decision for decision in request.decisions.filter(dismissed_at=None)}
    return [
        _consent_knot(request),
        _script_knot(request, len(lines)),
        *(_decision_knot(request, stage, decisions.get(stage)) for stage in stages),
        _grant_knot(request),
        _clips_knot(request, lines),
    ]


def _consent_knot(request: SpeechRequest) -> Knot:
    """A newer consent takes nothing from clips that were released under the one before."""
    consent = request.consent
    if consent is None:
        return Knot("Consent", text="Bound to the request when it is submitted.")
    in_force = consent.status in (Consent.Status.ACTIVE, Consent.Status.SIGNED)
    held = in_force or (consent.status == Consent.Status.SUPERSEDED and request.status == Status.READY)
    state = wording.state(consent.status).label.lower()
    text = f"Version {consent.version}, signed by {consent.voice.owner.full_name}."
    if not in_force:
        text = f"{text} Now {state}."
    return Knot("Consent", "done" if held else "broken", text, when=consent.signed_at, digest=consent.digest)


def _script_knot(request: SpeechRequest, count: int) -> Knot:
    words = f"{count} line{'' if count == 1 else 's'}, revision {request.revision}."
    if request.submitted_at is None or request.status in (Status.DRAFT, Status.CHANGES_REQUESTED):
        at = "now" if request.status in SpeechRequest.EDITABLE else ""
        return Knot("Script", at, f"{words} Not submitted.")
    return Knot("Script", "done", f"{words} Submitted.", when=request.submitted_at, digest=request.digest)


def _decision_knot(request: SpeechRequest, stage: Stage, decision: Decision | None) -> Knot:
    title = f"{stage.label} decision"
    if decision is None:
        waiting = request.stage == stage
        return Knot(title, "now" if waiting else "", "Waiting for a reviewer." if waiting else "")
    verdict = {
        Decision.Verdict.APPROVE: ("done", "Approved"),
        Decision.Verdict.REQUEST_CHANGES: ("now", "Asked for changes"),
        Decision.Verdict.REJECT: ("broken", "Rejected"),
    }[Decision.Verdict(decision.verdict)]
    by = decision.person.full_name if decision.person else "the owner of the voice"
    return Knot(
        title,
        verdict[0],
        f"{verdict[1]} by {by}.",
        quote=decision.reason,
        when=decision.created_at,
        digest=decision.digest,
    )


def _grant_knot(request: SpeechRequest) -> Knot:
    grant = request.grants.order_by("not_before").last()
    if grant is None:
        return Knot("Grant", text="Minted by the last approval; a worker speaks nothing without it.")
    if grant.revoked_at and request.status != Status.READY:
        return Knot("Grant", "broken", "Taken back.", when=grant.revoked_at, digest=grant.digest)
    return Knot(
        "Grant", "done", "Signed permit for exactly these lines.", when=grant.not_before, digest=grant.digest
    )


def _clips_knot(request: SpeechRequest, lines: list[Line]) -> Knot:
    if request.status in ENDED_BADLY:
        reason = wording.refusal(request.outcome_code) if request.outcome_code else ""
        label = wording.state(request.status).label
        return Knot("Clips", "broken", f"{label}. {reason}".strip(), when=request.finished_at)
    ready = sum(line.render is not None and line.render.status == Render.Status.READY for line in lines)
    if request.status == Status.READY:
        return Knot("Clips", "done", f"{ready} marked, checked and released.", when=request.finished_at)
    if request.status in SpeechRequest.PERMITTED:
        return Knot("Clips", "now", f"{ready} of {len(lines)} released.")
    return Knot("Clips")
