"""GBA and BA in SAELens: importing this module registers the training architectures `gba` and `ba` there.

    import sae_recovery.saelens as gba
    cfg = LanguageModelSAERunnerConfig(sae=gba.GBATrainingSAEConfig(d_in=768, d_sae=16_384), ...)

Saved autoencoders load in plain SAELens, as jumprelu.  Needs SAELens: pip install 'sae-recovery[saelens]'.
"""

from simulations.algorithms.saelens.plugin import (
    BATrainingSAEConfig,
    ControlledTrainingSAE,
    GBATrainingSAEConfig,
)

__all__ = ["BATrainingSAEConfig", "ControlledTrainingSAE", "GBATrainingSAEConfig"]
