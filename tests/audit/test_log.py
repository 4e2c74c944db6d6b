"""Recording, sequencing and signing."""

import base64
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction
from rfc8785 import CanonicalizationError

from audit import log
from audit.actors import Actor
from audit.errors import AuditError
from audit.keys import keyring
from audit.log.commitments import commitment
from audit.log.models import Checkpoint, InboxEvent, Leaf, PersonalData, SigningKey
from audit.log.proofs import log_root, log_size, prove_consistency, prove_inclusion, receipt
from audit.log.sequencer import log_signer
from audit.log.state import log_origin, read_state
from audit.merkle.canonical import canonical_bytes
from audit.merkle.note import CheckpointText, open_note
from audit.merkle.proofs import verify_consistency, verify_inclusion
from audit.merkle.tree import TreeHead, leaf_hash
from audit.models import Person
from audit.roles import Role
from tests.audit.conftest import Record

pytestmark = pytest.mark.django_db


def test_event_outside_a_transaction_is_refused(transactional_db: None, auditor: Person) -> None:
    with pytest.raises(RuntimeError, match=r"transaction\.atomic"):
        log.record_event(
            action="person.signed_in",
            actor=Actor.system("tests"),
            subject=auditor,
            payload={},
            now=datetime.now(UTC),
        )


def test_event_vanishes_with_its_transaction(record: Record) -> None:
    before = InboxEvent.objects.count()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        record(3), 1 / 0
    assert InboxEvent.objects.count() == before


def test_leaf_is_canonical_json_with_every_field(record: Record, auditor: Person, now: datetime) -> None:
    lisbon = timezone(timedelta(hours=1))
    (event_id,) = record(payload={"digest": "ab", "score": 0.5}, now=now.astimezone(lisbon))
    log.integrate_pending()
    leaf = Leaf.objects.get(event_id=event_id)
    assert leaf.body == canonical_bytes(
        {
            "type": "event",
            "version": 1,
            "id": str(event_id),
            "time": "2026-11-02T09:30:00.000000Z",
            "actor": {"kind": "person", "id": str(auditor.pk), "role": "auditor"},
            "action": "person.signed_in",
            "subject": {"type": "audit.person", "id": str(auditor.pk)},
            "payload": {"digest": "ab", "score": 0.5},
        }
    )
    assert leaf.hash == leaf_hash(leaf.body)


def test_role_is_the_one_given_where_an_actor_has_several(record: Record, now: datetime) -> None:
    actor = Actor.from_link(UUID(int=7), "Olga")
    both = Actor(actor.kind, actor.id, actor.name, frozenset({Role.VOICE_OWNER, Role.AUDITOR}))
    ids = [*record(actor=both), *record(actor=both, role=Role.AUDITOR), *record(actor=Actor.worker("gpu-1"))]
    roles = [InboxEvent.objects.get(event_id=event_id).event["actor"]["role"] for event_id in ids]
    assert roles == [None, "auditor", None]


def test_payload_without_a_canonical_form_is_refused(record: Record) -> None:
    with pytest.raises(CanonicalizationError):
        record(payload={"not": {1, 2}})
    with pytest.raises(CanonicalizationError):
        record(payload={"score": float("nan")})


def test_odd_unicode_survives(record: Record) -> None:
    word = "\u202e\u0000\U0001f468\u200d\U0001f3a4 e\u0301\ufeff"
    (event_id,) = record(payload={"word": word})
    log.integrate_pending()
    assert Leaf.objects.get(event_id=event_id).event["payload"] == {"word": word}


def test_personal_data_stays_outside_as_a_commitment(record: Record) -> None:
    (event_id,) = record(private={"email": "anna@example.org"})
    log.integrate_pending()
    leaf, row = Leaf.objects.get(event_id=event_id), PersonalData.objects.get(event_id=event_id)
    assert b"anna" not in leaf.body
    assert leaf.event["commitment"] == commitment(row.salt, row.body)
    assert row.data == {"email": "anna@example.org"}


def test_same_personal_data_twice_looks_different_in_the_log(record: Record) -> None:
    ids = record(2, private={"email": "anna@example.org"})
    rows = InboxEvent.objects.filter(event_id__in=ids)
    assert len({row.event["commitment"] for row in rows}) == 2


def test_erased_personal_data_leaves_the_log_sound(record: Record, auditor: Person, now: datetime) -> None:
    record(2, private={"email": "anna@example.org"})
    log.integrate_pending()
    erased = log.erase_personal_data(subject=auditor, actor=Actor.system("retention"), now=now)
    log.integrate_pending()
    assert erased == 3
    assert not PersonalData.objects.exists()
    assert log.events_about(auditor).last().event["payload"] == {"events": 3}
    replay = log.replay_log()
    assert replay.is_sound
    assert replay.erased == 3


def test_events_get_dense_numbers_in_the_order_recorded(record: Record) -> None:
    ids = record(20)
    assert log.integrate_pending() == InboxEvent.objects.count() + Leaf.objects.count()
    assert list(Leaf.objects.order_by("seq").values_list("seq", flat=True)) == list(range(log_size()))
    recorded = Leaf.objects.filter(event_id__in=ids).order_by("seq").values_list("event_id", flat=True)
    assert list(recorded) == ids
    assert not InboxEvent.objects.exists()


def test_stored_tree_equals_the_leaves_at_every_size(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.log.sequencer.BATCH", 7)
    for count in (1, 2, 3, 5, 8, 13, 40):
        record(count)
        log.integrate_pending()
    head = TreeHead()
    roots = [head.root]
    for leaf in Leaf.objects.order_by("seq"):
        head.append(leaf_hash(leaf.body))
        roots.append(head.root)
    assert [log_root(size) for size in range(log_size() + 1)] == roots
    for checkpoint in Checkpoint.objects.all():
        assert checkpoint.root == roots[checkpoint.size]


def test_proofs_out_of_the_database_verify(record: Record) -> None:
    record(37)
    log.integrate_pending()
    size = log_size()
    for leaf in Leaf.objects.all():
        verify_inclusion(
            leaf_hash=leaf.hash,
            index=leaf.seq,
            size=size,
            root=log_root(size),
            proof=prove_inclusion(seq=leaf.seq, size=size),
        )
    for old in range(size + 1):
        verify_consistency(
            old_size=old,
            new_size=size,
            old_root=log_root(old),
            new_root=log_root(size),
            proof=prove_consistency(old_size=old, new_size=size),
        )


def test_checkpoint_is_signed_by_the_logs_key(record: Record) -> None:
    record(3)
    log.integrate_pending()
    checkpoint = log.latest_checkpoint()
    text = CheckpointText.parse(open_note(checkpoint.note, log_signer().verifier))
    assert text == CheckpointText(log_origin(), log_size(), log_root(log_size()))
    assert (read_state().size, read_state().root) == (text.size, text.root.hex())


def test_nothing_new_signs_nothing(record: Record) -> None:
    record(3)
    log.integrate_pending()
    assert log.integrate_pending() == 0
    assert Checkpoint.objects.count() == 1


def test_crash_before_the_signature_is_made_good_by_the_next_run(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(3)
    with monkeypatch.context() as patch:
        patch.setattr("audit.log.sequencer.write_state", lambda state: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            log.integrate_pending()
    assert log_size() > 0
    assert log.latest_checkpoint() is None
    log.integrate_pending()
    assert log.latest_checkpoint().size == log_size()


def test_crash_between_state_and_checkpoint_is_made_good_by_the_next_run(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(3)
    with monkeypatch.context() as patch:
        patch.setattr("audit.log.sequencer.sign_note", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            log.integrate_pending()
    assert log.latest_checkpoint() is None
    record(2)
    log.integrate_pending()
    assert log.latest_checkpoint().size == log_size()
    assert log.replay_log().is_sound


def test_organisation_renamed_keeps_the_logs_name(record: Record, settings: object) -> None:
    settings.ORGANISATION_NAME = "Northlight Media"
    record()
    log.integrate_pending()
    settings.ORGANISATION_NAME = "Southlight"
    record()
    log.integrate_pending()
    assert log.latest_checkpoint().note.startswith("northlight-media/viva-voce\n")


def test_receipt_proves_one_event(record: Record) -> None:
    record(12)
    log.integrate_pending()
    leaf = Leaf.objects.get(seq=5)
    head, _, note = receipt(leaf).partition("\n\n")
    name, index, *path = head.split("\n")
    assert (name, index) == ("c2sp.org/tlog-proof@v1", "index 5")
    checkpoint = CheckpointText.parse(open_note(note, log_signer().verifier))
    verify_inclusion(
        leaf_hash=leaf_hash(leaf.body),
        index=5,
        size=checkpoint.size,
        root=checkpoint.root,
        proof=[base64.b64decode(line) for line in path],
    )


def test_event_that_is_not_signed_yet_has_no_receipt(record: Record) -> None:
    record(2)
    log.integrate_pending()
    with pytest.raises(AuditError) as caught:
        receipt(Leaf(seq=log_size()))
    assert caught.value.code == "log.not_signed_yet"


def test_new_key_is_announced_once_in_the_transaction_of_its_use(record: Record) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        keyring().sign("grant", b"data"), 1 / 0
    assert not SigningKey.objects.filter(purpose="grant").exists()
    for _ in range(2):
        keyring().sign("grant", b"data")
    rotated = keyring().rotate("grant")
    events = [row.event for row in InboxEvent.objects.filter(action="key.created").order_by("id")]
    assert [event["payload"]["purpose"] for event in events].count("grant") == 2
    assert events[-1]["payload"] == {
        "key_id": rotated.key_id,
        "purpose": "grant",
        "public_key_sha256": rotated.digest,
    }


def test_subjects_are_found_in_log_and_inbox(record: Record, auditor: Person) -> None:
    assert log.subjects_with("person.created") == {auditor.pk}
    log.integrate_pending()
    assert log.subjects_with("person.created") == {auditor.pk}
    assert log.subjects_with("person.eaten") == set()


@pytest.mark.parametrize("table", ["audit_leaf", "audit_node", "audit_checkpoint"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {table} SET {column} = ''",
        "DELETE FROM {table}",
        "DELETE FROM {table} WHERE false",
        "TRUNCATE {table}",
    ],
)
def test_change_of_the_log_is_refused_by_the_database(record: Record, table: str, statement: str) -> None:
    record(3)
    log.integrate_pending()
    column = "root" if table == "audit_checkpoint" else "hash"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        connection.cursor().execute(statement.format(table=table, column=column))
    assert log.replay_log().is_sound
