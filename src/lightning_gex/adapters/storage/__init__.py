"""Journal and memory in SQL."""
