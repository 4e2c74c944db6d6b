"""What pages show, made ready for templates: plain values, no HTML."""
