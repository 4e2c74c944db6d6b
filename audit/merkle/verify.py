"""Check an evidence package: ``python verify.py evidence.zip --key log.vkey [--min-checkpoint N]``.

This file needs Python 3.11 and the package ``cryptography``, nothing else of the system that made the
evidence. Trust it as far as you have read it, and get ``log.vkey`` another way than with the evidence.

1. Every file is the one that manifest.json lists: none missing, added, renamed or edited.
2. log/checkpoint.txt is signed by the key given (C2SP signed note and checkpoint).
3. The lines of log/leaves.jsonl are the leaves of the tree that was signed (RFC 6962); if not, the first
   broken one is named with the help of log/hashes.txt, the list of leaf hashes.
4. Each leaf is one event in canonical JSON (RFC 8785).
5. Every key in keys/ was announced by a ``key.created`` event of the log.
6. manifest.json and each record under records/ is signed by such a key, made for that purpose, and the
   record's SHA-256 stands in an event of the log.

Exit status 0: all of this holds. 1: something is broken; each fault is one line. 2: wrong usage, or a
file that cannot be read at all. What no such check can show: that an event was written of everything
that happened, and that this is the newest checkpoint (compare it with one you have; see --min-checkpoint).
"""

import argparse
import base64
import hashlib
import json
import re
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

MANIFEST = "manifest.json"
MANIFEST_SIGNATURE = "manifest.sig.json"
CHECKPOINT = "log/checkpoint.txt"
LEAVES = "log/leaves.jsonl"
HASHES = "log/hashes.txt"
RECORD = re.compile(r"records/([a-z]+)/([^/]+)\.json")
DIGEST = re.compile(r"[0-9a-f]{64}")
SIGNATURE_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+=*)\n")


class UnreadableError(Exception):
    """The input is not something that could be judged."""


class BrokenError(Exception):
    """A check failed; the text says which."""


@dataclass(frozen=True)
class VerifierKey:
    """The log's name, the hash that its signatures begin with, and its public key."""

    name: str
    key_hash: bytes
    public_key: Ed25519PublicKey


@dataclass(frozen=True)
class SignedHead:
    origin: str
    size: int
    root: bytes


@dataclass
class Announced:
    """What the log's events say: keys by id as (purpose, SHA-256), and all digests that occur."""

    keys: dict[str, tuple[str, str]] = field(default_factory=dict)
    digests: set[str] = field(default_factory=set)


@dataclass
class Outcome:
    faults: list[str] = field(default_factory=list)
    files: int = 0
    records: int = 0
    head: SignedHead | None = None


def verify(bundle: Path, vkey: str, min_checkpoint: int = 0) -> Outcome:
    """Run every check and go on after a fault as far as there is something to check.

    Raises:
        UnreadableError: the key or the package as a whole cannot be read.
    """
    key = parse_vkey(vkey)
    outcome = Outcome()
    files = read_zip(bundle, outcome.faults)
    outcome.files = len(files)
    manifest = check_manifest(files, outcome.faults)
    try:
        outcome.head = open_checkpoint(files, key)
        check_head(outcome.head, manifest, min_checkpoint)
    except BrokenError as error:
        outcome.faults.append(str(error))
    leaves = lines_of(files, LEAVES)
    if outcome.head:
        outcome.faults.extend(check_leaves(leaves, lines_of(files, HASHES), outcome.head))
    announced = read_events(leaves, outcome.faults)
    keys = check_keys(files, announced, outcome.faults)
    outcome.records = check_signatures(files, keys, announced, outcome.faults)
    return outcome


# -- 1. the files ------------------------------------------------------------------------------------
def read_zip(path: Path, faults: list[str]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.filename in files:
                    faults.append(f"{member.filename} is in the package twice.")
                try:
                    files[member.filename] = archive.read(member)
                except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError):
                    faults.append(f"{member.filename} is damaged and cannot be read.")
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise UnreadableError(f"{path} is not a readable ZIP file ({error}).") from error
    return files


def check_manifest(files: dict[str, bytes], faults: list[str]) -> dict[str, Any]:
    """The manifest, or an empty one where it cannot be used; each file that differs is a fault."""
    if MANIFEST not in files:
        faults.append(f"{MANIFEST} is missing.")
        return {}
    try:
        manifest = parse_canonical(files[MANIFEST])
        if (manifest["type"], manifest["version"]) != ("evidence-manifest", 1):
            raise ValueError
        listed = {entry["path"]: (entry["sha256"], entry["size"]) for entry in manifest["files"]}
    except (ValueError, KeyError, TypeError):
        faults.append(f"{MANIFEST} is not an evidence manifest of version 1.")
        return {}
    present = {
        path: (sha256(data), len(data))
        for path, data in files.items()
        if path not in (MANIFEST, MANIFEST_SIGNATURE)
    }
    extra = present.keys() - listed.keys()
    renamed = {present[path]: path for path in sorted(extra)}
    for path in sorted(listed):
        if path not in present:
            if new_name := renamed.get(listed[path]):
                faults.append(f"{path} was renamed to {new_name}.")
                extra.discard(new_name)
            else:
                faults.append(f"{path} is missing.")
        elif present[path] != listed[path]:
            faults.append(f"{path} was edited: it is not the file that the manifest lists.")
    faults.extend(f"{path} was added: the manifest does not list it." for path in sorted(extra))
    return dict(manifest)


# -- 2. the checkpoint -------------------------------------------------------------------------------
def parse_vkey(text: str) -> VerifierKey:
    try:
        name, key_hash, encoded = text.strip().split("+", 2)
        decoded = base64.b64decode(encoded, validate=True)
        if decoded[:1] != b"\x01" or len(decoded) != 33:
            raise ValueError
        expected = hashlib.sha256(name.encode() + b"\n" + decoded).digest()[:4]
        if expected.hex() != key_hash:
            raise ValueError
        return VerifierKey(name, expected, Ed25519PublicKey.from_public_bytes(decoded[1:]))
    except ValueError:
        raise UnreadableError("The key is not an Ed25519 verifier key (one line, name+hash+key).") from None


def open_checkpoint(files: dict[str, bytes], key: VerifierKey) -> SignedHead:
    """The signed head of the log. Raises BrokenError."""
    if CHECKPOINT not in files:
        raise BrokenError(f"{CHECKPOINT} is missing.")
    try:
        text, separator, block = files[CHECKPOINT].decode().rpartition("\n\n")
        text += "\n"
        signatures = [(name, base64.b64decode(value)) for name, value in SIGNATURE_LINE.findall(block)]
        origin, size, root, end = text.split("\n")
        head = SignedHead(origin, int(size), base64.b64decode(root, validate=True))
        if not separator or end or str(head.size) != size or len(head.root) != 32:
            raise ValueError
    except ValueError:
        raise BrokenError(f"{CHECKPOINT} is not a signed checkpoint.") from None
    signature = next(
        (value[4:] for name, value in signatures if (name, value[:4]) == (key.name, key.key_hash)), None
    )
    if signature is None or origin != key.name:
        given = f"{key.name}+{key.key_hash.hex()}"
        raise BrokenError(f"{CHECKPOINT} (log {origin}) is not signed by the key given, {given}.")
    if not is_signed(key.public_key, signature, text.encode()):
        raise BrokenError(f"{CHECKPOINT}: the log's signature does not hold.")
    return head


def check_head(head: SignedHead, manifest: dict[str, Any], min_checkpoint: int) -> None:
    """Raises BrokenError."""
    if head.size < min_checkpoint:
        raise BrokenError(f"The log was signed at {head.size} events; you expect at least {min_checkpoint}.")
    if manifest:
        stated = {"origin": head.origin, "checkpoint": {"size": head.size, "root": head.root.hex()}}
        if {name: manifest.get(name) for name in stated} != stated:
            raise BrokenError(f"{MANIFEST} states another checkpoint than {CHECKPOINT}.")


# -- 3. the leaves -----------------------------------------------------------------------------------
def lines_of(files: dict[str, bytes], path: str) -> list[bytes]:
    return files.get(path, b"").split(b"\n")[:-1]


def check_leaves(leaves: list[bytes], hash_lines: list[bytes], head: SignedHead) -> Iterator[str]:
    """Nothing if the leaves are those signed, else the first broken one as far as it can be known."""
    found = [hashlib.sha256(b"\x00" + leaf).digest() for leaf in leaves]
    if len(found) == head.size and root_of(found) == head.root:
        if hash_lines != [value.hex().encode() for value in found]:
            yield f"{HASHES} does not list the hashes of the leaves."
        return
    try:
        signed = [bytes.fromhex(line.decode()) for line in hash_lines]
    except ValueError:
        signed = []
    if len(signed) == head.size and root_of(signed) == head.root:
        # The list is what was signed, so the first difference is the first broken leaf.
        first = next(
            (index for index, value in enumerate(found[: head.size]) if value != signed[index]),
            min(len(found), head.size),
        )
        if first == len(found):
            yield f"Leaf {first} is missing: the log ends after {first} of {head.size} signed events."
        elif first == head.size:
            yield f"Leaf {first} was added: only {head.size} events were signed."
        else:
            yield f"Leaf {first} is broken: it is not the event that was signed there."
        return
    yield (
        f"The {len(found)} leaves are not the {head.size} events that were signed, "
        f"and {HASHES} does not fit them either, so that the first broken leaf cannot be told."
    )


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """The Merkle tree hash of RFC 6962 section 2.1."""
    stack: list[bytes] = []
    for index, value in enumerate(leaf_hashes):
        while index & 1:
            value = hashlib.sha256(b"\x01" + stack.pop() + value).digest()
            index >>= 1
        stack.append(value)
    if not stack:
        return hashlib.sha256(b"").digest()
    root = stack.pop()
    while stack:
        root = hashlib.sha256(b"\x01" + stack.pop() + root).digest()
    return root


# -- 4. the events -----------------------------------------------------------------------------------
def read_events(leaves: list[bytes], faults: list[str]) -> Announced:
    announced = Announced()
    for index, leaf in enumerate(leaves):
        try:
            event = parse_canonical(leaf)
            if (event["type"], event["version"]) != ("event", 1):
                raise ValueError
            payload = event["payload"]
            if event["action"] == "key.created":
                stated = (payload["purpose"], payload["public_key_sha256"])
                announced.keys.setdefault(payload["key_id"], stated)
        except (ValueError, KeyError, TypeError):
            faults.append(f"Leaf {index} is not an event in canonical JSON.")
            break
        announced.digests.update(digests_in(payload))
    return announced


def digests_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if DIGEST.fullmatch(value):
            yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from digests_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from digests_in(part)


# -- 5. the keys -------------------------------------------------------------------------------------
def check_keys(
    files: dict[str, bytes], announced: Announced, faults: list[str]
) -> dict[str, Ed25519PublicKey]:
    """The keys of the package that the log has announced, by id."""
    keys: dict[str, Ed25519PublicKey] = {}
    for path in sorted(files):
        if not (path.startswith("keys/") and path.endswith(".pub")):
            continue
        key_id = path.removeprefix("keys/").removesuffix(".pub")
        try:
            key = load_pem_public_key(files[path])
        except ValueError:
            key = None
        if not isinstance(key, Ed25519PublicKey):
            faults.append(f"{path} is not an Ed25519 public key.")
        elif key_id not in announced.keys:
            faults.append(f"{path}: the log never announced this key.")
        elif announced.keys[key_id][1] != sha256(key.public_bytes_raw()):
            faults.append(f"{path} is not the key that the log announced under this name.")
        else:
            keys[key_id] = key
    return keys


# -- 6. manifest and records -------------------------------------------------------------------------
def check_signatures(
    files: dict[str, bytes],
    keys: dict[str, Ed25519PublicKey],
    announced: Announced,
    faults: list[str],
) -> int:
    """Return how many records were looked at."""
    if MANIFEST in files:
        faults.extend(check_signed(files, MANIFEST, "report", keys, announced))
    records = 0
    for path in sorted(files):
        match = RECORD.fullmatch(path)
        if not match:
            continue
        if path.endswith(".sig.json"):
            if path.removesuffix(".sig.json") + ".json" not in files:
                faults.append(f"{path} is a signature without a record.")
            continue
        records += 1
        faults.extend(check_signed(files, path, match[1], keys, announced))
        if sha256(files[path]) not in announced.digests:
            faults.append(f"{path}: no event of the log names this record's digest.")
    return records


def check_signed(
    files: dict[str, bytes],
    path: str,
    purpose: str,
    keys: dict[str, Ed25519PublicKey],
    announced: Announced,
) -> Iterator[str]:
    signature_path = path.removesuffix(".json") + ".sig.json"
    if signature_path not in files:
        yield f"{path} is not signed: {signature_path} is missing."
        return
    try:
        stated = json.loads(files[signature_path])
        key_id, signature = stated["key_id"], base64.b64decode(stated["signature"], validate=True)
        public_key = base64.b64decode(stated.get("public_key", ""), validate=True)
    except (ValueError, KeyError, TypeError, AttributeError):
        yield f"{signature_path} cannot be read."
        return
    if key_id not in keys:
        yield f"{path} is signed by key {key_id}, which is not among the announced keys of the package."
    elif announced.keys[key_id][0] != purpose:
        yield f"{path} is signed by key {key_id}, which is not for signing a {purpose}."
    elif not is_signed(keys[key_id], signature, files[path]):
        yield f"{path}: the signature by key {key_id} does not hold."
    elif public_key not in (b"", keys[key_id].public_bytes_raw()):
        yield f"{signature_path} shows another public key than {key_id}."


def is_signed(key: Ed25519PublicKey, signature: bytes, data: bytes) -> bool:
    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


# -- canonical JSON ----------------------------------------------------------------------------------
def parse_canonical(data: bytes) -> Any:
    """The value that ``data`` is the RFC 8785 form of. Raises ValueError."""
    try:
        value = json.loads(data, parse_int=json_number)
        if canonical(value).encode() == data:
            return value
    except (ValueError, RecursionError):
        pass
    raise ValueError("not canonical JSON")


def json_number(digits: str) -> int | float:
    """Beyond 2**53 the digits can only be those of a double."""
    value = int(digits)
    return value if abs(value) < 2**53 else float(digits)


def canonical(value: Any) -> str:
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(name)}:{canonical(member)}" for name, member in members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float):
        return ecmascript_number(value)
    return json.dumps(value, ensure_ascii=False)


def ecmascript_number(value: float) -> str:
    """Number::toString of ECMA-262: the shortest digits that read back as ``value``."""
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("not a number in JSON")
    if value == 0:
        return "0"
    sign, digit_tuple, exponent = Decimal(repr(value)).as_tuple()
    digits = "".join(map(str, digit_tuple))
    point = len(digits) + int(exponent)  # the decimal point stands after so many digits
    digits = digits.rstrip("0")
    if len(digits) <= point <= 21:
        text = digits.ljust(point, "0")
    elif 0 < point <= 21:
        text = f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        text = f"0.{'0' * -point}{digits}"
    else:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        text = f"{digits[0]}{fraction}e{point - 1:+d}"
    return f"-{text}" if sign else text


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check an evidence package against the log's public key.")
    parser.add_argument("bundle", type=Path, help="the evidence package, a ZIP file")
    parser.add_argument("--key", type=Path, required=True, help="log.vkey, the log's public key")
    parser.add_argument(
        "--min-checkpoint", type=int, default=0, metavar="N", help="refuse a log of fewer than N events"
    )
    options = parser.parse_args(arguments)
    try:
        outcome = verify(options.bundle, options.key.read_text(), options.min_checkpoint)
    except (UnreadableError, OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"UNREADABLE: {error}\n")
        return 2
    if outcome.faults or outcome.head is None:
        for fault in outcome.faults:
            sys.stdout.write(f"BROKEN: {fault}\n")
        return 1
    head = outcome.head
    sys.stdout.write(
        f"OK: {head.size} events signed by {head.origin}, root {head.root.hex()}; "
        f"{outcome.records} signed records and all {outcome.files} files are as the log says.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
