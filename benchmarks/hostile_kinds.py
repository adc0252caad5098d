"""What `benchmarks.hostile` tries: of each kind of input some that are right, how they are changed, who reads them."""

from __future__ import annotations

import atexit
import contextlib
import copy
import io
import json
import os
import random
import shlex
import string
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import backstory as bs
from backstory.errors import BackstoryError

NUMBERS: tuple[Any, ...] = (
    0, -1, 1, 2**31, 2**63, 2**64, 10**30, -0.5, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    *NUMBERS, None, True, False, "", "x", "\0", "relu", "z^2", "float16", "../outside", "é" * 500, [], [[]], {},
    [1, 2], {"a": 1}, [None], "9" * 400, "exp(" * 60,
)  # fmt: skip
PIECES: tuple[bytes, ...] = (
    b"\0", b"\xff", b"\xef\xbb\xbf", b",", b";", b"\t", b"\n", b"\r", b'"', b"'", b"\\", b"nan", b"inf", b"-1e999",
    b"9" * 40, b"{", b"}", b"[", b"]", b"(", b")", b"=", b"^", b"#", b"\xed\xa0\x80", b"__import__('os')", b"1e-320",
    b"\x7f\xff\xff\xff",
)  # fmt: skip
LETTERS = string.printable.replace("/", "")  # no path out of the folder
Change = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Attributes
    ----------
    name : str
    seeds : tuple of bytes
        Inputs that are right.
    change : function of an input and a generator
        Makes another input of one.
    read : function of an input
        What is tried.
    """

    name: str
    seeds: tuple[bytes, ...]
    change: Change
    read: Callable[[bytes], object]


def bytes_changed(content: bytes, generator: random.Random) -> bytes:
    """Bits flipped, pieces cut out, doubled, put in or moved."""
    changed = bytearray(content)
    for _ in range(generator.choice((1, 1, 1, 2, 4, 16))):
        at = generator.randrange(len(changed) + 1)
        length = generator.choice((1, 4, 8, 64))
        match generator.randrange(6):
            case 0 if at < len(changed):
                changed[at] ^= 1 << generator.randrange(8)
            case 1:
                del changed[at : at + length]
            case 2:
                changed[at:at] = changed[at : at + length]
            case 3:
                changed[at:at] = generator.choice(PIECES)
            case 4:
                changed[at : at + length] = generator.randbytes(length)
            case _:
                del changed[at:]
    return bytes(changed)


def plain_data_changed(content: bytes, generator: random.Random) -> bytes:
    """JSON with some of its values changed for others, or left out."""
    data = json.loads(content)
    for _ in range(generator.choice((1, 1, 2, 5))):
        holder, key = _place(data, generator)
        if generator.random() < 0.2:
            del holder[key]
        elif isinstance(holder, list) and generator.random() < 0.2:
            holder.insert(key, copy.deepcopy(holder[key]))
        else:
            holder[key] = copy.deepcopy(generator.choice(VALUES))
        if not data:
            break
    return json.dumps(data).encode()


def _place(data: Any, generator: random.Random) -> tuple[Any, Any]:
    """Somewhere in nested lists and mappings: what holds the value, and by which key."""
    while True:
        key = generator.choice(list(data) if isinstance(data, dict) else range(len(data)))
        inner = data[key]
        if not (isinstance(inner, dict | list) and inner) or generator.random() < 0.2:
            return data, key
        data = inner


def words_changed(content: bytes, generator: random.Random) -> bytes:
    """A command line with words left out, doubled, changed for others, or strange."""
    words = shlex.split(content.decode())
    for _ in range(generator.randint(1, 4)):
        at = generator.randrange(1, len(words) + 1)
        match generator.randrange(5):
            case 0:
                del words[at : at + 1]
            case 1:
                words.insert(at, generator.choice(OPTIONS))
            case 2:
                words[at : at + 1] = [str(generator.choice(VALUES)).replace("\0", "")]
            case 3:
                words.insert(at, generator.choice(words))
            case _:
                words[at : at + 1] = ["".join(generator.choice(LETTERS) for _ in range(8)).strip()]
    return shlex.join(words).encode()


# ---- Files of networks and of runs


@cache
def place() -> Path:
    """A folder for the files that are tried, gone when the process ends."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    (inner := Path(folder.name) / "inner").mkdir()
    return inner


def in_file(name: str, content: bytes) -> Path:
    """A file of this content."""
    path = place() / name
    path.write_bytes(content)
    return path


ROWS = {"width": [1.0, 2.5, None, 4.0] * 6, "color": ["red", "blue", "red", None] * 6, "kind": ["a", "b"] * 12}


@cache
def a_model() -> bytes:
    """The file of a network trained on a table."""
    net = bs.train(ROWS, "kind", epochs=1, hidden=[3], threads=1, progress=False)
    net.save(path := place() / "right.safetensors")
    return path.read_bytes()


def read_model(content: bytes) -> None:
    """Load a model file and use it."""
    net = bs.load(in_file("model.safetensors", content))
    net.predict(ROWS if net.table is not None else np.zeros((1, net.spec.n_in)))


def header_of(content: bytes) -> bytes:
    """What a model file says of itself, without the checksum."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["backstory"])
    header.pop("sha256")
    return json.dumps(header).encode()


def read_header(content: bytes) -> None:
    """A model file that says this of itself, with the checksum that belongs to it."""
    from safetensors.numpy import load, save

    from backstory.network import file

    header, right = json.loads(content), load(a_model())
    flat = np.concatenate([right[name].ravel() for name in ("w1", "b1", "w2", "b2")])
    digest = {"sha256": file._digest(header, flat)} if isinstance(header, dict) else {}
    whole = {**header, **digest} if digest else header
    read_model(save(right, metadata={"backstory": json.dumps(whole)}))


@cache
def a_checkpoint() -> bytes:
    """The file of a run's state."""
    folder = place() / "run"
    fit(folder, resume=False)
    return next(folder.glob("*.checkpoint")).read_bytes()


def fit(folder: Path, resume: bool) -> None:
    """Train a little, with checkpoints."""
    X, y = np.arange(24.0).reshape(12, 2) / 24, np.arange(12) % 2
    net = bs.Network([2, 3, 2], hidden="tanh", output="softmax", loss="cross_entropy", seed=0)
    net.fit(X, y, epochs=2, validation=(X, y), early_stopping=9, checkpoint=folder, resume=resume, progress=False)


def read_checkpoint(content: bytes) -> None:
    """Go on from a checkpoint."""
    folder = place() / "resumed"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.checkpoint"):
        old.unlink()
    (folder / "step-000000000000001.checkpoint").write_bytes(content)
    fit(folder, resume=True)


def head_of(content: bytes) -> bytes:
    """What a checkpoint says of itself."""
    length = int.from_bytes(content[:8], "little")
    return str(json.loads(content[8 : 8 + length])["__metadata__"]["checkpoint"]).encode()


def read_head(content: bytes) -> None:
    """A checkpoint that says this of itself, with the checksum that belongs to it."""
    from safetensors.numpy import load, save

    from backstory.training import checkpoints

    arrays, text = load(a_checkpoint()), content.decode()
    digest = checkpoints._digest(text, arrays)
    read_checkpoint(save(arrays, metadata={"checkpoint": text, "sha256": digest}))


# ---- Tables and texts


def a_table(suffix: str) -> bytes:
    """A table as a file."""
    from backstory.data.files import write

    path = place() / f"right{suffix}"
    arrays = {"X": np.arange(48.0).reshape(24, 2), "y": np.arange(24) % 2}
    write(path, arrays if suffix == ".npz" else dict(ROWS))
    return path.read_bytes()


def reader_of_tables(suffix: str) -> Callable[[bytes], None]:
    """Read a table, learn its encoding, and use it."""

    def read_table(content: bytes) -> None:
        from backstory.data.files import read
        from backstory.data.table import Table

        frame = read(in_file(f"table{suffix}", content))
        table = Table.fit(frame, frame.columns[-1])
        table.inputs(frame), table.targets(frame)

    return read_table


FORMULAS = (
    b"x = 0.5\nt = 1\nw1 = 0.4\nb = 0.1\nh = sigmoid(w1*x + b)\nL = 1/2*(t - h)^2\n",
    b"parameters: w b\nw = 0.3\nb = 1/3\nsamples: x t\n1 2\n3 4\n\ny = tanh(w*x + b)\nL = mean(log(1 + exp(-t*y)))\n",
)


def read_formulas(content: bytes) -> None:
    """Read formulas, and ask for all that they answer."""
    text = content.decode("utf-8", "replace") + "\n"
    f = bs.Formulas.read(text)
    names = sorted(f.parameters)
    with contextlib.suppress(BackstoryError):
        str(f.explain(f"d{f.loss}/d{names[0]}")) if names else None
    f.step(bs.SGD(0.1))


ACTIVATIONS = (b"z*sigmoid(1.5*z)", b"where(z > 0, log(1 + z), -z^2)")


def read_activation(content: bytes) -> None:
    """An activation of the user's own, on both engines."""
    own = bs.Activation("own", content.decode("utf-8", "replace"))
    net = bs.Network([2, 3, 1], hidden=own, seed=0)
    for engine in ("native", "reference"):
        net.gradients([[0.5, -1.0]], [1.0], engine=engine)


# ---- The command line

OPTIONS = (
    "--target", "--out", "--hidden", "--epochs", "--seed", "--drop", "--task", "--split", "--part", "--threads",
    "--format", "--row", "--batch-size", "--checkpoint", "--resume", "--checkpoint-every", "--name", "--dtype",
    "--help", "--debug", "--version", "-o", "--", "-", "--no-such-option", "--validation", "--report", "--teach",
)  # fmt: skip
COMMANDS = (
    b"train t.csv --target kind --epochs 1 --out m.safetensors --threads 1",
    b"train t.csv --target size --epochs 1 --hidden 4,4 --seed 3 --drop color --task number --out n.safetensors",
    b"evaluate right.safetensors t.csv --format json",
    b"predict right.safetensors t.csv --out p.csv",
    b"explain right.safetensors 'w1[0->0]' --data t.csv --row 1 --format json",
    b"explain f.txt dL/dw1 --format latex",
    b"check f.txt 'dL/dw1 = (h - t)*h*(1 - h)*x' --format json",
    b"export right.safetensors -o out.py",
    b"exercise f.txt --kind spot --worksheet 1 --out sheet.md --seed 1",
    b"config",
)


@cache
def workplace() -> Path:
    """A folder with all that the commands above name."""
    in_file("right.safetensors", a_model())
    in_file("t.csv", b"width,color,size,kind\n" + b"1,red,5,a\n2.5,blue,1.5,b\n,red,3,a\n4,,9.5,b\n" * 6)
    in_file("f.txt", FORMULAS[0])
    return place()


def read_command(content: bytes) -> None:
    """Run a command line: an exit code, and at most one sentence of what was wrong."""
    from backstory.cli import main

    words = shlex.split(content.decode())
    if words[:1] in (["studio"], ["demo"], ["audit"]):  # these serve, take long, or run the user's code
        return
    out, err = io.StringIO(), io.StringIO()
    before, folder = os.getcwd(), workplace()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([word for word in words if word != "--debug"])
    finally:
        os.chdir(before)
    told = err.getvalue()
    if code not in (0, 1, 2) or "Unexpected" in told or "Traceback" in told:
        raise AssertionError(f"exit code {code}: {told}")
    if code == 2 and told:
        raise BackstoryError(told)


def reader_of_blocks(suffix: str) -> Callable[[bytes], None]:
    """Read a table piece by piece."""

    def read_blocks(content: bytes) -> None:
        from backstory.data.opening import frames_of

        for frame in frames_of(in_file(f"blocks{suffix}", content), "kind"):
            for column in frame.columns:
                frame.missing(column)

    return read_blocks


TABLES = (".csv", ".csv.gz", ".parquet", ".arrow", ".npz")
NAMES = (
    "model file", "model header", "checkpoint file", "checkpoint header", *(f"{suffix} table" for suffix in TABLES),
    ".parquet in blocks", ".arrow in blocks",
    "formulas", "activation", "command line",
)  # fmt: skip


@cache
def kind(name: str) -> Kind:
    """The kind of this name."""
    suffix, _, how = name.partition(" ")
    reader = reader_of_blocks if how == "in blocks" else reader_of_tables
    seeds, change, read = {
        "model file": lambda: ((a_model(),), bytes_changed, read_model),
        "model header": lambda: ((header_of(a_model()),), plain_data_changed, read_header),
        "checkpoint file": lambda: ((a_checkpoint(),), bytes_changed, read_checkpoint),
        "checkpoint header": lambda: ((head_of(a_checkpoint()),), plain_data_changed, read_head),
        "formulas": lambda: (FORMULAS, bytes_changed, read_formulas),
        "activation": lambda: (ACTIVATIONS, bytes_changed, read_activation),
        "command line": lambda: (COMMANDS, words_changed, read_command),
    }.get(name, lambda: ((a_table(suffix),), bytes_changed, reader(suffix)))()
    return Kind(name, seeds, change, read)
