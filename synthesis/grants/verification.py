"""What a worker checks before it does anything: the grant's bytes against what it is about to do.

`verify_grant` takes these steps in this order and raises at the first that fails:

1. The signature over the exact bytes was made by the grant key.
2. The bytes are a grant of a version that we know, complete and well formed.
3. The grant's id is the id under which it was looked up, and its kind is what is about to be done.
4. The time is not before the grant's start and before its expiry.
5. Voice, consent (id and digest) and engine are those about to be used.
6. To speak: the request is the one the line belongs to, and the text about to be spoken, hashed now, is the
   line at that position. To enrol: every recording about to be used is granted.
7. A watermark is demanded, the format is granted, and the disclosure is one that we know how to give.

What the grant cannot know the caller must still check against the database: that the grant was not revoked,
that the consent's own signature holds and it is active, that nothing is frozen, and that seconds are left.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from audit.errors import VerificationError
from audit.signing import PublicKey
from synthesis.errors import GrantError
from synthesis.grants.terms import MINT_AGAIN, GrantedLine, GrantKind, GrantTerms

DISCLOSURES = frozenset({"none", "audible"})
TELL_AN_AUDITOR = "Nothing was unlocked. Tell an auditor, who can compare the records."


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What the worker is about to do, gathered from what it would really use."""

    grant_id: str
    kind: GrantKind
    voice_id: str
    consent_id: str
    consent_digest: str
    engine: str
    request_id: str | None = None
    position: int = 0
    text: str = ""
    recordings: tuple[str, ...] = ()
    media: str = ""


def verify_grant(
    *, payload: bytes, signature: bytes, public_key: PublicKey, intent: Intent, now: datetime
) -> GrantTerms:
    """The terms of a grant that permits `intent` now. Holds no private key and needs no database.

    Raises:
        GrantError: ``grant.signature_invalid``, ``grant.version_unknown``, ``grant.malformed``,
            ``grant.other_grant``, ``grant.other_kind``, ``grant.not_yet_valid``, ``grant.expired``,
            ``grant.other_voice``, ``grant.other_consent``, ``grant.other_engine``, ``grant.other_request``,
            ``grant.other_line``, ``grant.other_recording``, ``grant.unmarked``, ``grant.other_format``,
            ``grant.disclosure_unknown``.
    """
    _verify_signature(payload, signature, public_key)
    terms = GrantTerms.from_record(_parse(payload))
    _require(terms.id == intent.grant_id, "grant.other_grant", "These are the bytes of another grant.")
    _require(
        terms.kind is intent.kind,
        "grant.other_kind",
        f"The grant permits to {terms.kind}, not to {intent.kind}.",
    )
    _verify_time(terms, now)
    _require(terms.voice_id == intent.voice_id, "grant.other_voice", "The grant is for another voice.")
    _require(
        (terms.consent_id, terms.consent_digest) == (intent.consent_id, intent.consent_digest),
        "grant.other_consent",
        "The grant rests on another consent than the one in force.",
    )
    _require(
        terms.engine == intent.engine,
        "grant.other_engine",
        f"The grant is for the engine {terms.engine}, not for {intent.engine}.",
    )
    if terms.kind is GrantKind.RENDER:
        _verify_line(terms, intent)
    else:
        _verify_recordings(terms, intent.recordings)
    _require(terms.watermark, "grant.unmarked", "The grant asks for speech without a watermark.")
    _require(
        terms.disclosure in DISCLOSURES,
        "grant.disclosure_unknown",
        f"The grant asks for the disclosure {terms.disclosure!r}, which this worker cannot give.",
    )
    return terms


def line_digest(text: str) -> str:
    """Hex SHA-256 of a line's UTF-8 text, the form in which requests and grants name it."""
    return hashlib.sha256(text.encode()).hexdigest()


def _verify_signature(payload: bytes, signature: bytes, public_key: PublicKey) -> None:
    _require(public_key.purpose == "grant", "grant.signature_invalid", "The key named is no grant key.")
    try:
        public_key.verify(signature, payload)
    except VerificationError as error:
        raise GrantError(
            "grant.signature_invalid",
            "The grant was not signed by the grant key over these bytes.",
            "Treat the grant as forged or edited, and tell an auditor.",
        ) from error


def _parse(payload: bytes) -> dict[str, object]:
    record = json.loads(payload)
    if not isinstance(record, dict):
        raise GrantError("grant.malformed", "The grant is no JSON object.", MINT_AGAIN)
    return record


def _verify_time(terms: GrantTerms, now: datetime) -> None:
    _require(now >= terms.not_before, "grant.not_yet_valid", "The grant does not hold yet.")
    _require(
        now < terms.expires_at,
        "grant.expired",
        f"The grant expired at {terms.expires_at:%d %B %Y %H:%M} UTC.",
        "Submit the request again; it needs new decisions.",
    )


def _verify_line(terms: GrantTerms, intent: Intent) -> None:
    _require(
        terms.request_id == intent.request_id, "grant.other_request", "The grant is for another request."
    )
    _require(
        GrantedLine(intent.position, line_digest(intent.text)) in terms.lines,
        "grant.other_line",
        f"Line {intent.position} is not the text that was approved.",
        "Submit the changed script as a new request.",
    )
    _require(
        intent.media in terms.formats,
        "grant.other_format",
        f"The grant does not permit {intent.media or 'this'}.",
    )


def _verify_recordings(terms: GrantTerms, recordings: Iterable[str]) -> None:
    recordings = set(recordings)
    _require(
        bool(recordings) and recordings <= set(terms.recordings),
        "grant.other_recording",
        "A recording about to be used is not among those granted.",
        "Start the enrolment again, so that a grant for the present recordings is minted.",
    )


def _require(
    holds: bool, code: str, message: str, remedy: str = "Have the request checked by an auditor."
) -> None:
    if not holds:
        raise GrantError(code, message, remedy)
