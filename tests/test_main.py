"""`python -m rushlight`: its options, its pieces, and what it does without the extras."""

from __future__ import annotations

import gzip
import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rushlight as rl
from rushlight.demo import classifier, console, digits, edges, figure, job, race


def main(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The main job in a process of its own."""
    command = [sys.executable, "-W", "error", "-m", "rushlight", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=250, env={**os.environ})


def in_here(*arguments: str) -> int:
    """The main job in this process, so that a test can take packages away; the thread count is put back."""
    threads = rl.get_num_threads()
    try:
        return job.main(["--quick", *arguments])
    finally:
        rl.set_num_threads(threads)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> object:
    """Makes importing a package fail, as if it were not installed."""

    def hide(*modules: str) -> None:
        for module in modules:
            for name in [name for name in sys.modules if name == module or name.startswith(module + ".")]:
                monkeypatch.delitem(sys.modules, name)
            monkeypatch.setitem(sys.modules, module, None)

    return hide


# ---- digits that need no scikit-learn ----------------------------------------------------------------------
def drawn_digits(each: int = 30) -> np.ndarray:
    """A table as digits.from_file reads it: bars and crosses, with noise, learned in no time."""
    rng = np.random.default_rng(0)
    rows = []
    for label in range(10):
        for _ in range(each):
            image = rng.uniform(0, 3, (8, 8))
            image[label % 5 + 1, 2:6] = 16
            if label >= 5:
                image[1:7, 3] = 16
            rows.append([*image.round().ravel(), label])
    return rng.permutation(np.array(rows))


@pytest.fixture
def digits_file(tmp_path: Path) -> Path:
    path = tmp_path / "digits.csv"
    np.savetxt(path, drawn_digits(), delimiter=",", fmt="%d")
    return path


# ---- options -----------------------------------------------------------------------------------------------
def test_help_names_every_option() -> None:
    done = main("--help")
    assert done.returncode == 0
    for option in ("--seed", "--threads", "--no-plot", "--output", "--digits", "--quick"):
        assert option in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["--seed", "x"], "whole number"),
        (["--seed", "-1"], "whole number"),
        (["--threads", "0"], "whole number"),
        (["--threads", "two"], "whole number"),
        (["--threads"], "expected one argument"),
        (["--no-plot", "--output", "x.png"], "exclude each other"),
        (["--digits", "no-such-file.csv"], "cannot read digits from no-such-file.csv"),
        (["--digits", "."], "cannot read digits from ."),
        (["--digits", __file__], "cannot read digits from"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and len(value) < 4 else "",
)
def test_a_bad_option_is_one_line_and_status_2(arguments: list[str], message: str) -> None:
    done = main(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1 and done.stdout == ""


@pytest.mark.parametrize(
    ("output", "message"),
    [("no/such/folder/x.png", "cannot write"), ("x.xyz", "must end in one of"), ("", "must end in one of")],
)
def test_an_output_that_cannot_be_written(
    output: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(SystemExit, match="2"):
        in_here("--output", str(tmp_path / output))
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.count("\n") == 1 and printed.out == ""
    assert list(tmp_path.iterdir()) == []


# ---- the whole job -----------------------------------------------------------------------------------------
def test_without_a_plot(digits_file: Path, tmp_path: Path) -> None:
    done = main("--quick", "--no-plot", "--threads", "1", "--digits", str(digits_file), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for text in (f"rushlight {rl.__version__}", "step 10", "held-out digits are right", "x loops", "Done in"):
        assert text in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["digits.csv"]


def test_the_figure_is_written_where_it_says(digits_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    done = main("--quick", "--digits", str(digits_file), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    picture = tmp_path / "rushlight-demo.png"
    assert f"Figure: {picture}" in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 50_000


def test_the_picture_is_not_blank(digits_file: Path, tmp_path: Path) -> None:
    """Its three parts have ink and colour."""
    image = pytest.importorskip("matplotlib.image")
    data = digits.split(*digits.from_file(digits_file), seed=0)
    training = classifier.train(data, seed=0, epochs=6)
    figure.draw(edges.learn(0), data, training, tmp_path / "a.png")
    pixels = image.imread(tmp_path / "a.png")[..., :3]
    height = len(pixels) // 3
    for part in (pixels[:height], pixels[height : 2 * height], pixels[2 * height :]):
        assert 0.01 < np.mean(part.min(axis=-1) < 0.5) < 0.7  # dark, but not all
        assert np.mean(np.ptp(part, axis=-1) > 0.3) > 0.001  # neither black nor white nor grey
    figure.draw(edges.learn(0), None, None, tmp_path / "b.svg")
    assert "<svg" in (tmp_path / "b.svg").read_text()


@pytest.mark.parametrize(
    ("hidden", "left_out", "install", "figures"),
    [
        (["sklearn"], "the digits", "scikit-learn", 1),
        (["matplotlib"], "the figure", "matplotlib", 0),
        (["tqdm"], "the progress bar", "tqdm", 1),
        (
            ["sklearn", "matplotlib", "tqdm"],
            "the digits, the figure, the progress bar",
            "scikit-learn matplotlib tqdm",
            0,
        ),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_without_an_extra(
    hidden: list[str],
    left_out: str,
    install: str,
    figures: int,
    without: object,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for module in console.PACKAGES:
        pytest.importorskip(module)
    without(*hidden)  # type: ignore[operator]
    output = tmp_path / "figure.png"
    assert in_here("--output", str(output)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"Left out: {left_out}. To see it all: pip install {install}"
    assert output.exists() == bool(figures)
    assert any("ResNet" in line for line in lines)


def test_nothing_is_said_when_nothing_is_missing(
    digits_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in console.PACKAGES:
        pytest.importorskip(module)
    assert in_here("--digits", str(digits_file), "--output", str(tmp_path / "x.png")) == 0
    assert "Left out" not in capsys.readouterr().out


def test_a_wrong_result_is_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(race, "with_loops", lambda x, w, rows: [[[1.0]]])
    assert in_here("--no-plot") == 1
    assert "wrong result: the loops got" in capsys.readouterr().err


# ---- pieces ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(5))
def test_the_edge_kernel_is_learned(seed: int) -> None:
    learned = edges.learn(seed)
    np.testing.assert_allclose(learned.kernels[-1], [1, -1], atol=0.1)
    assert len(learned.losses) == 10 and learned.losses[-1] < 0.05 * learned.losses[0]
    assert learned.edges.tolist() == [[0, 1, 0, 0, 0, -1, 0]] * 6


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_the_digits_are_read(seed: int) -> None:
    pytest.importorskip("sklearn")
    data = digits.split(*digits.from_sklearn(), seed)
    assert (len(data.labels), len(data.held_out_labels)) == (1438, 359)
    training = classifier.train(data, seed)
    assert training.accuracies[-1] >= 0.97
    assert len(training.losses) == classifier.EPOCHS * 45


def test_a_seed_fixes_everything(digits_file: Path) -> None:
    data = digits.split(*digits.from_file(digits_file), seed=3)
    first, second, other = (classifier.train(data, seed, epochs=1).losses for seed in (3, 3, 4))
    assert first == second != other


def test_the_split_is_fair() -> None:
    images, labels = digits.as_images(drawn_digits())
    images[:, 0, 0, 0] = np.arange(len(images))  # a number for each
    data = digits.split(images, labels, seed=1)
    learnt, held = (set(part[:, 0, 0, 0]) for part in (data.images, data.held_out_images))
    assert not learnt & held and len(learnt | held) == len(images)
    assert np.bincount(data.held_out_labels).tolist() == [6] * 10
    assert set(digits.split(images, labels, seed=2).held_out_images[:, 0, 0, 0]) != held


def test_varied_images_are_the_same_digits() -> None:
    image = np.zeros((1, 1, 8, 8), np.float32)
    image[0, 0, 2:6, 3:5] = 1
    many = classifier.varied(image.repeat(500, axis=0), np.random.default_rng(0))
    assert many.shape == (500, 1, 8, 8) and many.dtype == np.float32
    mean = many.mean(axis=0)[0]
    np.testing.assert_allclose(mean.sum(axis=1), image[0, 0].sum(axis=1), atol=0.1)  # no row is left
    assert np.argmax(mean.sum(axis=0)) in (3, 4) and mean[:, 2].sum() > 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[:, :-1], "expected 65 columns"),
        (lambda t: t + 1, "expected pixels of 0 to 16|expected digits"),
        (lambda t: np.column_stack([t[:, :64], t[:, 64] + 0.5]), "expected digits of 0 to 9"),
        (lambda t: t[:20], "at least 50 images"),
        (lambda t: t * np.nan, "expected pixels"),
    ],
)
def test_a_file_of_something_else(change: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    np.savetxt(path, change(drawn_digits()), delimiter=",")  # type: ignore[operator]
    with pytest.raises(ValueError, match=rf"^cannot read digits from .*({message})") as caught:
        digits.from_file(path)
    assert "\n" not in str(caught.value)


def test_compressed_and_empty_files(digits_file: Path, tmp_path: Path) -> None:
    packed = tmp_path / "digits.csv.gz"
    packed.write_bytes(gzip.compress(digits_file.read_bytes()))
    np.testing.assert_array_equal(digits.from_file(packed)[0], digits.from_file(digits_file)[0])
    for path, content in ((tmp_path / "empty.csv", b""), (tmp_path / "broken.csv.gz", b"not gzip")):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"^cannot read digits"):
            digits.from_file(path)


def test_the_race_checks_its_runners(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = race.Layer("small", (2, 3, 6, 5), 4, 3, 1)
    line = race.race(layer, seconds=0.003)
    assert line[0] == "small" and len(line) == 7 and line[3].startswith("~")  # one image of two
    monkeypatch.setattr(race, "with_numpy", lambda x, w, padding: np.zeros((2, 4, 6, 5), x.dtype))
    with pytest.raises(ArithmeticError, match=r"rushlight got small wrong"):
        race.race(layer, seconds=0.003)


def test_a_busy_machine_is_mentioned(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(race, "LAYERS", race.LAYERS[:1])
    for share, said in ((0.5, True), (1.0, False)):
        monkeypatch.setattr(race.time, "process_time", lambda share=share: share * race.time.perf_counter())
        race.report(seconds=0.001)
        assert ("kept the processor busy" in capsys.readouterr().out) == said


def test_the_loops_are_a_convolution() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((1, 2, 5, 6)), rng.standard_normal((3, 2, 3, 3))
    want = race.with_numpy(x, w, 0)[0]
    np.testing.assert_allclose(race.with_loops(x[0].tolist(), w.tolist(), 3), want, atol=1e-12)
    np.testing.assert_allclose(race.with_loops(x[0].tolist(), w.tolist(), 2), want[:, :2], atol=1e-12)


def test_loops_share_fits_the_time() -> None:
    for layer in race.LAYERS:
        height = layer.shape[2] + 2 * layer.padding - layer.kernel + 1
        channels, rows = race.loops_share(layer, height)
        per_row = layer.products / (layer.shape[0] * layer.outputs * height)
        assert 1 <= channels <= layer.outputs and 1 <= rows <= height
        assert channels * rows * per_row <= race.LOOP_PRODUCTS or channels == rows == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1.234e-6, "1.23 us"),
        (9.999e-6, "10.0 us"),
        (9.996e-4, "1.00 ms"),
        (0.1234, "123 ms"),
        (12.34, "12.3 s"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert race.duration(seconds) == text


def test_progress_without_tqdm(without: object, capsys: pytest.CaptureFixture[str]) -> None:
    without("tqdm")  # type: ignore[operator]
    with console.Progress(3, "training", interval=0.0) as progress:
        progress.note(loss="1.0", held_out="5%")
        for _ in range(3):
            progress.step()
    assert capsys.readouterr().err.splitlines() == [
        f"training: {i}/3, loss 1.0, held out 5%" for i in (1, 2, 3)
    ]


def test_importing_main_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    importlib.import_module("rushlight.__main__")
    assert capsys.readouterr().out == ""
