"""What the portal hears in a recording: who speaks, which words, and when.

Pure functions on waveforms, free of Django: ``speakers`` (GE2E and CAM++ embeddings), ``words``
(Whisper tiny.en), ``activity`` (Silero voice activity). A waveform is mono float32 in [-1, 1] with
its sample rate in Hz. Models load on first use, once a process, and run on one thread unless
``OMP_NUM_THREADS`` says otherwise: two threads on a busy machine spend their time waiting for each other.
"""
