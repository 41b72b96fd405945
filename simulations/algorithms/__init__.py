"""What learns a dictionary."""
