"""The event log: what happened, in an order that nobody can change afterwards.

An event is written to an inbox in the transaction of the change that it tells of. One sequencer at a
time gives the visible inbox rows dense numbers, makes them leaves of an RFC 6962 Merkle tree and signs
a checkpoint over its size and root.
"""

from audit.log.invariants import register_invariant
from audit.log.proofs import latest_checkpoint
from audit.log.queries import events_about, subjects_with
from audit.log.recording import erase_personal_data, record_event
from audit.log.replay import replay_log
from audit.log.sequencer import integrate_pending

__all__ = [
    "erase_personal_data",
    "events_about",
    "integrate_pending",
    "latest_checkpoint",
    "record_event",
    "register_invariant",
    "replay_log",
    "subjects_with",
]
