"""Sparse autoencoders trained by gradient descent: GBA, BA and their rivals on the same data and start."""
