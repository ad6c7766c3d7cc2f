"""From Arrow columns to the bytes of the online format."""
