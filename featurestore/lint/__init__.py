"""The leakage lint: reads the compiled SQL of feature views for values from the future."""
