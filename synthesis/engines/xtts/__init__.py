"""XTTS v2 (coqui-tts) from a local folder: zero-shot cloning by conditioning latents."""
