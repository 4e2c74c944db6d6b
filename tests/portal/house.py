"""What pages are about: one person a role, and a voice with everything that can hang on it."""

import hashlib
from functools import cached_property

from audit.actors import Actor
from audit.log import integrate_pending
from audit.models import Leaf, Person, Report
from audit.reports import request_report
from audit.roles import Role
from consent import vault
from consent.consents import offer_consent, prepare_consent
from consent.models import Consent, VaultObject
from synthesis.freezes import freeze_voice
from synthesis.models import Freeze, Render, SpeechRequest
from tests.synthesis.world import World, scope

NAMES = {
    Role.REQUESTER: "rita",
    Role.POLICY_REVIEWER: "paul",
    Role.LEGAL_REVIEWER: "lena",
    Role.SECURITY_REVIEWER: "sven",
    Role.VOICE_STEWARD: "stefan",
    Role.VOICE_OWNER: "olga",
    Role.AUDITOR: "anna",
    Role.ADMINISTRATOR: "ada",
}
FLAC = b"fLaC stands for a clip"


class House(World):
    def person_of(self, role: Role) -> Person:
        return self.person(NAMES[role], role)

    def actor_of(self, role: Role) -> Actor:
        return Actor.from_person(self.person_of(role))

    def everybody(self) -> dict[Role, Person]:
        return {role: self.person_of(role) for role in Role}

    @cached_property
    def offer(self) -> tuple[Consent, str]:
        """A consent that waits for its owner, and the token of the link."""
        if not self.voice.recordings.exists():
            self.add_recording()
        consent = prepare_consent(voice=self.voice, scope=scope(self.now), actor=self.steward, now=self.now)
        return consent, offer_consent(consent=consent, actor=self.steward, now=self.now)

    def ready_clip(self) -> Render:
        """A released clip, as a worker would leave it."""
        request = self.approved()
        for render in request.renders.all():
            obj = vault.store_object(
                voice=self.voice, purpose=VaultObject.Purpose.RENDER, data=FLAC, now=self.now
            )
            render.object, render.status = obj, Render.Status.READY
            render.sha256, render.ready_at = hashlib.sha256(FLAC).hexdigest(), self.now
            render.seconds = render.voice_seconds = 2.0
            render.measurements = {"similarity_campp": 0.71, "similarity_ge2e": 0.88, "word_error_rate": 0.0}
            render.save()
        SpeechRequest.objects.filter(pk=request.pk).update(
            status=SpeechRequest.Status.READY, finished_at=self.now
        )
        return request.renders.first()

    def freeze(self) -> Freeze:
        return freeze_voice(voice=self.voice, reason="A complaint.", actor=self.administrator, now=self.now)

    def leaf(self) -> Leaf:
        integrate_pending()
        return Leaf.objects.latest("seq")

    def report(self) -> Report:
        return request_report(
            period_from=self.now, period_to=self.now, actor=self.actor_of(Role.AUDITOR), now=self.now
        )
