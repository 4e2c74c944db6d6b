"""Keys: one a voice and realm, wrapped by the master key; one an object, wrapped by the voice's key.

Wrapped keys are sealed with the same cipher as objects, so that a wrapped key, too, belongs to one place
only. Keys are read anew for every use and never cached: what was destroyed is destroyed at once.
"""

import contextlib
import hashlib
import os
import tempfile
from datetime import datetime
from pathlib import Path

from django.conf import settings

from consent.errors import VaultError
from consent.models import VaultKey, VaultObject, Voice
from consent.vault.cipher import KEY_BYTES, CipherError, Context, new_key, seal, unseal


class LocalMasterKey:
    """A master key in a file that only this user reads (mode 0600), made at first use.

    Of processes that race to make it, one wins and all use its key. A file with wider access is refused.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def id(self) -> str:
        return f"local-{hashlib.sha256(self._read()).hexdigest()[:16]}"

    def wrap(self, key: bytes, context: Context) -> bytes:
        return seal(self._read(), key, context)

    def unwrap(self, wrapped: bytes, context: Context) -> bytes:
        return unseal(self._read(), wrapped, context)

    def _read(self) -> bytes:
        if not self.path.exists():
            self._create()
        if (mode := self.path.stat().st_mode & 0o777) & 0o077:
            raise VaultError(
                "vault.master_key_exposed",
                f"The master key file may be read by others (mode {mode:04o}).",
                "Set its mode to 0600, and rotate the key if others had access to the machine.",
            )
        key = self.path.read_bytes()
        if len(key) != KEY_BYTES:
            raise VaultError(
                "vault.master_key_invalid",
                f"The master key file holds {len(key)} bytes instead of {KEY_BYTES}.",
                "Restore it from its backup; without it the vault cannot be read.",
            )
        return key

    def _create(self) -> None:
        self.path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=".master-")
        with os.fdopen(descriptor, "wb") as file:
            file.write(new_key())
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(name, self.path)
        os.unlink(name)


def master_key() -> LocalMasterKey:
    return LocalMasterKey(Path(settings.KEYS_DIR) / "master.key")


def obtain_voice_key(voice: Voice, realm: VaultKey.Realm, now: datetime) -> bytes:
    """The voice's key for writing, made on first use. Raises VaultError `vault.destroyed`."""
    row = VaultKey.objects.filter(voice=voice, realm=realm).first()
    if row is None:
        master = master_key()
        wrapped = master.wrap(new_key(), _key_context(voice.pk, realm))
        row, _ = VaultKey.objects.get_or_create(
            voice=voice,
            realm=realm,
            defaults={"wrapped_key": wrapped, "master_key_id": master.id, "created_at": now},
        )
    return _unwrap_voice_key(row)


def read_voice_key(obj: VaultObject) -> bytes:
    """The key that `obj` was sealed under. Raises VaultError `vault.destroyed`, `vault.tampered`."""
    row = VaultKey.objects.filter(voice_id=obj.voice_id, realm=obj.realm).first()
    if row is None:
        raise destroyed()
    return _unwrap_voice_key(row)


def wrap_object_key(voice_key: bytes, key: bytes, obj: VaultObject) -> bytes:
    return seal(voice_key, key, _object_key_context(obj))


def unwrap_object_key(voice_key: bytes, obj: VaultObject) -> bytes:
    """Raises VaultError `vault.destroyed`, `vault.tampered`."""
    if not obj.wrapped_key:
        raise destroyed()
    try:
        return unseal(voice_key, bytes(obj.wrapped_key), _object_key_context(obj))
    except CipherError as error:
        raise tampered() from error


def object_context(obj: VaultObject) -> Context:
    return Context(voice=str(obj.voice_id), object=str(obj.pk), purpose=obj.purpose)


def destroyed() -> VaultError:
    return VaultError(
        "vault.destroyed",
        "This was destroyed together with its key and can no longer be read.",
        "Nothing can bring it back. The event log tells when and by whom.",
    )


def tampered() -> VaultError:
    return VaultError(
        "vault.tampered",
        "The stored bytes are not the ones that were stored here.",
        "Tell an administrator: the storage or the database was changed from outside.",
    )


def _unwrap_voice_key(row: VaultKey) -> bytes:
    if not row.wrapped_key:
        raise destroyed()
    try:
        return master_key().unwrap(bytes(row.wrapped_key), _key_context(row.voice_id, row.realm))
    except CipherError as error:
        raise tampered() from error


def _key_context(voice_id: object, realm: str) -> Context:
    return Context(voice=str(voice_id), object="voice-key", purpose=realm)


def _object_key_context(obj: VaultObject) -> Context:
    return Context(voice=str(obj.voice_id), object=str(obj.pk), purpose=f"{obj.purpose}-key")
