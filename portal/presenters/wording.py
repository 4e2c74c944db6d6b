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
    "replaced": State("Replaced", "quiet"),
    # reports
    "building": State("Being made", "live"),
}

REFUSALS: dict[str, str] = {
    # recordings
    "audio.too_little_speech": "There is too little speech in it.",
    "audio.two_speakers": "More than one person speaks.",
    # grants and what they stand on
    "grant.expired": "The permit to speak had run out before a worker got to it.",
    "grant.not_yet_valid": "The permit to speak was not valid yet.",
    "grant.revoked": "The permit to speak was taken back.",
    "grant.signature_invalid": "The permit's signature does not hold. Nothing was unlocked.",
    "grant.other_line": "The words are not the ones that were approved.",
    "grant.other_consent": "The permit belongs to another consent.",
    "grant.other_recording": "The permit names other recordings.",
    "grant.seconds_used_up": "What the owner allowed in seconds is used up.",
    "record.signature_invalid": "A signature does not hold. Nothing was spoken.",
    "consent.none_active": "The owner's consent is no longer in force.",
    "consent.replaced": "A newer consent has replaced the one this was approved under.",
    "consent.suspended": "The owner's consent is suspended.",
    "consent.withdrawn": "The owner has withdrawn consent.",
    "consent.expired": "The owner's consent has run out.",
    "voice.frozen": "This voice is frozen.",
    "voice.all_frozen": "All speaking is frozen.",
    "voice.not_ready": "No engine has learned this voice yet.",
    # what was spoken
    "speech.not_finite": "The engine gave no sound, but errors.",
    "speech.silent": "The engine stayed silent.",
    "speech.wrong_length": "What came out was far too short or too long for these words.",
    "speech.clipped": "The speech is distorted.",
    "speech.other_voice": "The clip does not sound enough like the owner to be released.",
    "speech.wrong_words": "What was spoken differs too much from the script.",
    "notice.not_available": "The spoken notice that the consent asks for cannot be given.",
    "marking.silent": "There was no sound to carry the watermark.",
    "marking.not_detectable": "The watermark could not be found again, so the clip was not released.",
    "worker.attempts_used_up": "Workers stopped too many times while they spoke this line.",
    "request.cancelled": "The request was cancelled.",
    "request.incomplete": "Not every line could be released.",
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


DIMENSIONS: dict[str, str] = {
    "purpose": "Purpose",
    "channel": "Channel",
    "territory": "Territory",
    "language": "Language",
    "topic": "Topics",
    "request_seconds": "Length of this request",
    "total_seconds": "Length in all",
    "dates": "Dates",
}


def dimension(name: str) -> str:
    return DIMENSIONS.get(name) or sentence(name)


def action(name: str) -> str:
    return sentence(name.replace(".", " "))


def label(name: str, code: str) -> str:
    """A code of the vocabulary ``name`` in words; a code of an older vocabulary stays as it is."""
    return VOCABULARIES[name].get(code, code)


def sentence(code: str) -> str:
    words = [ACRONYMS.get(word, word) for word in code.replace("_", " ").replace(".", " ").split()]
    text = " ".join(words)
    return text[:1].upper() + text[1:]
