"""For administrators: people, freezes, and how the portal is."""
