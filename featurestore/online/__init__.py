"""The online store: keys, the format of a row, and the client that reads rows."""
