"""Pages of single neurons on real text: where they fire, how often, and whether another start has them too."""
