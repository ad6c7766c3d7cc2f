"""The point-in-time join against the best hand-written SQL, data frame libraries and Feast."""
