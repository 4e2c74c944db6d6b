"""People, a consented voice and requests in any state, made by the real operations."""

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import soundfile
from django.db import transaction

from audit.actors import Actor
from audit.log import record_event
from audit.models import Person
from audit.people import create_person
from audit.roles import Role
from consent import vault
from consent.access import open_voice
from consent.consents import AGREEMENTS, offer_consent, open_link, prepare_consent, sign_consent
from consent.models import Consent, Recording, Voice
from consent.owners import create_owner, link_account
from consent.scope import Scope
from synthesis.approvals import ACKNOWLEDGEMENTS, decide
from synthesis.enrolment import import_voice_model
from synthesis.models import Decision, Render, SpeechRequest, VoiceModel
from synthesis.requests import draft_request, submit_request

SYSTEM = Actor.system("tests")
EVIDENCE = {"address": "192.0.2.7", "agent": "tests", "time_zone": "Europe/Lisbon"}
LINES = ["The northern line is closed until noon.", "Please use the buses outside the station."]


def scope(now: datetime, **changes: Any) -> Scope:
    """A consent to short announcements; changes are Scope's own fields."""
    fields: dict[str, Any] = {
        "purposes": ("customer_service", "training"),
        "channels": ("phone", "app"),
        "languages": ("en",),
        "territories": ("EU",),
        "max_seconds_per_request": 60,
        "max_seconds_total": 300,
        "valid_from": now - timedelta(days=1),
        "valid_until": now + timedelta(days=30),
        "forbidden_topics": ("gambling",),
    }
    return Scope(**(fields | changes))


def tone(seconds: float, *, hertz: float = 120.0, rate: int = 24_000) -> np.ndarray:
    """A buzz with the harmonics of a voice, mono float32."""
    t = np.arange(round(seconds * rate)) / rate
    buzz = sum(np.sin(2 * np.pi * hertz * k * t) / k for k in range(1, 25))
    syllables = 0.6 + 0.4 * np.sin(2 * np.pi * 3 * t)
    return (0.15 * buzz * syllables).astype(np.float32)


@dataclass
class World:
    """One voice of one owner, and one person a role. Everything happens at ``now``."""

    now: datetime
    people: dict[str, Person] = field(default_factory=dict)

    def person(self, name: str, *roles: Role) -> Person:
        if name not in self.people:
            self.people[name] = create_person(
                email=f"{name}@example.org",
                full_name=name.capitalize(),
                roles=roles,
                password=None,
                actor=SYSTEM,
                now=self.now,
            )
        return self.people[name]

    def actor(self, name: str, *roles: Role) -> Actor:
        return Actor.from_person(self.person(name, *roles))

    @property
    def requester(self) -> Actor:
        return self.actor("rita", Role.REQUESTER)

    @property
    def policy(self) -> Actor:
        return self.actor("paul", Role.POLICY_REVIEWER)

    @property
    def legal(self) -> Actor:
        return self.actor("lena", Role.LEGAL_REVIEWER)

    @property
    def steward(self) -> Actor:
        return self.actor("stefan", Role.VOICE_STEWARD)

    @property
    def owner(self) -> Actor:
        return self.actor("olga", Role.VOICE_OWNER)

    @property
    def administrator(self) -> Actor:
        return self.actor("ada", Role.ADMINISTRATOR)

    @cached_property
    def voice(self) -> Voice:
        owner = create_owner(
            full_name="Olga Owner",
            email="olga@example.org",
            country="PT",
            time_zone="Europe/Lisbon",
            language="en",
            actor=self.steward,
            now=self.now,
        )
        assert self.owner.person is not None
        link_account(owner=owner, person=self.owner.person, actor=self.steward, now=self.now)
        voice = owner.voices.get()
        assert self.requester.person is not None
        open_voice(voice=voice, person=self.requester.person, actor=self.steward, now=self.now)
        return voice

    @transaction.atomic
    def add_recording(self, samples: np.ndarray | None = None, rate: int = 24_000) -> Recording:
        """An accepted recording, as the intake would leave it."""
        samples = tone(3.0, hertz=120.0 + self.voice.recordings.count()) if samples is None else samples
        file = io.BytesIO()
        soundfile.write(file, samples, rate, format="FLAC", subtype="PCM_16")
        obj = vault.store_object(voice=self.voice, purpose="recording", data=file.getvalue(), now=self.now)
        recording = Recording.objects.create(
            voice=self.voice,
            object=obj,
            status=Recording.Status.ACCEPTED,
            original_name="sample.wav",
            sha256=obj.sha256,
            seconds=len(samples) / rate,
            sample_rate=rate,
            channels=1,
            loudness_lufs=-20.0,
            clipping_share=0.0,
            speech_share=1.0,
            created_at=self.now,
        )
        for action in ("recording.added", "recording.accepted"):
            record_event(action=action, actor=SYSTEM, subject=recording, payload={}, now=self.now)
        return recording

    def consent(self, **changes: Any) -> Consent:
        """A consent, signed by the owner and active."""
        if not self.voice.recordings.exists():
            self.add_recording()
        wanted = scope(self.now, **changes)
        consent = prepare_consent(voice=self.voice, scope=wanted, actor=self.steward, now=self.now)
        token = offer_consent(consent=consent, actor=self.steward, now=self.now)
        link = open_link(token=token, now=self.now)
        return sign_consent(
            link=link,
            typed_name="Olga Owner",
            agreements=set(AGREEMENTS),
            evidence=EVIDENCE,
            actor=Actor.from_link(self.voice.owner_id, "Olga Owner"),
            now=self.now,
        )

    def model(self, engine: str = "kokoro-adapted", data: bytes = b"a voice model") -> VoiceModel:
        return import_voice_model(voice=self.voice, data=data, engine=engine, actor=SYSTEM, now=self.now)

    def wish(self, **changes: Any) -> dict[str, Any]:
        fields = {
            "title": "Line closed",
            "purpose": "customer_service",
            "channel": "phone",
            "audience": "travellers",
            "territory": "PT",
            "language": "en",
            "lines": LINES,
        }
        return fields | changes

    def draft(self, **changes: Any) -> SpeechRequest:
        return draft_request(voice=self.voice, actor=self.requester, now=self.now, **self.wish(**changes))

    def submitted(self, **changes: Any) -> SpeechRequest:
        return submit_request(request=self.draft(**changes), actor=self.requester, now=self.now)

    def decide(
        self, request: SpeechRequest, stage: str, verdict: str = "approve", **changes: Any
    ) -> Decision:
        request.refresh_from_db()
        fields: dict[str, Any] = {
            "request": request,
            "stage": stage,
            "verdict": verdict,
            "reason": "" if verdict == "approve" else "Not like this.",
            "digest": request.digest,
            "acknowledged": ACKNOWLEDGEMENTS,
            "actor": changes.get("actor") or getattr(self, stage),
            "now": self.now,
        }
        return decide(**(fields | changes))

    def in_review(self, **changes: Any) -> SpeechRequest:
        request = self.submitted(**changes)
        self.decide(request, "policy")
        request.refresh_from_db()
        return request

    def approved(self, **changes: Any) -> SpeechRequest:
        request = self.in_review(**changes)
        self.decide(request, "legal")
        request.refresh_from_db()
        return request


def states(renders: Iterable[Render]) -> list[str]:
    return [render.status for render in renders]
