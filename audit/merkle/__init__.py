"""The log's mathematics, free of Django: canonical JSON, trees, proofs, signed notes, offline verifier."""
