"""Data of every kind into chunks: one object that knows its specs and has been checked."""
