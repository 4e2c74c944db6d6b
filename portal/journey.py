"""The main job from end to end, without a browser: the same operations, and a real worker process.

owner → recordings → signed consent → request → two decisions → grant → worker → clips → log → audit

Leaves in the output folder: ``consent.pdf``, ``line-NN.flac`` for each script line, ``audit.pdf``,
``evidence.zip``, ``log.vkey`` and ``journey.json``.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from audit.actors import Actor
from audit.errors import VivaVoceError
from audit.log import integrate_pending, latest_checkpoint
from audit.log.sequencer import log_signer
from audit.models import Person
from audit.people import create_person
from audit.reports import build_report, export_report
from audit.roles import Role
from consent import vault
from consent.access import open_voice
from consent.consents import AGREEMENTS, link_actor, offer_consent, open_link, prepare_consent, sign_consent
from consent.models import Consent, Recording, Voice, VoiceOwner
from consent.owners import create_owner
from consent.recordings import add_recording, recordings_ready
from consent.scope import Scope
from portal import services
from synthesis.approvals import ACKNOWLEDGEMENTS, decide
from synthesis.detection import detect_audio
from synthesis.enrolment import import_voice_model, start_enrolment
from synthesis.models import Render, SpeechRequest, VoiceModel
from synthesis.releases import open_clip
from synthesis.requests import draft_request, submit_request

AUDIO_SUFFIXES = {".wav", ".flac", ".mp3"}
CAST = {
    Role.REQUESTER: "Journey requester",
    Role.POLICY_REVIEWER: "Journey policy reviewer",
    Role.LEGAL_REVIEWER: "Journey legal reviewer",
    Role.VOICE_STEWARD: "Journey steward",
    Role.AUDITOR: "Journey auditor",
}
PURPOSE, CHANNEL, TERRITORY, LANGUAGE = "product_interface", "app", "EU", "en"
POLL_S = 0.25
CHECK_TIMEOUT_S = 180.0
ENROL_TIMEOUT_S = 900.0
SPEAK_TIMEOUT_S = 900.0

Say = Callable[[str], None]


class JourneyError(VivaVoceError):
    """The journey cannot go on; everything done so far is kept."""


@dataclass
class Journey:
    """One run. ``facts`` becomes ``journey.json``."""

    recordings: list[Path]
    script: list[str]
    out: Path
    say: Say
    ready_model: bytes | None = None
    """Voice model bytes to import instead of enrolling; only for the demo's own recordings."""
    facts: dict[str, Any] = field(default_factory=lambda: {"type": "journey", "version": 1, "steps": []})

    def run(self) -> dict[str, Any]:
        started = time.perf_counter()
        self.out.mkdir(parents=True, exist_ok=True)
        self.facts["started"] = timezone.now().isoformat(timespec="seconds")
        with worker(self.out / "worker.log"):
            with self.step("people"):
                people = {role: self.person(role) for role in CAST}
            with self.step("recordings"):
                owner, voice = self.record(people)
            with self.step("consent"):
                consent = self.consent(people, owner, voice)
            with self.step("voice"):
                model = self.learn(people, voice)
            with self.step("request"):
                request = self.ask(people, voice)
            with self.step("decisions"):
                self.approve(people, request)
            with self.step("speech"):
                renders = self.speak(request)
            with self.step("consent document"):
                self.write("consent.pdf", self.consent_document(consent))
        with self.step("clips and detection"):
            self.facts["lines"] = [self.collect(people, render) for render in renders]
        with self.step("audit"):
            self.audit(people)
        self.facts["voice_model"] = {"id": str(model.pk), "engine": model.engine, "metrics": model.metrics}
        self.facts["wall_s"] = round(time.perf_counter() - started, 2)
        self.write("journey.json", json.dumps(self.facts, indent=2, default=str).encode())
        return self.facts

    # -- steps ----------------------------------------------------------------------------------------
    def record(self, people: dict[Role, Person]) -> tuple[VoiceOwner, Voice]:
        steward = Actor.from_person(people[Role.VOICE_STEWARD])
        owner = create_owner(
            full_name="Journey Voice Owner",
            email="owner@journey.example",
            country="IE",
            time_zone="Europe/Dublin",
            language=LANGUAGE,
            actor=steward,
            now=timezone.now(),
        )
        voice: Voice = owner.voices.get()
        for path in self.recordings:
            add_recording(
                voice=voice, data=path.read_bytes(), filename=path.name, actor=steward, now=timezone.now()
            )
        waiting = voice.recordings.filter(status=Recording.Status.CHECKING)
        self.wait(
            lambda: not waiting.exists(),
            CHECK_TIMEOUT_S,
            "journey.checks_slow",
            lambda: f"{waiting.count()} recordings still being checked",
        )
        refused = [
            {"file": recording.original_name, "code": recording.refusal_code}
            for recording in voice.recordings.filter(status=Recording.Status.REFUSED)
        ]
        accepted = voice.recordings.filter(status=Recording.Status.ACCEPTED)
        readiness = recordings_ready(voice)
        self.facts |= {
            "owner": str(owner.pk),
            "voice": str(voice.pk),
            "recordings": [{"file": each.original_name, "sha256": each.sha256} for each in accepted],
            "recordings_refused": refused,
            "speech_seconds": round(readiness.seconds, 1),
        }
        if not readiness.ok:
            reasons = "; ".join(finding.message for finding in readiness.findings)
            raise JourneyError(
                "journey.recordings_not_enough", f"{reasons} Refused: {refused}", "Give more recordings."
            )
        self.say(f"  {accepted.count()} recordings accepted, {readiness.seconds:.0f} s of speech")
        return owner, voice

    def consent(self, people: dict[Role, Person], owner: VoiceOwner, voice: Voice) -> Consent:
        steward = Actor.from_person(people[Role.VOICE_STEWARD])
        now = timezone.now()
        scope = Scope(
            purposes=(PURPOSE,),
            channels=(CHANNEL,),
            languages=(LANGUAGE,),
            territories=(TERRITORY,),
            max_seconds_per_request=1800,
            max_seconds_total=3600,
            valid_from=now,
            valid_until=now + timedelta(days=30),
        )
        draft = prepare_consent(voice=voice, scope=scope, actor=steward, now=now)
        token = offer_consent(consent=draft, actor=steward, now=timezone.now())
        link = open_link(token=token, now=timezone.now())
        consent = sign_consent(
            link=link,
            typed_name=owner.full_name,
            agreements=set(AGREEMENTS),
            evidence={"address": "127.0.0.1", "agent": "journey", "time_zone": owner.time_zone},
            actor=link_actor(link),
            now=timezone.now(),
        )
        self.facts |= {"consent": str(consent.pk), "consent_digest": consent.digest}
        open_voice(voice=voice, person=people[Role.REQUESTER], actor=steward, now=timezone.now())
        return consent

    def learn(self, people: dict[Role, Person], voice: Voice) -> VoiceModel:
        steward = Actor.from_person(people[Role.VOICE_STEWARD])
        if self.ready_model is not None:
            return import_voice_model(
                voice=voice,
                data=self.ready_model,
                engine=settings.DEFAULT_ENGINE,
                actor=steward,
                now=timezone.now(),
            )
        model = start_enrolment(voice=voice, actor=steward, now=timezone.now())

        def is_done() -> bool:
            model.refresh_from_db()
            return model.status not in VoiceModel.UNFINISHED

        self.wait(
            is_done,
            ENROL_TIMEOUT_S,
            "journey.enrolment_slow",
            lambda: f"learning the voice: {model.progress:4.0%} {model.stage}",
        )
        if model.status != VoiceModel.Status.READY:
            raise JourneyError(model.failure_code, model.failure_message, "Listen to the recordings.")
        return model

    def ask(self, people: dict[Role, Person], voice: Voice) -> SpeechRequest:
        requester = Actor.from_person(people[Role.REQUESTER])
        draft = draft_request(
            voice=voice,
            title="Journey script",
            purpose=PURPOSE,
            channel=CHANNEL,
            audience="People who try the portal",
            territory=TERRITORY,
            language=LANGUAGE,
            lines=self.script,
            actor=requester,
            now=timezone.now(),
        )
        request = submit_request(request=draft, actor=requester, now=timezone.now())
        self.facts |= {"request": str(request.pk), "request_digest": request.digest}
        return request

    def approve(self, people: dict[Role, Person], request: SpeechRequest) -> None:
        decisions = []
        for stage, role in (("policy", Role.POLICY_REVIEWER), ("legal", Role.LEGAL_REVIEWER)):
            decision = decide(
                request=request,
                stage=stage,
                verdict="approve",
                digest=request.digest,
                acknowledged=ACKNOWLEDGEMENTS,
                actor=Actor.from_person(people[role]),
                now=timezone.now(),
            )
            decisions.append({"stage": stage, "id": str(decision.pk), "digest": decision.digest})
            request.refresh_from_db()
        grant = request.grants.get(revoked_at=None)
        self.facts |= {"decisions": decisions, "grant": str(grant.pk), "grant_digest": grant.digest}

    def speak(self, request: SpeechRequest) -> list[Render]:
        renders = request.renders.select_related("line").order_by("line__position")
        self.wait(
            lambda: not renders.filter(status__in=Render.UNFINISHED).exists(),
            SPEAK_TIMEOUT_S,
            "journey.speech_slow",
            lambda: (
                f"spoken {renders.filter(status=Render.Status.READY).count()} of {len(self.script)} lines"
            ),
        )
        for render in renders.exclude(status=Render.Status.READY):
            raise JourneyError(
                render.failure_code,
                f"Line {render.line.position}: {render.failure_message}",
                "See worker.log.",
            )
        return list(renders)

    def collect(self, people: dict[Role, Person], render: Render) -> dict[str, Any]:
        data, _ = open_clip(
            render=render,
            download=True,
            actor=Actor.from_person(people[Role.REQUESTER]),
            now=timezone.now(),
        )
        name = f"line-{render.line.position:02}.flac"
        self.write(name, data)
        found = detect_audio(data=data, actor=Actor.from_person(people[Role.AUDITOR]), now=timezone.now())
        return {
            "position": render.line.position,
            "text": render.line.text,
            "file": name,
            "render": str(render.pk),
            "sha256": render.sha256,
            "seconds": render.seconds,
            "watermark_id": render.watermark_id,
            "watermark_detected": found.watermark_id,
            "worker_s": seconds_between(render.claimed_at, render.ready_at),
            **render.measurements,
        }

    def audit(self, people: dict[Role, Person]) -> None:
        auditor = Actor.from_person(people[Role.AUDITOR])
        now = timezone.now()
        period_from = now.replace(hour=0, minute=0, second=0, microsecond=0)
        integrate_pending()
        report = build_report(period_from=period_from, period_to=now, actor=auditor, now=now)
        self.write("audit.pdf", bytes(report.pdf))
        self.write("evidence.zip", export_report(report=report, actor=auditor, now=timezone.now()))
        self.write("log.vkey", f"{log_signer().verifier}\n".encode())
        checkpoint = latest_checkpoint()
        self.facts["log"] = {"size": checkpoint.size, "root": bytes(checkpoint.root).hex()}

    # -- helpers --------------------------------------------------------------------------------------
    def person(self, role: Role) -> Person:
        email = f"{role.value.replace('_', '-')}@journey.example"
        found = Person.objects.filter(email=email).first()
        return found or create_person(
            email=email,
            full_name=CAST[role],
            roles=[role],
            password=None,
            actor=Actor.system("journey"),
            now=timezone.now(),
        )

    def consent_document(self, consent: Consent) -> bytes:
        def is_written() -> bool:
            consent.refresh_from_db()
            return consent.document_id is not None

        self.wait(
            is_written, CHECK_TIMEOUT_S, "journey.document_slow", lambda: "setting the consent's document"
        )
        assert consent.document is not None, "just waited for"
        return vault.read_object(consent.document)

    def write(self, name: str, data: bytes) -> None:
        (self.out / name).write_bytes(data)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.say(f"{name} …")
        started = time.perf_counter()
        yield
        seconds = time.perf_counter() - started
        self.facts["steps"].append({"name": name, "seconds": round(seconds, 2)})

    def wait(
        self, condition: Callable[[], bool], seconds: float, code: str, progress: Callable[[], str]
    ) -> None:
        """Poll until ``condition`` holds, telling changed ``progress``. Raises JourneyError ``code``."""
        deadline = time.monotonic() + seconds
        told = ""
        while not condition():
            if (text := progress()) != told:
                self.say(f"  {text}")
                told = text
            if time.monotonic() > deadline:
                raise JourneyError(
                    code, f"Not done after {seconds:.0f} s.", f"See {self.out / 'worker.log'}."
                )
            time.sleep(POLL_S)


@contextmanager
def worker(log: Path) -> Iterator[None]:
    """One Celery worker for both queues in a process of its own, as long as the context lasts."""
    environ = os.environ | {"DJANGO_SETTINGS_MODULE": "portal.settings"}
    environ.setdefault("OMP_NUM_THREADS", "1")
    with log.open("wb") as file:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "--app", "portal", "worker", "--loglevel", "INFO"),
                *("--queues", "gpu,default", "--concurrency", "1", "--hostname", f"journey-{os.getpid()}@%h"),
                *("--without-gossip", "--without-mingle"),
            ],
            cwd=services.PROJECT_DIR,
            env=environ,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def audio_files(folder: Path) -> list[Path]:
    """The recordings in a folder, by name. Raises JourneyError ``journey.no_recordings``."""
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    if not found:
        raise JourneyError(
            "journey.no_recordings", f"There is no WAV, FLAC or MP3 file in {folder}.", "Name another folder."
        )
    return found


def script_lines(path: Path) -> list[str]:
    """The lines to speak, blank ones left out. Raises JourneyError ``script.empty``."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not lines:
        raise JourneyError("script.empty", f"{path} holds no line to speak.", "Write one line per clip.")
    return lines


def seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else round((end - start).total_seconds(), 2)
