"""Text to phonemes for the embedded engine: nothing is lost or too long, the unspeakable is refused."""

import pytest

from synthesis.engines.base import SpeechError
from synthesis.engines.kokoro.network import MAX_PHONEMES
from synthesis.engines.kokoro.phonemes import phoneme_ids, split_text


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Dr. Smith paid $12.", "Doctor Smith paid twelve dollars."),
        ("It is 5 km away.", "It is five kilometers away."),
        ("The 3rd of May", "The third of May"),
        ("It rose by 7%.", "It rose by seven percent."),
    ],
)
def test_numbers_and_abbreviations_are_read_out(written, spoken):
    assert phoneme_ids(written) == phoneme_ids(spoken)


def test_a_short_line_is_one_piece():
    assert len(split_text("The ferry leaves at noon.")) == 1


def test_sentences_are_pieces_but_titles_do_not_end_one():
    pieces = split_text("Dr. Smith is in. Please ask J. Doe to wait! Is he here?")

    assert len(pieces) == 3


@pytest.mark.parametrize(
    "line",
    [
        "The engineers measured the bridge twice, and found the same result each time, " * 8,
        "the engineers measured the bridge twice and found the same result each time " * 8,
        "antidisestablishmentarianism" * 21,
        "word " * 120,
        "A. " * 200,
    ],
    ids=["clauses", "no punctuation", "one endless word", "short words", "initials"],
)
def test_a_long_line_is_split_under_the_models_limit_and_loses_nothing(line):
    pieces = split_text(line[:600])

    assert all(0 < len(piece.ids) <= MAX_PHONEMES for piece in pieces)
    assert sum(len(piece.ids) for piece in pieces) >= 0.9 * len(phoneme_ids(line[:600]))


@pytest.mark.parametrize("line", ["", "   ", "...", "?!", "—", "日本語", "🙂"])
def test_a_line_without_words_is_refused(line):
    with pytest.raises(SpeechError) as refusal:
        split_text(line)

    assert refusal.value.code == "engine.nothing_to_say"
