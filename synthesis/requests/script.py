"""What may be a script: rules that need no database."""

import math
import unicodedata
from collections.abc import Sequence

from synthesis.errors import ScriptError
from synthesis.grants.verification import line_digest

MAX_LINES = 5_000
MAX_LINE_CHARACTERS = 600
MAX_CHARACTERS = 20_000
CHARACTERS_PER_SECOND = 15
"""Reading speed of English prose aloud: about 150 words of six characters a minute."""

# Control (Cc), invisible format (Cf), surrogate (Cs), private (Co), line and paragraph separators (Zl, Zp):
# none can be spoken, and each can hide from a reviewer what is.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

__all__ = ["estimate_seconds", "line_digest", "normalise_script"]


def normalise_script(lines: Sequence[str]) -> tuple[str, ...]:
    """The lines in Unicode form NFC, without white space around them.

    Raises:
        ScriptError: ``script.empty``, ``script.too_many_lines``, ``script.too_long``,
            ``script.control_character``, ``script.line_too_long``, ``script.line_unspeakable``.
    """
    script = tuple(unicodedata.normalize("NFC", line).strip() for line in lines)
    if not any(script):
        raise ScriptError("script.empty", "The script has no words.", "Write at least one line.")
    if len(script) > MAX_LINES:
        raise ScriptError(
            "script.too_many_lines",
            f"The script has {len(script):,} lines; a request takes {MAX_LINES:,}.",
            "Split it over several requests.",
        )
    if (characters := sum(map(len, script))) > MAX_CHARACTERS:
        raise ScriptError(
            "script.too_long",
            f"The script has {characters:,} characters; a request takes {MAX_CHARACTERS:,}.",
            "Split it over several requests.",
        )
    for position, line in enumerate(script, start=1):
        _require_speakable(position, line)
    return script


def estimate_seconds(script: Sequence[str]) -> int:
    """About how long the script takes to say, in whole seconds, rounded up."""
    return math.ceil(sum(map(len, script)) / CHARACTERS_PER_SECOND)


def _require_speakable(position: int, line: str) -> None:
    if hidden := next((character for character in line if unicodedata.category(character) in _HIDDEN), None):
        raise ScriptError(
            "script.control_character",
            f"Line {position} holds the invisible character U+{ord(hidden):04X}.",
            "Delete it, or type the line again instead of pasting it.",
        )
    if len(line) > MAX_LINE_CHARACTERS:
        raise ScriptError(
            "script.line_too_long",
            f"Line {position} has {len(line):,} characters; a line takes {MAX_LINE_CHARACTERS}.",
            "Split it into several lines.",
        )
    if not any(character.isalnum() for character in line):
        raise ScriptError(
            "script.line_unspeakable",
            f"Line {position} has no letter or number to speak.",
            "Write words, or delete the line.",
        )
