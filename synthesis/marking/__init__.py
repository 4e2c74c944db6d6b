"""What every released clip goes through after speaking: loudness, watermark, encoding. Free of Django."""
