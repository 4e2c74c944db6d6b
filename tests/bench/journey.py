"""The main job with the ready demo voice: how long it takes, and what governing costs beside speaking."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from portal import services
from tests.bench.figures import Figure

# Parts of a worker's time on a line that are models at work: the engine, the recogniser and both encoders.
MODEL_PARTS = ("speaking_s", "listening_s")


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="vivavoce-journey-") as folder:
        command = [sys.executable, "manage.py"]
        subprocess.run([*command, "migrate", "--verbosity", "0"], cwd=services.PROJECT_DIR, check=True)
        subprocess.run(
            [*command, "journey", "--out", folder],
            cwd=services.PROJECT_DIR,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        facts = json.loads((Path(folder) / "journey.json").read_text())
    lines = facts["lines"]
    whole = sum(line["worker_s"] for line in lines)
    speaking = sum(line["times"]["speaking_s"] for line in lines)
    models = sum(line["times"][part] for line in lines for part in MODEL_PARTS)
    yield Figure("journey.wall_s", facts["wall_s"], "s", goal=60, note="ready voice, three lines")
    yield Figure(
        "journey.outside_model_share",
        (whole - models) / speaking,
        "",
        goal=0.15,
        note="permit, unlock, mark, encode, encrypt, record, against the engine's speaking time",
    )
    yield Figure(
        "journey.outside_engine_share",
        (whole - speaking) / speaking,
        "",
        note="the same with recogniser and speaker encoders counted as outside",
    )
