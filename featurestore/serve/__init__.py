"""The HTTP server: features for applications in any language. It needs a manifest and Redis."""
