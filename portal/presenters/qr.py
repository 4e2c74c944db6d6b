"""QR codes as geometry, for a template to draw: the owner's phone opens the link that a steward shows."""

from dataclasses import dataclass

import segno


@dataclass(frozen=True, slots=True)
class QRCode:
    """A square of ``size`` modules with its quiet zone; ``path`` draws the dark ones, one unit a module."""

    size: int
    path: str


def qr_code(text: str) -> QRCode:
    quiet = 2
    rows = list(segno.make(text, error="m", micro=False).matrix)
    path = "".join(
        f"M{x + quiet} {y + quiet}h1v1h-1z"
        for y, row in enumerate(rows)
        for x, dark in enumerate(row)
        if dark
    )
    return QRCode(len(rows) + 2 * quiet, path)
