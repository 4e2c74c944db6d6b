"""Voice owners, their voices and recordings, consents and links, and the vault's rows.

Rows are data and invariants; every change is an operation in the module named after the noun.
Locks are taken in one order everywhere: voice, consent, link, then what hangs on them.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from audit.roles import Role
from consent.scope import Scope


class VoiceOwner(models.Model):
    """The person whose voice it is, with or without an account to sign in by."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    full_name = models.CharField(max_length=200)
    email = models.EmailField()
    country = models.CharField(max_length=2)  # ISO 3166-1 alpha-2
    time_zone = models.CharField(max_length=64)
    language = models.CharField(max_length=12)  # BCP 47
    account = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="voice_owner"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["full_name"]

    def __str__(self) -> str:
        return self.full_name


class Voice(models.Model):
    """One voice of an owner: what recordings, consents, models and requests hang on."""

    class Status(models.TextChoices):
        NONE = "none", "No model"
        ENROLLING = "enrolling", "Learning"
        READY = "ready", "Ready"
        FROZEN = "frozen", "Frozen"
        DESTROYED = "destroyed", "Destroyed"

    TRANSITIONS = {
        Status.NONE: {Status.ENROLLING, Status.FROZEN, Status.DESTROYED},
        Status.ENROLLING: {Status.READY, Status.NONE, Status.FROZEN, Status.DESTROYED},
        Status.READY: {Status.ENROLLING, Status.NONE, Status.FROZEN, Status.DESTROYED},
        Status.FROZEN: {Status.NONE, Status.READY, Status.DESTROYED},
        Status.DESTROYED: set(),
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(VoiceOwner, on_delete=models.PROTECT, related_name="voices")
    label = models.CharField(max_length=120)
    language = models.CharField(max_length=12)
    status = models.CharField(max_length=12, choices=Status, default=Status.NONE)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["label"]
        permissions = [("request_speech", "Can request speech in this voice")]

    def __str__(self) -> str:
        return self.label


class VoiceUserPermission(UserObjectPermissionBase):
    content_object = models.ForeignKey(Voice, on_delete=models.CASCADE)


class VoiceGroupPermission(GroupObjectPermissionBase):
    content_object = models.ForeignKey(Voice, on_delete=models.CASCADE)


class VaultKey(models.Model):
    """A key of one voice, wrapped by the master key. Destroying it makes everything under it unreadable.

    The voice's material (recordings, models, renders) and its papers (consent documents) have keys of
    their own, so that a person keeps the proof of a consent whose voice was destroyed.
    """

    class Realm(models.TextChoices):
        MATERIAL = "material", "Recordings, voice model and clips"
        PAPERS = "papers", "Consent documents"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    voice = models.ForeignKey(Voice, on_delete=models.PROTECT, related_name="vault_keys")
    realm = models.CharField(max_length=12, choices=Realm)
    wrapped_key = models.BinaryField(default=b"")
    master_key_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    destroyed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["voice", "realm"], name="vault_key_one_per_realm"),
            models.CheckConstraint(
                condition=Q(destroyed_at=None) | Q(wrapped_key=b""), name="vault_key_destroyed_is_empty"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.voice_id} {self.realm}"


class VaultObject(models.Model):
    """One encrypted object. ``storage_name`` holds its ciphertext, ``wrapped_key`` its data key."""

    class Purpose(models.TextChoices):
        RECORDING = "recording", "Recording"
        MODEL = "model", "Voice model"
        RENDER = "render", "Clip"
        DOCUMENT = "document", "Document"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    voice = models.ForeignKey(Voice, on_delete=models.PROTECT, related_name="vault_objects")
    purpose = models.CharField(max_length=12, choices=Purpose)
    wrapped_key = models.BinaryField()
    size = models.BigIntegerField()  # bytes of plaintext
    sha256 = models.CharField(max_length=64)  # of the plaintext, hex
    storage_name = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    destroyed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(destroyed_at=None) | Q(wrapped_key=b""), name="vault_object_destroyed_is_empty"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.id}"

    @property
    def realm(self) -> VaultKey.Realm:
        papers = self.purpose == self.Purpose.DOCUMENT
        return VaultKey.Realm.PAPERS if papers else VaultKey.Realm.MATERIAL


class Recording(models.Model):
    """A sample of the owner's voice, kept as 24 kHz mono 16-bit FLAC in the vault."""

    class Status(models.TextChoices):
        CHECKING = "checking", "Being checked"
        ACCEPTED = "accepted", "Accepted"
        REFUSED = "refused", "Refused"
        REMOVED = "removed", "Removed"

    TRANSITIONS = {
        Status.CHECKING: {Status.ACCEPTED, Status.REFUSED, Status.REMOVED},
        Status.ACCEPTED: {Status.REMOVED},
        Status.REFUSED: set(),
        Status.REMOVED: set(),
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    voice = models.ForeignKey(Voice, on_delete=models.PROTECT, related_name="recordings")
    object = models.OneToOneField(VaultObject, on_delete=models.PROTECT, related_name="recording")
    status = models.CharField(max_length=12, choices=Status, default=Status.CHECKING)
    original_name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)  # of the canonical FLAC, hex
    seconds = models.FloatField()
    sample_rate = models.PositiveIntegerField()  # Hz, as received
    channels = models.PositiveSmallIntegerField()  # as received
    loudness_lufs = models.FloatField()
    clipping_share = models.FloatField()
    speech_share = models.FloatField(null=True, blank=True)
    speaker_consistency = models.FloatField(null=True, blank=True)  # cosine, see consent.checking
    transcript = models.TextField(blank=True)  # as far as the owner or steward supplied one
    refusal_code = models.CharField(max_length=64, blank=True)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            # The same audio twice would pretend to be more material than there is.
            models.UniqueConstraint(
                fields=["voice", "sha256"],
                condition=Q(status__in=["checking", "accepted"]),
                name="recording_once_per_voice",
            ),
        ]

    def __str__(self) -> str:
        return self.original_name

    @property
    def speech_seconds(self) -> float:
        return self.seconds * (self.speech_share or 0.0)


class Consent(models.Model):
    """What an owner agreed to. Once signed, the sealed ``record`` is the truth, the columns its index."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        OFFERED = "offered", "Waiting for signature"
        DECLINED = "declined", "Declined"
        SIGNED = "signed", "Signed, not begun"
        ACTIVE = "active", "Active"
        SUSPENDED = "suspended", "Suspended"
        WITHDRAWN = "withdrawn", "Withdrawn"
        EXPIRED = "expired", "Expired"
        SUPERSEDED = "superseded", "Replaced by a newer version"

    TRANSITIONS = {
        Status.DRAFT: {Status.OFFERED},
        Status.OFFERED: {Status.DRAFT, Status.DECLINED, Status.SIGNED},
        Status.DECLINED: {Status.DRAFT},
        Status.SIGNED: {Status.ACTIVE, Status.WITHDRAWN, Status.EXPIRED, Status.SUPERSEDED},
        Status.ACTIVE: {Status.SUSPENDED, Status.WITHDRAWN, Status.EXPIRED, Status.SUPERSEDED},
        Status.SUSPENDED: {Status.ACTIVE, Status.WITHDRAWN, Status.EXPIRED, Status.SUPERSEDED},
        Status.WITHDRAWN: set(),
        Status.EXPIRED: set(),
        Status.SUPERSEDED: set(),
    }
    IN_FORCE = (Status.ACTIVE, Status.SUSPENDED)
    UNSEALED = (Status.DRAFT, Status.OFFERED, Status.DECLINED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    voice = models.ForeignKey(Voice, on_delete=models.PROTECT, related_name="consents")
    version = models.PositiveIntegerField()
    status = models.CharField(max_length=12, choices=Status, default=Status.DRAFT)
    scope_json = models.JSONField(db_column="scope")
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()
    record = models.BinaryField(default=b"")
    digest = models.CharField(max_length=64, blank=True)
    signature = models.BinaryField(default=b"")
    key_id = models.CharField(max_length=64, blank=True)
    prepared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()
    offered_at = models.DateTimeField(null=True, blank=True)
    signed_at = models.DateTimeField(null=True, blank=True)
    suspended_by = models.CharField(max_length=32, choices=Role, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.TextField(blank=True)
    supersedes = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="superseded_by"
    )
    document = models.OneToOneField(
        VaultObject, null=True, blank=True, on_delete=models.PROTECT, related_name="consent"
    )

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(fields=["voice", "version"], name="consent_version_once"),
            models.UniqueConstraint(
                fields=["voice"],
                condition=Q(status__in=["active", "suspended"]),
                name="consent_one_in_force_per_voice",
            ),
            models.CheckConstraint(
                condition=Q(valid_from__lt=F("valid_until")), name="consent_dates_in_order"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "offered", "declined"])
                | (~Q(digest="") & ~Q(record=b"") & ~Q(signature=b"") & Q(signed_at__isnull=False)),
                name="consent_signed_is_sealed",
            ),
        ]
        # The scheduler's questions: which consents begin or end by now?
        indexes = [
            models.Index(fields=["status", "valid_until"], name="consent_due_to_end"),
            models.Index(fields=["status", "valid_from"], name="consent_due_to_begin"),
        ]

    def __str__(self) -> str:
        return f"{self.voice} v{self.version}"

    @property
    def scope(self) -> Scope:
        return Scope.from_json(self.scope_json)

    @property
    def is_sealed(self) -> bool:
        return self.status not in self.UNSEALED


class ConsentLink(models.Model):
    """A secret address for the owner. Only the SHA-256 of its token is kept."""

    class Purpose(models.TextChoices):
        SIGN = "sign", "Read, then sign or decline"
        MANAGE = "manage", "See and withdraw"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    consent = models.ForeignKey(Consent, on_delete=models.PROTECT, related_name="links")
    purpose = models.CharField(max_length=12, choices=Purpose)
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.purpose} link of {self.consent_id}"


class Receipt(models.Model):
    """What the end of a consent stopped, destroyed and kept, as a signed record for the owner."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    consent = models.OneToOneField(Consent, on_delete=models.PROTECT, related_name="receipt")
    record = models.BinaryField()
    digest = models.CharField(max_length=64)
    signature = models.BinaryField()
    key_id = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"receipt for {self.consent_id}"
