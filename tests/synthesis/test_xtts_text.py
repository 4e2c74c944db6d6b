import pytest

from synthesis.engines.xtts.text import clean_text, split_text


@pytest.mark.parametrize(
    ("line", "cleaned"),
    [
        ("“Is it?” she asked.", "Is it? she asked."),
        ("'Well', it's the dogs' bowl.", "Well, it's the dogs bowl."),
        ("[STOP] go [de]", "STOP go de"),
        ("two  \n spaces", "two spaces"),
    ],
)
def test_what_trips_the_engine_is_taken_out(line, cleaned):
    assert clean_text(line) == cleaned


@pytest.mark.parametrize(
    "text", ["One. Two. Three. Four.", "a, b, c and d, e", "word " * 40, "x" * 95, "短い。文が。続く。" * 4]
)
def test_pieces_fit_and_lose_nothing(text):
    pieces = split_text(text, lambda piece: len(piece) <= 10)
    assert all(0 < len(piece) <= 10 for piece in pieces)
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")


def test_line_is_cut_between_sentences_before_clauses():
    text = "First, a short one. Then another, a little longer."
    assert split_text(text, lambda piece: len(piece) < 40) == [
        "First, a short one.",
        "Then another, a little longer.",
    ]
