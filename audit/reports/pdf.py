"""HTML to PDF by WeasyPrint, with nothing fetched from anywhere.

The only addresses that a document may name are `font:<file>`: fonts of the front end, read from disk.
The variant is PDF/A-3b, which allows files inside; no validator has confirmed the conformance.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from django.conf import settings
from weasyprint import HTML
from weasyprint import Attachment as PDFAttachment
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from audit.reports.sections import Attachment

VARIANT = "pdf/a-3b"
FONT_FOLDERS = ("@fontsource-variable/inter/files", "@fontsource-variable/source-serif-4/files")
# A family for each file, because the typesetter knows no unicode-range: a style sheet names both.
FAMILIES = {
    "inter-latin-wght-normal.woff2": "Inter Latin",
    "inter-latin-ext-wght-normal.woff2": "Inter Latin Ext",
    "source-serif-4-latin-wght-normal.woff2": "Source Serif Latin",
    "source-serif-4-latin-ext-wght-normal.woff2": "Source Serif Latin Ext",
}


@dataclass(frozen=True)
class PDF:
    data: bytes
    pages: int


class FontsOnly(URLFetcher):
    """Serves our own font files and refuses every other address."""

    def fetch(self, url: str, headers: dict[str, str] | None = None) -> URLFetcherResponse:
        scheme, _, name = url.partition(":")
        if scheme != "font" or name not in available_fonts():
            raise FatalURLFetchingError(f"A report may fetch nothing, yet it names {url!r}.")
        return URLFetcherResponse(url, available_fonts()[name].read_bytes(), {"Content-Type": "font/woff2"})


@cache
def available_fonts() -> dict[str, Path]:
    """The fonts that are installed; without them a report is set in the system's sans-serif."""
    folders = [Path(settings.NODE_MODULES) / folder for folder in FONT_FOLDERS]
    return {name: folder / name for folder in folders for name in FAMILIES if (folder / name).is_file()}


def font_faces() -> list[tuple[str, str]]:
    """Family and file of each installed font, for a document's @font-face rules."""
    return [(FAMILIES[name], name) for name in available_fonts()]


def write_pdf(html: str, *, attachments: Sequence[Attachment], now: datetime, identifier: str) -> PDF:
    """Sets `html`. The same HTML, attachments, time and identifier give the same document."""
    fetcher = FontsOnly()
    files = [
        PDFAttachment(
            string=file.data,
            name=file.name,
            description=file.description,
            created=now,
            modified=now,
            relationship="Data",
            url_fetcher=fetcher,
        )
        for file in attachments
    ]
    options = {"pdf_variant": VARIANT, "pdf_tags": True}
    with fonts_dated(now), warnings.catch_warnings():
        # WeasyPrint 70 leaves the file of its colour profile for the garbage collector to close.
        warnings.simplefilter("ignore", ResourceWarning)
        document = HTML(string=html, url_fetcher=fetcher).render(font_config=FontConfiguration(), **options)
        data = document.write_pdf(
            attachments=files,
            pdf_identifier=hashlib.sha256(identifier.encode()).digest()[:16],
            **options,
        )
    return PDF(data, len(document.pages))


@contextlib.contextmanager
def fonts_dated(moment: datetime) -> Iterator[None]:
    """fontTools dates every embedded font with the time of day, unless this variable tells it another."""
    before = os.environ.get("SOURCE_DATE_EPOCH")
    os.environ["SOURCE_DATE_EPOCH"] = str(int(moment.timestamp()))
    try:
        yield
    finally:
        if before is None:
            del os.environ["SOURCE_DATE_EPOCH"]
        else:
            os.environ["SOURCE_DATE_EPOCH"] = before
