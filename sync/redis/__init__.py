"""Writing rows to Redis: one server or a cluster, by scripts or by transactions."""
