"""Bad news, in one shape everywhere: a stable code, what happened, what to do next."""


class VivaVoceError(Exception):
    """A refusal that a person or a client is told about.

    ``code`` is stable and dotted (``consent.scope.channel_not_allowed``), ``message`` says what
    happened, ``remedy`` what to do next. ``http_status`` is the answer's status on page and API.
    """

    http_status = 422

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        super().__init__(code, message, remedy)
        self.code = code
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return " ".join(part for part in (f"{self.code}:", self.message, self.remedy) if part)


class NotAllowedError(VivaVoceError):
    """You may see the thing, but not do this to it."""

    http_status = 403


class NotFoundError(VivaVoceError):
    """There is no such thing, or none that you may see."""

    http_status = 404


class ConflictError(VivaVoceError):
    """The thing is no longer what the caller took it for."""

    http_status = 409


class VerificationError(VivaVoceError):
    """A signature, digest or proof does not hold."""


class AuditError(VivaVoceError):
    """Bad input to this app."""
