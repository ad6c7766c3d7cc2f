"""Where each column comes from, and what depends on it."""
