"""Run the installed package, far from its sources: import, train on both engines, save, load, predict.

Not a test of results (tests/ does that) but of the packaging: that the compiled modules, the type marker, the command
and every dependency arrived with ``pip install``.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import numpy as np

import backstory as bs


def main() -> None:
    """Check the place of installation, then train XOR on each engine and read it back from a file."""
    package = Path(bs.__file__).resolve().parent
    if not package.is_relative_to(Path(sysconfig.get_path("platlib")).resolve()):
        raise SystemExit(f"The package must be the installed one. Got {package}; run this outside the checkout.")
    if not (package / "py.typed").is_file():
        raise SystemExit(f"The type marker py.typed must be installed. It is missing from {package}.")

    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float64)
    y = np.array([0, 1, 1, 0], dtype=np.float64)
    for engine in ("native", "reference"):
        net = bs.Network([2, 8, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy", seed=0)
        net.fit(X, y, optimizer=bs.Adam(0.05), batch_size=4, epochs=300, engine=engine)
        outputs = net.predict(X)
        if not np.array_equal(outputs[:, 0] > 0.5, y > 0.5):
            raise SystemExit(f"XOR must be learned on the {engine} engine. Got outputs {outputs[:, 0]}.")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "xor.safetensors"
            net.save(path)
            if not np.array_equal(bs.load(path).predict(X), outputs):
                raise SystemExit(f"A loaded network must predict what the saved one did ({engine} engine).")
    command = Path(sys.executable).parent / "backstory"
    subprocess.run([command, "--help"], check=True, stdout=subprocess.DEVNULL)
    print(f"backstory {bs.__version__} works from {package}")


if __name__ == "__main__":
    main()
