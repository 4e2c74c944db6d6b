"""Canonical JSON (RFC 8785): one value, one sequence of bytes.

Object keys sorted by UTF-16 code units, no white space, ECMAScript numbers, UTF-8. Integers stay
within ±(2^53 - 1). What is hashed or signed anywhere in this project is hashed or signed in this form.
"""

import hashlib
import json
from decimal import Decimal
from typing import Any

import rfc8785

from audit.errors import VerificationError

SAFE_INTEGER = 2**53 - 1

_plain = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, default=str
)


def canonical_bytes(value: Any) -> bytes:
    """``value`` (JSON values only) as canonical JSON.

    Raises:
        ValueError: something in ``value`` has no canonical form (another type, NaN, a lone surrogate).
    """
    return rfc8785.dumps(value)


def parse_canonical(data: bytes) -> Any:
    """The value that ``data`` is the canonical form of.

    Raises:
        VerificationError: ``record.not_canonical``.
    """
    try:
        if data.isascii():
            # Nearly every event: in ASCII and without fractions, json's own compact form is the RFC's, and
            # several times as fast. A fraction becomes a Decimal, which never comes out as it went in.
            value = json.loads(data, parse_int=_number, parse_float=Decimal)
            if _plain.encode(value).encode() == data:
                return value
        value = json.loads(data, parse_int=_number)
        if canonical_bytes(value) == data:
            return value
    except (ValueError, RecursionError):
        pass
    raise VerificationError("record.not_canonical", "The bytes are not canonical JSON (RFC 8785).")


def _number(digits: str) -> int | float:
    """JSON has one kind of number: beyond 2^53 the digits can only be those of a double."""
    value = int(digits)
    return value if abs(value) <= SAFE_INTEGER else float(digits)


def sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
