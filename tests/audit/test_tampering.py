"""What somebody with the database's password can do to the log, and who notices."""

import json
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command

from audit import log
from audit.errors import VerificationError
from audit.keys import keyring
from audit.log import invariants
from audit.log.models import Checkpoint, InboxEvent, Leaf, Node, PersonalData
from audit.log.proofs import log_size
from audit.log.replay import FINDINGS_MAX
from audit.log.state import read_state, state_path, write_state
from audit.merkle.canonical import canonical_bytes
from audit.merkle.tree import TreeHead, leaf_hash
from audit.signing import KeyRing
from tests.audit.conftest import Record, triggers_off

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def logged(record: Record) -> None:
    record(7, private={"email": "anna@example.org"})
    log.integrate_pending()
    record(6)
    log.integrate_pending()


def faults() -> set[tuple[str, str]]:
    return {(finding.code, finding.place) for finding in log.replay_log().findings}


def edit(seq: int, **payload: object) -> bytes:
    """The bytes of leaf ``seq`` with another payload."""
    event = Leaf.objects.get(seq=seq).event
    return canonical_bytes(event | {"payload": payload})


def rebuild_tree() -> None:
    """Make hashes and nodes fit the leaves as they are now."""
    with triggers_off():
        Node.objects.all().delete()
        head = TreeHead()
        for leaf in Leaf.objects.order_by("seq"):
            Leaf.objects.filter(pk=leaf.pk).update(hash=leaf_hash(leaf.body))
            for (level, position), value in head.append(leaf_hash(leaf.body)):
                Node.objects.create(level=level, position=position, hash=value)


def test_untouched_log_is_sound(capsys: pytest.CaptureFixture[str]) -> None:
    replay = log.replay_log()
    assert replay.is_sound
    assert (replay.size, replay.signed_size, replay.checkpoints, replay.pending) == (15, 15, 2, 0)
    call_command("verify_log")
    assert capsys.readouterr().out.startswith(
        f"OK: 15 events, root {replay.root.hex()}, 2 checkpoints, 0 not"
    )


def test_edited_leaf_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    body = edit(5, n=99)
    with triggers_off():
        Leaf.objects.filter(seq=5).update(body=body)
    assert {("log.leaf_changed", "leaf 5"), ("log.rewritten", "checkpoint 9")} <= faults()
    with pytest.raises(CommandError, match="First at leaf 5") as caught:
        call_command("verify_log")
    assert caught.value.returncode == 1
    assert (
        "leaf 5: Leaf 5 is not the event that was logged there. [log.leaf_changed]" in capsys.readouterr().err
    )


def test_edited_leaf_with_a_matching_hash_breaks_the_tree() -> None:
    body = edit(5, n=99)
    with triggers_off():
        Leaf.objects.filter(seq=5).update(body=body, hash=leaf_hash(body))
    assert {("log.node_changed", "node 1/2"), ("log.rewritten", "checkpoint 9")} <= faults()


def test_rewritten_past_with_a_matching_tree_breaks_every_checkpoint(record: Record) -> None:
    body = edit(5, n=99)
    with triggers_off():
        Leaf.objects.filter(seq=5).update(body=body)
    rebuild_tree()
    assert faults() == {
        ("log.rewritten", "checkpoint 9"),
        ("log.rewritten", "checkpoint 15"),
        ("log.rewritten", "log-state.json"),
    }
    record()
    with pytest.raises(VerificationError) as caught:
        log.integrate_pending()
    assert caught.value.code == "log.rewritten"
    assert InboxEvent.objects.count() == 1, "a refused run leaves the inbox as it was"


def test_rewritten_past_without_its_checkpoints_is_caught_by_the_file_outside() -> None:
    body = edit(5, n=99)
    with triggers_off():
        Leaf.objects.filter(seq=5).update(body=body)
        Checkpoint.objects.all().delete()
    rebuild_tree()
    assert faults() == {("log.rewritten", "log-state.json")}


def test_leaf_filed_under_another_subject_is_named() -> None:
    with triggers_off():
        Leaf.objects.filter(seq=5).update(action="person.deactivated")
    assert faults() == {("log.column_changed", "leaf 5")}


def test_removed_leaf_is_named() -> None:
    with triggers_off():
        Leaf.objects.filter(seq=5).delete()
    assert ("log.leaf_missing", "leaf 5") in faults()


@pytest.mark.parametrize("with_checkpoints", [False, True])
def test_truncated_log_is_refused(record: Record, with_checkpoints: bool) -> None:
    """An old database played back, or the last events cut off with everything that knew of them."""
    with triggers_off():
        Leaf.objects.filter(seq__gte=9).delete()
        if with_checkpoints:
            Checkpoint.objects.filter(size__gt=9).delete()
    rebuild_tree()
    assert ("log.shrunk", "log-state.json") in faults()
    assert (("log.shrunk", "checkpoint 15") in faults()) is not with_checkpoints
    record(20)
    with pytest.raises(VerificationError) as caught:
        log.integrate_pending()
    assert caught.value.code == "log.shrunk"
    assert log_size() == 9


def test_emptied_log_is_refused(record: Record) -> None:
    with triggers_off() as cursor:
        cursor.execute("TRUNCATE audit_leaf, audit_node, audit_checkpoint")
    record()
    with pytest.raises(VerificationError) as caught:
        log.integrate_pending()
    assert caught.value.code == "log.shrunk"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda nodes: nodes.filter(level=2, position=1).update(hash=bytes(32)), "log.node_changed"),
        (lambda nodes: nodes.filter(level=2, position=1).delete(), "log.node_changed"),
        (lambda nodes: nodes.create(level=2, position=9, hash=bytes(32)), "log.node_extra"),
    ],
)
def test_meddled_tree_is_named(change: Callable, fault: str) -> None:
    with triggers_off():
        change(Node.objects)
    (found,) = faults()
    assert found == (fault, "node 2/9" if fault == "log.node_extra" else "node 2/1")


def test_missing_node_stops_the_sequencer(record: Record) -> None:
    with triggers_off():
        Node.objects.filter(level=3, position=0).delete()
    record()
    with pytest.raises(VerificationError) as caught:
        log.integrate_pending()
    assert caught.value.code == "log.node_missing"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda row: {"note": row.note.replace("\n9\n", "\n8\n")}, "log.checkpoint_invalid"),
        (lambda row: {"note": ""}, "log.checkpoint_invalid"),
        (lambda row: {"root": bytes(32)}, "log.checkpoint_changed"),
    ],
)
def test_meddled_checkpoint_is_named(change: Callable, code: str) -> None:
    with triggers_off():
        Checkpoint.objects.filter(size=9).update(**change(Checkpoint.objects.get(size=9)))
    assert faults() == {(code, "checkpoint 9")}


def test_checkpoint_by_a_key_of_somebody_else_is_named(tmp_path: object) -> None:
    row = Checkpoint.objects.get(size=9)
    forged = KeyRing(tmp_path).sign("log", b"anything")[1]
    head, _, line = row.note.rpartition(" ")
    note = f"{head} {line[:5]}{forged.hex()}\n"
    with triggers_off():
        Checkpoint.objects.filter(size=9).update(note=note)
    assert faults() == {("log.checkpoint_invalid", "checkpoint 9")}


def test_rotated_log_key_leaves_old_checkpoints_valid(record: Record) -> None:
    keyring().rotate("log")
    record()
    log.integrate_pending()
    assert log.replay_log().is_sound


def test_meddled_personal_data_is_named() -> None:
    row = PersonalData.objects.last()
    PersonalData.objects.filter(pk=row.pk).update(body=canonical_bytes({"email": "other@example.org"}))
    assert faults() == {("log.personal_data_changed", f"personal data {row.pk}")}


def test_personal_data_of_no_event_is_named() -> None:
    row = PersonalData.objects.last()
    row.pk = "00000000-0000-4000-8000-000000000000"
    row.save(force_insert=True)
    assert faults() == {("log.personal_data_changed", f"personal data {row.pk}")}


def test_personal_data_of_a_waiting_event_is_fine(record: Record) -> None:
    record(private={"email": "anna@example.org"})
    replay = log.replay_log()
    assert replay.is_sound
    assert replay.pending == 1


def test_logged_event_back_in_the_inbox_is_named() -> None:
    leaf = Leaf.objects.get(seq=5)
    fields = ("event_id", "body", "action", "subject_type", "subject_id", "actor_id", "time")
    row = InboxEvent.objects.create(**{name: getattr(leaf, name) for name in fields})
    assert faults() == {("log.doubled", f"inbox {row.pk}")}


def test_lost_state_file_stops_the_signer_until_restored(
    record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    before = read_state()
    state_path().unlink()
    assert faults() == {("log.state_missing", "log-state.json")}
    record()
    with pytest.raises(VerificationError) as caught:
        log.integrate_pending()
    assert caught.value.code == "log.state_missing"
    call_command("verify_log", restore_state=True)
    assert "says again that 15 events were signed" in capsys.readouterr().out
    assert read_state() == before
    assert log.integrate_pending() == 1


def test_state_file_is_not_restored_over_a_broken_log() -> None:
    state_path().unlink()
    with triggers_off():
        Leaf.objects.filter(seq=5).update(action="person.deactivated")
    with pytest.raises(CommandError):
        call_command("verify_log", restore_state=True)
    assert read_state() is None


def test_old_state_file_put_back_is_named() -> None:
    state = read_state()
    old = Checkpoint.objects.get(size=9)
    write_state(type(state)(state.origin, 9, old.root.hex()))
    assert faults() == {("log.state_old", "log-state.json")}


def test_state_file_is_for_its_owner_only() -> None:
    assert state_path().stat().st_mode & 0o777 == 0o600
    assert json.loads(state_path().read_text())["size"] == 15


def test_broken_invariant_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "_invariants", {})
    log.register_invariant("consents", lambda: ["Consent 1 has no event consent.signed."])
    log.register_invariant("requests", list)
    (finding,) = log.replay_log().findings
    assert (finding.code, finding.place) == ("log.invariant_broken", "consents")
    with pytest.raises(RuntimeError):
        log.register_invariant("consents", list)


def test_replay_of_a_wholly_wrong_log_names_its_first_fault_first(record: Record) -> None:
    record(200)
    log.integrate_pending()
    with triggers_off():
        Leaf.objects.update(body=b"no json")
    findings = log.replay_log().findings
    assert findings[0].place == "leaf 0"
    assert len(findings) == FINDINGS_MAX
