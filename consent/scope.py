"""What an owner allows: the scope of a consent, in code, in words, and checked against a request.

A scope is stored and signed as JSON: codes of `consent.vocabulary` in sorted lists, seconds as integers,
times as RFC 3339 in UTC to the second.
"""

import dataclasses
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from consent.errors import ScopeError
from consent.vocabulary import CHANNELS, EU, EU_COUNTRIES, LANGUAGES, PURPOSES, TERRITORIES, TOPICS, WORLDWIDE

DISCLOSURES = {
    "none": "No spoken notice is needed.",
    "audible": "Every clip says aloud that the voice is synthetic.",
}
AFTER_END = {
    "destroy": "When this consent ends, my recordings, the voice model and every clip are destroyed.",
    "keep": "When this consent ends, my recordings and the voice model are destroyed. Clips are kept.",
}
MAX_NOTE_CHARACTERS = 500
MAX_TOPIC_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Scope:
    """Everything an owner decides on. Making one that does not make sense raises ScopeError.

    `forbidden_topics` are codes of TOPICS or words of the owner's own, matched as whole words.
    The consent holds from `valid_from` up to, and not including, `valid_until`.
    """

    purposes: tuple[str, ...]
    channels: tuple[str, ...]
    languages: tuple[str, ...]
    territories: tuple[str, ...]
    max_seconds_per_request: int
    max_seconds_total: int
    valid_from: datetime
    valid_until: datetime
    forbidden_topics: tuple[str, ...] = ()
    disclosure: str = "none"
    owner_approves_scripts: bool = False
    training_allowed: bool = False
    after_end: str = "destroy"
    compensation_note: str = ""

    def __post_init__(self) -> None:
        for name in ("purposes", "channels", "languages", "territories", "forbidden_topics"):
            object.__setattr__(self, name, tuple(sorted(set(getattr(self, name)))))
        for name in ("valid_from", "valid_until"):
            object.__setattr__(self, name, _whole_second(name, getattr(self, name)))
        _validate(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Scope":
        """The scope in stored or received JSON. Raises ScopeError `consent.scope.invalid`."""
        known = {field.name for field in dataclasses.fields(cls)}
        required = {field.name for field in dataclasses.fields(cls) if field.default is dataclasses.MISSING}
        if wrong := (data.keys() - known) | (required - data.keys()):
            raise _invalid(wrong, f"These fields are missing or unknown: {', '.join(sorted(wrong))}.")
        values = dict(data)
        for name in ("valid_from", "valid_until"):
            try:
                values[name] = datetime.fromisoformat(values[name])
            except (TypeError, ValueError):
                raise _invalid([name], f"{name} is not a time: {values[name]!r}.") from None
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        values = dataclasses.asdict(self)
        for name, value in values.items():
            if isinstance(value, tuple):
                values[name] = list(value)
            elif isinstance(value, datetime):
                values[name] = rfc3339(value)
        return values


@dataclass(frozen=True, slots=True)
class Clause:
    """One sentence of the scope, as the owner reads and signs it."""

    dimension: str
    title: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ScopeFinding:
    """Whether a request fits one dimension of the scope, with the clause that decides it."""

    dimension: str
    ok: bool
    code: str
    message: str
    clause: str


def rfc3339(moment: datetime) -> str:
    """A moment in UTC to the second, such as 2026-11-02T09:30:00Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def describe_scope(scope: Scope) -> list[Clause]:
    """The scope in plain words, clause by clause, in the order a person reads it."""
    topics = [TOPICS[code].label if code in TOPICS else f"“{code}”" for code in scope.forbidden_topics]
    return [
        Clause("purpose", "What for", f"My voice may be used for {_words(scope.purposes, PURPOSES)}."),
        Clause(
            "channel", "Where it is heard", f"It may be heard through {_words(scope.channels, CHANNELS)}."
        ),
        Clause("territory", "In which countries", _territory_sentence(scope)),
        Clause(
            "language",
            "In which languages",
            f"It may speak {_join(LANGUAGES[code] for code in scope.languages)}.",
        ),
        Clause(
            "topic",
            "What it never says",
            f"It may not speak about {_join(_lower_first(topic) for topic in topics)}."
            if topics
            else "I have named no forbidden topics.",
        ),
        Clause(
            "request_seconds",
            "How much at once",
            f"One request may hold at most {_duration(scope.max_seconds_per_request)} of speech.",
        ),
        Clause(
            "total_seconds",
            "How much in all",
            f"All requests together may hold at most {_duration(scope.max_seconds_total)} of speech.",
        ),
        Clause(
            "dates",
            "From when until when",
            f"This holds from {_day(scope.valid_from)} until {_day(scope.valid_until)} (UTC), "
            "unless I withdraw before.",
        ),
        Clause("disclosure", "Saying that it is synthetic", DISCLOSURES[scope.disclosure]),
        Clause(
            "scripts",
            "My say in each script",
            "No script may be spoken before I have approved it."
            if scope.owner_approves_scripts
            else "Scripts are approved by the organisation’s reviewers; I can see every one of them.",
        ),
        Clause(
            "training",
            "Training other systems",
            "Clips and recordings may be used to train other systems."
            if scope.training_allowed
            else "Nothing of my voice may be used to train other systems.",
        ),
        Clause("after_end", "When it ends", AFTER_END[scope.after_end]),
        Clause(
            "compensation",
            "What I get for it",
            scope.compensation_note or "No payment is agreed here.",
        ),
    ]


def check_scope(
    scope: Scope,
    *,
    purpose: str,
    channel: str,
    territory: str,
    language: str,
    seconds: float,
    seconds_used: float,
    text: str,
    now: datetime,
) -> list[ScopeFinding]:
    """Hold a request against the scope, one finding a dimension, allowed or not.

    `seconds` is the speech asked for, `seconds_used` what was spoken under this consent before.
    """
    clauses = {clause.dimension: clause.sentence for clause in describe_scope(scope)}
    topics = list(_topics_in(text, scope.forbidden_topics))
    left = max(0.0, scope.max_seconds_total - seconds_used)
    checks = [
        ("purpose", purpose in scope.purposes, "purpose_not_allowed",
         f"{PURPOSES.get(purpose, purpose)} is not among the purposes the owner allows."),
        ("channel", channel in scope.channels, "channel_not_allowed",
         f"{CHANNELS.get(channel, channel)} is not among the channels the owner allows."),
        ("territory", _covers_territory(scope.territories, territory), "territory_not_allowed",
         f"{TERRITORIES.get(territory, territory)} is outside the territories the owner allows."),
        ("language", _covers_language(scope.languages, language), "language_not_allowed",
         f"{LANGUAGES.get(language, language)} is not among the languages the owner allows."),
        ("topic", not topics, "topic_forbidden", f"The script names forbidden topics: {_join(topics)}."),
        ("request_seconds", seconds <= scope.max_seconds_per_request, "request_too_long",
         f"About {_duration(seconds)} of speech; a request has {_duration(scope.max_seconds_per_request)}."),
        ("total_seconds", seconds <= left, "total_used_up",
         f"About {_duration(seconds)} of speech; {_duration(left)} are left under this consent."),
        ("dates", scope.valid_from <= now < scope.valid_until, "outside_dates",
         f"The consent holds from {_day(scope.valid_from)} until {_day(scope.valid_until)}."),
    ]  # fmt: skip
    return [
        ScopeFinding(
            dimension=dimension,
            ok=ok,
            code="consent.scope.ok" if ok else f"consent.scope.{code}",
            message="Allowed." if ok else message,
            clause=clauses[dimension],
        )
        for dimension, ok, code, message in checks
    ]


def _validate(scope: Scope) -> None:
    vocabularies = {
        "purposes": PURPOSES,
        "channels": CHANNELS,
        "languages": LANGUAGES,
        "territories": TERRITORIES,
    }
    for name, vocabulary in vocabularies.items():
        codes = getattr(scope, name)
        if not codes:
            raise _invalid([name], f"At least one of the {name} must be chosen.")
        if unknown := set(codes) - vocabulary.keys():
            raise _invalid([name], f"Unknown {name}: {', '.join(sorted(unknown))}.")
    for topic in scope.forbidden_topics:
        if not topic.strip() or len(topic) > MAX_TOPIC_CHARACTERS or not topic.isprintable():
            raise _invalid(["forbidden_topics"], f"A topic is 1 to {MAX_TOPIC_CHARACTERS} plain characters.")
    for name in ("max_seconds_per_request", "max_seconds_total"):
        seconds = getattr(scope, name)
        if type(seconds) is not int or seconds < 1:
            raise _invalid([name], f"{name} must be a whole number of seconds, 1 or more.")
    if scope.max_seconds_per_request > scope.max_seconds_total:
        raise _invalid(
            ["max_seconds_per_request", "max_seconds_total"],
            "One request cannot hold more than all requests.",
        )
    if scope.valid_from >= scope.valid_until:
        raise _invalid(["valid_from", "valid_until"], "The consent would end before it begins.")
    for name, choices in (("disclosure", DISCLOSURES), ("after_end", AFTER_END)):
        if getattr(scope, name) not in choices:
            raise _invalid([name], f"{name} must be one of: {', '.join(choices)}.")
    for name in ("owner_approves_scripts", "training_allowed"):
        if type(getattr(scope, name)) is not bool:
            raise _invalid([name], f"{name} must be yes or no.")
    if len(scope.compensation_note) > MAX_NOTE_CHARACTERS:
        raise _invalid(["compensation_note"], f"The note may hold {MAX_NOTE_CHARACTERS} characters.")


def _invalid(fields: Iterable[str], message: str) -> ScopeError:
    return ScopeError(
        "consent.scope.invalid", message, "Correct the scope and try again.", fields=sorted(fields)
    )


def _whole_second(name: str, moment: datetime) -> datetime:
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise _invalid([name], f"{name} must be a time with its zone.")
    return moment.astimezone(UTC).replace(microsecond=0)


def _covers_territory(allowed: tuple[str, ...], asked: str) -> bool:
    if asked not in TERRITORIES:
        return False
    return asked in allowed or WORLDWIDE in allowed or (EU in allowed and asked in EU_COUNTRIES)


def _covers_language(allowed: tuple[str, ...], asked: str) -> bool:
    """`en` allows every English; `en-GB` allows only itself (RFC 4647 basic filtering)."""
    return asked in LANGUAGES and any(asked == code or asked.startswith(f"{code}-") for code in allowed)


def _topics_in(text: str, topics: Iterable[str]) -> Iterable[str]:
    """What of the forbidden topics a text names, matched as whole words in any case and width."""
    folded = _fold(text)
    for code in topics:
        words = TOPICS[code].words if code in TOPICS else (code,)
        found = [word for word in words if re.search(rf"(?<!\w){re.escape(_fold(word))}(?!\w)", folded)]
        if found:
            label = TOPICS[code].label if code in TOPICS else code
            yield f"{label} ({', '.join(found)})" if code in TOPICS else f"“{label}”"


def _fold(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _territory_sentence(scope: Scope) -> str:
    if WORLDWIDE in scope.territories:
        return "It may be heard anywhere in the world."
    names = ("the European Union" if code == EU else TERRITORIES[code] for code in scope.territories)
    return f"It may be heard in {_join(names)}."


def _words(codes: Iterable[str], labels: Mapping[str, str]) -> str:
    return _join(_lower_first(labels[code]) for code in codes)


def _join(words: Iterable[str]) -> str:
    words = list(words)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def _lower_first(label: str) -> str:
    return label[:1].lower() + label[1:]


def _duration(seconds: float) -> str:
    """`45 seconds`, `2 minutes`, `1 hour 30 minutes`: nothing smaller than a second is promised."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    parts = [
        f"{count} {unit}{'' if count == 1 else 's'}"
        for count, unit in ((hours, "hour"), (minutes, "minute"), (left, "second"))
        if count
    ]
    return " ".join(parts) or "0 seconds"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y, %H:%M}"
