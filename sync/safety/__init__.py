"""Keeps two syncs, a crash or a lost server from corrupting the online store."""
