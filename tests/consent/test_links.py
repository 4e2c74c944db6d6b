"""Owners' links: expiring, for one purpose, revocable, used up once, hashed at rest."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection

from audit.actors import Actor
from audit.errors import ConflictError, NotAllowedError, NotFoundError, VivaVoceError
from audit.log.queries import subjects_with
from consent.consents import (
    decline_consent,
    issue_manage_link,
    link_actor,
    offer_consent,
    open_link,
    recall_offer,
    withdraw_consent,
)
from consent.errors import LinkError
from consent.models import Consent, ConsentLink

Status = Consent.Status


def test_token_is_nowhere_in_the_database(token: str) -> None:
    link = ConsentLink.objects.get()
    assert token not in str(vars(link))
    assert len(token) >= 43


def test_opening_is_an_event_once_and_does_not_use_the_link_up(token: str, now: datetime) -> None:
    first, again = open_link(token=token, now=now), open_link(token=token, now=now + timedelta(hours=1))
    assert first.pk == again.pk
    assert again.opened_at == now
    assert again.used_at is None
    assert first.consent_id in subjects_with("consent.viewed")


@pytest.mark.parametrize("forged", ["", "x", "A" * 43, "../../etc/passwd"])
def test_forged_token_is_unknown(token: str, now: datetime, forged: str) -> None:
    with pytest.raises(NotFoundError, match=r"link\.unknown"):
        open_link(token=forged, now=now)


def test_expired_link_opens_and_signs_nothing(token: str, link: ConsentLink, sign, now: datetime) -> None:
    late = now + timedelta(days=7)
    with pytest.raises(LinkError, match=r"link\.expired"):
        open_link(token=token, now=late)
    with pytest.raises(LinkError, match=r"link\.expired"):
        sign(link, now=late)


def test_used_link_is_used(token: str, signed: Consent, now: datetime) -> None:
    with pytest.raises(LinkError, match=r"link\.used"):
        open_link(token=token, now=now)


def test_recalled_link_opens_and_signs_nothing(
    token: str, link: ConsentLink, draft: Consent, steward: Actor, sign, now: datetime
) -> None:
    recall_offer(consent=draft, actor=steward, now=now)
    with pytest.raises(LinkError, match=r"link\.revoked"):
        open_link(token=token, now=now)
    with pytest.raises(LinkError, match=r"link\.revoked"):
        sign(link)
    assert Consent.objects.get(pk=draft.pk).status == Status.DRAFT


def test_second_offer_revokes_the_first_link(
    token: str, draft: Consent, steward: Actor, now: datetime
) -> None:
    second = offer_consent(consent=draft, actor=steward, now=now)
    with pytest.raises(LinkError, match=r"link\.revoked"):
        open_link(token=token, now=now)
    assert open_link(token=second, now=now).consent_id == draft.pk


def test_manage_link_cannot_sign_or_decline(signed: Consent, owner_actor: Actor, sign, now: datetime) -> None:
    manage = open_link(token=issue_manage_link(consent=signed, actor=owner_actor, now=now), now=now)
    with pytest.raises(LinkError, match=r"link\.wrong_purpose"):
        sign(manage)
    with pytest.raises(LinkError, match=r"link\.wrong_purpose"):
        decline_consent(link=manage, reason="", actor=owner_actor, now=now)


def test_manage_link_withdraws_and_then_still_shows_the_receipt(
    signed: Consent, owner_actor: Actor, now: datetime
) -> None:
    token = issue_manage_link(consent=signed, actor=owner_actor, now=now)
    link = open_link(token=token, now=now)
    withdraw_consent(consent=link.consent, reason="", actor=link_actor(link), now=now)
    assert open_link(token=token, now=now + timedelta(days=300)).consent.receipt


def test_manage_link_needs_a_signature(draft: Consent, steward: Actor, now: datetime) -> None:
    with pytest.raises(LinkError, match=r"link\.nothing_to_manage"):
        issue_manage_link(consent=draft, actor=steward, now=now)


def test_manage_link_for_strangers_is_refused(signed: Consent, make_person, now: datetime) -> None:
    stranger = Actor.from_person(make_person("Sam Stranger"))
    with pytest.raises(NotAllowedError, match=r"access\.role_missing"):
        issue_manage_link(consent=signed, actor=stranger, now=now)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_use_one_link_at_once_one_wins(link: ConsentLink, sign: Callable[..., Consent]) -> None:
    ready = threading.Barrier(2)
    outcomes: list[str] = []

    def use() -> None:
        mine = ConsentLink.objects.select_related("consent__voice__owner").get(pk=link.pk)
        ready.wait(timeout=20)
        try:
            outcomes.append(sign(mine).status)
        except VivaVoceError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["active", "link.used"]
    assert Consent.objects.filter(status=Status.ACTIVE).count() == 1


def test_link_of_a_consent_signed_otherwise_is_refused(
    link: ConsentLink, draft: Consent, sign: Callable[..., Consent]
) -> None:
    """The consent's own state is asked, not only the link's."""
    Consent.objects.filter(pk=draft.pk).update(status=Status.DECLINED)
    with pytest.raises(ConflictError, match=r"consent\.is_declined"):
        sign(link)
    assert ConsentLink.objects.get(pk=link.pk).used_at is None
