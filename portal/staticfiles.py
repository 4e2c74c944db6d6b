"""Which files the portal serves: its own, and those of npm packages that its pages really load."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from typing import Any

from django.contrib.staticfiles.finders import AppDirectoriesFinder, FileSystemFinder
from django.core.files.storage import Storage

SERVED = (
    "css/bootstrap.min.css*",
    "js/bootstrap.bundle.min.js*",
    "htmx.min.js",
    "opsz.css",
    "files/*-opsz-*.woff2",
)


class PortalFinder(AppDirectoriesFinder):
    """The portal's own folder, and no other app's: none of their pages are shown."""

    def __init__(self) -> None:
        super().__init__(app_names=["portal"])


class PackageFinder(FileSystemFinder):
    """Of the npm packages in STATICFILES_DIRS, the files named by SERVED: packing all takes a minute."""

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Storage]]:
        listed: Iterable[tuple[str, Any]] = super().list(ignore_patterns)
        for path, storage in listed:
            if any(fnmatch(path, pattern) for pattern in SERVED):
                yield path, storage
