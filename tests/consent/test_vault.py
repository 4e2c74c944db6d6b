"""The vault on disk and in the database: who can read what, and what destruction means."""

import stat
from datetime import datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction

from audit.actors import Actor
from audit.log.queries import subjects_with
from consent import vault
from consent.errors import VaultError
from consent.models import VaultKey, VaultObject, Voice
from consent.owners import create_owner
from consent.vault import storage
from consent.vault.keys import LocalMasterKey

AUDIO = b"not really audio " * 9_000


@pytest.fixture
def obj(voice: Voice, now: datetime) -> VaultObject:
    return vault.store_object(voice=voice, purpose="recording", data=AUDIO, now=now)


def path_of(obj: VaultObject) -> Path:
    return Path(settings.VAULT_DIR) / obj.storage_name


def test_stored_object_is_read_back(obj: VaultObject) -> None:
    assert vault.read_object(obj) == AUDIO
    assert vault.read_range(obj, 70_000, 90) == AUDIO[70_000:70_090]


def test_disk_holds_no_plaintext_and_files_are_private(obj: VaultObject) -> None:
    assert b"not really audio" not in path_of(obj).read_bytes()
    assert stat.S_IMODE(path_of(obj).stat().st_mode) == 0o600
    assert stat.S_IMODE((Path(settings.KEYS_DIR) / "master.key").stat().st_mode) == 0o600


def test_changed_file_is_tampered(obj: VaultObject) -> None:
    sealed = bytearray(path_of(obj).read_bytes())
    sealed[-1] ^= 1
    path_of(obj).write_bytes(sealed)
    with pytest.raises(VaultError, match=r"vault\.tampered"):
        vault.read_object(obj)


def test_cut_file_is_tampered_even_where_the_range_is_whole(obj: VaultObject) -> None:
    path_of(obj).write_bytes(path_of(obj).read_bytes()[:-20])
    with pytest.raises(VaultError, match=r"vault\.tampered"):
        vault.read_range(obj, 0, 10)


def test_swapped_objects_are_tampered(obj: VaultObject, voice: Voice, now: datetime) -> None:
    other = vault.store_object(voice=voice, purpose="recording", data=AUDIO, now=now)
    storage.put(obj.storage_name, path_of(other).read_bytes())
    with pytest.raises(VaultError, match=r"vault\.tampered"):
        vault.read_object(obj)


def test_object_under_another_purpose_is_tampered(obj: VaultObject) -> None:
    VaultObject.objects.filter(pk=obj.pk).update(purpose="render")
    with pytest.raises(VaultError, match=r"vault\.tampered"):
        vault.read_object(obj)


def test_object_under_another_voice_is_tampered(obj: VaultObject, steward: Actor, now: datetime) -> None:
    other = create_owner(
        full_name="Nobody Else",
        email="else@example.org",
        country="DE",
        time_zone="UTC",
        language="en",
        actor=steward,
        now=now,
    ).voices.get()
    vault.store_object(voice=other, purpose="recording", data=b"x", now=now)
    VaultObject.objects.filter(pk=obj.pk).update(voice=other)
    with pytest.raises(VaultError, match=r"vault\.tampered"):
        vault.read_object(obj)


def test_altered_digest_column_is_tampered(obj: VaultObject) -> None:
    VaultObject.objects.filter(pk=obj.pk).update(sha256="0" * 64)
    with pytest.raises(VaultError, match=r"vault\.tampered"):
        vault.read_object(obj)


def test_lost_file_is_missing_and_not_destroyed(obj: VaultObject) -> None:
    path_of(obj).unlink()
    with pytest.raises(VaultError, match=r"vault\.missing"):
        vault.read_object(obj)


def test_destroyed_object_is_gone_for_holders_of_old_rows(
    obj: VaultObject, now: datetime, django_capture_on_commit_callbacks
) -> None:
    held = VaultObject.objects.get(pk=obj.pk)
    with django_capture_on_commit_callbacks(execute=True):
        assert vault.destroy_object(obj, now)
    assert not path_of(obj).exists()
    with pytest.raises(VaultError, match=r"vault\.destroyed"):
        vault.read_object(held)
    assert not vault.destroy_object(obj, now)


def test_destroying_the_voice_key_takes_material_and_leaves_papers(
    obj: VaultObject, voice: Voice, steward: Actor, now: datetime, django_capture_on_commit_callbacks
) -> None:
    paper = vault.store_object(voice=voice, purpose="document", data=b"paper", now=now)
    clip = vault.store_object(voice=voice, purpose="render", data=b"clip", now=now)
    ciphertext = path_of(obj).read_bytes()
    with django_capture_on_commit_callbacks(execute=True):
        counts = vault.destroy_voice_key(voice=voice, actor=steward, now=now)
    assert counts == {"recording": 1, "render": 1}
    assert not path_of(obj).exists()
    assert not path_of(clip).exists()
    assert vault.read_object(paper) == b"paper"
    assert voice.pk in subjects_with("vault.voice_destroyed")

    # A copy of the file and even of the object's row bring nothing back.
    storage.put(obj.storage_name, ciphertext)
    VaultObject.objects.filter(pk=obj.pk).update(destroyed_at=None, wrapped_key=bytes(obj.wrapped_key))
    with pytest.raises(VaultError, match=r"vault\.destroyed"):
        vault.read_object(obj)


def test_nothing_is_stored_for_a_destroyed_voice(voice: Voice, steward: Actor, now: datetime) -> None:
    vault.destroy_voice_key(voice=voice, actor=steward, now=now)
    with pytest.raises(VaultError, match=r"vault\.destroyed"):
        vault.store_object(voice=voice, purpose="recording", data=AUDIO, now=now)


def test_destroying_twice_is_once(obj: VaultObject, voice: Voice, steward: Actor, now: datetime) -> None:
    assert vault.destroy_voice_key(voice=voice, actor=steward, now=now)
    assert vault.destroy_voice_key(voice=voice, actor=steward, now=now) == {}


def test_database_refuses_a_destroyed_row_that_keeps_its_key(obj: VaultObject, now: datetime) -> None:
    for model in (VaultObject, VaultKey):
        with pytest.raises(IntegrityError, match="destroyed_is_empty"), transaction.atomic():
            model.objects.update(destroyed_at=now)


def test_rolled_back_destruction_destroys_nothing(
    obj: VaultObject, voice: Voice, steward: Actor, now
) -> None:
    with transaction.atomic():
        vault.destroy_voice_key(voice=voice, actor=steward, now=now)
        transaction.set_rollback(True)
    assert vault.read_object(obj) == AUDIO


def test_master_key_open_to_others_is_refused(tmp_path: Path) -> None:
    key = LocalMasterKey(tmp_path / "master.key")
    assert key.id == LocalMasterKey(tmp_path / "master.key").id
    key.path.chmod(0o640)
    with pytest.raises(VaultError, match=r"vault\.master_key_exposed"):
        _ = key.id


def test_master_key_of_wrong_length_is_refused(tmp_path: Path) -> None:
    key = LocalMasterKey(tmp_path / "master.key")
    key.path.touch(mode=0o600)
    with pytest.raises(VaultError, match=r"vault\.master_key_invalid"):
        _ = key.id
