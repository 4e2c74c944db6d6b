"""Engines by name, one of each a process."""

from collections.abc import Callable
from functools import cache

from synthesis.engines.base import Engine, EngineError


def _kokoro() -> Engine:
    # Importing an engine imports torch, which only a worker that speaks should have to load.
    from synthesis.engines.kokoro.engine import KokoroEngine

    return KokoroEngine()


_makers: dict[str, Callable[[], Engine]] = {"kokoro-adapted": _kokoro}


def register_engine(name: str, make: Callable[[], Engine]) -> None:
    """Offer an engine that needs settings of its own, such as a folder of weights."""
    _makers[name] = make


def engine_names() -> tuple[str, ...]:
    return tuple(_makers)


@cache
def get_engine(name: str) -> Engine:
    """The engine of that name and no other. Raises EngineError ``engine.unknown``."""
    if name not in _makers:
        raise EngineError(
            "engine.unknown",
            f"No engine named {name!r} is set up on this worker.",
            f"Use one of {', '.join(_makers)}, or set the engine up.",
        )
    return _makers[name]()
