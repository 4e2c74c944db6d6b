"""A request as it is hashed: what reviewers decide on and grants refer to.

The digest is the SHA-256 of this canonical JSON (RFC 8785):

    {"type": "request", "version": 1, "id": UUID, "revision": int, "voice": UUID, "consent": hex digest,
     "purpose": code, "channel": code, "audience": text, "territory": code, "language": tag,
     "disclosure": "none" | "audible", "lines": [{"position": 1, "sha256": hex}, …]}

Lines are hashed from their text, never from the stored hash, so that an edited row changes the digest.
"""

from collections.abc import Iterable

from audit.merkle.canonical import canonical_bytes, sha256_hex
from consent.models import Consent
from consent.scope import Scope
from synthesis.grants.verification import line_digest
from synthesis.models import ScriptLine, SpeechRequest


def request_digest(
    request: SpeechRequest, *, lines: Iterable[ScriptLine], consent: Consent, scope: Scope
) -> str:
    """The digest of ``request`` as it stands, under ``consent``."""
    record = {
        "type": "request",
        "version": 1,
        "id": str(request.pk),
        "revision": request.revision,
        "voice": str(request.voice_id),
        "consent": consent.digest,
        "purpose": request.purpose,
        "channel": request.channel,
        "audience": request.audience,
        "territory": request.territory,
        "language": request.language,
        "disclosure": scope.disclosure,
        "lines": [{"position": line.position, "sha256": line_digest(line.text)} for line in lines],
    }
    return sha256_hex(canonical_bytes(record))
