"""The definitions: entities, feature views and feature services, read from the manifest."""
