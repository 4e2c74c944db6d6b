"""What a grant holds.

A grant is canonical JSON (RFC 8785), signed by the Ed25519 key of purpose "grant" over these bytes:

    {"type": "grant", "version": 1, "id": UUID, "kind": "render" | "enrol",
     "voice": UUID, "consent": {"id": UUID, "digest": hex},
     "request": {"id": UUID, "digest": hex} | null,      null where a voice is enrolled without a request
     "decisions": [hex, …],                              digests of the signed decisions it rests on
     "engine": name, "language": tag,
     "lines": [{"position": 1, "sha256": hex}, …],       render: SHA-256 of each line's UTF-8 text
     "recordings": [hex, …],                             enrol: SHA-256 of each recording's plaintext
     "formats": ["audio/flac"],
     "marks": {"watermark": true, "disclosure": "none" | "audible"},
     "max_seconds": int,                                 speech in the owner's voice, all lines together
     "not_before": RFC 3339 in UTC, "expires_at": RFC 3339 in UTC}

No field is optional and none may be added without a new version.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

from synthesis.errors import GrantError

VERSION = 1
MINT_AGAIN = "Submit the request again, so that a new grant is minted."
_FIELDS = frozenset(
    (
        *("type", "version", "id", "kind", "voice", "consent", "request", "decisions", "engine", "language"),
        *("lines", "recordings", "formats", "marks", "max_seconds", "not_before", "expires_at"),
    )
)


class GrantKind(StrEnum):
    RENDER = "render"
    ENROL = "enrol"


@dataclass(frozen=True, slots=True)
class GrantedLine:
    """One line by its place in the script, from 1, and the hex SHA-256 of its text."""

    position: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantTerms:
    """A grant as the code reads it. Ids and digests are strings, times carry a zone."""

    id: str
    kind: GrantKind
    voice_id: str
    consent_id: str
    consent_digest: str
    request_id: str | None
    request_digest: str | None
    decisions: tuple[str, ...]
    engine: str
    language: str
    lines: tuple[GrantedLine, ...]
    recordings: tuple[str, ...]
    formats: tuple[str, ...]
    watermark: bool
    disclosure: str
    max_seconds: int
    not_before: datetime
    expires_at: datetime

    def to_record(self) -> dict[str, Any]:
        return {
            "type": "grant",
            "version": VERSION,
            "id": self.id,
            "kind": self.kind.value,
            "voice": self.voice_id,
            "consent": {"id": self.consent_id, "digest": self.consent_digest},
            "request": {"id": self.request_id, "digest": self.request_digest} if self.request_id else None,
            "decisions": list(self.decisions),
            "engine": self.engine,
            "language": self.language,
            "lines": [{"position": line.position, "sha256": line.sha256} for line in self.lines],
            "recordings": list(self.recordings),
            "formats": list(self.formats),
            "marks": {"watermark": self.watermark, "disclosure": self.disclosure},
            "max_seconds": self.max_seconds,
            "not_before": write_time(self.not_before),
            "expires_at": write_time(self.expires_at),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Raises GrantError ``grant.version_unknown`` or ``grant.malformed``."""
        if record.get("type") != "grant" or record.get("version") != VERSION:
            raise GrantError(
                "grant.version_unknown",
                f"This is not a grant of version {VERSION}.",
                "Bring portal and workers to the same version.",
            )
        if record.keys() != _FIELDS:
            odd = ", ".join(sorted(record.keys() ^ _FIELDS))
            raise GrantError(
                "grant.malformed", f"The grant's fields are wrong: {odd}.", "Have it minted again."
            )
        request = record["request"] or {"id": None, "digest": None}
        try:
            return cls(
                id=record["id"],
                kind=GrantKind(record["kind"]),
                voice_id=record["voice"],
                consent_id=record["consent"]["id"],
                consent_digest=record["consent"]["digest"],
                request_id=request["id"],
                request_digest=request["digest"],
                decisions=tuple(record["decisions"]),
                engine=record["engine"],
                language=record["language"],
                lines=tuple(GrantedLine(line["position"], line["sha256"]) for line in record["lines"]),
                recordings=tuple(record["recordings"]),
                formats=tuple(record["formats"]),
                watermark=record["marks"]["watermark"],
                disclosure=record["marks"]["disclosure"],
                max_seconds=int(record["max_seconds"]),
                not_before=read_time(record["not_before"]),
                expires_at=read_time(record["expires_at"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise GrantError(
                "grant.malformed", f"A field of the grant cannot be read: {error!r}.", MINT_AGAIN
            ) from error


def write_time(moment: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_time(text: str) -> datetime:
    """Raises ValueError for anything but what `write_time` writes."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
