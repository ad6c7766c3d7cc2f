"""The impact of a change of the project on the users of its features."""
