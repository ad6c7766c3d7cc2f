"""The online store: keys, the format of a value, and the client that reads them."""
