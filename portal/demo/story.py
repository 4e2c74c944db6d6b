"""A month of the demo organisation, told through the same operations that people use.

Only the clock is set: every operation is handed the moment at which it "happened", so that the event
log, the signed records and the dates on all pages agree with each other and verify.
"""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from itertools import count
from pathlib import Path

from django.conf import settings

from audit.actors import Actor
from audit.models import Person
from audit.reports import request_report
from consent.access import open_voice
from consent.consents import (
    AGREEMENTS,
    decline_consent,
    link_actor,
    offer_consent,
    open_link,
    prepare_consent,
    sign_consent,
    withdraw_consent,
)
from consent.models import Consent, Recording, Voice, VoiceOwner
from consent.owners import create_owner, link_account
from consent.recordings import add_recording
from consent.scope import Scope
from portal.demo import scripts
from portal.demo.model import RECORDINGS, demo_voice_model
from portal.demo.people import DOMAIN, create_people
from portal.demo.scripts import DemoRequest
from synthesis.approvals import ACKNOWLEDGEMENTS, decide
from synthesis.enrolment import import_voice_model
from synthesis.freezes import freeze_voice, lift_freeze
from synthesis.models import Render, SpeechRequest
from synthesis.releases import open_clip
from synthesis.requests import cancel_request, draft_request, revise_request, submit_request

FOLDER = Path(__file__).resolve().parent
DAYS = 30
EVIDENCE = {"address": "192.0.2.17", "agent": "Firefox on a phone", "time_zone": "Europe/Oslo"}

Say = Callable[[str], None]


class Story:
    """Holds the cast and turns "day 3, half past nine" into a moment; day 30 is yesterday."""

    def __init__(self, *, now: datetime, say: Say) -> None:
        self.first_day = now.date() - timedelta(days=DAYS + 1)
        self.zone = now.tzinfo
        self.say = say
        self.people: dict[str, Person] = {}

    def at(self, day: int, clock: str) -> datetime:
        return datetime.combine(self.first_day + timedelta(days=day), time.fromisoformat(clock), self.zone)

    def actor(self, login: str) -> Actor:
        return Actor.from_person(self.people[login])

    @staticmethod
    def is_told() -> bool:
        """Whether the month is there to its last page, which is this draft."""
        return SpeechRequest.objects.filter(title=scripts.CAMPAIGN.title).exists()

    def tell(self) -> None:
        """In the order of the calendar, so that the log's order is that of its times."""
        self.people = create_people(now=self.at(0, "08:00"))
        self.say("  week 1: the first voice, and the first clips (they are really spoken)")
        elin = self.first_voice()
        self.museum(elin)
        self.wider_consent(elin)
        angus = self.second_voice()
        self.say("  week 2: announcements, a voice that says no, a request that sounds like fraud")
        self.station(elin)
        self.refusals(elin)
        self.say("  week 3: a course with changes, a voice withdrawn")
        self.course(elin)
        self.withdrawal(angus)
        self.say("  week 4: a drill, and what is open today")
        self.drill(elin)
        self.open_matters(elin)

    # -- chapters -------------------------------------------------------------------------------------
    def first_voice(self) -> Voice:
        """Signed, learned and opened to the product managers."""
        owner = self.owner("Elin Dahl", "elin", "NO", "Europe/Oslo", day=0)
        link_account(
            owner=owner, person=self.people["elin"], actor=self.actor("lucia"), now=self.at(0, "09:20")
        )
        voice = self.voice(owner, RECORDINGS, day=0)
        narrow = self.scope(from_day=1, days=365, channels=("app", "internal"))
        self.sign(self.offer(voice, narrow, day=1, clock="10:00"), owner, day=1, clock="18:42")
        self.import_model(voice, day=1, clock="19:00")
        for login in ("mira", "jonas"):
            self.open(voice, login, day=2, clock="08:30")
        return voice

    def museum(self, voice: Voice) -> None:
        request = self.submit("mira", voice, scripts.MUSEUM, day=3)
        self.review(request, "policy", "approve", day=3, clock="11:20")
        self.review(request, "legal", "approve", day=3, clock="15:02")
        self.speak(request, day=3, clock="15:03")
        self.hear(request, "mira", day=3, clock="16:10")

    def wider_consent(self, voice: Voice) -> None:
        """A second version adds announcements on site, with a spoken notice."""
        wider = self.scope(from_day=5, days=365, channels=("app", "internal", "on_site"), audible=True)
        self.sign(self.offer(voice, wider, day=5, clock="09:10"), voice.owner, day=5, clock="20:05")

    def second_voice(self) -> Voice:
        """The voice whose owner will change his mind."""
        owner = self.owner("Angus Ferrie", "angus", "GB", "Europe/London", day=6)
        voice = self.voice(owner, FOLDER / "others" / "awb", day=6)
        scope = self.scope(from_day=7, days=180, channels=("on_site",))
        self.sign(self.offer(voice, scope, day=7, clock="09:30"), owner, day=7, clock="12:11")
        self.open(voice, "jonas", day=7, clock="13:00")
        return voice

    def station(self, voice: Voice) -> None:
        request = self.submit("jonas", voice, scripts.STATION, day=8)
        self.review(request, "policy", "approve", day=8, clock="14:31")
        self.review(request, "legal", "approve", day=9, clock="09:12")
        self.speak(request, day=9, clock="09:13")
        self.hear(request, "jonas", day=9, clock="10:00")

    def refusals(self, voice: Voice) -> None:
        noor = self.owner("Noor Haddad", "noor", "NL", "Europe/Amsterdam", day=10)
        delays = self.submit("jonas", voice, scripts.DELAYS, day=11)
        cancel_request(request=delays, actor=self.actor("jonas"), now=self.at(11, "12:00"))
        scope = self.scope(from_day=13, days=90, channels=("social_media",))
        token = self.offer(noor.voices.get(), scope, day=12, clock="09:00")
        bank = self.submit("jonas", voice, scripts.HOTLINE, day=13)
        self.review(
            bank,
            "policy",
            "reject",
            day=13,
            clock="10:15",
            reason="It presses listeners to give card numbers: that is how fraud sounds, whoever sends it.",
        )
        link = open_link(token=token, now=self.at(14, "21:30"))
        decline_consent(
            link=link,
            reason="I do not want my voice on social media.",
            actor=link_actor(link),
            now=self.at(14, "21:34"),
        )

    def course(self, voice: Voice) -> None:
        """Legal review asks for changes; the new revision goes through both stages again."""
        request = self.submit("mira", voice, scripts.ONBOARDING, day=15)
        self.review(request, "policy", "approve", day=15, clock="13:05")
        self.review(
            request,
            "legal",
            "request_changes",
            day=16,
            clock="10:40",
            reason="New colleagues should be told in the first line that this voice is synthetic.",
        )
        request = self.revise("mira", request, scripts.ONBOARDING_REVISED, day=16)
        self.review(request, "policy", "approve", day=16, clock="16:20")
        self.review(request, "legal", "approve", day=17, clock="09:05")
        self.speak(request, day=17, clock="09:06")

    def withdrawal(self, voice: Voice) -> None:
        """An owner withdraws while a request is under review; another request is given up."""
        ferry = self.submit("jonas", voice, scripts.FERRY, day=18)
        self.review(ferry, "policy", "approve", day=18, clock="15:30")
        newsletter = self.submit("mira", self.voice_of("Elin Dahl"), scripts.NEWSLETTER, day=19)
        cancel_request(request=newsletter, actor=self.actor("mira"), now=self.at(19, "11:45"))
        withdraw_consent(
            consent=voice.consents.get(status=Consent.Status.ACTIVE),
            reason="I am leaving the ferry company.",
            actor=self.actor("lucia"),
            now=self.at(20, "08:15"),
        )

    def drill(self, voice: Voice) -> None:
        """The yearly exercise of stopping a voice."""
        freeze = freeze_voice(
            voice=voice,
            reason="Yearly drill: how fast does everything stop?",
            actor=self.actor("hana"),
            now=self.at(22, "10:00"),
        )
        lift_freeze(freeze=freeze, actor=self.actor("hana"), now=self.at(22, "10:25"))

    def open_matters(self, voice: Voice) -> None:
        """Something waits for everybody: changes, legal review, policy review, a signature, a draft."""
        delays = self.submit("jonas", voice, scripts.DELAYS, day=25)
        self.review(
            delays,
            "policy",
            "request_changes",
            day=25,
            clock="16:45",
            reason="Please name the alternative route, so that nobody is left waiting.",
        )
        marcus = self.owner("Marcus Reid", "marcus", "IE", "Europe/Dublin", day=27)
        waiting = self.voice(marcus, FOLDER / "others" / "rms", day=27)
        winter = self.submit("mira", voice, scripts.WINTER, day=28)
        self.review(winter, "policy", "approve", day=28, clock="15:10")
        scope = self.scope(from_day=29, days=365, channels=("phone", "app"))
        self.offer(waiting, scope, day=29, clock="11:15", open_for=timedelta(days=14))
        # Set by a worker once the portal runs: drawing thirty pages takes a while.
        request_report(
            period_from=self.at(0, "00:00"),
            period_to=self.at(30, "00:00"),
            actor=self.actor("theo"),
            now=self.at(30, "08:40"),
        )
        self.submit("mira", voice, scripts.QUIZ, day=30)
        self.draft("mira", voice, scripts.CAMPAIGN, day=30)

    # -- voices ---------------------------------------------------------------------------------------
    @staticmethod
    def voice_of(name: str) -> Voice:
        return Voice.objects.select_related("owner").get(owner__full_name=name)

    def open(self, voice: Voice, login: str, *, day: int, clock: str) -> None:
        person = self.people[login]
        open_voice(voice=voice, person=person, actor=self.actor("lucia"), now=self.at(day, clock))

    def owner(self, name: str, login: str, country: str, time_zone: str, *, day: int) -> VoiceOwner:
        return create_owner(
            full_name=name,
            email=f"{login}@{DOMAIN}",
            country=country,
            time_zone=time_zone,
            language="en",
            actor=self.actor("lucia"),
            now=self.at(day, "09:00"),
        )

    def voice(self, owner: VoiceOwner, folder: Path, *, day: int) -> Voice:
        voice: Voice = owner.voices.get()
        for minute, path in enumerate(sorted(folder.glob("*.flac"))):
            now = self.at(day, "09:30") + timedelta(minutes=minute)
            add_recording(
                voice=voice, data=path.read_bytes(), filename=path.name, actor=self.actor("lucia"), now=now
            )
        self.check_recordings(voice, now=self.at(day, "09:50"))
        return voice

    def scope(self, *, from_day: int, days: int, channels: tuple[str, ...], audible: bool = False) -> Scope:
        start = self.at(from_day, "00:00")
        return Scope(
            purposes=("accessibility", "internal_communication", "product_interface", "training"),
            channels=channels,
            languages=("en",),
            territories=("EU", "GB", "NO"),
            max_seconds_per_request=180,
            max_seconds_total=1800,
            valid_from=start,
            valid_until=start + timedelta(days=days),
            forbidden_topics=("politics",),
            disclosure="audible" if audible else "none",
            compensation_note="240 euros a year, agreed in the letter of engagement.",
        )

    def offer(
        self, voice: Voice, scope: Scope, *, day: int, clock: str, open_for: timedelta | None = None
    ) -> str:
        steward = self.actor("lucia")
        consent = prepare_consent(voice=voice, scope=scope, actor=steward, now=self.at(day, "08:45"))
        return offer_consent(consent=consent, actor=steward, now=self.at(day, clock), valid_for=open_for)

    def sign(self, token: str, owner: VoiceOwner, *, day: int, clock: str) -> Consent:
        link = open_link(token=token, now=self.at(day, clock) - timedelta(minutes=9))
        return sign_consent(
            link=link,
            typed_name=owner.full_name,
            agreements=set(AGREEMENTS),
            evidence=EVIDENCE | {"time_zone": owner.time_zone},
            actor=link_actor(link),
            now=self.at(day, clock),
        )

    def check_recordings(self, voice: Voice, *, now: datetime) -> None:
        """What the worker's task does, here and with the story's clock."""
        from consent.intake.checking import finish_recording

        for recording in voice.recordings.filter(status=Recording.Status.CHECKING):
            finish_recording(recording=recording, actor=Actor.worker("recording-check"), now=now)

    def import_model(self, voice: Voice, *, day: int, clock: str) -> None:
        """The model of this voice ships with the portal: learning it takes minutes on a laptop."""
        import_voice_model(
            voice=voice,
            data=demo_voice_model(),
            engine=settings.DEFAULT_ENGINE,
            actor=Actor.system("demo"),
            now=self.at(day, clock),
        )

    # -- requests -------------------------------------------------------------------------------------
    def draft(self, login: str, voice: Voice, wish: DemoRequest, *, day: int) -> SpeechRequest:
        return draft_request(
            voice=voice,
            title=wish.title,
            purpose=wish.purpose,
            channel=wish.channel,
            audience=wish.audience,
            territory=wish.territory,
            language=wish.language,
            lines=wish.lines,
            note=wish.note,
            actor=self.actor(login),
            now=self.at(day, "08:50"),
        )

    def submit(self, login: str, voice: Voice, wish: DemoRequest, *, day: int) -> SpeechRequest:
        request = self.draft(login, voice, wish, day=day)
        return submit_request(request=request, actor=self.actor(login), now=self.at(day, "09:05"))

    def revise(self, login: str, request: SpeechRequest, wish: DemoRequest, *, day: int) -> SpeechRequest:
        request = revise_request(
            request=request,
            title=wish.title,
            purpose=wish.purpose,
            channel=wish.channel,
            audience=wish.audience,
            territory=wish.territory,
            language=wish.language,
            lines=wish.lines,
            note=wish.note,
            actor=self.actor(login),
            now=self.at(day, "13:30"),
        )
        return submit_request(request=request, actor=self.actor(login), now=self.at(day, "13:34"))

    def review(
        self, request: SpeechRequest, stage: str, verdict: str, *, day: int, clock: str, reason: str = ""
    ) -> SpeechRequest:
        request.refresh_from_db()
        decide(
            request=request,
            stage=stage,
            verdict=verdict,
            reason=reason,
            digest=request.digest,
            acknowledged=ACKNOWLEDGEMENTS if verdict == "approve" else (),
            actor=self.actor({"policy": "priya", "legal": "daniel"}[stage]),
            now=self.at(day, clock),
        )
        request.refresh_from_db()
        return request

    def speak(self, request: SpeechRequest, *, day: int, clock: str) -> None:
        """Every line through the worker's own code, half a minute of the story's time apart."""
        from synthesis.worker.rendering import speak_line

        for index, render in enumerate(request.renders.order_by("line__position")):
            moment = self.at(day, clock) + timedelta(seconds=30 * index)
            ticks = count()
            speak_line(
                render_id=str(render.pk),
                worker="gpu-1:101",
                clock=lambda moment=moment, ticks=ticks: moment + timedelta(seconds=next(ticks)),
            )
            render.refresh_from_db()
            if render.status != Render.Status.READY:
                raise RuntimeError(f"demo line {render.line}: {render.failure_code} {render.failure_message}")

    def hear(self, request: SpeechRequest, login: str, *, day: int, clock: str) -> None:
        for index, render in enumerate(request.renders.order_by("line__position")):
            now = self.at(day, clock) + timedelta(seconds=20 * index)
            open_clip(render=render, download=True, actor=self.actor(login), now=now)
