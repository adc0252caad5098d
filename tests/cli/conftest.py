"""Real tables as files, and a model trained on one."""

from __future__ import annotations

from pathlib import Path

import pytest
from sklearn import datasets

from backstory.cli import main
from tests.conftest import Run as Run


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables that scikit-learn ships, as CSV; iris and wine with text as target."""
    folder = tmp_path_factory.mktemp("tables")
    for name in ("iris", "wine", "breast_cancer", "diabetes"):
        bunch = getattr(datasets, f"load_{name}")(as_frame=True)
        frame = bunch.frame
        if name in ("iris", "wine"):
            frame["target"] = bunch.target_names[bunch.target]
        frame.to_csv(folder / f"{name}.csv", index=False)
    return folder


@pytest.fixture(scope="session")
def iris_model(tables: Path) -> Path:
    path = tables / "iris.safetensors"
    assert main(["train", str(tables / "iris.csv"), "--target", "target", "--epochs", "30", "--out", str(path)]) == 0
    return path
