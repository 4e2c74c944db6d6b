"""What the embedded engine is, readable without loading any of it."""

from synthesis.engines.base import EngineFacts

FACTS = EngineFacts(
    name="kokoro-adapted",
    version="1",
    licence="Apache License 2.0 (Kokoro-82M weights; what it speaks is yours)",
    commercial_use=True,
    languages=("en",),
    sample_rate=24_000,
    devices=("cpu",),
    needs_transcript=False,
)
