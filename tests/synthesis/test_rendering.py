"""The worker's own code, called in this process: what is released, what is refused before anything opens."""

import dataclasses
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
import soundfile
from django.utils import timezone

from audit.actors import Actor
from audit.errors import ConflictError, VerificationError
from audit.keys import keyring
from audit.log.models import InboxEvent
from audit.roles import Role
from consent import vault
from consent.consents import suspend_consent, withdraw_consent
from consent.errors import VaultError
from consent.models import Consent, VaultObject, Voice
from synthesis.dispatch import LEASE, dispatch_voice, expire_permits, requeue_lost
from synthesis.engines.base import Speech
from synthesis.engines.registry import get_engine, register_engine
from synthesis.enrolment import start_enrolment
from synthesis.errors import LeaseLostError, SynthesisError
from synthesis.freezes import freeze_all, freeze_voice, lift_freeze
from synthesis.models import Freeze, Grant, Render, ScriptLine, SpeechRequest, VoiceModel
from synthesis.releases import open_clip
from synthesis.worker import claims, outcomes, unlocking
from synthesis.worker.enrolling import enrol_voice
from synthesis.worker.marks import watermarker
from synthesis.worker.rendering import speak_line
from tests.fixtures.tone_engine import ToneEngine
from tests.synthesis.world import LINES, World

WORKER = "elsewhere:1"

# The heartbeat has a connection of its own and sees only what was committed.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def tone(settings: Any) -> None:
    """The tone engine, and limits that a buzz can pass."""
    get_engine.cache_clear()
    register_engine("tone", ToneEngine)
    settings.DEFAULT_ENGINE = "tone"
    settings.LINE_CAMPP_MIN = settings.LINE_GE2E_MIN = -1.0
    settings.LINE_WORD_ERROR_RATE_MAX = 100.0
    unlocking.forget_voice()


def speak(world: World, render: Render, *, at: timedelta = timedelta(minutes=1)) -> Render:
    speak_line(render_id=str(render.pk), worker=WORKER, clock=lambda: world.now + at)
    render.refresh_from_db()
    return render


def first_render(request: SpeechRequest) -> Render:
    return request.renders.order_by("line__position")[0]


def codes(action: str) -> list[str]:
    events = InboxEvent.objects.filter(action=action).order_by("id")
    return [event.event["payload"]["code"] for event in events]


def nothing_was_unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(obj: VaultObject) -> bytes:
        pytest.fail(f"{obj} was unlocked")

    monkeypatch.setattr(vault, "read_object", opened)


# -- what is released -------------------------------------------------------------------------------


def test_line_becomes_one_marked_encrypted_clip_and_the_request_ready(world: World) -> None:
    world.consent()
    world.model("tone")
    request = world.approved(lines=LINES[:1])
    render = speak(world, first_render(request))
    assert (render.status, render.failure_code) == (Render.Status.READY, "")
    data, media = open_clip(render=render, actor=world.requester, now=world.now)
    assert media == "audio/flac"
    x, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    assert watermarker().detect(x, rate).payload == render.watermark_id
    assert render.seconds == pytest.approx(len(x) / rate, abs=0.01)
    assert render.measurements.keys() >= {"similarity_campp", "similarity_ge2e", "word_error_rate"}
    request.refresh_from_db()
    assert request.status == SpeechRequest.Status.READY
    actions = InboxEvent.objects.filter(subject_id=render.pk).values_list("action", flat=True)
    assert sorted(actions) == ["clip.played", "render.ready", "render.started"]


def test_clip_begins_with_a_notice_where_the_consent_asks_for_one(world: World) -> None:
    world.consent(disclosure="audible")
    world.model("tone")
    render = speak(world, first_render(world.approved(lines=LINES[:1])))
    assert render.status == Render.Status.READY
    assert render.measurements["notice"] is True
    assert render.seconds is not None
    assert render.voice_seconds is not None
    assert render.seconds > render.voice_seconds + 2.0


def test_line_that_needs_a_notice_in_a_language_without_one_is_not_released(world: World) -> None:
    world.consent(disclosure="audible", languages=("de",))
    world.model("tone")
    request = world.approved(lines=["Die Linie ist gesperrt."], language="de")
    render = speak(world, first_render(request))
    assert (render.status, render.failure_code) == (Render.Status.FAILED, "notice.not_available")
    request.refresh_from_db()
    assert (request.status, request.outcome_code) == (SpeechRequest.Status.FAILED, "notice.not_available")


def test_task_that_is_delivered_again_is_a_no_op(world: World) -> None:
    world.consent()
    world.model("tone")
    render = speak(world, first_render(world.approved(lines=LINES[:1])))
    before = (render.sha256, render.ready_at, render.attempts)
    render = speak(world, render)
    assert (render.sha256, render.ready_at, render.attempts) == before
    assert InboxEvent.objects.filter(subject_id=render.pk, action="render.ready").count() == 1


# -- the grant --------------------------------------------------------------------------------------


def edit_line(world: World, request: SpeechRequest) -> None:
    ScriptLine.objects.filter(request=request).update(text="Send us your password.")


def edit_line_and_its_hash(world: World, request: SpeechRequest) -> None:
    from synthesis.requests.script import line_digest

    text = "Send us your password."
    ScriptLine.objects.filter(request=request).update(text=text, sha256=line_digest(text))


def edit_grant(world: World, request: SpeechRequest) -> None:
    grant = request.grants.get()
    Grant.objects.filter(pk=grant.pk).update(
        record=bytes(grant.record).replace(b'"max_seconds":60', b'"max_seconds":99'),
    )


def sign_grant_with_another_key(world: World, request: SpeechRequest) -> None:
    grant = request.grants.get()
    key_id, signature = keyring().sign("decision", bytes(grant.record))
    Grant.objects.filter(pk=grant.pk).update(signature=signature, key_id=key_id)


def forget_the_key(world: World, request: SpeechRequest) -> None:
    request.grants.update(key_id="grant-0123456789abcdef")


def use_the_grant_of_another_request(world: World, request: SpeechRequest) -> None:
    other = world.approved(lines=["Quite another line."])
    request.renders.update(grant=other.grants.get())


def swap_the_bytes_of_two_grants(world: World, request: SpeechRequest) -> None:
    other = world.approved(lines=LINES[:1]).grants.get()
    request.grants.update(record=other.record, signature=other.signature, digest=other.digest)


def revoke(world: World, request: SpeechRequest) -> None:
    request.grants.update(revoked_at=world.now)


def say_the_engine_is_another(world: World, request: SpeechRequest) -> None:
    request.grants.update(engine="other")
    world.model("other")


def move_to_another_voice(world: World, request: SpeechRequest) -> None:
    other = World(world.now, {k: p for k, p in world.people.items() if k != "olga"})
    other.people["olga"] = other.person("olga2", Role.VOICE_OWNER)
    other.consent()
    other.model("tone")
    SpeechRequest.objects.filter(pk=request.pk).update(
        voice=other.voice, consent=other.voice.consents.get(status="active")
    )


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        (edit_line, "grant.other_line"),
        (edit_line_and_its_hash, "grant.other_line"),
        (edit_grant, "grant.signature_invalid"),
        (sign_grant_with_another_key, "grant.signature_invalid"),
        (forget_the_key, "record.key_unknown"),
        (use_the_grant_of_another_request, "grant.other_request"),
        (swap_the_bytes_of_two_grants, "grant.other_grant"),
        (revoke, "grant.revoked"),
        (say_the_engine_is_another, "grant.other_engine"),
        (move_to_another_voice, "grant.other_voice"),
    ],
)
def test_worker_refuses_what_was_not_granted_and_unlocks_nothing(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    attack: Callable[[World, SpeechRequest], None],
    code: str,
) -> None:
    world.consent()
    world.model("tone")
    request = world.approved(lines=LINES[:1])
    attack(world, request)
    nothing_was_unlocked(monkeypatch)
    render = speak(world, first_render(request))
    assert (render.status, render.failure_code) == (Render.Status.REFUSED, code)
    assert render.object is None
    assert codes("render.refused") == [code]
    assert codes("grant.refused") == ([code] if code.startswith("grant.") else [])
    request.refresh_from_db()
    assert (request.status, request.outcome_code) == (SpeechRequest.Status.FAILED, code)


@pytest.mark.parametrize(
    ("at", "code"),
    [(timedelta(minutes=-1), "grant.not_yet_valid"), (timedelta(hours=12), "grant.expired")],
)
def test_worker_refuses_a_grant_outside_its_time(
    world: World, monkeypatch: pytest.MonkeyPatch, at: timedelta, code: str
) -> None:
    world.consent()
    world.model("tone")
    render = first_render(world.approved(lines=LINES[:1]))
    nothing_was_unlocked(monkeypatch)
    assert speak(world, render, at=at).failure_code == code


def test_worker_refuses_lines_beyond_the_seconds_granted(world: World) -> None:
    """The engine speaks slower than was estimated: what is over the limit is not released."""
    world.consent(max_seconds_per_request=4)
    world.model("tone")
    request = world.approved(lines=["One.", "Two.", "Three."])
    spoken = [speak(world, render) for render in request.renders.order_by("line__position")]
    assert [render.failure_code for render in spoken] == ["", "", "grant.seconds_used_up"]


# -- the consent ------------------------------------------------------------------------------------


def suspend(world: World, consent: Consent) -> None:
    suspend_consent(consent=consent, reason="", actor=world.steward, now=world.now)


def replace(world: World, consent: Consent) -> None:
    world.consent()


def edit_scope(world: World, consent: Consent) -> None:
    consent.scope_json["max_seconds_total"] = 10_000
    consent.save(update_fields=["scope_json"])


def edit_record(world: World, consent: Consent) -> None:
    consent.record = bytes(consent.record).replace(b'"PT"', b'"ES"')
    consent.save(update_fields=["record"])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (suspend, "consent.suspended"),
        (replace, "consent.replaced"),
        (edit_scope, "consent.record_altered"),
        (edit_record, "record.signature_invalid"),
    ],
)
def test_worker_refuses_when_the_consent_is_not_what_was_agreed(
    world: World, monkeypatch: pytest.MonkeyPatch, change: Callable[[World, Consent], None], code: str
) -> None:
    consent = world.consent()
    world.model("tone")
    render = first_render(world.approved(lines=LINES[:1]))
    change(world, consent)
    nothing_was_unlocked(monkeypatch)
    render = speak(world, render)
    assert (render.status, render.failure_code) == (Render.Status.REFUSED, code)
    assert codes("render.refused") == [code]


def test_consent_that_runs_out_before_the_line_is_spoken_stops_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.consent(valid_until=world.now + timedelta(hours=1))
    world.model("tone")
    render = first_render(world.approved(lines=LINES[:1]))
    nothing_was_unlocked(monkeypatch)
    assert speak(world, render, at=timedelta(hours=2)).failure_code == "consent.none_active"


def test_consent_withdrawn_before_the_task_arrives_leaves_nothing_to_claim(world: World) -> None:
    consent = world.consent()
    world.model("tone")
    render = first_render(world.approved(lines=LINES[:1]))
    withdraw_consent(consent=consent, reason="", actor=world.owner, now=world.now)
    render = speak(world, render)
    assert (render.status, render.attempts) == (Render.Status.WITHDRAWN, 0)


def while_speaking(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Something happens after the engine has spoken and before the clip is released."""
    speak_really = ToneEngine.speak

    def speak_and_be_interrupted(self: ToneEngine, *args: Any, **options: Any) -> Speech:
        speech = speak_really(self, *args, **options)
        happens()
        return speech

    monkeypatch.setattr(ToneEngine, "speak", speak_and_be_interrupted)


def test_consent_withdrawn_while_the_line_is_spoken_prevents_its_release(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    consent = world.consent()
    world.model("tone")
    render = first_render(world.approved(lines=LINES[:1]))
    while_speaking(
        monkeypatch,
        lambda: withdraw_consent(consent=consent, reason="", actor=world.owner, now=world.now),
    )
    render = speak(world, render)
    assert (render.status, render.failure_code) == (Render.Status.WITHDRAWN, "consent.withdrawn")
    assert not VaultObject.objects.filter(purpose="render").exists()
    assert not InboxEvent.objects.filter(action="render.ready").exists()


def test_suspension_while_the_line_is_spoken_refuses_its_release(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    consent = world.consent()
    world.model("tone")
    render = first_render(world.approved(lines=LINES[:1]))
    while_speaking(monkeypatch, lambda: suspend(world, consent))
    render = speak(world, render)
    assert (render.status, render.failure_code) == (Render.Status.REFUSED, "consent.suspended")
    assert not VaultObject.objects.filter(purpose="render").exists()


# -- freezes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("everything", [False, True])
def test_freeze_withdraws_what_is_permitted_and_lets_reviews_wait(world: World, everything: bool) -> None:
    world.consent()
    world.model("tone")
    waiting, approved = world.submitted(), world.approved(lines=LINES[:1])
    freeze = (
        freeze_all(reason="Incident.", actor=world.administrator, now=world.now)
        if everything
        else freeze_voice(voice=world.voice, reason="Complaint.", actor=world.steward, now=world.now)
    )
    for request in (waiting, approved):
        request.refresh_from_db()
    code = "voice.all_frozen" if everything else "voice.frozen"
    assert (approved.status, approved.outcome_code) == (SpeechRequest.Status.WITHDRAWN, code)
    assert approved.grants.get().revoked_at is not None
    assert waiting.status == SpeechRequest.Status.SUBMITTED
    lift_freeze(freeze=freeze, actor=world.administrator, now=world.now)
    world.decide(waiting, "policy")
    assert Voice.objects.get(pk=world.voice.pk).status == Voice.Status.READY


def test_worker_refuses_a_line_whose_freeze_withdrew_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A freeze row alone stops the worker, whatever became of the rest."""
    world.consent()
    world.model("tone")
    render = first_render(world.approved(lines=LINES[:1]))
    Freeze.objects.create(voice=world.voice, reason="By hand.", created_at=world.now)
    nothing_was_unlocked(monkeypatch)
    assert speak(world, render).failure_code == "voice.frozen"


def test_owner_may_freeze_their_own_voice_and_no_other(world: World) -> None:
    freeze_voice(voice=world.voice, reason="Stop.", actor=world.owner, now=world.now)
    with pytest.raises(Exception, match=r"access\.role_missing"):
        freeze_voice(
            voice=world.voice, reason="Stop.", actor=world.actor("other", Role.VOICE_OWNER), now=world.now
        )


@pytest.mark.parametrize("role", [Role.REQUESTER, Role.POLICY_REVIEWER, Role.LEGAL_REVIEWER, Role.AUDITOR])
def test_freeze_by_a_role_that_does_not_guard_voices_is_refused(world: World, role: Role) -> None:
    actor = world.actor("mallory", role)
    for call in (
        lambda: freeze_voice(voice=world.voice, reason="Stop.", actor=actor, now=world.now),
        lambda: freeze_all(reason="Stop.", actor=actor, now=world.now),
    ):
        with pytest.raises(Exception, match=r"access\.role_missing"):
            call()


def test_freeze_needs_a_reason_and_happens_once(world: World) -> None:
    with pytest.raises(SynthesisError, match=r"freeze\.reason_missing"):
        freeze_voice(voice=world.voice, reason=" ", actor=world.steward, now=world.now)
    freeze = freeze_voice(voice=world.voice, reason="Complaint.", actor=world.steward, now=world.now)
    with pytest.raises(ConflictError, match=r"freeze\.standing"):
        freeze_voice(voice=world.voice, reason="Again.", actor=world.steward, now=world.now)
    lift_freeze(freeze=freeze, actor=world.steward, now=world.now)
    with pytest.raises(ConflictError, match=r"freeze\.lifted"):
        lift_freeze(freeze=freeze, actor=world.steward, now=world.now)


# -- bad speech -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "code"),
    [
        (np.zeros(48_000, dtype=np.float32), "speech.silent"),
        (np.full(48_000, np.nan, dtype=np.float32), "speech.not_finite"),
        (np.ones(480, dtype=np.float32) * 0.1, "speech.wrong_length"),
        (np.ones(24_000 * 60, dtype=np.float32) * 0.1, "speech.wrong_length"),
    ],
    ids=["silence", "nan", "too short", "too long"],
)
def test_engine_that_returns_no_speech_fails_the_line_after_three_takes(
    world: World, monkeypatch: pytest.MonkeyPatch, samples: np.ndarray, code: str
) -> None:
    seeds: list[int] = []

    def speak_badly(self: ToneEngine, model: bytes, text: str, *, language: str, seed: int = 0) -> Speech:
        seeds.append(seed)
        return Speech(samples, 24_000)

    monkeypatch.setattr(ToneEngine, "speak", speak_badly)
    world.consent()
    world.model("tone")
    render = speak(world, first_render(world.approved(lines=LINES[:1])))
    assert (render.status, render.failure_code) == (Render.Status.FAILED, code)
    assert seeds == [0, 1, 2]
    assert codes("render.failed") == [code]


@pytest.mark.parametrize(
    ("limit", "value", "code"),
    [
        ("LINE_CAMPP_MIN", 1.1, "speech.other_voice"),
        ("LINE_GE2E_MIN", 1.1, "speech.other_voice"),
        ("LINE_WORD_ERROR_RATE_MAX", 0.3, "speech.wrong_words"),
    ],
)
def test_line_below_a_limit_is_not_released(
    world: World, settings: Any, limit: str, value: float, code: str
) -> None:
    setattr(settings, limit, value)
    world.consent()
    world.model("tone")
    render = speak(world, first_render(world.approved(lines=LINES[:1])))
    assert (render.status, render.failure_code) == (Render.Status.FAILED, code)
    assert render.object is None


def test_fault_that_nobody_foresaw_gives_the_line_back_and_then_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(self: ToneEngine, *args: Any, **options: Any) -> Speech:
        raise ZeroDivisionError

    monkeypatch.setattr(ToneEngine, "speak", break_down)
    world.consent()
    world.model("tone")
    request = world.approved(lines=LINES[:1])
    render = first_render(request)
    for attempt in range(1, outcomes.MAX_ATTEMPTS + 1):
        assert render.status == Render.Status.QUEUED
        with pytest.raises(ZeroDivisionError):
            speak(world, render)
        render.refresh_from_db()
        assert render.attempts == attempt
    assert (render.status, render.failure_code) == (Render.Status.FAILED, "worker.attempts_used_up")
    request.refresh_from_db()
    assert request.status == SpeechRequest.Status.FAILED


def test_engine_with_non_commercial_weights_speaks_for_research_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ToneEngine, "facts", dataclasses.replace(ToneEngine.facts, commercial_use=False))
    world.consent(purposes=("customer_service", "research"))
    world.model("tone")
    earning = first_render(world.approved(lines=LINES[:1]))
    research = first_render(world.approved(lines=LINES[:1], purpose="research"))
    assert speak(world, earning).failure_code == "engine.non_commercial"
    assert speak(world, research).status == Render.Status.READY


# -- claims and the sweep ---------------------------------------------------------------------------


def test_worker_that_lost_its_claim_can_neither_release_nor_fail_the_line(world: World) -> None:
    world.consent()
    world.model("tone")
    request = world.approved(lines=LINES[:1])
    actor = Actor.worker(WORKER)
    slow = outcomes.begin_render(
        render_id=str(first_render(request).pk), worker=WORKER, actor=actor, now=world.now
    )
    assert slow is not None
    Render.objects.update(heartbeat_at=timezone.now() - LEASE * 2)
    requeue_lost(now=timezone.now())
    ready = speak(world, first_render(request))
    assert (ready.status, ready.attempts) == (Render.Status.READY, 2)
    with pytest.raises(LeaseLostError):
        claims.advance(slow, to=Render.Status.MARKING, now=world.now)
    with pytest.raises(LeaseLostError):
        outcomes.fail_render(
            render=slow, error=SynthesisError("speech.silent", "", ""), actor=actor, now=world.now
        )
    clip = outcomes.Clip(data=b"", seconds=1.0, voice_seconds=1.0, measurements={})
    slow.status = Render.Status.CHECKING
    with pytest.raises(LeaseLostError):
        outcomes.release_clip(render=slow, clip=clip, actor=actor, now=world.now)
    ready.refresh_from_db()
    assert ready.status == Render.Status.READY
    assert InboxEvent.objects.filter(action="render.ready").count() == 1


def test_line_whose_holder_beats_is_left_alone_by_the_sweep(world: World) -> None:
    world.consent()
    world.model("tone")
    render = first_render(world.approved(lines=LINES[:1]))
    outcomes.begin_render(
        render_id=str(render.pk), worker=WORKER, actor=Actor.worker(WORKER), now=timezone.now()
    )
    requeue_lost(now=timezone.now())
    render.refresh_from_db()
    assert render.status == Render.Status.SPEAKING


def test_line_whose_holder_on_this_host_is_gone_is_taken_back_at_once(world: World) -> None:
    world.consent()
    world.model("tone")
    render = first_render(world.approved(lines=LINES[:1]))
    host = claims.worker_name().rpartition(":")[0]
    gone = f"{host}:4194304"  # above Linux's largest process id
    outcomes.begin_render(render_id=str(render.pk), worker=gone, actor=Actor.worker(gone), now=timezone.now())
    requeue_lost(now=timezone.now())
    render.refresh_from_db()
    assert render.status == Render.Status.QUEUED


def test_two_live_clips_of_one_line_are_impossible(world: World) -> None:
    from django.db import IntegrityError, transaction

    world.consent()
    world.model("tone")
    render = first_render(world.approved(lines=LINES[:1]))
    with pytest.raises(IntegrityError, match=r"render_one_live_per_line"), transaction.atomic():
        Render.objects.create(
            request=render.request, line=render.line, grant=render.grant, watermark_id=1, created_at=world.now
        )


def test_request_expires_with_its_grant(world: World) -> None:
    world.consent()
    world.model("tone")
    request = world.approved(lines=LINES[:1])
    assert expire_permits(now=world.now + timedelta(hours=11)) == 0
    assert expire_permits(now=world.now + timedelta(hours=12)) == 1
    request.refresh_from_db()
    assert (request.status, request.outcome_code) == (SpeechRequest.Status.EXPIRED, "grant.expired")
    assert first_render(request).status == Render.Status.REFUSED
    assert expire_permits(now=world.now + timedelta(hours=13)) == 0


# -- enrolment --------------------------------------------------------------------------------------


def enrol(world: World, model: VoiceModel) -> VoiceModel:
    enrol_voice(model_id=str(model.pk), worker=WORKER, clock=lambda: world.now + timedelta(minutes=1))
    model.refresh_from_db()
    return model


def test_approval_without_a_model_learns_the_voice_and_then_speaks(world: World) -> None:
    world.consent()
    request = world.approved(lines=LINES[:1])
    model = world.voice.models.get()
    assert model.status == VoiceModel.Status.QUEUED
    assert Voice.objects.get(pk=world.voice.pk).status == Voice.Status.ENROLLING
    model = enrol(world, model)
    assert (model.status, model.progress, model.metrics) == ("ready", 1.0, {"recordings": 1})
    assert Voice.objects.get(pk=world.voice.pk).status == Voice.Status.READY
    assert speak(world, first_render(request)).status == Render.Status.READY


def test_lines_fail_with_the_code_of_an_enrolment_that_fails(world: World) -> None:
    world.add_recording(np.full(72_000, 0.01, dtype=np.float32))
    world.consent()
    request = world.approved(lines=LINES)
    model = enrol(world, world.voice.models.get())
    assert (model.status, model.failure_code) == ("failed", "enrolment.not_alike")
    assert {render.failure_code for render in request.renders.all()} == {"enrolment.not_alike"}
    request.refresh_from_db()
    assert (request.status, request.outcome_code) == (SpeechRequest.Status.FAILED, "enrolment.not_alike")
    assert codes("voice.enrolment_failed") == ["enrolment.not_alike"]


def test_lines_fail_at_approval_when_no_consented_recording_is_left(world: World) -> None:
    world.consent()
    request = world.in_review(lines=LINES[:1])
    world.voice.recordings.update(status="removed")
    world.decide(request, "legal")
    request.refresh_from_db()
    assert (request.status, request.outcome_code) == (SpeechRequest.Status.FAILED, "enrolment.no_recordings")


def test_enrolment_under_a_withdrawn_consent_is_not_begun(world: World) -> None:
    consent = world.consent()
    model = start_enrolment(voice=world.voice, actor=world.steward, now=world.now)
    withdraw_consent(consent=consent, reason="", actor=world.owner, now=world.now)
    assert enrol(world, model).status == VoiceModel.Status.WITHDRAWN


def test_enrolment_from_a_recording_that_was_exchanged_is_refused(world: World) -> None:
    world.consent()
    model = start_enrolment(voice=world.voice, actor=world.steward, now=world.now)
    other = world.add_recording()
    recording = world.voice.recordings.exclude(pk=other.pk).get()
    old = recording.object
    other.object, recording.object = VaultObject.objects.get(pk=old.pk), other.object
    type(recording).objects.filter(pk=other.pk).delete()
    recording.save(update_fields=["object"])
    model = enrol(world, model)
    assert (model.status, model.failure_code) == ("failed", "grant.other_recording")
    assert codes("grant.refused") == ["grant.other_recording"]


def test_enrolment_is_started_by_stewards_once_at_a_time(world: World) -> None:
    world.consent()
    with pytest.raises(Exception, match=r"access\.role_missing"):
        start_enrolment(voice=world.voice, actor=world.requester, now=world.now)
    start_enrolment(voice=world.voice, actor=world.steward, now=world.now)
    with pytest.raises(ConflictError, match=r"enrolment\.running"):
        start_enrolment(voice=world.voice, actor=world.steward, now=world.now)


def test_new_enrolment_replaces_the_model_and_destroys_the_old_one(world: World) -> None:
    world.consent()
    old = world.model("tone")
    new = enrol(world, start_enrolment(voice=world.voice, actor=world.steward, now=world.now))
    old.refresh_from_db()
    assert (old.status, new.status) == ("replaced", "ready")
    assert old.object is not None
    with pytest.raises(VaultError, match=r"vault\.destroyed"):
        vault.read_object(old.object)


def test_voice_nobody_learns_any_more_is_learned_when_the_sweep_finds_lines_waiting(world: World) -> None:
    world.consent()
    world.approved(lines=LINES[:1])
    world.voice.models.all().delete()
    Voice.objects.filter(pk=world.voice.pk).update(status="none")
    assert requeue_lost(now=world.now) == 1
    assert world.voice.models.get().status == VoiceModel.Status.QUEUED


# -- giving clips out -------------------------------------------------------------------------------


@pytest.fixture
def clip(world: World) -> Render:
    world.consent()
    world.model("tone")
    return speak(world, first_render(world.approved(lines=LINES[:1])))


def hear(world: World, clip: Render, *, now: datetime | None = None) -> bytes:
    return open_clip(render=clip, actor=world.requester, now=now or world.now)[0]


def test_clip_of_a_withdrawn_consent_is_gone(world: World, clip: Render) -> None:
    consent = Consent.objects.get(status="active")
    withdraw_consent(consent=consent, reason="", actor=world.owner, now=world.now)
    clip.refresh_from_db()
    assert clip.status == Render.Status.DESTROYED
    with pytest.raises(SynthesisError, match=r"clip\.not_ready"):
        hear(world, clip)
    assert clip.object is not None
    with pytest.raises(VaultError, match=r"vault\.destroyed"):
        vault.read_object(clip.object)


def test_clip_of_a_consent_that_lets_clips_be_kept_is_still_heard(world: World) -> None:
    consent = world.consent(after_end="keep")
    world.model("tone")
    clip = speak(world, first_render(world.approved(lines=LINES[:1])))
    withdraw_consent(consent=consent, reason="", actor=world.owner, now=world.now)
    assert hear(world, clip)


def test_clip_under_a_suspended_consent_or_a_freeze_is_not_heard(world: World, clip: Render) -> None:
    suspend(world, Consent.objects.get(status="active"))
    with pytest.raises(SynthesisError, match=r"clip\.consent_suspended"):
        hear(world, clip)
    freeze_all(reason="Incident.", actor=world.administrator, now=world.now)
    with pytest.raises(SynthesisError, match=r"voice\.all_frozen"):
        hear(world, clip)


def test_clip_after_the_consents_last_day_is_not_heard_even_before_the_scheduler_ran(
    world: World, clip: Render
) -> None:
    with pytest.raises(SynthesisError, match=r"clip\.consent_ended"):
        hear(world, clip, now=world.now + timedelta(days=31))


def test_clip_exchanged_in_the_vault_is_noticed(world: World, clip: Render) -> None:
    other = vault.store_object(voice=world.voice, purpose="render", data=b"other", now=world.now)
    Render.objects.filter(pk=clip.pk).update(object=other)
    with pytest.raises(VerificationError, match=r"clip\.altered"):
        hear(world, clip)


def test_dispatch_for_a_voice_with_a_model_sends_nothing_to_learn(world: World) -> None:
    world.consent()
    world.model("tone")
    world.approved(lines=LINES[:1])
    dispatch_voice(voice=world.voice, engine="tone", actor=world.steward, now=world.now)
    assert world.voice.models.count() == 1
