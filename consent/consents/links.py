"""Secret addresses for owners: expiring, for one purpose, revocable; of the token only a hash is kept."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db import transaction

from audit.actors import Actor
from audit.errors import NotFoundError
from audit.log import record_event
from consent.errors import LinkError
from consent.models import Consent, ConsentLink
from consent.owners import require_owner_or_steward

TOKEN_BYTES = 32
# A manage link outlives its consent, so that the owner finds the receipt where the withdraw button was.
MANAGE_AFTERLIFE = timedelta(days=365)


def create_link(consent: Consent, purpose: ConsentLink.Purpose, expires_at: datetime, now: datetime) -> str:
    """The raw token of a new link; it is shown once and kept nowhere."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    ConsentLink.objects.create(
        consent=consent, purpose=purpose, token_hash=_hash(token), created_at=now, expires_at=expires_at
    )
    return token


@transaction.atomic
def open_link(*, token: str, now: datetime) -> ConsentLink:
    """The link behind a token, if it may still be used. The first opening is an event, ``consent.viewed``.

    Opening does not use a link up: signing, declining does.

    Raises:
        NotFoundError: ``link.unknown``.
        LinkError: ``link.revoked``, ``link.used``, ``link.expired``.
    """
    link = ConsentLink.objects.select_related("consent__voice__owner").filter(token_hash=_hash(token)).first()
    if link is None:
        raise NotFoundError(
            "link.unknown", "There is no such link.", "Check that the address was copied as a whole."
        )
    _require_usable(link, now)
    if ConsentLink.objects.filter(pk=link.pk, opened_at=None).update(opened_at=now):
        link.opened_at = now
        record_event(
            action="consent.viewed",
            actor=link_actor(link),
            subject=link.consent,
            payload={"link": str(link.pk), "purpose": link.purpose},
            now=now,
        )
    return link


def link_actor(link: ConsentLink) -> Actor:
    """The owner, as whoever holds this link acts."""
    owner = link.consent.voice.owner
    return Actor.from_link(owner.pk, owner.full_name)


@transaction.atomic
def issue_manage_link(*, consent: Consent, actor: Actor, now: datetime) -> str:
    """A token by which the owner sees and withdraws a signed consent, any number of times.

    Raises:
        NotAllowedError: ``access.role_missing``.
        LinkError: ``link.nothing_to_manage`` before the signature.
    """
    role = require_owner_or_steward(consent.voice.owner, actor)
    if not consent.is_sealed:
        raise LinkError(
            "link.nothing_to_manage", "This consent is not signed yet.", "Send a link for signing instead."
        )
    token = create_link(consent, ConsentLink.Purpose.MANAGE, consent.valid_until + MANAGE_AFTERLIFE, now)
    record_event(
        action="consent.manage_link_issued", actor=actor, role=role, subject=consent, payload={}, now=now
    )
    return token


def use_link(link: ConsentLink, now: datetime) -> None:
    """Use a signing link up. Of two people using one link at once, one gets past here.

    Raises:
        LinkError: ``link.revoked``, ``link.used``, ``link.expired``, ``link.wrong_purpose``.
    """
    if link.purpose != ConsentLink.Purpose.SIGN:
        raise LinkError(
            "link.wrong_purpose",
            "This link is for seeing and withdrawing, not for signing.",
            "Ask the voice steward for a link to sign by.",
        )
    usable = ConsentLink.objects.filter(pk=link.pk, used_at=None, revoked_at=None, expires_at__gt=now)
    if not usable.update(used_at=now):
        link.refresh_from_db(fields=["used_at", "revoked_at", "expires_at"])
        _require_usable(link, now)
    link.used_at = now


def revoke_signing_links(consent: Consent, now: datetime) -> None:
    consent.links.filter(purpose=ConsentLink.Purpose.SIGN, used_at=None, revoked_at=None).update(
        revoked_at=now
    )


def _require_usable(link: ConsentLink, now: datetime) -> None:
    again = "Ask the voice steward for a new link."
    if link.revoked_at:
        raise LinkError("link.revoked", "This link was called back.", again)
    if link.used_at:
        raise LinkError(
            "link.used",
            "This link was used to sign or to decline.",
            "Use the link you got then.",
        )
    if link.expires_at <= now:
        raise LinkError("link.expired", "This link has expired.", again)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
