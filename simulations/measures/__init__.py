"""What a row reports of a dictionary."""
