"""A believable history in the event log, for reports: requests with their consents, decisions and clips."""

import hashlib
import random
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from django.db import transaction

from audit.actors import Actor
from audit.log import integrate_pending, record_event
from audit.models import Person
from audit.people import create_person
from audit.roles import Role


@dataclass(frozen=True)
class Subject:
    """Stands for an object of an app above: the log keeps its kind and id and asks no more of it."""

    kind: str
    pk: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def _meta(self) -> SimpleNamespace:
        return SimpleNamespace(label_lower=self.kind)


def person(name: str, role: Role, now: datetime) -> Actor:
    email = f"{name.split()[0].lower()}-{role}@example.org"
    made = Person.objects.filter(email=email).first() or create_person(
        email=email,
        full_name=name,
        roles=[role],
        password="an-auditor-reads-everything",
        actor=Actor.system("tests"),
        now=now,
    )
    return Actor.from_person(made)


def digest(text: object) -> str:
    return hashlib.sha256(str(text).encode()).hexdigest()


class History:
    """Writes events one after another; `clock` is the time of the next one."""

    def __init__(self, start: datetime, seed: int = 7) -> None:
        self.clock = start
        self.random = random.Random(seed)
        self.requester = person("Paula Ortega", Role.REQUESTER, start)
        self.policy = person("Ravi Menon", Role.POLICY_REVIEWER, start)
        self.legal = person("Helen Brandt", Role.LEGAL_REVIEWER, start)
        self.steward = person("Samuel Okoye", Role.VOICE_STEWARD, start)
        self.worker = Actor.worker("gpu-1")

    def write(self, action: str, actor: Actor, subject: Subject, minutes: float = 7, **payload: Any) -> None:
        self.clock += timedelta(minutes=minutes)
        record_event(action=action, actor=actor, subject=subject, payload=payload, now=self.clock)

    def voice(self) -> dict[str, Any]:
        """An owner with a recording and a signed consent."""
        owner, voice, consent = (
            Subject(kind) for kind in ("consent.voiceowner", "consent.voice", "consent.consent")
        )
        link = Actor.from_link(owner.pk, "Ada Lindqvist")
        recording = Subject("consent.recording")
        signed = digest(consent.pk)
        self.write("owner.created", self.steward, owner, voice=str(voice.pk), country="SE", language="en")
        self.write("recording.added", self.steward, recording, voice=str(voice.pk))
        self.write(
            "recording.accepted", self.worker, recording, voice=str(voice.pk), sha256=digest(recording.pk)
        )
        self.write("consent.prepared", self.steward, consent, voice=str(voice.pk), version=1)
        self.write("consent.offered", self.steward, consent)
        self.write("consent.viewed", link, consent, 55)
        recordings = [digest(recording.pk)]
        self.write("consent.signed", link, consent, voice=str(voice.pk), digest=signed, recordings=recordings)
        self.write("voice.enrolled", self.worker, voice, engine="kokoro-adapted")
        return {"voice": voice, "consent": consent, "digest": signed, "link": link}

    def request(self, voice: dict[str, Any], lines: int = 3, ending: str = "ready") -> Subject:
        """A request that ends as `ending` says: ready, rejected, refused or in_review."""
        request, content = Subject("synthesis.speechrequest"), digest(self.random.random())
        self.write("request.drafted", self.requester, request, 60, voice=str(voice["voice"].pk), lines=lines)
        self.write(
            "request.submitted", self.requester, request, digest=content, revision=1, consent=voice["digest"]
        )
        if ending == "in_review":
            return request
        self._decide(request, content, "policy", self.policy, "approve")
        if ending == "rejected":
            self._decide(request, content, "legal", self.legal, "reject")
            self.write("request.rejected", self.legal, request, 0, digest=content)
            return request
        self._decide(request, content, "legal", self.legal, "approve")
        self.write("request.approved", self.legal, request, 0, digest=content)
        grant = Subject("synthesis.grant")
        self.write(
            "grant.minted", self.worker, grant, 0, digest=digest(grant.pk), request=content, lines=lines
        )
        for _ in range(lines):
            clip = Subject("synthesis.render")
            named = {"request": str(request.pk), "grant": str(grant.pk)}
            self.write("render.started", self.worker, clip, 1, **named)
            if ending == "refused":
                self.write("render.refused", self.worker, clip, 1, code="marking.not_detected", **named)
                continue
            seconds = round(self.random.uniform(2, 9), 2)
            self.write("render.ready", self.worker, clip, 1, sha256=digest(clip.pk), seconds=seconds, **named)
            self.write("clip.played", self.requester, clip, 30, **named)
        return request

    def _decide(self, request: Subject, content: str, stage: str, actor: Actor, verdict: str) -> None:
        decision = Subject("synthesis.decision")
        self.write(
            "decision.recorded",
            actor,
            decision,
            self.random.uniform(30, 900),
            request=str(request.pk),
            request_digest=content,
            stage=stage,
            verdict=verdict,
            digest=digest(decision.pk),
        )


def write_month(start: datetime, requests: int = 12) -> History:
    """A month of work with a bit of everything, sequenced."""
    with transaction.atomic():
        history = History(start)
        voices = [history.voice() for _ in range(3)]
        endings = ["ready", "ready", "rejected", "ready", "refused", "in_review"]
        for number in range(requests):
            request = history.request(voices[number % 3], ending=endings[number % len(endings)])
        history.write(
            "decision.refused",
            history.policy,
            request,
            code="decision.own_request",
            stage="policy",
            verdict="approve",
        )
        history.write("detection.run", history.steward, Subject("synthesis.detection"), found=True)
        last = voices[-1]
        history.write("consent.withdrawn", last["link"], last["consent"], digest=last["digest"])
        history.write("vault.voice_destroyed", last["link"], last["voice"], 0, objects={"recording": 1})
        history.write("freeze.made", history.steward, Subject("synthesis.freeze"), scope="voice")
    integrate_pending()
    return history
