"""The algorithms that come with the suite, one light module each: settings that are registered by name."""
