"""Everything that knows redis-py: URLs, connections and the one-round-trip read."""
