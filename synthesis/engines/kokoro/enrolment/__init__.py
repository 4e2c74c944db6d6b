"""From recordings to a voice: phrases, measurements, learning, proof."""
