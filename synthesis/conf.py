"""This app's settings, each with its default.

Measured on the embedded engine: a line in the right voice scores about .69 with CAM++ and .88 with GE2E,
another speaker at most .55 and .70.
"""

from dataclasses import dataclass
from typing import Self

from django.conf import settings

# Purposes that engines with non-commercial weights may serve.
NON_COMMERCIAL_PURPOSES = frozenset({"research"})


@dataclass(frozen=True, slots=True)
class LineLimits:
    """What a spoken line must reach before it is released.

    Similarity is the cosine to the owner's recordings, judged from ``judged_from_s`` seconds of speech on:
    the encoders say nothing reliable about less. A line fails by its words when both the word error rate and
    the number of wrong words are over their limits, so that one misheard name in a short line does not stop
    it.
    """

    campp_min: float
    ge2e_min: float
    judged_from_s: float
    word_error_rate_max: float
    wrong_words_max: int

    @classmethod
    def from_settings(cls) -> Self:
        return cls(
            campp_min=getattr(settings, "LINE_CAMPP_MIN", 0.45),
            ge2e_min=getattr(settings, "LINE_GE2E_MIN", 0.70),
            judged_from_s=getattr(settings, "LINE_JUDGED_FROM_S", 2.0),
            word_error_rate_max=getattr(settings, "LINE_WORD_ERROR_RATE_MAX", 0.3),
            wrong_words_max=getattr(settings, "LINE_WRONG_WORDS_MAX", 2),
        )
