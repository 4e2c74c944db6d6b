"""The vault: encrypted objects of a voice, readable only while their keys exist.

A data key an object, wrapped by the key of its voice and realm, wrapped by the master key. Plaintext is
never written to disk. Destroying a key is part of the caller's transaction; files, unreadable from then
on, are removed once it has committed. What a backup of the database or a write-ahead log still holds is
outside the vault's reach: `consent.conf.backup_days` says how long that may be.
"""

import hashlib
import uuid
from collections import Counter
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import QuerySet

from audit.actors import Actor
from audit.log import record_event
from consent.errors import VaultError
from consent.models import VaultKey, VaultObject, Voice
from consent.vault import keys, storage
from consent.vault.cipher import CipherError, new_key, plain_size, seal, unseal, unseal_range

__all__ = [
    "destroy_object",
    "destroy_objects",
    "destroy_voice_key",
    "read_object",
    "read_range",
    "store_object",
]


def store_object(*, voice: Voice, purpose: str, data: bytes, now: datetime) -> VaultObject:
    """Encrypt `data` and keep it. Raises VaultError `vault.destroyed` once the voice's key is gone.

    When the caller's transaction rolls back, ciphertext may stay behind whose key exists nowhere.
    """
    obj = VaultObject(
        id=uuid.uuid4(),
        voice=voice,
        purpose=VaultObject.Purpose(purpose),
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        created_at=now,
    )
    data_key = new_key()
    obj.wrapped_key = keys.wrap_object_key(keys.obtain_voice_key(voice, obj.realm, now), data_key, obj)
    obj.storage_name = storage.name_for(obj.pk)
    storage.put(obj.storage_name, seal(data_key, data, keys.object_context(obj)))
    obj.save(force_insert=True)
    return obj


def read_object(obj: VaultObject) -> bytes:
    """The plaintext, or VaultError: `vault.destroyed`, `vault.tampered`, `vault.missing`."""
    obj, data_key = _unlock(obj)
    try:
        with storage.open_object(obj.storage_name) as file:
            data = unseal(data_key, file.read(), keys.object_context(obj))
    except FileNotFoundError:
        raise _missing() from None
    except CipherError as error:
        raise keys.tampered() from error
    if hashlib.sha256(data).hexdigest() != obj.sha256:
        raise keys.tampered()
    return data


def read_range(obj: VaultObject, start: int, length: int) -> bytes:
    """Plaintext bytes [start, start + length), decrypting only their chunks. Raises as read_object."""
    obj, data_key = _unlock(obj)
    try:
        sealed_bytes = storage.size_of(obj.storage_name)
        if plain_size(sealed_bytes) != obj.size:
            raise keys.tampered()
        with storage.open_object(obj.storage_name) as file:
            return unseal_range(data_key, file, sealed_bytes, keys.object_context(obj), start, length)
    except FileNotFoundError:
        raise _missing() from None
    except CipherError as error:
        raise keys.tampered() from error


def destroy_object(obj: VaultObject, now: datetime) -> bool:
    """Destroy one object's key, and its file on commit. False when that had been done before."""
    return bool(destroy_objects(VaultObject.objects.filter(pk=obj.pk), now))


@transaction.atomic
def destroy_objects(objects: QuerySet[VaultObject], now: datetime) -> Counter[str]:
    """Destroy the keys of those that still have one, and their files on commit. Returns counts by purpose."""
    doomed = list(objects.filter(destroyed_at=None).select_for_update())
    VaultObject.objects.filter(pk__in=[obj.pk for obj in doomed]).update(wrapped_key=b"", destroyed_at=now)
    for obj in doomed:
        transaction.on_commit(partial(storage.remove, obj.storage_name))
    return Counter(obj.purpose for obj in doomed)


@transaction.atomic
def destroy_voice_key(*, voice: Voice, actor: Actor, now: datetime) -> Counter[str]:
    """Destroy the key of a voice's recordings, models and clips: all of them are unreadable at once.

    Returns how many live objects of each purpose were lost by it. Consent documents stay. An object that a
    worker stores meanwhile is as unreadable as the rest. A second call does and records nothing.
    """
    # A voice that never had a key gets the row of a destroyed one, so that none is ever made.
    key, is_new = VaultKey.objects.get_or_create(
        voice=voice, realm=VaultKey.Realm.MATERIAL, defaults={"created_at": now, "destroyed_at": now}
    )
    live = VaultKey.objects.filter(pk=key.pk, destroyed_at=None)
    if not is_new and not live.update(wrapped_key=b"", destroyed_at=now):
        return Counter()
    counts = destroy_objects(voice.vault_objects.exclude(purpose=VaultObject.Purpose.DOCUMENT), now)
    record_event(
        action="vault.voice_destroyed", actor=actor, subject=voice, payload={"objects": dict(counts)}, now=now
    )
    return counts


def _unlock(obj: VaultObject) -> tuple[VaultObject, bytes]:
    """The row as it is now, not as the caller once loaded it, and its data key."""
    fresh = VaultObject.objects.get(pk=obj.pk)
    if fresh.destroyed_at:
        raise keys.destroyed()
    return fresh, keys.unwrap_object_key(keys.read_voice_key(fresh), fresh)


def _missing() -> VaultError:
    return VaultError(
        "vault.missing",
        "The stored file is gone, although nobody destroyed it here.",
        "Tell an administrator: restore it from the storage's backup.",
    )
