"""The usual people, a voice with an accepted recording, and consents at each stage, by real operations."""

import io
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audit.actors import Actor
from audit.models import Person
from audit.people import create_person
from audit.roles import Role
from consent import vault
from consent.consents import AGREEMENTS, offer_consent, open_link, prepare_consent, sign_consent
from consent.models import Consent, ConsentLink, Recording, Voice, VoiceOwner
from consent.owners import create_owner
from consent.scope import Scope

VOICES = Path(__file__).parent.parent / "fixtures" / "voices"
EVIDENCE = {"address": "192.0.2.7", "agent": "Firefox 140 on Linux", "time_zone": "Europe/Lisbon"}
RATE = 24_000


def voice_file(speaker: str, number: int) -> bytes:
    return (VOICES / speaker / f"enr{number}.flac").read_bytes()


def speech(speaker: str, *numbers: int) -> np.ndarray:
    """Sentences of one synthetic speaker, one after the other: mono float32 at 24 kHz."""
    pause = np.zeros(RATE // 3, np.float32)
    parts = [soundfile.read(io.BytesIO(voice_file(speaker, n)), dtype="float32")[0] for n in numbers]
    return np.concatenate([piece for part in parts for piece in (part, pause)])


def encoded(samples: np.ndarray, rate: int = RATE, format: str = "WAV", subtype: str | None = None) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=format, subtype=subtype)
    return out.getvalue()


def make_scope(now: datetime, **changes: Any) -> Scope:
    values: dict[str, Any] = {
        "purposes": ("customer_service", "training"),
        "channels": ("phone", "app"),
        "languages": ("en",),
        "territories": ("EU", "CH"),
        "max_seconds_per_request": 60,
        "max_seconds_total": 600,
        "valid_from": now - timedelta(days=1),
        "valid_until": now + timedelta(days=90),
        "forbidden_topics": ("gambling", "flat earth"),
        "disclosure": "audible",
        "compensation_note": "A single payment of 400 euros.",
    }
    return Scope(**(values | changes))


@pytest.fixture
def make_person(db: None, now: datetime) -> Callable[..., Person]:
    def make(name: str, *roles: Role) -> Person:
        return create_person(
            email=f"{name.lower().replace(' ', '.')}@example.org",
            full_name=name,
            roles=roles,
            password=None,
            actor=Actor.system("tests"),
            now=now,
        )

    return make


@pytest.fixture
def steward(make_person: Callable[..., Person]) -> Actor:
    return Actor.from_person(make_person("Stella Steward", Role.VOICE_STEWARD))


@pytest.fixture
def owner(steward: Actor, now: datetime) -> VoiceOwner:
    return create_owner(
        full_name="Odalys Owner",
        email="odalys@example.org",
        country="PT",
        time_zone="Europe/Lisbon",
        language="en",
        actor=steward,
        now=now,
    )


@pytest.fixture
def owner_actor(owner: VoiceOwner) -> Actor:
    """The owner as she acts by a link."""
    return Actor.from_link(owner.pk, owner.full_name)


@pytest.fixture
def voice(owner: VoiceOwner) -> Voice:
    return owner.voices.get()


@pytest.fixture
def make_recording(voice: Voice, now: datetime) -> Callable[..., Recording]:
    """Recordings that were accepted already, without a process to decode them."""

    def make(number: int = 0, speaker: str = "slt") -> Recording:
        data = voice_file(speaker, number)
        info = soundfile.info(io.BytesIO(data))
        obj = vault.store_object(voice=voice, purpose="recording", data=data, now=now)
        return Recording.objects.create(
            voice=voice,
            object=obj,
            status=Recording.Status.ACCEPTED,
            original_name=f"enr{number}.flac",
            sha256=obj.sha256,
            seconds=info.duration,
            sample_rate=info.samplerate,
            channels=1,
            loudness_lufs=-17.0,
            clipping_share=0.0,
            speech_share=0.9,
            created_at=now,
        )

    return make


@pytest.fixture
def recording(make_recording: Callable[..., Recording]) -> Recording:
    return make_recording()


@pytest.fixture
def draft(voice: Voice, steward: Actor, now: datetime) -> Consent:
    return prepare_consent(voice=voice, scope=make_scope(now), actor=steward, now=now)


@pytest.fixture
def token(draft: Consent, recording: Recording, steward: Actor, now: datetime) -> str:
    return offer_consent(consent=draft, actor=steward, now=now)


@pytest.fixture
def link(token: str, now: datetime) -> ConsentLink:
    return open_link(token=token, now=now)


@pytest.fixture
def sign(owner_actor: Actor, now: datetime) -> Callable[..., Consent]:
    """Sign through a link; keyword arguments replace what a willing owner gives."""

    def sign(link: ConsentLink, **changes: Any) -> Consent:
        given: dict[str, Any] = {
            "typed_name": "Odalys Owner",
            "agreements": set(AGREEMENTS),
            "evidence": EVIDENCE,
            "actor": owner_actor,
            "now": now,
        }
        return sign_consent(link=link, **(given | changes))

    return sign


@pytest.fixture
def signed(link: ConsentLink, sign: Callable[..., Consent]) -> Consent:
    return sign(link)


@pytest.fixture
def offer_and_sign(
    voice: Voice, steward: Actor, sign: Callable[..., Consent], now: datetime
) -> Callable[..., Consent]:
    """One more version of the consent, all the way to the signature."""

    def make(at: datetime = now, **scope: Any) -> Consent:
        draft = prepare_consent(voice=voice, scope=make_scope(now, **scope), actor=steward, now=at)
        token = offer_consent(consent=draft, actor=steward, now=at)
        return sign(open_link(token=token, now=at), now=at)

    return make
