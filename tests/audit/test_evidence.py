"""The evidence package: whole, checkable by a stranger, and the commands that write it."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from audit.actors import Actor
from audit.errors import ConflictError, NotAllowedError
from audit.frameworks import Period, registry
from audit.keys import keyring
from audit.log import events_about, integrate_pending, record_event
from audit.log.sequencer import log_signer
from audit.merkle.verify import verify
from audit.models import Leaf, Person, Report
from audit.reports import Record, build_evidence, export_report, register_records, request_report, sections
from audit.roles import Role
from tests.audit.histories import Subject, person, write_month

pytestmark = pytest.mark.django_db(transaction=True)

START = datetime.fromisoformat("2026-10-01T08:00:00+00:00")
END = datetime.fromisoformat("2026-10-04T00:00:00+00:00")


@pytest.fixture(autouse=True)
def nothing_else_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((sections, "_sections"), (sections, "_records"), (registry, "_sources")):
        monkeypatch.setattr(module, name, {})


@pytest.fixture
def actor(auditor: Person) -> Actor:
    return Actor.from_person(auditor)


def faults(package: bytes | Path, folder: Path) -> list[str]:
    """What the offline verifier says, given the file and the public key."""
    path = folder / "evidence.zip"
    if isinstance(package, bytes):
        path.write_bytes(package)
    return verify(path, str(log_signer().verifier)).faults


def unzip(package: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_package_of_a_period_is_whole_and_verifies(actor: Actor, now: datetime, tmp_path: Path) -> None:
    write_month(START)
    signed = keyring().sign_record("consent", {"type": "consent", "version": 1, "voice": "v"})
    consent = Subject("consent.consent")
    with transaction.atomic():
        record_event(
            action="consent.signed", actor=actor, subject=consent, payload={"digest": signed.digest}, now=now
        )
    asked: list[Period] = []

    def records(period: Period) -> Iterator[Record]:
        asked.append(period)
        yield Record(str(consent.pk), signed.payload, signed.signature, signed.key_id)

    register_records("consent", records)
    package = build_evidence(period_from=START, period_to=END, actor=actor, now=now)
    assert faults(package, tmp_path) == []
    assert (asked[0].start, asked[0].end) == (START, END)

    files = unzip(package)
    assert files[f"records/consent/{consent.pk}.json"] == signed.payload
    listed = {entry["path"] for entry in json.loads(files["manifest.json"])["files"]}
    assert listed == files.keys() - {"manifest.json", "manifest.sig.json"}
    assert {"README.txt", "index.html", "report.pdf", "verify.py", "log/checkpoint.txt"} <= listed

    # The log is whole, the tables are of the period.
    leaves = [json.loads(line) for line in files["log/leaves.jsonl"].splitlines()]
    rows = list(csv.DictReader(io.StringIO(files["tables/events.csv"].decode(), newline="")))
    assert len(leaves) == json.loads(files["manifest.json"])["checkpoint"]["size"]
    assert 0 < len(rows) < len(leaves)
    assert all(START.isoformat() <= row["time"] < END.isoformat() for row in rows)

    # The report's digest is in the log that comes with it; the package's own is in the next checkpoint.
    (made,) = [leaf for leaf in leaves if leaf["action"] == "report.made"]
    assert made["payload"]["sha256"] == hashlib.sha256(files["report.pdf"]).hexdigest()
    integrate_pending()
    exported = [leaf.event for leaf in events_about(Report.objects.get())][-1]
    assert exported["action"] == "evidence.exported"
    assert exported["payload"]["sha256"] == hashlib.sha256(package).hexdigest()


def test_edited_report_or_table_is_found(actor: Actor, now: datetime, tmp_path: Path) -> None:
    package = build_evidence(actor=actor, now=now)
    for edited in ("report.pdf", "tables/mapping.json", "index.html", "README.txt"):
        target = tmp_path / "evidence.zip"
        with zipfile.ZipFile(target, "w") as archive:
            for name, data in unzip(package).items():
                archive.writestr(name, data + b" " if name == edited else data)
        assert any(edited in fault for fault in faults(target, tmp_path)), edited


def test_without_a_period_the_package_holds_everything_up_to_now(
    record, actor: Actor, now: datetime, tmp_path: Path
) -> None:
    first = now - timedelta(days=900)
    record(2, now=first)
    integrate_pending()
    late = now + timedelta(hours=1)
    package = build_evidence(actor=actor, now=late)
    report = Report.objects.get()
    assert (report.period_from, report.period_to) == (first, late)
    rows = unzip(package)["tables/events.csv"].decode().splitlines()
    assert sum(",person.signed_in," in row for row in rows) == 2


def test_record_kind_that_is_no_key_purpose_is_refused() -> None:
    with pytest.raises(RuntimeError, match="purpose of their key"):
        register_records("revocation receipt", lambda period: [])


def test_export_by_anyone_but_an_auditor_is_refused(now: datetime) -> None:
    for role in (Role.REQUESTER, Role.ADMINISTRATOR):
        with pytest.raises(NotAllowedError, match=r"access\.role_missing"):
            build_evidence(actor=person("Paula Ortega", role, now), now=now)
    assert not Leaf.objects.filter(action="evidence.exported").exists()


def test_report_that_is_not_ready_cannot_be_exported(actor: Actor, now: datetime) -> None:
    report = request_report(period_from=START, period_to=END, actor=actor, now=now)
    with pytest.raises(ConflictError, match=r"report\.not_ready"):
        export_report(report=report, actor=actor, now=now)


def test_commands_write_both_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("make_report", out=tmp_path / "new" / "report.pdf")
    assert (tmp_path / "new" / "report.pdf").read_bytes().startswith(b"%PDF")
    call_command("export_evidence", "--out", str(tmp_path / "evidence.zip"), "--from", "2026-01-01")
    assert faults(tmp_path / "evidence.zip", tmp_path) == []
    printed = capsys.readouterr().out
    assert hashlib.sha256((tmp_path / "evidence.zip").read_bytes()).hexdigest() in printed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evidence.zip", "new"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--from", "yesterday"], "not a date"),
        (["--from", "2026-11-02", "--to", "2026-11-01T00:00:00"], "ends"),
    ],
)
@pytest.mark.parametrize("command", ["make_report", "export_evidence"])
def test_command_with_a_wrong_period_says_so_and_leaves_no_file(
    command: str, arguments: list[str], told: str, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match=told):
        call_command(command, "--out", str(tmp_path / "out"), *arguments)
    assert list(tmp_path.iterdir()) == []


def test_last_day_of_a_period_belongs_to_it() -> None:
    from audit.management.arguments import end_of, start_of

    assert start_of("2026-11-01").isoformat() == "2026-11-01T00:00:00+00:00"
    assert end_of("2026-11-30").isoformat() == "2026-12-01T00:00:00+00:00"
    assert end_of("2026-11-30T12:00:00+02:00").isoformat() == "2026-11-30T12:00:00+02:00"
