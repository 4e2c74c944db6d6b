"""What XTTS v2 is, readable without loading any of it."""

from importlib.metadata import version

from synthesis.engines.base import EngineFacts

# zh-cn, ja and ko need romanisers that are not installed; they join the list when those do.
LANGUAGES = ("en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "hu", "hi")

FACTS = EngineFacts(
    name="xtts",
    version=f"2/coqui-tts-{version('coqui-tts')}",
    licence="Coqui Public Model License 1.0 (weights and outputs, non-commercial)",
    commercial_use=False,
    languages=LANGUAGES,
    sample_rate=24000,
    devices=("cuda", "cpu"),
    needs_transcript=False,
)
