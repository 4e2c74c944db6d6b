"""The process that touches a stranger's audio: bytes in on stdin, canonical FLAC out on stdout, nothing else.

`consent.intake.sandbox` runs it as a loose script (`python -I decode.py`); it imports nothing of the project.
libsndfile and mpg123 have had memory errors; whatever one of them leads to happens in here, with

* memory, CPU seconds and file size capped (setrlimit; the parent adds a wall clock and kills);
* no new file descriptor: after the libraries are loaded, RLIMIT_NOFILE is 0, so that no file, no socket and
  no pipe can be opened, whoever runs this;
* where it runs as root also a network namespace of its own without any interface, and then the user nobody,
  without any capability to raise a limit again; an ordinary user cannot raise them either;
* an empty environment: no secret is in reach.

There is no system call filter: code that took over this process could still burn its CPU seconds and write to
the pipe it was given. The parent takes nothing but the bounded answer described below, and reads it as data.

The answer is one line of JSON, then FLAC bytes where the line says ``"ok": true``:

    {"ok": true, "sample_rate", "channels", "seconds", "loudness_lufs", "clipping_share"}
    {"ok": false, "code": "audio.…", …figures that explain it}

Canonical audio: FLAC, 24,000 Hz, mono, 16 bit. Order of checks: container, declared size, decoding, level.
"""

import ctypes
import io
import json
import os
import resource
import struct
import sys
from typing import NoReturn

CANONICAL_RATE = 24_000
SHORTEST_S, LONGEST_S = 2.0, 120.0
SLOWEST_RATE, FASTEST_RATE = 8_000, 48_000
MOST_CHANNELS = 2
SILENT_PEAK = 0.001  # -60 dBFS
QUIET_LUFS = -45.0
CLIPPED_AT = 0.985  # of full scale
CLIPPED_RUN = 4  # samples in a row at the ceiling
CLIPPED_SHARE = 0.002
MPEG_SLACK_FRAMES = 4 * 1152  # encoder delay and padding that a decoder may leave out

MEMORY_BYTES = 1 << 30
CPU_SECONDS = 20
NOBODY = 65_534
CLONE_NEWNET = 0x40000000


def limit_resources() -> None:
    """Before anything large is loaded."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def shut_in() -> None:
    """After the libraries are loaded, before the first byte of input is looked at."""
    if os.geteuid() == 0:
        # A container may forbid it; the limit on descriptors below keeps the network out there, too.
        ctypes.CDLL(None).unshare(CLONE_NEWNET)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


class RefusedError(Exception):
    def __init__(self, code: str, **figures: object) -> None:
        super().__init__(code)
        self.answer = {"ok": False, "code": code, **figures}


def sniff(data: bytes) -> str:
    """The container by its first bytes: wav, flac, ogg or mp3. Names and declared types are not asked."""
    if data[:4] in (b"RIFF", b"RF64") and data[8:12] == b"WAVE":
        return "wav"
    if data[:4] == b"fLaC":
        return "flac"
    if data[:4] == b"OggS":
        return "ogg"
    if data[:3] == b"ID3" or (len(data) > 2 and data[0] == 0xFF and data[1] & 0xE6 == 0xE2):
        return "mp3"
    raise RefusedError("audio.not_audio")


def check_wav_size(data: bytes) -> None:
    """A data chunk that promises more than is there was cut off. Streams promise nothing (0 or all ones)."""
    position = 12
    while position + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, position)
        position += 8
        if name == b"data":
            if size not in (0, 0xFFFFFFFF) and data[:4] == b"RIFF" and size > len(data) - position:
                raise RefusedError("audio.truncated", missing_bytes=size - (len(data) - position))
            return
        position += size + size % 2
    raise RefusedError("audio.truncated")


def check_ogg_end(data: bytes) -> None:
    """An Ogg stream declares no length; one that was not cut off ends in a whole page marked as its last."""
    page = data.rfind(b"OggS")
    segments = data[page + 27 : page + 27 + data[page + 26]] if len(data) > page + 26 else b""
    if not data[page + 5] & 4 or page + 27 + len(segments) + sum(segments) > len(data):
        raise RefusedError("audio.truncated")


def check_declared(rate: int, channels: int, frames: int) -> None:
    """What the header says, before memory is spent on it."""
    if not SLOWEST_RATE <= rate <= FASTEST_RATE:
        raise RefusedError("audio.rate_not_supported", sample_rate=rate)
    if not 1 <= channels <= MOST_CHANNELS:
        raise RefusedError("audio.too_many_channels", channels=channels)
    if frames > LONGEST_S * rate:
        raise RefusedError("audio.too_long", seconds=round(frames / rate, 1))


def clipping_share(x) -> float:  # type: ignore[no-untyped-def]
    """Share of samples in runs of CLIPPED_RUN or more at the ceiling. x: float32 [frames, channels]."""
    import numpy as np

    clipped = 0
    for channel in np.abs(x).T:
        edges = np.flatnonzero(np.diff(np.concatenate(([0], (channel >= CLIPPED_AT).astype(np.int8), [0]))))
        runs = edges[1::2] - edges[::2]
        clipped += int(runs[runs >= CLIPPED_RUN].sum())
    return clipped / x.size


def integrated_loudness(x) -> float:  # type: ignore[no-untyped-def]
    """Loudness of mono x float32 [frames] at CANONICAL_RATE in LUFS after ITU-R BS.1770-4; -inf in silence.

    The K weighting's two biquads (parameters of De Man 2014) are applied as their frequency response, which
    needs numpy alone: loading scipy for them would take several times as long as decoding does.
    """
    import numpy as np

    size = 1 << (len(x) + CANONICAL_RATE).bit_length()
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(size))
    weighting = np.ones_like(z)
    for gain_db, q, corner in ((4.0, 2**-0.5, 1500.0), (None, 0.5, 38.0)):
        w = 2 * np.pi * corner / CANONICAL_RATE
        cos, alpha = np.cos(w), np.sin(w) / (2 * q)
        if gain_db is None:
            b = ((1 + cos) / 2, -(1 + cos), (1 + cos) / 2)
            a = (1 + alpha, -2 * cos, 1 - alpha)
        else:
            g = 10 ** (gain_db / 40)
            root = 2 * np.sqrt(g) * alpha
            b = (
                g * ((g + 1) + (g - 1) * cos + root),
                -2 * g * ((g - 1) + (g + 1) * cos),
                g * ((g + 1) + (g - 1) * cos - root),
            )
            a = (
                (g + 1) - (g - 1) * cos + root,
                2 * ((g - 1) - (g + 1) * cos),
                (g + 1) - (g - 1) * cos - root,
            )
        weighting *= (b[0] + b[1] * z + b[2] * z**2) / (a[0] + a[1] * z + a[2] * z**2)
    weighted = np.fft.irfft(np.fft.rfft(x, size) * weighting, size)[: len(x)]
    energy = np.concatenate(([0.0], np.cumsum(weighted**2)))
    block, step = round(0.4 * CANONICAL_RATE), round(0.1 * CANONICAL_RATE)
    starts = np.arange(0, len(x) - block + 1, step)
    power = np.maximum(energy[starts + block] - energy[starts], 0) / block
    power = power[power > 10 ** ((-70 + 0.691) / 10)]
    if not len(power):
        return -np.inf
    return float(10 * np.log10(power[power > power.mean() / 10].mean()) - 0.691)


def decode(data: bytes) -> tuple[dict[str, object], bytes]:
    """Figures and canonical FLAC of a recording, or RefusedError."""
    import numpy as np
    import soundfile
    import soxr

    container = sniff(data)
    if container == "wav":
        check_wav_size(data)
    if container == "ogg" and len(data) > 64:
        check_ogg_end(data)
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate, channels, declared = file.samplerate, file.channels, file.frames
            check_declared(rate, channels, declared)
            # One second more than allowed, so that a stream without a declared length shows being too long.
            x = file.read(int((LONGEST_S + 1) * rate), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        # libsndfile knows the container, yet cannot go on: the head is whole and the rest is not.
        code = "audio.truncated" if container != "mp3" and len(data) > 44 else "audio.not_audio"
        raise RefusedError(code) from error
    seconds = len(x) / rate
    slack = MPEG_SLACK_FRAMES if container == "mp3" else 0
    if len(x) + slack < declared:
        raise RefusedError("audio.truncated", seconds=round(seconds, 2), declared=round(declared / rate, 2))
    if seconds > LONGEST_S:
        raise RefusedError("audio.too_long", seconds=round(seconds, 1))
    if seconds < SHORTEST_S:
        raise RefusedError("audio.too_short", seconds=round(seconds, 2))
    if not np.isfinite(x).all():
        raise RefusedError("audio.not_audio")
    if np.abs(x).max() < SILENT_PEAK:
        raise RefusedError("audio.silent")
    clipped = clipping_share(x)
    if clipped > CLIPPED_SHARE:
        raise RefusedError("audio.clipped", clipping_share=round(clipped, 4))
    mono = soxr.resample(x.mean(axis=1), rate, CANONICAL_RATE)
    # Two channels in opposite phase cancel out, and a meter finds no block above its gate in near silence.
    loudness = integrated_loudness(mono)
    if loudness < QUIET_LUFS:
        raise RefusedError("audio.too_quiet", loudness_lufs=round(max(loudness, -99.0), 1))
    out = io.BytesIO()
    soundfile.write(out, np.clip(mono, -1, 1), CANONICAL_RATE, format="FLAC", subtype="PCM_16")
    figures = {
        "ok": True,
        "sample_rate": rate,
        "channels": channels,
        "seconds": len(mono) / CANONICAL_RATE,
        "loudness_lufs": loudness,
        "clipping_share": clipped,
    }
    return figures, out.getvalue()


def load_libraries() -> None:
    """Everything `decode` will import, and the parts that the libraries load on first use."""
    import numpy as np
    import soundfile
    import soxr

    tone = np.zeros(CANONICAL_RATE, dtype=np.float32)
    soxr.resample(tone, CANONICAL_RATE, CANONICAL_RATE // 2)
    integrated_loudness(tone)
    out = io.BytesIO()
    soundfile.write(out, tone, CANONICAL_RATE, format="FLAC", subtype="PCM_16")


def main() -> NoReturn:
    limit_resources()
    load_libraries()
    data = sys.stdin.buffer.read()
    shut_in()
    try:
        answer, flac = decode(data)
    except RefusedError as error:
        answer, flac = error.answer, b""
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + flac)
    sys.stdout.buffer.flush()
    # Interpreter shutdown may want descriptors that no longer exist.
    os._exit(0)


if __name__ == "__main__":
    main()
