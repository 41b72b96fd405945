"""Activations of real transformers on disk: collected once from text, read in random order, never held in memory."""
