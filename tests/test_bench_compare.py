"""The benchmark's tables, comparisons, pictures and page, on results made up here: nothing is measured."""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from rushlight.bench import compare, document, layers, memory, progress, report, run


def result(layer: str, medians: list[float], peer: str = "rushlight", status: str = "ok", **more: Any) -> Any:
    """A result as measure.py makes them, with these medians."""
    rounds = [{"median": m, "low": m, "high": m, "calls": 10, "faults": 0.0, "switches": 0} for m in medians]
    named = {"layer": layer, "suite": "layers", "family": "unet", "op": "conv2d", "direction": "forward"}
    named |= {"dtype": "float32", "shape": "", "flops": 10**6, "threads": 1, "peer": peer, "label": peer}
    return document.Result(**{**named, "status": status, "rounds": rounds, **more})


def made(results: list[Any], **more: Any) -> document.Document:
    settings = {"when": "2026-01-01", "machine": {"cpu": "x"}, "settings": {"quick": False}}
    return document.Document(**{**settings, "results": results, **more})


def whole() -> document.Document:
    """A bit of everything."""
    line = {"algorithm": "direct", "flops": 1e6, "bytes": 1e5, "seconds": 5e-6, "bound_by": "arithmetic"}
    results = []
    for threads, name in itertools.product((1, 2), ("tiny_5x5", "unet_1")):
        results.append(result(name, [2e-5 / threads, 3e-5], threads=threads, roofline=line))
        results.append(result(name, [4e-5, 5e-5], "torch", threads=threads))
        results.append(result(name, [], "opencv", "unsupported", threads=threads, reason="cannot"))
    for layer in layers.GROWING:
        time = float(f"{1e-9 * layer.flops:.3g}")  # the file keeps four figures
        more = {"suite": layer.suite, "family": layer.family, "flops": layer.flops}
        results += [result(layer.name, [time], **more), result(layer.name, [2 * time], "numpy", **more)]
    peaks, rates = {"float32": 1e11}, {"262144": 1e11, "268435456": 5e9}
    return made(
        results,
        machine={"cpu": "x <fast>", "cpus": 2, "system": "s", "python": "3"},
        versions={"torch": "2"},
        peaks={"1": peaks, "2": peaks},
        bandwidths={"1": rates, "2": rates},
        memory=[entry("a", 2**20), entry("a", 2**21, "torch")],
    )


def entry(layer: str, peak: int, peer: str = "rushlight") -> dict[str, Any]:
    named = {"layer": layer, "shape": "", "direction": "forward", "threads": 1, "peer": peer, "label": peer}
    return {**named, "peak": peak, "least": 2**19}


# ---- tables ----------------------------------------------------------------------------------------------
def test_tables_and_notes() -> None:
    rows = [
        [
            result("a", [2e-5, 1e-5], roofline={"seconds": 4e-6}),
            result("a", [3e-5], "numpy"),
            result("a", [], "torch", "error", reason="bad"),
            result("a", [1e-6], "ncnn"),  # with prepared weights: not a rival
        ]
    ]
    assert "| a     | forward   |      10.0 |  30.0 | ERROR | 1.00 |" in report.times(rows)
    judged = report.ours(rows, {"float32": 2e11})
    assert "3.00 numpy" in judged and "50%" in judged and "100%" in judged  # 100 GFLOP/s; spread 2 to 1
    assert "40%" in judged  # of the roofline
    assert report.notes(rows[0]) == ["ERROR a forward torch: bad"]
    assert report.microseconds(0.0123) == "12.3ms"


def test_the_exponent_is_that_of_the_power_law() -> None:
    assert report.exponent([(n, 3.0 * n**1.7) for n in (1, 2, 4, 8, 16)]) == pytest.approx(1.7)
    text = report.scaling(whole(), 1)
    for axis, power in layers.AXES.items():
        assert re.search(rf"\| {axis} +\| +{power:.0f} \| +{power:.2f} \| +{power:.2f} \|", text)


def test_growing_layers_double_one_size_each() -> None:
    for axis, power in layers.AXES.items():
        flops = [layer.flops for layer in layers.GROWING if layer.family == axis]
        assert [b / a for a, b in itertools.pairwise(flops)] == [2.0**power] * (len(flops) - 1)


def test_memory_table_and_the_rows_above_torch() -> None:
    entries = [entry("a", 2**20), entry("a", 2**21, "torch"), entry("b", 2**22), entry("b", 2**21, "torch")]
    assert memory.more_than(entries) == ["b forward threads 1"]
    near = [entry("a", 2**20 + 1), entry("a", 2**20, "torch")]
    assert memory.more_than(near) == []
    dead = {"layer": "c", "direction": "forward", "label": "torch", "status": "error", "reason": "died"}
    assert memory.errors([*entries, dead]) == ["ERROR c forward torch: died"]
    assert "|      0.50 |         1.00 |     2.00 |    0.50 |" in memory.table(entries)


# ---- the file --------------------------------------------------------------------------------------------
def test_the_file_comes_back_as_it_was(tmp_path: Path) -> None:
    before, file = whole(), tmp_path / "a.json"
    before.write(file)
    after = document.read(file)
    assert after == before
    assert len(json.loads(file.read_text())["results"]) == len(before.rows())
    assert len(after.rows(1)) == 2 + len(layers.GROWING) and after.threads == [1, 2]


def test_a_run_is_added_to_an_earlier_one(tmp_path: Path) -> None:
    before = whole()
    again = [result("unet_1", [7.0]), result("unet_1", [8.0], "torch")]
    after = document.joined(before, made(again, machine=before.machine, memory=[entry("b", 1)]))
    times = {(r.layer, r.threads, r.label): r.time for r in after.results if r.rounds}
    assert times["unet_1", 1, "rushlight"] == 7.0 and times["unet_1", 1, "torch"] == 8.0
    assert times["unet_1", 2, "torch"] == times["tiny_5x5", 1, "torch"] == 4e-5
    assert len(after.rows()) == len(before.rows()) and after.settings["threads"] == [1, 2]
    assert [each["layer"] for each in after.memory] == ["a", "a", "b"] and after.peaks == before.peaks
    with pytest.raises(ValueError, match="another machine"):
        document.joined(before, made(again))


# ---- compare ---------------------------------------------------------------------------------------------
def compared(tmp_path: Path, old: list[Any], new: list[Any], *options: str, **head: Any) -> int:
    files = [tmp_path / "old.json", tmp_path / "new.json"]
    made(old).write(files[0])
    made(new, **head).write(files[1])
    return run.main(["--compare", *map(str, files), *options])


@pytest.mark.parametrize(
    ("new", "status", "word"),
    [
        ([1.02, 1.05, 1.10], 0, ""),  # within the threshold
        ([1.30, 1.32, 1.40], 1, "slower"),
        ([1.08, 1.20, 1.30], 0, "slower? not certain"),
        ([0.70, 0.72, 0.75], 0, "faster"),
    ],
)
def test_compare(
    new: list[float], status: int, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compared(tmp_path, [result("a", [1.0, 1.05, 1.1])], [result("a", new)]) == status
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("| a "))
    assert line.split("|")[-2].strip() == word


@pytest.mark.parametrize(("m", "n"), [(3, 3), (2, 5), (7, 7)])
def test_interval_has_the_confidence_of_the_rank_sum_test(m: int, n: int) -> None:
    """Against all orders of m + n different times, counted one by one."""
    inversions = Counter(
        sum(i - place for place, i in enumerate(chosen)) for chosen in itertools.combinations(range(m + n), m)
    )
    total = sum(inversions.values())
    assert compare._counts(m, n) == tuple(inversions[u] for u in range(m * n + 1))
    for confidence in (0.5, 0.8, 0.9, 0.95, 0.99):
        cut = compare.outside(m, n, confidence)
        said = 1 - 2 * sum(inversions[u] for u in range(cut + 1)) / total
        wider = 1 - 2 * sum(inversions[u] for u in range(cut + 2)) / total
        assert said >= confidence - 1e-9 or cut == 0
        assert wider < confidence - 1e-9 or 2 * cut + 3 >= m * n
    assert compare.reached(m, n) == pytest.approx(1 - 2 / total)


def test_compare_threshold_and_other_peer(tmp_path: Path) -> None:
    old = [result("a", [1.0] * 4), result("a", [1.0] * 4, "torch")]
    new = [result("a", [1.3] * 4), result("a", [2.0] * 4, "torch")]
    assert compared(tmp_path, old, new, "--threshold", "0.5") == 0
    assert compared(tmp_path, old, new, "--threshold", "0.2") == 1
    assert compared(tmp_path, old, new, "--of", "torch", "--threshold", "0.5") == 1
    assert compared(tmp_path, old, new, "--relative-to", "torch") == 0  # torch got slower by more


def test_compare_finds_broken_rows_and_strange_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = result("a", [], status="error", reason="wrong answer")
    assert compared(tmp_path, [result("a", [1.0])], [broken]) == 1
    assert "BROKEN a forward" in capsys.readouterr().out
    new = {"settings": {"quick": True}, "machine": {"cpu": "y"}}
    assert compared(tmp_path, [result("a", [1.0]), result("b", [1.0])], [result("a", [1.0])], **new) == 0
    out = capsys.readouterr().out
    assert "machine differ in cpu" in out and "single cold calls" in out and "1 rows of the old file" in out
    assert "the rounds are few" in out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read"),
        ("{", "cannot read"),
        ("[]", "not a file written by"),
        ('{"schema": 0}', "schema 2"),
    ],
)
def test_compare_refuses_other_files(
    content: str | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad, lonely = (tmp_path / f"{name}.json" for name in ("good", "bad", "lonely"))
    made([result("a", [1.0])]).write(good)
    made([result("b", [1.0])]).write(lonely)
    if content is not None:
        bad.write_text(content)
    assert run.main(["--compare", str(good), str(bad)]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert run.main(["--compare", str(good), str(lonely)]) == 2
    assert "no row in common" in capsys.readouterr().err


def test_progress_without_tqdm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert list(progress.with_progress(iter("ab"), 2, "1 thread", str.upper)) == ["a", "b"]
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["1 thread: 1/2 A, 0 s left", "1 thread: 2/2 B, 0 s left"]


# ---- pictures and the page -------------------------------------------------------------------------------
def test_an_earlier_run_is_shown_with_its_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    file, folder, page = tmp_path / "a.json", tmp_path / "pictures", tmp_path / "a.html"
    whole().write(file)
    assert run.main(["--from", str(file), "--plot", str(folder), "--html", str(page)]) == 0
    assert "Cost as work grows" in capsys.readouterr().out
    names = {path.name for path in folder.iterdir()}
    each = {f"{name}_{threads}.png" for name in ("roofline", "speedup_forward") for threads in (1, 2)}
    assert names == {*each, "growth_1.png", "threads.png"}
    checker = Page()
    checker.feed(page.read_text("utf-8"))
    assert checker.open == [] and checker.pictures == len(names)
    assert checker.fetched == []
    assert "x <fast>" in checker.text and "unet_1" in checker.text


class Page(HTMLParser):
    """Which elements are open, what would be fetched from elsewhere."""

    VOID = ("meta", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.pictures, self.text = 0, ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.pictures += tag == "svg"
        where = ("src", "href", "xlink:href", "data")
        self.fetched += [v for k, v in attrs if k in where and v and not v.startswith(("#", "data:"))]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_pictures_without_matplotlib_are_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "find_spec", lambda name: None)
    assert run.main(["--plot", str(tmp_path)]) == 2
    assert "pip install 'rushlight[bench]'" in capsys.readouterr().err
