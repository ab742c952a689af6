"""One file a migration; what is released never changes."""
