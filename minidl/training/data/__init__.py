"""Data adapters: data of every kind as one object that has been checked and yields chunks."""
