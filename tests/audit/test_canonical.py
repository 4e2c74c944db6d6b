import json
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from audit.errors import VerificationError
from audit.merkle import verify
from audit.merkle.canonical import canonical_bytes, parse_canonical, sha256_hex

SAFE_INTEGER = 2**53 - 1

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-SAFE_INTEGER, SAFE_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)

# Appendix B of RFC 8785.
NUMBERS = {
    0x0000000000000000: "0",
    0x8000000000000000: "0",
    0x0000000000000001: "5e-324",
    0x8000000000000001: "-5e-324",
    0x7FEFFFFFFFFFFFFF: "1.7976931348623157e+308",
    0x4340000000000000: "9007199254740992",
    0x4430000000000000: "295147905179352830000",
    0x44B52D02C7E14AF5: "9.999999999999997e+22",
    0x44B52D02C7E14AF6: "1e+23",
    0x444B1AE4D6E2EF4E: "999999999999999700000",
    0x444B1AE4D6E2EF50: "1e+21",
    0x3EB0C6F7A0B5ED8C: "9.999999999999997e-7",
    0x3EB0C6F7A0B5ED8D: "0.000001",
    0x41B3DE4355555553: "333333333.3333332",
    0xBECBF647612F3696: "-0.0000033333333333333333",
    0x43143FF3C1CB0959: "1424953923781206.2",
}


def from_bits(bits: int) -> float:
    return struct.unpack(">d", bits.to_bytes(8, "big"))[0]


@pytest.mark.parametrize("bits", NUMBERS)
def test_numbers_are_written_as_the_rfc_says(bits: int) -> None:
    assert canonical_bytes(from_bits(bits)).decode() == NUMBERS[bits]
    assert verify.ecmascript_number(from_bits(bits)) == NUMBERS[bits]


def test_keys_are_sorted_by_utf16_code_units() -> None:
    """Section 3.2.3's example: an emoji comes before U+FB33, whose code point is lower."""
    record = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    expected = '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}'
    assert canonical_bytes(record).decode() == expected
    assert verify.canonical(record) == expected


@given(values)
@example([2.0**53, -1e20])
@example({"\x7f\u2028\x1f": -0.0, "": [[], {}]})
def test_both_implementations_agree_and_read_back(value: object) -> None:
    data = canonical_bytes(value)
    assert verify.canonical(value).encode() == data
    assert parse_canonical(data) == verify.parse_canonical(data) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":1,"a":1}',
        b'{"a":1}\n',
        b"1.0",
        b"1e2",
        b"-0",
        b"NaN",
        b"[Infinity]",
        b"1.50",
        b"[1.5e0]",
        b"1e+5",
        b"1e999",
        b"9007199254740993",
        b"1" * 400,
        b'"\\u00e9"',
        b'"\\ud800"',
        b'"\xff"',
        b'"\\/"',
        b"[" * 100_000,
    ],
)
def test_other_forms_of_json_are_refused(data: bytes) -> None:
    with pytest.raises(VerificationError) as caught:
        parse_canonical(data)
    assert caught.value.code == "record.not_canonical"
    with pytest.raises(ValueError, match="canonical"):
        verify.parse_canonical(data)


def test_digest_is_of_the_bytes() -> None:
    assert sha256_hex(canonical_bytes(json.loads("{}"))) == (
        "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    )
