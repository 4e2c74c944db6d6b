"""A learnt voice as bytes: a safetensors file of about 3 MB.

Metadata: ``format`` = "viva-voce/kokoro-adapted", ``version`` = "1", ``facts`` = JSON (base voice and what
was measured).
Tensors, all fp16: ``style`` [1, 256]; ``source_style`` [1, 128]; ``pitch_map`` [3] (median log pitch that the
style predicts, the speaker's spread as a share of the predicted, the speaker's median log pitch); ``speed``
[1]; for each adapted tensor of the decoder either ``<name>`` (its change) or ``<name>.up`` [out, rank] and
``<name>.down`` [rank, rest], whose product is its change.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import safetensors
import torch
from safetensors.torch import save
from torch import Tensor

from synthesis.engines.base import SpeechError

FORMAT = "viva-voce/kokoro-adapted"
VERSION = "1"


@dataclass(frozen=True)
class Voice:
    style: Tensor
    """``[1, 256]``: acoustic style, then prosody style."""
    source_style: Tensor
    """``[1, 128]``: the stock style that shapes the excitation, which is not learnt."""
    pitch_map: Tensor
    speed: float
    changes: dict[str, Tensor]
    """Additions to the decoder's parameters, in full or as ``.up`` and ``.down``."""
    facts: dict[str, Any]

    def merge(self, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The decoder's parameters with this voice's changes added."""
        merged: dict[str, Tensor] = dict(parameters)
        for name, change in self.changes.items():
            if name.endswith(".up"):
                target = name.removesuffix(".up")
                full = change.float() @ self.changes[f"{target}.down"].float()
                merged[target] = parameters[target] + full.view_as(parameters[target])
            elif not name.endswith(".down"):
                merged[name] = parameters[name] + change.float()
        return merged


def encode(voice: Voice) -> bytes:
    tensors = {
        "style": voice.style,
        "source_style": voice.source_style,
        "pitch_map": voice.pitch_map,
        "speed": torch.tensor([voice.speed]),
    }
    tensors |= voice.changes
    metadata = {"format": FORMAT, "version": VERSION, "facts": json.dumps(voice.facts, sort_keys=True)}
    return save({name: t.detach().half().contiguous() for name, t in tensors.items()}, metadata)


def decode(data: bytes) -> Voice:
    """Raises SpeechError ``engine.model_unreadable`` for bytes that are no voice of this engine."""
    try:
        metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
        if (metadata["format"], metadata["version"]) != (FORMAT, VERSION):
            raise KeyError("format")
        tensors = safetensors.torch.load(data)
        source = tensors.pop("source_style").float()
        style, pitch_map, speed = (tensors.pop(name).float() for name in ("style", "pitch_map", "speed"))
        facts = json.loads(metadata["facts"])
    except (ValueError, KeyError, safetensors.SafetensorError) as error:
        raise SpeechError(
            "engine.model_unreadable",
            "The voice model is damaged or was made by another engine.",
            "Enrol the voice again.",
        ) from error
    return Voice(style, source, pitch_map, float(speed), tensors, facts)
