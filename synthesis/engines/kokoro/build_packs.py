"""Makes data/packs.npz again from the npm package kokoro-js.

    npm pack kokoro-js@1.2.1 && tar xzf kokoro-js-1.2.1.tgz
    python -m synthesis.engines.kokoro.build_packs package/voices

Every ``*.bin`` there holds 510 x 256 little-endian float32, one style a phoneme count (Apache-2.0, hexgrad).
Each voice reads one sentence for its embeddings and pitch; five minutes on one core.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from consent.hearing.speakers import embed_campp, embed_ge2e
from synthesis.engines.kokoro.network import SAMPLE_RATE, STYLE
from synthesis.engines.kokoro.packs import LENGTHS, PACKS_FILE
from synthesis.engines.kokoro.phonemes import phoneme_ids
from synthesis.engines.kokoro.weights import load_network

SENTENCE = "It is easy to tell the depth of a well, by the sound of a falling stone."


def build(folder: Path) -> None:
    network = load_network()
    ids = phoneme_ids(SENTENCE)
    files = sorted(folder.glob("*.bin"))
    table: dict[str, list[Any]] = {"styles": [], "ge2e": [], "campp": [], "pitch": []}
    for file in files:
        rows = np.fromfile(file, dtype="<f4").reshape(-1, 2 * STYLE)
        style = torch.from_numpy(rows[len(ids)])[None]
        with torch.inference_mode():
            text = network.read(ids)
            plan = network.plan(text, style[:, STYLE:])
            spoken = text.spoken.repeat_interleave(plan.durations, dim=2)
            noise = torch.Generator().manual_seed(0)
            excitation = network.decoder.generator.excite(plan.pitch, style[:, :STYLE], noise)
            wave = network.decoder(spoken, plan.pitch, plan.energy, style[:, :STYLE], excitation).numpy()
        table["styles"].append(rows[list(LENGTHS)].astype(np.float16))
        table["ge2e"].append(embed_ge2e(wave, SAMPLE_RATE).astype(np.float16))
        table["campp"].append(embed_campp(wave, SAMPLE_RATE).astype(np.float16))
        table["pitch"].append(float(plan.pitch[plan.pitch > 50].median()))
        print(file.stem, f"{table['pitch'][-1]:.0f} Hz", flush=True)  # noqa: T201 - a command for makers
    arrays: dict[str, Any] = {name: np.stack(values) for name, values in table.items()}
    np.savez_compressed(PACKS_FILE, names=[file.stem for file in files], **arrays)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
