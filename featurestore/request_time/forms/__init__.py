"""The forms of the table, by subject."""
