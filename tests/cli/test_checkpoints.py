"""``backstory train --checkpoint DIR --resume``: stopped by signals, gone on with the same bits."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest


@pytest.fixture
def table(tmp_path):
    random = np.random.default_rng(0)
    X = random.standard_normal((4000, 8))
    y = np.where(X[:, 0] * X[:, 1] > 0, "yes", "no")
    path = tmp_path / "table.csv"
    rows = [",".join([*map("{:.5f}".format, row), aim]) for row, aim in zip(X, y, strict=True)]
    path.write_text("\n".join(["a,b,c,d,e,f,g,h,y", *rows]) + "\n")
    return path


def command(table, out, *more):
    options = ["train", table, "--target", "y", "--out", out, "--epochs", "40", "--threads", "2", *more]
    return [sys.executable, "-m", "backstory", *map(str, options)]


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_the_state_and_resume_ends_with_the_same_bits(table, tmp_path, sent, code):
    whole, stopped, folder = tmp_path / "whole.safetensors", tmp_path / "stopped.safetensors", tmp_path / "run"
    subprocess.run(command(table, whole), check=True, capture_output=True)
    words = command(table, stopped, "--checkpoint", folder, "--checkpoint-every", "7")
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not list(folder.glob("*.checkpoint")) and time.monotonic() < end:
        time.sleep(0.005)
    process.send_signal(sent)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert f"The state of the run is in {folder}; go on with --resume." in err
    assert not stopped.exists()
    done = subprocess.run([*words, "--resume"], check=True, capture_output=True, text=True)
    assert "gone on from step" in done.stdout
    assert digest(stopped) == digest(whole)


def test_resuming_where_nothing_is_begins_anew_and_says_so(table, tmp_path, run):
    result = run(
        "train",
        table,
        "--target",
        "y",
        "--out",
        tmp_path / "m",
        "--epochs",
        2,
        "--checkpoint",
        tmp_path / "run",
        "--resume",
    )
    assert result.code == 0
    assert "begun anew" in " ".join(result.out.split())


@pytest.mark.parametrize("option", [["--resume"], ["--checkpoint-every", "3"]])
def test_options_that_need_a_folder(table, tmp_path, run, option):
    result = run("train", table, "--target", "y", "--out", tmp_path / "m", *option)
    assert result.code == 2
    assert f"{option[0]} needs a folder of checkpoints. Add --checkpoint DIR." in result.err


def test_an_earlier_run_is_not_written_over(table, tmp_path, run):
    words = ["train", table, "--target", "y", "--out", tmp_path / "m", "--epochs", 2, "--checkpoint", tmp_path / "run"]
    assert run(*words).code == 0
    again = run(*words)
    assert again.code == 2
    assert "--resume" in again.err
    assert os.listdir(tmp_path / "run")
