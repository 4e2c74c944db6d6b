"""The event log: what happened, in an order that nobody can change afterwards.

An event is written to an inbox in the transaction of the change that it tells of. One sequencer at a
time gives the visible inbox rows dense numbers, makes them leaves of an RFC 6962 Merkle tree and signs
a checkpoint over its size and root.
"""

from audit.log.recording import record_event

__all__ = ["record_event"]
