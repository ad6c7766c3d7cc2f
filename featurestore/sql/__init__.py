"""SQL generation: plans become readable statements. Nothing here connects to a warehouse."""
