"""Refusals of this app. Every code is listed where it is raised."""

from collections.abc import Iterable

from audit.errors import VerificationError, VivaVoceError


class ConsentError(VivaVoceError):
    """Bad input to, or a wrong moment for, an operation on owners, recordings, consents or links."""


class AudioError(ConsentError):
    """A recording that cannot be used (``audio.…``). Nothing of it is kept."""


class ScopeError(ConsentError):
    """A scope that does not make sense. ``fields`` names the fields at fault."""

    def __init__(self, code: str, message: str, remedy: str = "", *, fields: Iterable[str] = ()) -> None:
        super().__init__(code, message, remedy)
        self.fields = tuple(fields)


class VaultError(VerificationError):
    """The vault cannot give an object back: ``vault.destroyed``, ``vault.tampered``, ``vault.missing``."""


class LinkError(ConsentError):
    """An owner's link that leads nowhere any more (``link.…``)."""

    http_status = 410
