"""This app's settings, each with its default."""

from datetime import timedelta

from django.conf import settings


def offer_lifetime() -> timedelta:
    """How long an owner may take to sign: settings.CONSENT_OFFER_DAYS."""
    return timedelta(days=getattr(settings, "CONSENT_OFFER_DAYS", 7))


def needed_speech_seconds() -> float:
    """Speech without its pauses that learning a voice takes: settings.VOICE_SPEECH_SECONDS."""
    return getattr(settings, "VOICE_SPEECH_SECONDS", 10.0)


def backup_days() -> int:
    """How long a backup of the database may still hold a destroyed key: settings.BACKUP_DAYS."""
    return getattr(settings, "BACKUP_DAYS", 30)
