"""Requests and decisions, grants and what is spoken under them.

Rows are data and invariants; every change is an operation in the module named after the noun.
Locks are taken in one order everywhere: voice, consent, request, grant, voice model, render.
"""

from synthesis.models.detections import DetectionRun
from synthesis.models.grants import Freeze, Grant
from synthesis.models.renders import Render, VoiceModel
from synthesis.models.requests import Decision, ScriptLine, SpeechRequest

__all__ = [
    "Decision",
    "DetectionRun",
    "Freeze",
    "Grant",
    "Render",
    "ScriptLine",
    "SpeechRequest",
    "VoiceModel",
]
