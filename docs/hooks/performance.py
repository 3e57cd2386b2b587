"""Writes the measured tables and pictures of the performance page and of both READMEs from performance.json.

    python docs/hooks/performance.py

A test holds all of them to the file. performance.json is what `rushlight bench --json` wrote; nothing is
measured here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from rushlight.bench import memory, report, training
from rushlight.bench.document import Document, Result, Row, read
from rushlight.bench.pictures import Picture, pictures

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docs" / "performance.json"
PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images" / "performance"
PLACE = re.compile(r"(<!-- bench: (\w+)(?: (\w+))? -->\n).*?(<!-- /bench -->)", re.DOTALL)
BLOCK = re.compile(r"(<!-- speed -->\n).*?(<!-- /speed -->)", re.DOTALL)
NAMES = {"torch": "PyTorch", "onnxruntime": "ONNX Runtime", "ncnn": "ncnn", "opencv": "OpenCV"}
NAMES |= {"scipy": "SciPy", "numpy": "NumPy", "python": "Python"}

# The README's rows: the layer, what it is in both languages.
ROWS = {
    "tiny_5x5": ("the smallest call: 5 x 5 image, 3 x 3 kernel", "最小的调用：5 x 5 图像，3 x 3 核"),
    "mnist_c1": ("LeNet's first layer, 32 digits", "LeNet 第一层，32 个数字"),
    "r50_conv1": ("ResNet's first layer, 7 x 7, stride 2", "ResNet 第一层，7 x 7，步幅 2"),
    "r50_c2_3x3": ("64 to 64 channels, 56 x 56, 3 x 3", "64 到 64 通道，56 x 56，3 x 3"),
    "r50_c4_1x1": ("1024 to 256 channels, 14 x 14, 1 x 1", "1024 到 256 通道，14 x 14，1 x 1"),
    "vgg_c1_2": ("64 to 64 channels, 224 x 224, 3 x 3", "64 到 64 通道，224 x 224，3 x 3"),
    "mbv2_dw1": ("depthwise 3 x 3, 32 channels, 112 x 112", "逐通道 3 x 3，32 通道，112 x 112"),
    "img_2048_3x3": ("one 2048 x 2048 image, 3 x 3", "一张 2048 x 2048 图像，3 x 3"),
    "pool_r50_3x3s2": (
        "max pooling 3 x 3, stride 2, 64 channels",
        "最大汇聚 3 x 3，步幅 2，64 通道",
    ),
    "up_unet_2x2s2": (
        "transposed 2 x 2, stride 2, 128 to 64 channels",
        "转置卷积 2 x 2，步幅 2，128 到 64 通道",
    ),
}


@cache
def document() -> Document:
    """The stored run."""
    return read(FILE)


# ---- rows ------------------------------------------------------------------------------------------------
def _mine(row: Row, precision: str = "high") -> Result | None:
    wanted = (r for r in row if r.ours and r.rounds and r.options.get("precision", "high") == precision)
    return next(wanted, None)


def _time(result: Result | None) -> str:
    return "" if result is None else report.microseconds(result.time).replace("ms", " ms")


def _ratio(row: Row) -> float | None:
    mine, best = _mine(row), report.best_rival(row)
    return best.time / mine.time if mine and best else None


def _lost(row: Row) -> bool:
    """Whether somebody else is faster by more than our rounds differ."""
    mine, ratio = _mine(row), _ratio(row)
    return bool(mine and ratio and ratio * (1 + mine.spread) < 1)


def _name(result: Result) -> str:
    """The layer and, smaller, its shape."""
    return f'`{result.layer}`<br><small style="white-space: nowrap">{result.shape}</small>'


def _markdown(header: list[str], lines: list[list[str]], left: int) -> str:
    rule = [":--" if i < left else "--:" for i in range(len(header))]
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rule, *lines]) + "\n"


def _peers(rows: list[Row]) -> list[str]:
    timed = {result.peer for row in rows for result in row if result.rounds and not result.ours}
    return [name for name in NAMES if name in timed]


# ---- parts of the page -----------------------------------------------------------------------------------
def facts() -> str:
    """Date, machine, versions, settings."""
    d, versions = document(), dict(document().versions)
    ours = versions.pop("rushlight", "")
    others = ", ".join(f"{NAMES.get(name, name)} {version}" for name, version in versions.items())
    peaks = "; ".join(
        f"{report.plural(int(threads))}: {rates['float32'] / 1e9:.0f} GFLOP/s"
        for threads, rates in d.peaks.items()
        if "float32" in rates
    )
    rounds = f"{d.settings['rounds']} in turns, {d.settings['seconds']} s each"
    lines = {
        "measured": f"{d.when[:10]}, rushlight {ours}, `{', '.join(d.settings['isas'])}`",
        "machine": f"{d.machine['cpu']}, {d.machine['cpus']} CPUs, {', '.join(d.machine['caches'])}",
        "system": f"{d.machine['system']}, Python {d.machine['python']}",
        "against": others,
        "float32 peak": peaks,
        "rounds": f"{rounds}; the figure is the median of the best round",
    }
    return "\n".join(f"- **{name}**: {text}" for name, text in lines.items()) + "\n"


def times(direction: str) -> str:
    """A table for each number of threads."""
    parts = []
    for threads in document().threads:
        rows = [r for r in document().rows(threads, ("layers", "ops")) if r[0].direction == direction]
        rows = [row for row in rows if _mine(row)]
        if rows:
            parts.append(f"### {report.plural(threads)}\n\n" + _times(rows))
    return "\n".join(parts)


def _times(rows: list[Row]) -> str:
    peers, medium = _peers(rows), any(_mine(row, "medium") for row in rows)
    header = ["layer", "rushlight", *(["at medium"] if medium else [])]
    header += ["best / ours", "of roofline", *(NAMES[name] for name in peers)]
    lines = []
    for row in rows:
        mine, by = _mine(row), {r.peer: r for r in row if r.rounds}
        assert mine is not None
        ratio, least = _ratio(row), mine.roofline.get("seconds")
        cells = [_name(mine), _time(mine), *([_time(_mine(row, "medium"))] if medium else [])]
        cells += [f"**{report.ratio(ratio)}**" if ratio else "", f"{least / mine.time:.0%}" if least else ""]
        cells += [_time(by.get(name)) for name in peers]
        lines.append(cells)
    return _markdown(header, lines, 1)


def losses() -> str:
    """The rows that are lost, the worst first."""
    lines = []
    for row in document().rows(suites=("layers", "ops")):
        mine, best, ratio = _mine(row), report.best_rival(row), _ratio(row)
        if mine and best and ratio and _lost(row):
            cells = [_name(mine), mine.direction, str(mine.threads), _time(mine)]
            lines.append((ratio, [*cells, f"{_time(best)} {NAMES[best.peer]}", report.ratio(ratio)]))
    if not lines:
        return "Nowhere on this machine.\n"
    header = ["layer", "direction", "threads", "rushlight", "best", "best / ours"]
    return _markdown(header, [line for _, line in sorted(lines)], 2)


def summary() -> str:
    """How many rows are lost, and the ratios on the average, per direction and number of threads."""
    lines = []
    for threads in document().threads:
        for direction in ("forward", "grad_input", "grad_weight"):
            rows = [r for r in document().rows(threads, ("layers", "ops")) if r[0].direction == direction]
            ratios = [ratio for row in rows if (ratio := _ratio(row))]
            if ratios:
                lost, middle = sum(map(_lost, rows)), sorted(ratios)[len(ratios) // 2]
                mean = report.geometric_mean(ratios)
                counts = [str(len(ratios)), str(lost), f"{mean:.2f}", f"{middle:.2f}", f"{min(ratios):.2f}"]
                lines.append([direction, str(threads), *counts])
    header = ["direction", "threads", "rows", "others faster", "geometric mean", "median", "worst"]
    return _markdown(header, lines, 1)


def peaks_of_memory() -> str:
    """The table, and where torch needs less."""
    entries = document().memory
    if not entries:
        return "Not measured in this run.\n"
    above = memory.more_than(entries)
    text = f"Rows on which rushlight needs more than PyTorch: {len(above)}"
    return memory.table(entries) + f"\n\n{text}{': ' if above else ''}{'; '.join(above)}.\n"


def steps() -> str:
    """Training steps."""
    entries = document().training
    return training.training_table(entries) + "\n" if entries else "Not measured in this run.\n"


def _drawn(prefix: str) -> Iterator[Picture]:
    return (each for each in pictures(document()) if each.name.startswith(prefix))


def picture(prefix: str) -> str:
    """Those whose name begins so: files of their own, because GitHub shows no picture within a page."""
    return "\n".join(f"![{p.caption}](images/performance/{p.name}.svg)\n" for p in _drawn(prefix))


PARTS: dict[str, Callable[..., str]] = {
    "facts": facts,
    "summary": summary,
    "times": times,
    "losses": losses,
    "memory": peaks_of_memory,
    "training": steps,
    "picture": picture,
}


def with_parts(page: str) -> str:
    """The page with its parts made anew."""
    return PLACE.sub(lambda m: m[1] + "\n" + PARTS[m[2]](*filter(None, [m[3]])) + "\n" + m[4], page)


def stamp() -> str:
    """How a picture says of which run it is: its bytes differ from one version of matplotlib to another."""
    return f"<!-- performance.json {hashlib.sha256(FILE.read_bytes()).hexdigest()[:16]} -->\n"


def draw(page: str) -> None:
    """The page's pictures."""
    from matplotlib import rc_context

    from rushlight.bench.page import svg

    IMAGES.mkdir(parents=True, exist_ok=True)
    for old in IMAGES.glob("*.svg"):
        old.unlink()
    for place in PLACE.finditer(page):
        for each in _drawn(place[3]) if place[2] == "picture" else ():
            with rc_context({"svg.hashsalt": each.name}):  # else its ids are random
                (IMAGES / f"{each.name}.svg").write_text(stamp() + svg(each), "utf-8")


# ---- the READMEs -----------------------------------------------------------------------------------------
WORDS = {
    "README.md": (
        "microseconds, one thread, forward",
        "{when}, {cpu}, {isa}; float32, fresh outputs, one thread; medians of the best of {rounds} rounds in "
        "turns, each library in its own process. [All rows, the gradients, and where others are "
        "faster](docs/performance.md).",
    ),
    "README.zh.md": (
        "微秒，单线程，前向",
        "{when}，{cpu}，{isa}；float32，每次新的输出，单线程；"
        "每个库在自己的进程里轮流计时，取 {rounds} 轮中最好一轮的中位数。"
        "[全部结果、梯度，以及别人更快的地方](docs/performance.md)。",
    ),
}


def speed(readme: str) -> str:
    """The README's block: some telling rows, and what they were measured on."""
    d, (title, caption) = document(), WORDS[readme]
    language = list(WORDS).index(readme)
    by_name = {row[0].layer: row for row in d.rows(1) if row[0].direction == "forward"}
    peers = ("torch", "onnxruntime", "opencv", "numpy")
    header = [title, "rushlight", *(NAMES[name] for name in peers), "best / rushlight"]
    lines = []
    for name, words in ROWS.items():
        row = by_name[name]
        by, ratio = {r.peer: r for r in row if r.rounds}, _ratio(row)
        times = [_time(by.get(peer)) for peer in peers]
        lines.append(
            [words[language], _time(_mine(row)), *times, f"**{report.ratio(ratio)}**" if ratio else ""]
        )
    settings = {"when": d.when[:10], "cpu": d.machine["cpu"], "isa": ", ".join(d.settings["isas"])}
    return _markdown(header, lines, 1) + "\n" + caption.format(**settings, rounds=d.settings["rounds"]) + "\n"


def with_speed(readme: str, text: str) -> str:
    """The README with its block made anew."""
    return BLOCK.sub(lambda m: m[1] + speed(readme) + m[2], text)


if __name__ == "__main__":
    for name in WORDS:
        path = ROOT / name
        path.write_text(with_speed(name, path.read_text("utf-8")), "utf-8")
    PAGE.write_text(with_parts(PAGE.read_text("utf-8")), "utf-8")
    draw(PAGE.read_text("utf-8"))
