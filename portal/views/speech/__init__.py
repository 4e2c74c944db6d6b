"""Asking for speech, deciding on it, hearing it, and telling whether a clip is ours."""
