"""What surrounds every page: who may open it, the menu, the clock, light or dark, and bad news."""
