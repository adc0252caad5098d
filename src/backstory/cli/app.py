"""The commands and their options; what each does lives in the module of its name, loaded when it is run."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import backstory

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Train a neural network by backpropagation, fast.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Model = Annotated[Path, typer.Argument(metavar="M", help="A model file that 'backstory train' wrote.")]
Data = Annotated[Path, typer.Argument(metavar="DATA", help="CSV, TSV, Parquet, Arrow or .npz.")]
Formulas = Annotated[Path, typer.Argument(metavar="FORMULAS", help="A text file: the network as formulas.")]
Threads = Annotated[int | None, typer.Option(min=1, help="At most so many; default: as many as the machine allows.")]


class Format(StrEnum):
    """How a result is printed."""

    text = "text"
    json = "json"


class StoryFormat(StrEnum):
    """How a story is printed."""

    text = "text"
    latex = "latex"
    html = "html"
    json = "json"


class Part(StrEnum):
    """Which rows of a table that says so."""

    train = "train"
    validation = "validation"
    test = "test"


class Aim(StrEnum):
    """What a target is read as."""

    classes = "classes"
    number = "number"


class ExportFormat(StrEnum):
    """What a model is written as for other programs."""

    onnx = "onnx"
    c = "c"
    python = "python"
    torch = "torch"
    npz = "npz"


class Dtype(StrEnum):
    """Precision of numbers."""

    float64 = "float64"
    float32 = "float32"


class Task(StrEnum):
    """What an exercise asks for."""

    gradient = "gradient"
    spot = "spot"


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show an error's traceback; works after a command too.")
    ] = False,
) -> None:
    if version:
        print(f"backstory {backstory.__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())
    else:
        return
    raise typer.Exit


@app.command()
def demo() -> None:
    """Train on handwritten digits and check one gradient.

    The images are those scikit-learn ships; it takes a few seconds.
    """
    from backstory.cli.demo import run

    run()


@app.command()
def train(
    data: Data,
    target: Annotated[
        str | None, typer.Option(metavar="COL", help="The column to predict; in .npz an array (default: y).")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where the model is written.")] = Path(
        "model.safetensors"
    ),
    task: Annotated[Aim | None, typer.Option(help="What the target is; by default what it looks like.")] = None,
    drop: Annotated[str | None, typer.Option(metavar="COL,COL", help="Columns to leave out.")] = None,
    split: Annotated[
        str | None, typer.Option(metavar="COL", help="The column that says train, validation or test.")
    ] = None,
    validation: Annotated[
        Path | None, typer.Option(metavar="DATA", help="Rows that tell when to stop, instead of some held out.")
    ] = None,
    hidden: Annotated[
        str | None, typer.Option(metavar="N,N", help="Units of the hidden layers, of a plain network.")
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Train a plain network; without it, only below 300 rows.")
    ] = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="At most so many passes over the rows.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Rows per step.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of first weights, order of rows, and rows held out.")] = 0,
    threads: Threads = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report as a page, .html.")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Save the state here: every epoch, and every 30 s at least.")
    ] = None,
    checkpoint_every: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="With --checkpoint: also after every N steps.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the newest state in --checkpoint.")] = False,
    stream: Annotated[
        bool | None,
        typer.Option("--stream/--no-stream", help="Read DATA in blocks; default: if it is over 1 GiB, decoded."),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Text read in blocks is written here as Parquet, once.")
    ] = None,
    shards: Annotated[
        int | None, typer.Option(metavar="S", min=0, help="Parts of the rows, shared by processes (mpirun: 8).")
    ] = None,
) -> None:
    """Train a network to predict one column of a table.

    The other columns may be numbers, categories, yes/no, with missing values; dates are refused. The target is classes
    when it holds text or true/false, or whole numbers with few different values (at most 20, and at most a tenth as
    many as rows). Some rows are held out to tell when to stop; the best weights are kept. A run that was stopped or
    killed goes on with --resume, and ends with the same bits. Under mpirun the processes train one network together,
    and any number of them ends with the same bits.
    """
    from backstory.cli.sharing import Sharing
    from backstory.cli.train import Saving, run

    aim = None if task is None else task.value
    saving = Saving(checkpoint, checkpoint_every, resume)
    sharing = Sharing(shards)
    reading = stream, cache
    chosen = (
        out,
        aim,
        drop,
        split,
        validation,
        hidden,
        plain,
        epochs,
        batch_size,
        seed,
        threads,
        report,
        saving,
        *reading,
    )
    with sharing.quiet():
        run(data, target, *chosen, sharing)


@app.command()
def evaluate(
    model: Model,
    data: Data,
    target: Annotated[
        str | None, typer.Option(metavar="KEY", help="In .npz: the array of targets, if not that of training.")
    ] = None,
    part: Annotated[
        Part | None, typer.Option(help="Only these rows, where a column says which rows are for what.")
    ] = None,
    format: Annotated[Format, typer.Option(help="How to print.")] = Format.text,
    threads: Threads = None,
) -> None:
    """Measure a model on a table that has the target.

    The first line is the accuracy, or the root mean squared error, alone.
    """
    from backstory.cli.evaluate import run

    run(model, data, target, None if part is None else part.value, format.value, threads)


@app.command()
def predict(
    model: Model,
    data: Data,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="CSV, TSV, Parquet, Arrow or .npz; default: CSV on stdout."),
    ] = None,
    threads: Threads = None,
) -> None:
    """Predict the target for every row of a table.

    For classes with the probability of each.
    """
    from backstory.cli.predict import run

    run(model, data, out, threads)


@app.command()
def export(
    model: Model,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Ends in .onnx, .c, .py, .npz or .pt.")],
    format: Annotated[ExportFormat | None, typer.Option(help="Where the file's ending does not say it.")] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What all names in C begin with; default: the file's name.")
    ] = None,
    dtype: Annotated[Dtype | None, typer.Option(help="Precision of the numbers; default: the model's.")] = None,
) -> None:
    """Write a model for other programs.

    As an ONNX graph, as C or Python source that needs nothing but the mathematics of the language, as NumPy arrays, or
    as PyTorch's state. The first three take the raw columns of the table that the model was trained on: C and Python
    say in the file how, ONNX takes each by its name in the shape (n, 1), numbers as float64 (NaN where missing), texts
    as strings (empty where missing), and gives label and probabilities, or prediction.
    """
    from backstory.cli.export import run

    run(model, out, None if format is None else format.value, name, None if dtype is None else dtype.value)


@app.command()
def explain(
    source: Annotated[Path, typer.Argument(metavar="M|FORMULAS", help="A model file (.safetensors), or formulas.")],
    quantity: Annotated[str, typer.Argument(metavar="QUANTITY", help='For example "w1[2->0]", dL/dw1, do2/dh1.')],
    data: Annotated[
        Path | None, typer.Option(metavar="DATA", help="With a model: CSV, TSV, Parquet, Arrow or .npz.")
    ] = None,
    row: Annotated[
        int | None, typer.Option(min=0, help="Only this row of DATA, or tell this sample of the formulas; from 0.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="KEY", help="In .npz: the array of targets, if not that of training.")
    ] = None,
    format: Annotated[StoryFormat, typer.Option(help="How to print.")] = StoryFormat.text,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to write it.")] = None,
) -> None:
    """Tell where one gradient comes from.

    With all rows of DATA the gradient is that of the batch, and the row that pushes most is told.
    """
    from backstory.cli.explain import run

    run(source, quantity, data, row, target, format.value, out)


@app.command()
def check(
    network: Formulas,
    equation: Annotated[
        str, typer.Argument(metavar="EQUATION", help="Such as 'dL/dw1 = dL/dh1*dh1/dw1'; LaTeX is read too.")
    ],
    format: Annotated[Format, typer.Option(help="How to print.")] = Format.text,
    teach: Annotated[
        bool, typer.Option("--teach", help="A hint first, then where, what and how to mend it, each at Enter.")
    ] = False,
) -> None:
    """Judge an equation about a network's gradients.

    What is wrong is named, with the equation mended and both sides' numbers. Exit code 0: right; 2: not readable;
    1: everything else.
    """
    from backstory.cli.check import run

    raise typer.Exit(run(network, equation, format.value, teach))


@app.command()
def audit(
    source: Annotated[
        str, typer.Argument(metavar="FILE.py:NAME", help="A function without arguments, or an estimator, in a file.")
    ],
    data: Annotated[
        Path | None, typer.Option(metavar="DATA", help="With an estimator: CSV, TSV, Parquet, Arrow or .npz.")
    ] = None,
    target: Annotated[str | None, typer.Option(metavar="COL", help="The column that the estimator predicts.")] = None,
    format: Annotated[Format, typer.Option(help="How to print.")] = Format.text,
) -> None:
    """Judge whether a gradient is that of its loss.

    The function returns what bs.audit takes: loss, gradient and point, or estimator, X and y, or a dict of its
    arguments. The file is run. Exit code 0: pass; 1: fail, with the cause; 3: inconclusive.
    """
    from backstory.cli.audit import run

    raise typer.Exit(run(source, data, target, format.value))


@app.command()
def exercise(
    network: Annotated[
        Path | None, typer.Argument(metavar="[FORMULAS]", help="The network as formulas; a random one by default.")
    ] = None,
    kind: Annotated[Task | None, typer.Option(help="Write a gradient, or spot a mistake; either by default.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The same seed makes the same exercise.")] = None,
    worksheet: Annotated[int | None, typer.Option(metavar="N", min=1, max=100, help="Write N with solutions.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="F", help="Where the worksheet goes: .md or .tex.")
    ] = None,
) -> None:
    """Ask for a derivative, or for a mistake to be found.

    Answers are judged as 'backstory check' does; a hint comes first, more at '?', the solution at '!'. Every solution
    was judged right before it is shown.
    """
    from backstory.cli.exercise import run

    raise typer.Exit(run(network, None if kind is None else kind.value, seed, worksheet, out))


@app.command()
def studio(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
) -> None:
    """Open the studio: see a network, train it, question it.

    The page is served to this machine only; its address, with a token, is the one line on stdout.
    """
    from backstory.cli.studio import run

    run(port, no_browser)


@app.command()
def config() -> None:
    """Print version, instruction set, threads, optional parts."""
    backstory.show_config()
