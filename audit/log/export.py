"""The log's part of an evidence package, in the form that ``audit.merkle.verify`` checks.

log/checkpoint.txt           the newest checkpoint, a C2SP signed note
log/leaves.jsonl             every leaf up to it, one a line, byte for byte
log/hashes.txt               their hashes in hex, one a line
keys/<key id>.pub            every public key that the log has announced, PEM
records/<kind>/<id>.json     a record as signed; its kind is the purpose of its key
records/<kind>/<id>.sig.json {"key_id", "signature": base64}
verify.py                    the verifier
manifest.json                canonical JSON {"type": "evidence-manifest", "version": 1, "origin",
                             "checkpoint": {"size", "root": hex},
                             "files": [{"path", "sha256", "size"}, …]}
manifest.sig.json            {"key_id", "signature": base64, "public_key": base64 of 32 raw bytes}
"""

import base64
import json
from collections.abc import Mapping
from pathlib import Path

from audit.keys import keyring
from audit.log.models import Checkpoint, Leaf, SigningKey
from audit.log.proofs import latest_checkpoint
from audit.log.sequencer import integrate_pending
from audit.merkle import verify
from audit.merkle.canonical import canonical_bytes, sha256_hex
from audit.signing import PublicKey

REPORT_PURPOSE = "report"
CHUNK = 5_000


def newest_checkpoint() -> Checkpoint:
    """A checkpoint over everything recorded so far, and over the key that is to sign the manifest.

    Called outside transactions, like ``integrate_pending``.
    """
    keyring().current(REPORT_PURPOSE)
    integrate_pending()
    checkpoint = latest_checkpoint()
    if checkpoint is None:
        raise RuntimeError("The log has at least the event of its own key, and so a checkpoint.")
    return checkpoint


def log_files(*, checkpoint: Checkpoint) -> dict[str, bytes]:
    """The log up to ``checkpoint``, the keys it has announced, and the verifier, by path."""
    bodies: list[bytes] = []
    hashes: list[str] = []
    leaves = Leaf.objects.filter(seq__lt=checkpoint.size).order_by("seq")
    for body, leaf_hash in leaves.values_list("body", "hash").iterator(chunk_size=CHUNK):
        bodies.append(body)
        hashes.append(leaf_hash.hex())
    announced = Leaf.objects.filter(action="key.created", seq__lt=checkpoint.size)
    keys = SigningKey.objects.filter(pk__in=announced.values("subject_id"))
    return {
        verify.CHECKPOINT: checkpoint.note.encode(),
        verify.LEAVES: b"".join(body + b"\n" for body in bodies),
        verify.HASHES: "".join(f"{value}\n" for value in hashes).encode(),
        "verify.py": Path(verify.__file__).read_bytes(),
    } | {f"keys/{key.key_id}.pub": PublicKey(key.key_id, key.public_key).pem for key in keys}


def record_files(*, kind: str, id: str, payload: bytes, signature: bytes, key_id: str) -> dict[str, bytes]:
    """A signed record and its signature, by path. The log must hold an event that names its digest."""
    return {
        f"records/{kind}/{id}.json": payload,
        f"records/{kind}/{id}.sig.json": signature_file(key_id, signature),
    }


def seal_files(files: Mapping[str, bytes], *, checkpoint: Checkpoint) -> dict[str, bytes]:
    """The signed manifest over ``files``: the two files that make them a package."""
    manifest = canonical_bytes(
        {
            "type": "evidence-manifest",
            "version": 1,
            "origin": checkpoint.note.partition("\n")[0],
            "checkpoint": {"size": checkpoint.size, "root": checkpoint.root.hex()},
            "files": [
                {"path": path, "sha256": sha256_hex(data), "size": len(data)}
                for path, data in sorted(files.items())
            ],
        }
    )
    key_id, signature = keyring().sign(REPORT_PURPOSE, manifest)
    public_key = base64.b64encode(keyring().public_key(key_id).raw).decode()
    return {
        verify.MANIFEST: manifest,
        verify.MANIFEST_SIGNATURE: signature_file(key_id, signature, public_key=public_key),
    }


def signature_file(key_id: str, signature: bytes, **more: str) -> bytes:
    stated = {"key_id": key_id, "signature": base64.b64encode(signature).decode(), **more}
    return json.dumps(stated, indent=2).encode() + b"\n"
