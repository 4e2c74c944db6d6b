"""How codes and states read to people. One place, so that pages and reports say the same."""

from typing import NamedTuple

from consent import vocabulary


class State(NamedTuple):
    """``tone`` is good, live (under way), wait (somebody must act), bad or quiet; never colour alone."""

    label: str
    tone: str


STATES: dict[str, State] = {
    # requests
    "draft": State("Draft", "quiet"),
    "submitted": State("Submitted", "wait"),
    "in_review": State("In review", "wait"),
    "changes_requested": State("Changes requested", "wait"),
    "approved": State("Approved", "live"),
    "rendering": State("Rendering", "live"),
    "ready": State("Ready", "good"),
    "rejected": State("Rejected", "bad"),
    "cancelled": State("Cancelled", "quiet"),
    "failed": State("Failed", "bad"),
    "withdrawn": State("Withdrawn", "bad"),
    "expired": State("Expired", "quiet"),
    # renders
    "queued": State("Queued", "wait"),
    "speaking": State("Speaking", "live"),
    "marking": State("Marking", "live"),
    "checking": State("Checking", "live"),
    "refused": State("Refused", "bad"),
    "destroyed": State("Destroyed", "quiet"),
    # consents
    "offered": State("Waiting for signature", "wait"),
    "declined": State("Declined", "bad"),
    "signed": State("Signed, not yet begun", "wait"),
    "active": State("Active", "good"),
    "suspended": State("Suspended", "wait"),
    "superseded": State("Replaced", "quiet"),
    # voices, recordings
    "none": State("Not learned yet", "quiet"),
    "enrolling": State("Learning", "live"),
    "frozen": State("Frozen", "bad"),
    "accepted": State("Accepted", "good"),
    "removed": State("Removed", "quiet"),
    # jobs
    "running": State("Working", "live"),
    "done": State("Done", "good"),
}

REFUSALS: dict[str, str] = {
    "grant.expired": "The permit to speak had run out before a worker got to it.",
    "grant.revoked": "The permit to speak was taken back.",
    "grant.script_changed": "The words no longer match what was approved.",
    "record.signature_invalid": "A signature does not hold. Nothing was spoken.",
    "consent.none_active": "The owner's consent is no longer in force.",
    "consent.not_active": "The owner's consent is no longer in force.",
    "consent.withdrawn": "The owner has withdrawn consent.",
    "freeze.everything": "All speaking is frozen.",
    "freeze.voice": "This voice is frozen.",
    "voice.frozen": "This voice is frozen.",
    "marking.not_detected": "The watermark could not be found again, so the clip was not released.",
    "check.similarity_low": "The clip does not sound enough like the owner to be released.",
    "check.words_differ": "What was spoken differs too much from the script.",
    "worker.lost": "The worker stopped too many times while it spoke this line.",
}

ACRONYMS = {"pdf": "PDF", "ai": "AI", "nist": "NIST"}

VOCABULARIES: dict[str, dict[str, str]] = {
    "purposes": vocabulary.PURPOSES,
    "channels": vocabulary.CHANNELS,
    "languages": vocabulary.LANGUAGES,
    "territories": vocabulary.TERRITORIES,
    "topics": {code: topic.label for code, topic in vocabulary.TOPICS.items()},
}


def state(status: str) -> State:
    return STATES.get(status) or State(sentence(status), "quiet")


def refusal(code: str) -> str:
    """A refusal code in plain words; an unknown one is spelled out, so that news is never swallowed."""
    return REFUSALS.get(code) or f"{sentence(code.rsplit('.', 1)[-1])}."


def action(name: str) -> str:
    return sentence(name.replace(".", " "))


def label(name: str, code: str) -> str:
    """A code of the vocabulary ``name`` in words; a code of an older vocabulary stays as it is."""
    return VOCABULARIES[name].get(code, code)


def sentence(code: str) -> str:
    words = [ACRONYMS.get(word, word) for word in code.replace("_", " ").replace(".", " ").split()]
    text = " ".join(words)
    return text[:1].upper() + text[1:]
