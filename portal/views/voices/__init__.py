"""Voices and the people they belong to: recordings, consents, signatures, every use."""
