"""How good is a dictionary that I have?  With the true features, with a world that knows them, and without either."""

import numpy as np
import sae_recovery as sr

# A dictionary of your own would be the path of a .npy or .safetensors file, a SAELens folder, an array or a tensor.
world = sr.Model(n_features=64, d_model=32, sparsity=3, seed=0)
X, H, V = world.sample(2_000)
rng = np.random.default_rng(1)
mine = np.vstack([V[:48], V[:48]]) + 0.3 * rng.standard_normal((96, 32))  # 48 of 64 features, each twice

# Against the true features: what is found, how often, and which features are lost.
found = sr.score(mine, V)
print(found)
print("lost:", found.lost_features.tolist())

# With codes, each neuron is also judged as a detector of its feature (the numbers of SAELens' synthetic evaluation).
codes = np.maximum(X @ mine.T / np.square(mine).sum(axis=1) - 0.3, 0)
print(sr.score(mine, V, codes, H.toarray())["f1_score"])

# Without ground truth: how far two runs agree, and how often neurons fire.  Neither says that anything is true.
print(sr.consistency(mine, mine + 0.3 * rng.standard_normal(mine.shape)))
print(sr.frequencies(codes))
