"""The sealed records of a consent: what is in them, how they are checked.

Both are canonical JSON, signed with Ed25519 by the ``consent`` key.

**Consent** (``type`` ``consent``, version 1). The fields follow ISO/IEC TS 27560 (record, parties, purposes,
data, retention, jurisdiction, events); ``terms`` are the very sentences that the owner read, ``scope`` the
same in codes.

**Revocation receipt** (``revocation-receipt``, version 1): what its end stopped, destroyed and kept.

A record handed out as a file is wrapped, so that it can be checked with nothing but the public key:

    {"type": "signed-record", "version": 1, "payload": the record's canonical JSON as a string,
     "digest": hex, "signature": base64, "key_id": …, "public_key": PEM}
"""

import base64
import hashlib
import json
import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from audit.actors import Actor
from audit.errors import NotFoundError, VerificationError
from audit.keys import keyring
from audit.signing import PublicKey, SignedRecord
from consent.conf import backup_days
from consent.hooks import Consequence
from consent.models import Consent, Receipt, Recording
from consent.scope import describe_scope, rfc3339

CONSENT = "consent"
RECEIPT = "revocation-receipt"
KEY_PURPOSE = "consent"

AGREEMENTS = {
    "electronic_record": "I agree to read and sign this electronically, and to receive my copy as a file.",
    "voice_cloning": "I agree that an artificial copy of my voice is made from the recordings listed here.",
    "scope": "I agree to the uses described here, and to nothing beyond them.",
}


def consent_record(
    consent: Consent,
    *,
    typed_name: str,
    evidence: Mapping[str, str],
    recordings: Iterable[Recording],
    supersedes: Consent | None,
    now: datetime,
) -> dict[str, Any]:
    """Everything the owner signs, as JSON values."""
    voice, owner, scope = consent.voice, consent.voice.owner, consent.scope
    zone = zoneinfo.ZoneInfo(evidence["time_zone"])
    return {
        "type": CONSENT,
        "version": 1,
        "record": {
            "id": str(consent.pk),
            "consent_version": consent.version,
            "supersedes": supersedes.digest if supersedes else None,
        },
        "parties": {
            "owner": {
                "id": str(owner.pk),
                "full_name": owner.full_name,
                "email": owner.email,
                "country": owner.country,
            },
            "organisation": {"name": settings.ORGANISATION_NAME},
        },
        "voice": {"id": str(voice.pk), "label": voice.label, "language": voice.language},
        "scope": scope.to_json(),
        "terms": [
            {"dimension": clause.dimension, "title": clause.title, "text": clause.sentence}
            for clause in describe_scope(scope)
        ],
        "data": {
            "recordings": [
                {"id": str(each.pk), "sha256": each.sha256, "milliseconds": round(each.seconds * 1000)}
                for each in recordings
            ]
        },
        "retention": {"after_end": scope.after_end, "backups_days": backup_days()},
        "jurisdiction": owner.country,
        "agreements": [{"code": code, "text": text} for code, text in AGREEMENTS.items()],
        "signature": {
            "kind": "simple electronic signature with a platform seal",
            "method": "name typed on a page reached by a personal link",
            "typed_name": typed_name,
            "address": evidence["address"],
            "agent": evidence["agent"],
            "time": rfc3339(now),
            "local_time": now.astimezone(zone).isoformat(timespec="seconds"),
            "time_zone": evidence["time_zone"],
        },
        "events": [
            {"event": "prepared", "time": rfc3339(consent.created_at)},
            {"event": "offered", "time": rfc3339(consent.offered_at or now)},
            {"event": "signed", "time": rfc3339(now)},
        ],
    }


def receipt_record(
    consent: Consent, *, consequences: Iterable[Consequence], actor: Actor, reason: str, now: datetime
) -> dict[str, Any]:
    """What became of everything under a consent that ended just now, as JSON values."""
    lines: dict[str, list[dict[str, Any]]] = {"stopped": [], "destroyed": [], "kept": []}
    for each in consequences:
        lines[each.outcome].append({"what": each.what, "count": each.count, "note": each.note})
    owner = consent.voice.owner
    return {
        "type": RECEIPT,
        "version": 1,
        "consent": {"id": str(consent.pk), "version": consent.version, "digest": consent.digest},
        "owner": {"id": str(owner.pk), "full_name": owner.full_name},
        "organisation": {"name": settings.ORGANISATION_NAME},
        "voice": {"id": str(consent.voice_id), "status": consent.voice.status},
        "ended": {"how": consent.status, "time": rfc3339(now), "by": actor.kind, "reason": reason},
        **lines,
        "backups_until": rfc3339(now + timedelta(days=backup_days())),
    }


def seal_record(record: dict[str, Any]) -> SignedRecord:
    return keyring().sign_record(KEY_PURPOSE, record)


def verify_consent_record(consent: Consent) -> dict[str, Any]:
    """The sealed record, once its signature holds and the row says the same as it does.

    The caller still decides whether the consent is in force: a withdrawn one keeps a valid record.

    Raises:
        VerificationError: ``consent.not_sealed``, ``consent.record_altered``, ``record.…``.
    """
    if not consent.is_sealed:
        raise VerificationError("consent.not_sealed", "This consent was never signed.")
    record = keyring().open_record(
        purpose=KEY_PURPOSE,
        type=CONSENT,
        payload=bytes(consent.record),
        signature=bytes(consent.signature),
        key_id=consent.key_id,
    )
    in_row = {
        "digest": consent.digest,
        "id": str(consent.pk),
        "version": consent.version,
        "voice": str(consent.voice_id),
        "scope": consent.scope_json,
        "valid_from": rfc3339(consent.valid_from),
        "valid_until": rfc3339(consent.valid_until),
    }
    in_record = {
        "digest": hashlib.sha256(bytes(consent.record)).hexdigest(),
        "id": record["record"]["id"],
        "version": record["record"]["consent_version"],
        "voice": record["voice"]["id"],
        "scope": record["scope"],
        "valid_from": record["scope"]["valid_from"],
        "valid_until": record["scope"]["valid_until"],
    }
    if altered := sorted(name for name in in_row if in_row[name] != in_record[name]):
        raise VerificationError(
            "consent.record_altered",
            f"The consent's row no longer says what was signed: {', '.join(altered)}.",
            "Nothing is spoken under it. Tell an auditor: the database was changed from outside.",
        )
    return record


def open_receipt(consent: Consent) -> dict[str, Any]:
    """What the end of a consent stopped, destroyed and kept, once the receipt's signature holds.

    Raises:
        NotFoundError: ``receipt.unknown`` where the consent has not ended, or ended by being replaced.
        VerificationError: ``record.…``.
    """
    receipt = Receipt.objects.filter(consent=consent).first()
    if receipt is None:
        raise NotFoundError("receipt.unknown", "There is no receipt for this consent.", "It has not ended.")
    return keyring().open_record(
        purpose=KEY_PURPOSE,
        type=RECEIPT,
        payload=bytes(receipt.record),
        signature=bytes(receipt.signature),
        key_id=receipt.key_id,
    )


def consented_recordings(consent: Consent) -> list[Recording]:
    """The recordings that the signed record names and that still exist. Raises as verify_consent_record."""
    named = {each["sha256"] for each in verify_consent_record(consent)["data"]["recordings"]}
    accepted = consent.voice.recordings.filter(status=Recording.Status.ACCEPTED)
    return [each for each in accepted.select_related("object") if each.sha256 in named]


def verify_record_file(
    data: bytes, trusted_key: Callable[[str], PublicKey]
) -> tuple[dict[str, Any], PublicKey]:
    """The record in a file made by `record_file`, and the public key that proved it.

    ``trusted_key`` finds that key by the id that the file names. The key inside the file is not asked:
    whoever changes the record can change that, too.

    Raises:
        VerificationError: ``record.file_invalid``, ``record.key_unknown``, ``record.key_wrong``,
            ``record.signature_invalid``, ``record.digest_wrong``.
    """
    try:
        wrapped = json.loads(data)
        payload, signature = (
            wrapped["payload"].encode(),
            base64.b64decode(wrapped["signature"], validate=True),
        )
        digest, key_id = wrapped["digest"], wrapped["key_id"]
        record = json.loads(payload)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise VerificationError(
            "record.file_invalid", "This is not a sealed record as this portal hands them out."
        ) from None
    key = trusted_key(key_id)
    if key_id != key.key_id:
        raise VerificationError(
            "record.key_wrong",
            f"The record names the key {key_id}, and this is {key.key_id}.",
            "Ask the organisation for the public key of that name.",
        )
    key.verify(signature, payload)
    if digest != hashlib.sha256(payload).hexdigest():
        raise VerificationError("record.digest_wrong", "The digest beside the record is not the record's.")
    return record, key


def record_file(sealed: Consent | Receipt) -> bytes:
    """A sealed record as a file that checks itself against a public key; see the top of this module."""
    wrapped = {
        "type": "signed-record",
        "version": 1,
        "payload": bytes(sealed.record).decode(),
        "digest": sealed.digest,
        "signature": base64.b64encode(bytes(sealed.signature)).decode(),
        "key_id": sealed.key_id,
        "public_key": keyring().public_key(sealed.key_id).pem.decode(),
    }
    return json.dumps(wrapped, indent=2, ensure_ascii=False).encode() + b"\n"
