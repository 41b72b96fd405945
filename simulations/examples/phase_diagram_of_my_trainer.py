"""My trainer in a phase diagram, beside one of the suite: which dimensions and sparsities does it recover?

The whole experiment of the paper with this trainer in it is one command:

    sae-recovery sweep resonance_trained --algorithm path/to/my_trainer.py:train
"""

import sys
from pathlib import Path

import sae_recovery as sr

MINE = f"{Path(__file__).parent / 'my_trainer.py'}:train"


def main(out: str = "out/mine", n_steps: int = 600) -> None:
    """Sweep a grid into a folder, and draw it."""
    rows = sr.sweep(
        ["topk", MINE],
        over={"d_model": [16, 32, 64], "sparsity": [2, 4, 8], "seed": [0]},
        n_features=64,
        n_neurons=128,
        n_steps=n_steps,
        batch_size=256,
        out=out,
        resume=True,
    )
    print(rows.pivot_table(index=["algorithm", "sparsity"], columns="d_model", values="feature_recovery_rate"))
    figure = sr.plot.heatmap(rows, x="d_model", y="sparsity", panel="algorithm", theory=False)
    figure.savefig(Path(out) / "phase_diagram.png")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "out/mine")
