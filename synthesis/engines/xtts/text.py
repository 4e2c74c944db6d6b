"""Lines of text made fit for XTTS: cleaned of what trips it, and cut under its limits."""

import re
from collections.abc import Callable

# Quotation marks, above all after a question mark, make XTTS ramble.
_QUOTES = re.compile(r"[\"“”„‟«»‹›]|(?<!\w)['‘’‚]|['‘’‚](?!\w)")
# What nobody says; square brackets would even be read as control tokens ("[STOP]", "[de]").
_UNSPOKEN = re.compile(r"[\[\]{}<>|\\^~`*_#]")
_SPACE = re.compile(r"\s+")
# Where a line is best cut, best first: after a sentence, after a clause, between words.
_CUTS = tuple(
    re.compile(p) for p in (r"(?<=[.!?…])\s+|(?<=[。！？])", r"(?<=[,;:–—])\s+|(?<=[、，])", r"\s+")
)


def clean_text(text: str) -> str:
    """The line without quotation marks and control characters of the tokenizer, spaces collapsed."""
    return _SPACE.sub(" ", _UNSPOKEN.sub(" ", _QUOTES.sub("", text))).strip()


def split_text(text: str, fits: Callable[[str], bool]) -> list[str]:
    """``text`` in pieces that fit, cut at the best place nearest to the middle, so that none is very short.

    ``fits`` must hold for every single character.
    """
    text = text.strip()
    if fits(text):
        return [text]
    middle = len(text) // 2
    for cut in _CUTS:
        places = [match.end() for match in cut.finditer(text) if 0 < match.end() < len(text)]
        if places:
            middle = min(places, key=lambda place: abs(place - middle))
            break
    return split_text(text[:middle], fits) + split_text(text[middle:], fits)
