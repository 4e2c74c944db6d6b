"""Consents, from the first draft to the receipt. One operation per edge of Consent.TRANSITIONS."""

from consent.consents.ending import expire_consents, resume_consent, suspend_consent, withdraw_consent
from consent.consents.links import issue_manage_link, link_actor, open_link
from consent.consents.preparing import offer_consent, prepare_consent, recall_offer, revise_draft
from consent.consents.records import (
    AGREEMENTS,
    consented_recordings,
    open_receipt,
    record_file,
    verify_consent_record,
)
from consent.consents.signing import active_consent, decline_consent, sign_consent

__all__ = [
    "AGREEMENTS",
    "active_consent",
    "consented_recordings",
    "decline_consent",
    "expire_consents",
    "issue_manage_link",
    "link_actor",
    "offer_consent",
    "open_link",
    "open_receipt",
    "prepare_consent",
    "recall_offer",
    "record_file",
    "resume_consent",
    "revise_draft",
    "sign_consent",
    "suspend_consent",
    "verify_consent_record",
    "withdraw_consent",
]
