"""What every room stands on: checked settings, registries, named random streams."""
