"""What a change of the project does to those who use its features."""
