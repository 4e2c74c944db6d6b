"""The offline verifier on packages that are sound, and on those that somebody meddled with."""

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from pytest_django import DjangoDbBlocker

from audit.keys import keyring
from audit.log.export import log_files, newest_checkpoint, record_files, seal_files, signature_file
from audit.log.state import state_path
from audit.merkle import verify
from audit.merkle.canonical import canonical_bytes
from audit.merkle.note import VerifierKey
from audit.signing import KeyRing
from tests.audit.conftest import make_auditor, record_events
from tests.conftest import NOW

pytestmark = pytest.mark.django_db  # for the package; the verifier itself needs no database

Files = dict[str, bytes]


@dataclass
class Package:
    """An evidence package's files, and the checks over them once packed."""

    folder: Path
    files: Files

    def pack(self) -> Path:
        path = self.folder / "evidence.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in self.files.items():
                archive.writestr(name, data)
        return path

    def faults(self, min_checkpoint: int = 0) -> list[str]:
        key = (self.folder / "log.vkey").read_text()
        return verify.verify(self.pack(), key, min_checkpoint).faults

    def status(self, *arguments: str) -> int:
        return verify.main([str(self.pack()), "--key", str(self.folder / "log.vkey"), *arguments])


@pytest.fixture(scope="module")
def sound_package(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Package:
    """Made once, of really committed events; the database is empty again when the tests begin."""
    folder = tmp_path_factory.mktemp("evidence")
    state_path().unlink(missing_ok=True)  # of another module's last test
    with django_db_blocker.unblock():
        try:
            return make_package(folder)
        finally:
            call_command("flush", interactive=False, verbosity=0)


def make_package(folder: Path) -> Package:
    files: Files = {}
    auditor = make_auditor(NOW)
    for kind in ("consent", "decision", "grant"):
        with transaction.atomic():
            signed = keyring().sign_record(kind, {"type": kind, "version": 1, "words": "yes, I do"})
            record_events(auditor, payload={"digests": [{"of": signed.digest}], "score": 0.1})
        files |= record_files(
            kind=kind,
            id=f"{kind}-1",
            payload=signed.payload,
            signature=signed.signature,
            key_id=signed.key_id,
        )
    record_events(auditor, 20, private={"email": "anna@example.org"})
    call_command("log_vkey", out=folder / "log.vkey")
    checkpoint = newest_checkpoint()
    files |= log_files(checkpoint=checkpoint) | {"index.html": b"<!doctype html>", "report.pdf": b"%PDF-1.7"}
    return Package(folder, files | seal_files(files, checkpoint=checkpoint))


@pytest.fixture
def package(sound_package: Package, tmp_path: Path) -> Package:
    """A copy to meddle with."""
    shutil.copy(sound_package.folder / "log.vkey", tmp_path)
    return Package(tmp_path, dict(sound_package.files))


def reseal(package: Package) -> None:
    """What an attacker in possession of the report key can do: a manifest that fits the changed files."""
    manifest = json.loads(package.files.pop(verify.MANIFEST))
    del package.files[verify.MANIFEST_SIGNATURE]
    manifest["files"] = [
        {"path": path, "sha256": verify.sha256(data), "size": len(data)}
        for path, data in sorted(package.files.items())
    ]
    data = canonical_bytes(manifest)
    package.files |= {verify.MANIFEST: data, verify.MANIFEST_SIGNATURE: signature_file(*sign_report(data))}


def sign_report(data: bytes) -> tuple[str, bytes]:
    return KeyRing(settings.KEYS_DIR).sign("report", data)


def test_sound_package_is_ok(package: Package, capsys: pytest.CaptureFixture[str]) -> None:
    assert package.faults() == []
    assert package.status() == 0
    out = capsys.readouterr().out
    assert out.startswith("OK: ")
    assert "3 signed records" in out


def test_packed_verifier_runs_alone(package: Package) -> None:
    """As an outsider would: the file from the package, in a folder without this project."""
    (package.folder / "verify.py").write_bytes(package.files["verify.py"])
    done = subprocess.run(
        [sys.executable, "-I", "verify.py", str(package.pack()), "--key", "log.vkey"],
        cwd=package.folder,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("OK: ")


def test_module_does_not_load_django() -> None:
    code = "import sys; from audit.merkle import verify; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_personal_data_is_not_in_the_package(package: Package) -> None:
    assert not [path for path, data in package.files.items() if b"anna@example.org" in data]


@pytest.mark.parametrize(
    "path", ["index.html", "report.pdf", "verify.py", "log/hashes.txt", "records/grant/grant-1.json"]
)
def test_edited_file_is_named(package: Package, path: str) -> None:
    package.files[path] += b" "
    assert f"{path} was edited: it is not the file that the manifest lists." in package.faults()
    assert package.status() == 1


def test_every_missing_file_is_named(package: Package) -> None:
    for path in [path for path in package.files if path not in (verify.MANIFEST, verify.MANIFEST_SIGNATURE)]:
        kept = package.files.pop(path)
        assert f"{path} is missing." in package.faults()
        package.files[path] = kept


def test_added_file_is_named(package: Package) -> None:
    package.files["extra.txt"] = b"hello"
    assert package.faults() == ["extra.txt was added: the manifest does not list it."]


def test_renamed_file_is_named_with_its_new_name(package: Package) -> None:
    package.files["board-report.pdf"] = package.files.pop("report.pdf")
    assert package.faults() == ["report.pdf was renamed to board-report.pdf."]


def test_file_that_is_there_twice_is_named(package: Package) -> None:
    path = package.pack()
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("index.html", package.files["index.html"])
    assert verify.verify(path, (package.folder / "log.vkey").read_text()).faults == [
        "index.html is in the package twice."
    ]


def test_damaged_file_is_named(package: Package) -> None:
    path = package.pack()
    data = bytearray(path.read_bytes())
    data[data.index(b"<!doctype")] ^= 1
    path.write_bytes(data)
    faults = verify.verify(path, (package.folder / "log.vkey").read_text()).faults
    assert faults[0] == "index.html is damaged and cannot be read."


@pytest.mark.parametrize("path", [verify.MANIFEST, verify.MANIFEST_SIGNATURE, verify.CHECKPOINT])
def test_package_without_its_seal_is_broken(package: Package, path: str) -> None:
    del package.files[path]
    assert any(path in fault and "missing" in fault for fault in package.faults())


@pytest.mark.parametrize("content", [b"{}", b"[]", b"nonsense", b'{"version":1,"type":"evidence-manifest"}'])
def test_manifest_of_another_kind_is_broken(package: Package, content: bytes) -> None:
    package.files[verify.MANIFEST] = content
    assert f"{verify.MANIFEST} is not an evidence manifest of version 1." in package.faults()


def test_manifest_that_fits_the_edit_breaks_its_signature(package: Package) -> None:
    package.files["index.html"] = b"forged"
    manifest = json.loads(package.files[verify.MANIFEST])
    for entry in manifest["files"]:
        if entry["path"] == "index.html":
            entry |= {"sha256": verify.sha256(b"forged"), "size": 6}
    package.files[verify.MANIFEST] = canonical_bytes(manifest)
    (fault,) = package.faults()
    assert fault.startswith("manifest.json: the signature by key report-")


@pytest.mark.parametrize("index", [0, 7, 22])
def test_first_edited_leaf_is_named(package: Package, index: int) -> None:
    leaves = package.files[verify.LEAVES].split(b"\n")
    for at in (index, index + 2):
        leaves[at] = leaves[at].replace(b'"version":1', b'"version":1 ')
    package.files[verify.LEAVES] = b"\n".join(leaves)
    assert f"Leaf {index} is broken: it is not the event that was signed there." in package.faults()


def test_swapped_leaves_are_named_even_by_who_can_seal(package: Package) -> None:
    leaves = package.files[verify.LEAVES].split(b"\n")
    leaves[4], leaves[5] = leaves[5], leaves[4]
    package.files[verify.LEAVES] = b"\n".join(leaves)
    reseal(package)
    assert package.faults() == ["Leaf 4 is broken: it is not the event that was signed there."]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda lines: lines[:-1], "is missing: the log ends after"),
        (lambda lines: [*lines, lines[-1]], "was added: only"),
        (lambda lines: lines[1:], "Leaf 0 is broken"),
    ],
)
def test_missing_and_added_leaves_are_named(
    package: Package, change: Callable[[list[bytes]], list[bytes]], fault: str
) -> None:
    lines = package.files[verify.LEAVES].split(b"\n")[:-1]
    package.files[verify.LEAVES] = b"".join(line + b"\n" for line in change(lines))
    assert any(fault in text for text in package.faults())


def test_edited_leaf_with_matching_hash_list_is_still_broken(package: Package) -> None:
    leaves = package.files[verify.LEAVES].replace(b"person.signed_in", b"person.signed_up", 1)
    package.files[verify.LEAVES] = leaves
    hashes = [verify.hashlib.sha256(b"\x00" + leaf).hexdigest() for leaf in leaves.split(b"\n")[:-1]]
    package.files[verify.HASHES] = "".join(f"{value}\n" for value in hashes).encode()
    reseal(package)
    (fault,) = package.faults()
    assert fault.endswith("so that the first broken leaf cannot be told.")


def test_wrong_hash_list_over_sound_leaves_is_named(package: Package) -> None:
    package.files[verify.HASHES] = b"no hashes\n"
    reseal(package)
    assert package.faults() == [f"{verify.HASHES} does not list the hashes of the leaves."]


def test_checkpoint_by_another_key_is_refused(package: Package, capsys: pytest.CaptureFixture[str]) -> None:
    stranger = KeyRing(package.folder / "stranger").current("log")
    name = package.files[verify.CHECKPOINT].decode().partition("\n")[0]
    (package.folder / "log.vkey").write_text(str(VerifierKey(name, stranger.raw)))
    assert package.status() == 1
    assert "is not signed by the key given" in capsys.readouterr().out


def test_checkpoint_of_another_size_is_refused(package: Package) -> None:
    text = package.files[verify.CHECKPOINT].decode().split("\n")
    text[1] = str(int(text[1]) - 1)
    package.files[verify.CHECKPOINT] = "\n".join(text).encode()
    assert f"{verify.CHECKPOINT}: the log's signature does not hold." in package.faults()


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"a\nb\nc\n\n", b"\xff\xfe"])
def test_text_that_is_no_checkpoint_is_refused(package: Package, content: bytes) -> None:
    package.files[verify.CHECKPOINT] = content
    assert f"{verify.CHECKPOINT} is not a signed checkpoint." in package.faults()


def test_manifest_for_another_checkpoint_is_refused(package: Package) -> None:
    manifest = json.loads(package.files[verify.MANIFEST])
    manifest["checkpoint"]["size"] += 1
    data = canonical_bytes(manifest)
    package.files |= {verify.MANIFEST: data, verify.MANIFEST_SIGNATURE: signature_file(*sign_report(data))}
    assert package.faults() == ["manifest.json states another checkpoint than log/checkpoint.txt."]


def test_older_log_than_expected_is_refused(package: Package) -> None:
    size = int(package.files[verify.CHECKPOINT].split(b"\n")[1])
    assert package.faults(min_checkpoint=size) == []
    (fault,) = package.faults(min_checkpoint=size + 1)
    assert "you expect at least" in fault
    assert package.status("--min-checkpoint", str(size + 1)) == 1


def test_key_that_the_log_never_announced_is_refused(package: Package) -> None:
    stranger = KeyRing(package.folder / "stranger")
    payload = canonical_bytes({"type": "grant", "version": 1, "words": "anything goes"})
    key_id, signature = stranger.sign("grant", payload)
    package.files |= record_files(kind="grant", id="x", payload=payload, signature=signature, key_id=key_id)
    package.files[f"keys/{key_id}.pub"] = stranger.public_key(key_id).pem
    reseal(package)
    faults = package.faults()
    assert f"keys/{key_id}.pub: the log never announced this key." in faults
    assert "records/grant/x.json: no event of the log names this record's digest." in faults
    assert any(fault.startswith("records/grant/x.json is signed by key") for fault in faults)


def test_other_key_under_an_announced_name_is_refused(package: Package) -> None:
    path = next(path for path in package.files if path.startswith("keys/grant-"))
    package.files[path] = KeyRing(package.folder / "stranger").current("grant").pem
    reseal(package)
    assert f"{path} is not the key that the log announced under this name." in package.faults()


def test_file_that_is_no_key_is_refused(package: Package) -> None:
    path = next(path for path in package.files if path.startswith("keys/grant-"))
    package.files[path] = b"no key"
    reseal(package)
    assert f"{path} is not an Ed25519 public key." in package.faults()


def test_record_signed_for_another_purpose_is_refused(package: Package) -> None:
    for ending in (".json", ".sig.json"):
        package.files[f"records/grant/moved{ending}"] = package.files.pop(
            f"records/consent/consent-1{ending}"
        )
    reseal(package)
    (fault,) = package.faults()
    assert fault.endswith("which is not for signing a grant.")


def test_record_with_the_signature_of_another_is_refused(package: Package) -> None:
    key_id, signature = KeyRing(settings.KEYS_DIR).sign("grant", b"something else")
    payload = package.files["records/grant/grant-1.json"]
    package.files |= record_files(
        kind="grant", id="grant-1", payload=payload, signature=signature, key_id=key_id
    )
    reseal(package)
    (fault,) = package.faults()
    assert fault.startswith("records/grant/grant-1.json: the signature by key grant-")


def test_record_and_signature_need_each_other(package: Package) -> None:
    del package.files["records/grant/grant-1.json"]
    del package.files["records/consent/consent-1.sig.json"]
    package.files["records/decision/decision-1.sig.json"] = b"nonsense"
    reseal(package)
    assert package.faults() == [
        "records/consent/consent-1.json is not signed: records/consent/consent-1.sig.json is missing.",
        "records/decision/decision-1.sig.json cannot be read.",
        "records/grant/grant-1.sig.json is a signature without a record.",
    ]


def test_input_that_cannot_be_read_is_told_apart(
    package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    path, key = str(package.pack()), str(package.folder / "log.vkey")
    (package.folder / "no.zip").write_bytes(b"no zip")
    (package.folder / "no.vkey").write_bytes(b"no+vkey")
    (package.folder / "binary.vkey").write_bytes(b"\xff\xfe")
    assert verify.main([str(package.folder / "no.zip"), "--key", key]) == 2
    assert verify.main([str(package.folder / "absent.zip"), "--key", key]) == 2
    for name in ("no.vkey", "binary.vkey", "absent.vkey"):
        assert verify.main([path, "--key", str(package.folder / name)]) == 2
    assert capsys.readouterr().err.count("UNREADABLE: ") == 5
    with pytest.raises(SystemExit) as caught:
        verify.main([path])
    assert caught.value.code == 2


def test_every_byte_of_the_log_counts(package: Package) -> None:
    """Flip a bit of each byte of the checkpoint and of a sample of the leaves': every flip is found."""
    for path in (verify.CHECKPOINT, verify.LEAVES):
        data = package.files[path]
        for at in range(0, len(data), 1 if path == verify.CHECKPOINT else len(data) // 40):
            changed = bytearray(data)
            changed[at] ^= 0x01
            package.files[path] = bytes(changed)
            assert package.faults(), f"byte {at} of {path}"
        package.files[path] = data
