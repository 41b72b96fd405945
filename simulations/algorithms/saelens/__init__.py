"""SAELens (MIT; pip install 'sae-recovery[saelens]'): its trainers as algorithms, and ours as its architectures."""
