"""The person's PDF: it reads as was signed, carries the sealed record, and is not made of an altered one."""

import io
import json
from pathlib import Path

import pikepdf
import pytest
from django.core.management import CommandError, call_command

from audit.errors import VerificationError
from audit.keys import keyring
from consent import vault
from consent.consents import record_file, verify_consent_record
from consent.documents import RECORD_NAME, SEALED_NAME, consent_pdf, store_document
from consent.models import Consent

# WeasyPrint leaves the colour profile that it puts into a PDF/A open until it is collected.
pytestmark = pytest.mark.filterwarnings("ignore:.*sRGB2014:pytest.PytestUnraisableExceptionWarning")


def attachments(pdf: bytes) -> dict[str, bytes]:
    with pikepdf.open(io.BytesIO(pdf)) as document:
        return {name: spec.get_file().read_bytes() for name, spec in document.attachments.items()}


def test_pdf_carries_the_record_byte_for_byte(signed: Consent) -> None:
    inside = attachments(consent_pdf(signed))
    assert inside[RECORD_NAME] == bytes(signed.record)
    assert json.loads(inside[SEALED_NAME])["payload"].encode() == bytes(signed.record)


def test_same_consent_gives_the_same_document(signed: Consent) -> None:
    assert consent_pdf(signed) == consent_pdf(signed)


def test_stored_document_is_read_back_and_stored_once(signed: Consent, now) -> None:
    printed = consent_pdf(signed)
    first = store_document(consent=signed, now=now)
    again = store_document(consent=Consent.objects.get(pk=signed.pk), now=now)
    assert first.pk == again.pk
    assert vault.read_object(first) == printed == consent_pdf(Consent.objects.get(pk=signed.pk))


def test_no_document_of_an_unsigned_consent(draft: Consent) -> None:
    with pytest.raises(VerificationError, match=r"consent\.not_sealed"):
        consent_pdf(draft)


def test_no_document_of_an_altered_row(signed: Consent) -> None:
    scope = signed.scope_json | {"training_allowed": True}
    Consent.objects.filter(pk=signed.pk).update(scope_json=scope)
    with pytest.raises(VerificationError, match=r"consent\.record_altered.*scope"):
        consent_pdf(Consent.objects.get(pk=signed.pk))


@pytest.mark.parametrize("field", ["digest", "version", "valid_until"])
def test_altered_column_is_found(signed: Consent, field: str) -> None:
    value = {"digest": "0" * 64, "version": 9, "valid_until": signed.valid_until.replace(year=2040)}[field]
    Consent.objects.filter(pk=signed.pk).update(**{field: value})
    with pytest.raises(VerificationError, match=rf"consent\.record_altered.*{field}"):
        verify_consent_record(Consent.objects.get(pk=signed.pk))


def test_altered_record_is_found(signed: Consent) -> None:
    record = bytes(signed.record).replace(b"customer_service", b"advertising_____")
    Consent.objects.filter(pk=signed.pk).update(record=record)
    with pytest.raises(VerificationError, match=r"record\.signature_invalid"):
        verify_consent_record(Consent.objects.get(pk=signed.pk))


def test_command_accepts_the_file_from_the_pdf(signed: Consent, tmp_path: Path, capsys) -> None:
    file, key = tmp_path / SEALED_NAME, tmp_path / "key.pub"
    file.write_bytes(attachments(consent_pdf(signed))[SEALED_NAME])
    key.write_bytes(keyring().public_key(signed.key_id).pem)
    call_command("verify_consent", str(file), "--key", str(key))
    printed = capsys.readouterr().out
    assert printed.startswith("OK")
    assert signed.key_id in printed
    assert "Odalys Owner" in printed


def test_command_refuses_an_edited_file(signed: Consent, tmp_path: Path) -> None:
    file = tmp_path / SEALED_NAME
    wrapped = json.loads(record_file(signed))
    wrapped["payload"] = wrapped["payload"].replace('"PT"', '"ES"')
    file.write_text(json.dumps(wrapped))
    with pytest.raises(CommandError, match=r"record\.signature_invalid"):
        call_command("verify_consent", str(file))


def test_command_refuses_a_record_resealed_with_another_key(signed: Consent, tmp_path: Path) -> None:
    """Someone who changes the record and the key inside the file still lacks the organisation's key."""
    from audit.signing import KeyRing

    ring = KeyRing(tmp_path / "forger")
    forged = ring.sign_record("consent", json.loads(bytes(signed.record)) | {"jurisdiction": "US"})
    signed.record, signed.digest = forged.payload, forged.digest
    signed.signature = forged.signature
    file = tmp_path / "forged.json"
    file.write_bytes(record_file(signed))
    with pytest.raises(CommandError, match=r"record\.signature_invalid"):
        call_command("verify_consent", str(file))


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"payload": 1}', "not json"])
def test_command_refuses_what_is_no_record(db: None, tmp_path: Path, content: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(content)
    with pytest.raises(CommandError, match=r"record\.file_invalid"):
        call_command("verify_consent", str(file))
