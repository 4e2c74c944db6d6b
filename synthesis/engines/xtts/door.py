"""The only place that imports coqui-tts.

Hugging Face's switches are set to offline before its import. It needs torchaudio, whose PyPI build carries
CUDA libraries that a CPU torch cannot load: `make setup` deletes them, after which torchaudio is pure Python.
Reference audio is decoded and resampled by our own code, so torchcodec is never called.
"""

import os
import warnings
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"

import torch
from transformers import StoppingCriteria, StoppingCriteriaList

from synthesis.engines.base import EngineError

with warnings.catch_warnings():
    # Third-party syntax and deprecation warnings, on import only.
    warnings.simplefilter("ignore")
    try:
        from TTS.tts.configs.xtts_config import XttsConfig
        from TTS.tts.models.xtts import Xtts, _legacy_safe_globals
    except OSError as error:
        raise EngineError(
            "engine.not_installed",
            f"coqui-tts does not load here: {error}",
            "Run `make setup` again: it fits torchaudio to the installed torch.",
        ) from error

__all__ = ["StoppingCriteria", "StoppingCriteriaList", "load_model"]


class LocalXtts(Xtts):  # type: ignore[misc]
    """Xtts that never writes.

    Upstream saves a checkpoint of the original form, with a configuration object inside, back to disk in
    another: its digest would no longer be the registered one.
    """

    def _load_checkpoint(self, model_path: Path) -> dict[str, Any]:
        with _legacy_safe_globals():
            checkpoint = torch.load(model_path, map_location="cpu", weights_only=True)
        weights: dict[str, Any] = checkpoint["model"]
        return weights


def load_model(directory: Path, device: str) -> LocalXtts:
    """The model in ``directory`` (config.json, model.pth, vocab.json), ready to speak on ``device``."""
    config = XttsConfig()
    config.load_json(str(directory / "config.json"))
    model = LocalXtts(config)
    # The empty name keeps upstream from loading a speakers_xtts.pth that nobody registered.
    model.load_checkpoint(config, checkpoint_dir=str(directory), speaker_file_path="", eval=True)
    model.to(device)
    return model
