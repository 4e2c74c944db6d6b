"""Bad news from requests, grants and speech. Subclasses exist only where a caller acts differently."""

from audit.errors import VivaVoceError


class SynthesisError(VivaVoceError):
    """Bad input to this app, or an operation that the present state does not allow."""


class ScriptError(SynthesisError):
    """A script that cannot be spoken or reviewed as it is."""


class RefusedError(SynthesisError):
    """The worker was not permitted to speak or enrol. It unlocked nothing."""

    http_status = 403


class GrantError(RefusedError):
    """The grant does not hold, or does not permit what is about to be done."""


class SpeechFaultError(SynthesisError):
    """The speech came out, but not well enough to be released."""


class LeaseLostError(SynthesisError):
    """This worker's claim is over: the work was withdrawn, or another worker has it. Nothing is recorded."""
