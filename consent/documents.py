"""The person's own copy of a signed consent: a PDF in plain language with the sealed record inside.

It is printed from the record's bytes, not from the database, so that it says what was signed.
"""

import zoneinfo
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string

from audit.keys import keyring
from audit.reports.pdf import available_fonts, write_pdf
from audit.reports.sections import Attachment
from consent import vault
from consent.consents.records import record_file, verify_consent_record
from consent.models import Consent, VaultObject
from consent.vocabulary import COUNTRIES

RECORD_NAME = "consent-record.json"
SEALED_NAME = "consent-sealed.json"


def consent_pdf(consent: Consent) -> bytes:
    """The stored document, or the same one made anew where the task has not stored it yet.

    Raises:
        VerificationError: as verify_consent_record; no document is made of an altered record.
    """
    if consent.document is None:
        return render_consent(consent)
    return vault.read_object(consent.document)


def store_document(*, consent: Consent, now: datetime) -> VaultObject:
    """Keep the document in the vault, where it outlives the voice. A second call changes nothing."""
    if consent.document:
        return consent.document
    pdf = render_consent(consent)
    with transaction.atomic():
        consent = (
            Consent.objects.select_for_update(of=("self",)).select_related("document").get(pk=consent.pk)
        )
        if consent.document is None:
            consent.document = vault.store_object(
                voice=consent.voice, purpose=VaultObject.Purpose.DOCUMENT, data=pdf, now=now
            )
            consent.save(update_fields=["document"])
    return consent.document


def render_consent(consent: Consent) -> bytes:
    """Set the document. The same consent gives the same bytes."""
    record = verify_consent_record(consent)
    payload = bytes(consent.record)
    signed_at = datetime.fromisoformat(record["signature"]["time"])
    html = render_to_string("consent/consent.html", _content(consent, record, signed_at))
    attachments = (
        Attachment(RECORD_NAME, payload, "The signed record, byte for byte"),
        Attachment(SEALED_NAME, record_file(consent), "The record with its signature and public key"),
    )
    return write_pdf(html, attachments=attachments, now=signed_at, identifier=consent.digest).data


def _content(consent: Consent, record: dict[str, Any], signed_at: datetime) -> dict[str, Any]:
    zone = zoneinfo.ZoneInfo(record["signature"]["time_zone"])
    valid = {name: datetime.fromisoformat(record["scope"][name]) for name in ("valid_from", "valid_until")}
    recordings = record["data"]["recordings"]
    steward = consent.prepared_by
    return {
        "record": record,
        "consent": consent,
        "fonts": list(available_fonts()),
        "country": COUNTRIES[record["parties"]["owner"]["country"]],
        "signed_utc": signed_at,
        "signed_local": signed_at.astimezone(zone).replace(tzinfo=None),
        "signed_offset": f"UTC{record['signature']['local_time'][-6:]}",
        "valid_from_local": valid["valid_from"].astimezone(zone).replace(tzinfo=None),
        "valid_until_local": valid["valid_until"].astimezone(zone).replace(tzinfo=None),
        "recordings": [{**each, "seconds": each["milliseconds"] / 1000} for each in recordings],
        "recorded_seconds": sum(each["milliseconds"] for each in recordings) / 1000,
        "signature_hex": bytes(consent.signature).hex(),
        "public_key": keyring().public_key(consent.key_id).raw.hex(),
        "bars": _bars(consent.digest),
        "steward": {"name": steward.full_name, "email": steward.email} if steward else None,
        "site": settings.SITE_URL,
        "record_name": RECORD_NAME,
        "sealed_name": SEALED_NAME,
    }


def _bars(digest: str) -> list[dict[str, float]]:
    """The 32 bytes of a digest as bars, so that two documents are told apart at a glance."""
    heights = [4 + byte / 255 * 40 for byte in bytes.fromhex(digest)]
    return [
        {"x": index * 6.0, "y": 24 - height / 2, "height": height} for index, height in enumerate(heights)
    ]
