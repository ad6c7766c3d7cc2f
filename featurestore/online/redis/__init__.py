"""Everything that knows redis-py: URLs, clients, its private parts, and the one-round-trip read."""
