"""Training sets and the sync on each engine, against the best SQL written by hand."""
