"""The rules of the leakage lint, one file per rule."""
