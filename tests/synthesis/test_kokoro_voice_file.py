"""A learnt voice as bytes: what goes in comes out, and nothing else is taken for one."""

import json

import pytest
import torch
from safetensors.torch import save

from synthesis.engines.base import SpeechError
from synthesis.engines.kokoro.voice_file import FORMAT, Voice, decode, encode


def voice() -> Voice:
    generator = torch.Generator().manual_seed(0)

    def tensor(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator).half().float()

    changes = {
        "encode.conv1.weight.up": tensor(6, 2),
        "encode.conv1.weight.down": tensor(2, 12),
        "b": tensor(4),
    }
    return Voice(tensor(1, 256), tensor(1, 128), tensor(3), 1.125, changes, {"base": "af_heart"})


def test_a_voice_survives_its_bytes():
    before = voice()
    after = decode(encode(before))

    torch.testing.assert_close(after.style, before.style)
    torch.testing.assert_close(after.source_style, before.source_style)
    torch.testing.assert_close(after.pitch_map, before.pitch_map)
    assert after.speed == before.speed
    assert after.facts == before.facts
    assert after.changes.keys() == before.changes.keys()


def test_a_change_is_added_to_the_stock_weights():
    stock = {"encode.conv1.weight": torch.ones(6, 4, 3), "b": torch.zeros(4), "untouched": torch.ones(1)}

    merged = voice().merge(stock)

    changes = voice().changes
    product = changes["encode.conv1.weight.up"] @ changes["encode.conv1.weight.down"]
    torch.testing.assert_close(merged["encode.conv1.weight"], 1 + product.view(6, 4, 3))
    torch.testing.assert_close(merged["b"], changes["b"])
    assert merged["untouched"] is stock["untouched"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a voice",
        bytes(64),
        encode(voice())[:200],
        encode(voice())[:-5],
        save({"style": torch.zeros(1)}, {"format": "another", "version": "1", "facts": "{}"}),
        save({"style": torch.zeros(1)}, {"format": FORMAT, "version": "999", "facts": "{}"}),
        save({"other": torch.zeros(1)}, {"format": FORMAT, "version": "1", "facts": json.dumps({})}),
        save({"style": torch.zeros(1)}),
    ],
)
def test_bytes_that_are_no_voice_of_this_engine_are_refused(data):
    with pytest.raises(SpeechError) as refusal:
        decode(data)

    assert refusal.value.code == "engine.model_unreadable"
