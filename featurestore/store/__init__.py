"""FeatureStore, the facade, and the objects to which it delegates."""
