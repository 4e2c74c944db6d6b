"""Evidence that the log alone cannot give, for the controls of the frameworks."""

from django.db.models import FloatField, Min
from django.db.models.functions import Cast

from audit.frameworks import Evidence, Period, register_evidence
from synthesis.models import Decision, Freeze, Render, VoiceModel
from synthesis.models.requests import Stage


def register_all_evidence() -> None:
    register_evidence(
        "watermark_checks",
        controls=["MEASURE 2.7", "MEASURE 2.8"],
        describe="Clips whose watermark was found again in the finished file before release",
        provider=watermark_checks,
    )
    register_evidence(
        "line_measurements",
        controls=["MEASURE 2.5", "MEASURE 2.9"],
        describe="Clips measured for the right voice and the right words before release",
        provider=line_measurements,
    )
    register_evidence(
        "separated_decisions",
        controls=["GOVERN 2.1", "MAP 3.5"],
        describe="Requests approved by different people at each stage",
        provider=separated_decisions,
    )
    register_evidence(
        "voice_measurements",
        controls=["MEASURE 2.3"],
        describe="Voice models measured when they were learned",
        provider=voice_measurements,
    )
    register_evidence(
        "standing_freezes",
        controls=["MANAGE 2.4"],
        describe="Stop signs for voices, or for everything",
        provider=freezes_made,
    )


def watermark_checks(period: Period) -> Evidence:
    count = _released(period).count()
    return Evidence(count, f"{count} clips detected again before release", ("render.ready",))


def line_measurements(period: Period) -> Evidence:
    measured = _released(period).filter(measurements__has_key="similarity_campp")
    count = measured.count()
    summary = f"{count} clips measured"
    if (
        least := measured.aggregate(least=Min(Cast("measurements__similarity_campp", FloatField())))["least"]
    ) is not None:
        summary += f"; least speaker similarity {least:.2f} (CAM++)"
    return Evidence(count, summary, ("render.ready", "render.failed"))


def separated_decisions(period: Period) -> Evidence:
    legal = Decision.objects.filter(
        stage=Stage.LEGAL,
        verdict=Decision.Verdict.APPROVE,
        created_at__gte=period.start,
        created_at__lt=period.end,
    )
    count = legal.count()
    return Evidence(count, f"{count} legal approvals, each after another person's", ("decision.recorded",))


def voice_measurements(period: Period) -> Evidence:
    learned = VoiceModel.objects.filter(ready_at__gte=period.start, ready_at__lt=period.end).exclude(
        metrics={}
    )
    count = learned.count()
    return Evidence(count, f"{count} voice models with their measurements", ("voice.enrolled",))


def freezes_made(period: Period) -> Evidence:
    count = Freeze.objects.filter(created_at__gte=period.start, created_at__lt=period.end).count()
    return Evidence(count, f"{count} freezes", ("freeze.made", "freeze.lifted"))


def _released(period: Period):  # type: ignore[no-untyped-def]
    return Render.objects.filter(ready_at__gte=period.start, ready_at__lt=period.end)
