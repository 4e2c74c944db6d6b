"""Why a clip could not be marked. Every error here stops the release of the clip."""

from audit.errors import VivaVoceError


class MarkingError(VivaVoceError):
    """A clip cannot carry what a release requires; codes begin with ``marking.``."""
