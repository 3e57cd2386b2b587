"""The benchmark: its list of layers, its checks, its processes, its command line. No test judges a time."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rushlight.bench import cases, document, layers, options, reference, run, team, worker
from rushlight.bench.peers import PEERS, common, numpy_im2col

ROOT = Path(__file__).resolve().parents[1]
SMALL = ["tiny_5x5", "edge_6x8", "lenet_c1_b1", "pool_incep_3x3s1", "mbv2_dw3", "incep_1x7"]
ROWS = [(layer.name, direction) for layer in layers.LAYERS for direction in layer.directions]


def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The benchmark in a process of its own, as one would call it."""
    return subprocess.run(
        [sys.executable, "-m", "rushlight", "bench", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=250,
    )


# ---- layers ----------------------------------------------------------------------------------------------
def test_layers_are_consistent() -> None:
    assert len(layers.BY_NAME) == len(layers.LAYERS) + len(layers.GROWING)
    assert len({(layer.op, layer.describe()) for layer in layers.LAYERS}) == len(layers.LAYERS)
    for layer in layers.LAYERS:
        assert min(layer.output_shape) > 0
        if layer.op in ("conv2d", "conv_transpose2d"):
            assert layer.input_shape[1] % layer.groups == layer.outputs % layer.groups == 0
            assert layer.flops > 0
        if layer.op == "conv_transpose2d":
            assert layer.mirrored.output_shape == layer.input_shape
            assert layer.mirrored.weight_shape == layer.weight_shape
        assert all(2 * p <= k for k, p in zip(layer.kernel, layer.padding, strict=True)) or layer.dilation > (
            1,
            1,
        )


def test_the_networks_that_were_promised_are_there() -> None:
    networks = {
        "resnet50",
        "vgg16",
        "mobilenetv2",
        "lenet",
        "unet",
        "images",
        "pooling",
        "relu",
        "transposed",
    }
    assert networks <= set(layers.FAMILIES)
    assert {layer.suite for layer in layers.BY_NAME.values()} == {"layers", "ops", "scaling"}
    assert any(layer.input_shape[2:] == (2048, 2048) for layer in layers.LAYERS)


def test_select() -> None:
    assert [layer.name for layer in layers.select(["tiny_*", "unet"], ["layers"])] == ["tiny_5x5", "unet_1"]
    assert {layer.family for layer in layers.select(["vgg16", "relu"], ["layers", "ops"])} == {
        "vgg16",
        "relu",
    }
    assert layers.select([], ["layers", "ops"]) == list(layers.LAYERS)
    assert {layer.family for layer in layers.select([], ["scaling"])} == set(layers.AXES)
    for patterns, suites in ((["nothing*"], ["layers"]), (["unet_1"], ["ops"])):
        with pytest.raises(ValueError, match=r"^no "):
            layers.select(patterns, suites)


def test_keywords_are_what_one_would_write() -> None:
    assert common.keywords(layers.BY_NAME["tiny_5x5"]) == {}
    assert common.keywords(layers.BY_NAME["mbv2_dw2s2"]) == {"stride": 2, "padding": 1, "groups": 144}
    assert common.keywords(layers.BY_NAME["incep_1x7"]) == {"padding": (0, 3)}
    assert common.keywords(layers.BY_NAME["dilated_d2"]) == {"padding": 2, "dilation": 2}


# ---- answers ---------------------------------------------------------------------------------------------
SMALL_SHAPES = [
    layers.Layer("a", "conv2d", "", (2, 4, 7, 9), 6, (3, 2), (2, 1), (1, 0), (1, 2), 2),
    layers.Layer("b", "conv2d", "", (1, 3, 5, 6), 3, (2, 3), (1, 2), (0, 1), (2, 1), 3, dtype="float64"),
]


@pytest.mark.parametrize("layer", SMALL_SHAPES, ids=lambda layer: layer.name)
def test_reference_convolution_is_its_definition(layer: layers.Layer) -> None:
    """Seven loops; and the gradients are transposes of the forward pass: <dy, conv(x, w)> in other ways."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(layer.input_shape), rng.standard_normal(layer.weight_shape)
    dy = rng.standard_normal(layer.output_shape)
    want = np.zeros(layer.output_shape)
    (sh, sw), (ph, pw), (dh, dw) = layer.stride, layer.padding, layer.dilation
    _, channels, kh, kw = layer.weight_shape
    for n, k, i, j in np.ndindex(*layer.output_shape):
        first = k // (layer.outputs // layer.groups) * channels
        for c, r, s in np.ndindex(channels, kh, kw):
            y, z = i * sh + r * dh - ph, j * sw + s * dw - pw
            if 0 <= y < x.shape[2] and 0 <= z < x.shape[3]:
                want[n, k, i, j] += x[n, first + c, y, z] * w[k, c, r, s]
    np.testing.assert_allclose(reference.conv2d(x, w, layer), want, atol=1e-12)
    inner = np.sum(dy * want)
    assert np.isclose(np.sum(x * reference.conv2d_grad_input(dy, w, layer)), inner)
    assert np.isclose(np.sum(w * reference.conv2d_grad_weight(dy, x, layer)), inner)


def test_reference_pooling() -> None:
    layer = layers.Layer("p", "max_pool2d", "", (1, 1, 3, 4), kernel=(2, 2), stride=(2, 2), padding=(1, 0))
    x = np.array([[[[1, 5, 5, 2], [7, 7, 0, 0], [7, 3, 4, 4]]]], np.float32)
    y, indices = reference.max_pool2d(x, layer)
    assert y.tolist() == [[[[5, 5], [7, 4]]]]
    assert indices.tolist() == [[[[1, 2], [4, 10]]]]  # row * 4 + column, the first of equals
    dx = reference.max_pool2d_grad_input(np.array([[[[1, 2], [3, 4]]]]), indices, layer)
    assert dx.tolist() == [[[[0, 1, 2, 0], [3, 0, 0, 0], [0, 0, 4, 0]]]]


def test_reference_operators_are_linear_maps_and_their_transposes() -> None:
    """<dy, f(x)> = <f'(dy), x>; and what the averages and the normalisation say themselves."""
    rng = np.random.default_rng(0)
    for op in ("avg_pool2d", "unfold"):
        layer = layers.Layer("a", op, "", (2, 3, 7, 9), 0, (3, 2), (2, 1), (1, 0))
        x = rng.standard_normal(layer.input_shape)
        forward, back = {
            "avg_pool2d": (reference.avg_pool2d, reference.avg_pool2d_grad_input),
            "unfold": (reference.unfold, reference.fold),
        }[op]
        y = forward(x, layer)
        dy = rng.standard_normal(y.shape)
        assert y.size == np.prod(layer.output_shape)
        assert np.isclose(np.sum(dy * y), np.sum(back(dy, layer) * x))
    pooled = layers.Layer("a", "avg_pool2d", "", (1, 1, 4, 4), 0, (2, 2), (2, 2), (1, 1))
    corners = reference.avg_pool2d(np.ones((1, 1, 4, 4)), pooled)[0, 0]
    assert corners.tolist() == [[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]]
    columns = reference.unfold(x, layer).reshape(2, 3, 6, *layer.windows)
    assert np.array_equal(columns[0, 1, 3, 1, 4], x[0, 1, 2, 5])  # tap (1, 1) of window (1, 4)
    y = reference.batch_norm(x)
    assert np.allclose(y.mean((0, 2, 3)), 0) and np.allclose(y.var((0, 2, 3)), 1, rtol=1e-4)
    step, dy = 1e-6 * rng.standard_normal(x.shape), rng.standard_normal(x.shape)
    difference = np.sum(dy * (reference.batch_norm(x + step) - reference.batch_norm(x - step))) / 2
    assert np.isclose(np.sum(reference.batch_norm_grad_input(dy, x) * step), difference, rtol=1e-4)


def test_same_arrays_every_time() -> None:
    for name, direction in (("tiny_5x5", "grad_weight"), ("pool_incep_3x3s1", "grad_input")):
        first, second = cases.make(name, direction), cases.make(name, direction)
        for field in ("x", "w", "dy", "indices"):
            np.testing.assert_array_equal(getattr(first, field), getattr(second, field))


def wrong_answers(case: cases.Case) -> Iterator[list[Any]]:
    """Answers off by as little as a careless kernel might be."""
    good = [a.astype(case.layer.dtype) if a.dtype.kind == "f" else a for a in cases.answers(case)]
    for position, array in enumerate(good):
        for change in (lambda a: a[..., :-1], lambda a: a.astype("float16"), nudged, with_nan):
            bad = list(good)
            if array.dtype.kind == "f" or change is nudged:
                bad[position] = change(array)
                yield bad
    yield [*good, good[0]]


def nudged(array: Any) -> Any:
    copy = array.copy()
    copy[..., -1, -1] += np.ones((), copy.dtype) if copy.dtype.kind == "i" else np.asarray(0.01, copy.dtype)
    return copy


def with_nan(array: Any) -> Any:
    copy = array.copy()
    copy[..., 0, 0] = np.nan
    return copy


@pytest.mark.parametrize(
    "row",
    [
        ("lenet_c1_b1", "forward"),
        ("pool_r50_indices", "forward"),
        ("odd_17", "grad_weight"),
        ("relu_b16", "forward"),
        ("up_3x3", "grad_input"),
        ("norm_cifar", "forward"),
    ],
    ids=lambda row: row[0],
)
def test_a_wrong_answer_is_found(row: tuple[str, str]) -> None:
    case = cases.make(*row)
    want = cases.answers(case)
    right = [a.astype(case.layer.dtype) if a.dtype.kind == "f" else a for a in want]
    assert cases.errors(case, right, want)[0] <= cases.tolerance(case)
    bad = list(wrong_answers(case))
    assert len(bad) >= 5
    for answer in bad:
        with pytest.raises(ValueError, match=r"wrong answer|shape|indices differ|outputs|is float16"):
            cases.errors(case, answer, want)


# ---- workers ---------------------------------------------------------------------------------------------
def test_measure_counts_calls_and_batches_short_ones() -> None:
    calls = []
    result = worker.measure(common.Call(lambda: calls.append(0)), seconds=0.01, least=3)
    assert 0 < result["low"] <= result["median"] <= result["high"] < 1e-3
    assert result["calls"] > 100 and len(calls) > result["calls"]  # warming up is not counted
    slow = worker.measure(common.Call(lambda: sum(range(20_000))), seconds=1e-6, least=4)
    assert slow["calls"] == 4


def test_a_dead_worker_is_an_error_and_is_replaced() -> None:
    with team.Team() as crew:
        one = crew.add(team.Contender("numpy", 1))
        assert one.ask("prepare", layer="tiny_5x5", direction="forward") == {}
        assert one.ask("time", seconds=0.001, least=1)["calls"] >= 1
        with pytest.raises(team.WorkerError, match="KeyError"):
            one.ask("prepare", layer="no such layer", direction="forward")
        assert one._process is not None
        one._process.kill()
        one._process.wait()
        assert one.ask("prepare", layer="tiny_5x5", direction="forward") == {}
        assert one._process.stdin is not None
        one._process.stdin.write("this is not JSON\n")  # the end of a worker that has more to do
        with pytest.raises(team.WorkerError, match=r"died with status 1: .*JSONDecodeError"):
            one.ask("rest")
    assert one._process is None


def test_idle_workers_sleep() -> None:
    with team.Team() as crew:
        for peer in ("numpy", "python", "rushlight"):
            crew.add(team.Contender(peer, 2))
        assert crew.wait_until_asleep(5.0)


def test_every_worker_gets_the_same_malloc_and_its_threads() -> None:
    environment = team.Contender("numpy", 3).environment()
    assert environment["MALLOC_MMAP_THRESHOLD_"] == "1073741824"
    assert environment["OMP_NUM_THREADS"] == environment["OPENBLAS_NUM_THREADS"] == "3"


def test_peers_decline_with_a_reason() -> None:
    with team.Team() as crew:
        python = crew.add(team.Contender("python", 1))
        assert "too slow" in python.ask("prepare", layer="unet_1", direction="forward")["unsupported"]
        assert "only" in python.ask("prepare", layer="tiny_5x5", direction="grad_input")["unsupported"]


@pytest.mark.parametrize("row", ROWS, ids="-".join)
def test_numpy_peer_answers_everything_small(row: tuple[str, str]) -> None:
    name, direction = row
    if layers.BY_NAME[name].flops > 5e7 or np.prod(layers.BY_NAME[name].input_shape) > 1e6:
        return  # --quick has them
    case = cases.make(name, direction)
    made = numpy_im2col.prepare(case)
    cases.errors(case, made.arrays(made.run()), cases.answers(case))


# ---- the command -----------------------------------------------------------------------------------------
@pytest.mark.slow
def test_every_benchmark_runs_once(tmp_path: Path) -> None:
    file = tmp_path / "all.json"
    done = call("--quick", "--json", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    ran = {(r.layer, r.direction, r.peer): r.status for r in document.read(file).results}
    assert set(ran) == {(*row, peer) for row in ROWS for peer in ("rushlight", "numpy")}
    assert {key for key, status in ran.items() if status != "ok"} == set()


@pytest.mark.parametrize("peer", list(PEERS))
def test_each_peer_gives_right_answers(peer: str, tmp_path: Path) -> None:
    module = {"opencv": "cv2"}.get(peer, peer)
    if peer != "python" and importlib.util.find_spec(module) is None:
        pytest.skip(f"{peer} is not installed")
    file = tmp_path / "peer.json"
    chosen = "none" if peer == "rushlight" else peer
    done = call("--quick", "--layers", ",".join(SMALL), "--peers", chosen, "--json", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    results = [r for r in document.read(file).results if r.peer == peer]
    assert {r.status for r in results} <= {"ok", "unsupported"}, [r.reason for r in results]
    assert any(r.status == "ok" for r in results)


def test_rounds_isas_threads_and_the_json_file(tmp_path: Path) -> None:
    file = tmp_path / "new.json"
    arguments = "--layers tiny_5x5 --direction forward --threads 1,2 --isa all --peers numpy --rounds 2"
    done = call(*arguments.split(), "--seconds", "0.002", "--json", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    told = document.read(file)
    assert told.settings["rounds"] == 2 and told.machine["cpus"] >= 1
    ours = [r for r in told.results if r.ours]
    assert {r.threads for r in ours} == {1, 2}
    assert {"reference", "baseline"} <= {r.options["isa"] for r in ours}
    for result in told.results:
        assert len(result.rounds) in ((2,) if result.ours else (1, 2))  # once if ten times slower
        assert result.error is not None and result.error[0] <= 1e-4
    for peak in told.peaks.values():
        assert peak["float32"] > 1e8
    for result in ours:
        assert result.roofline["seconds"] > 0 and result.roofline["algorithm"]
    assert "x best peer" in done.stdout and "rushlight reference" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--layers nothing", "no layer or family matches 'nothing'"),
        ("--suite nothing", "no suite 'nothing'"),
        ("--precision low", "no precision 'low'"),
        ("--models alexnet", "no model 'alexnet'"),
        ("--from /nonexistent/x.json", "cannot read"),
        ("--confidence 1", "between 0 and 1"),
        ("--add", "--add needs --json"),
        ("--direction sideways", "no direction 'sideways'"),
        ("--threads 0", "positive whole numbers"),
        ("--isa z80", "no ISA 'z80'"),
        ("--peers nobody", "no peer 'nobody'"),
        ("--rounds 0", "must be positive"),
        ("--rounds many", "invalid int value"),
        ("--json /nonexistent/x.json", "No such file"),
        ("--layers relu --direction grad_weight", "none of these layers"),
        ("--nonsense", "unrecognized arguments"),
    ],
)
def test_a_bad_option_is_one_line_and_status_2(
    arguments: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status: object = run.main(arguments.split())
    except SystemExit as error:
        status = error.code
    said = capsys.readouterr()
    assert status == 2 and said.out == ""
    assert message in said.err and said.err.count("\n") == 1


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["--list", "--suite", "all"]) == 0
    said = capsys.readouterr().out
    assert all(layer.describe() in said for layer in layers.BY_NAME.values())


def test_the_script_of_the_source_tree_is_the_same_command() -> None:
    command = [sys.executable, str(ROOT / "bench" / "run.py"), "--list", "--layers", "unet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "unet_1" in done.stdout


def test_a_peers_process_holds_the_peer_alone() -> None:
    """Ours is not even imported there; and importing ours does not import the benchmark."""
    program = (
        "import sys; sys.argv = ['alone', 'worker']; import runpy; runpy.run_path({!r})['load']('worker')"
    )
    alone = (
        program.format(str(Path(team.__file__).with_name("alone.py"))) + "; print('rushlight' in sys.modules)"
    )
    plain = "import sys, rushlight; print(any('bench' in name for name in sys.modules))"
    for code in (alone, plain):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert done.stdout.strip() == "False", done.stdout + done.stderr


def test_each_suite_has_its_rows() -> None:
    given = options.parse(["--suite", "scaling,memory"])
    assert {layer.suite for layer in given.chosen} == {"scaling"}
    assert given.remembered == list(layers.LAYERS)
    given = options.parse(["--suite", "memory,ops", "--layers", "relu"])
    assert [layer.name for layer in given.remembered] == ["relu_224", "relu_b16"]
    assert given.chosen == given.remembered
    assert options.parse(["--suite", "training"]).chosen == []


def test_memory_of_a_call_is_what_it_holds(tmp_path: Path) -> None:
    """NumPy's maximum makes one array of the size of its input and nothing else."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("tells nothing here")
    file = tmp_path / "memory.json"
    done = call("--suite", "memory", "--layers", "relu_b16", "--peers", "numpy", "--json", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    entries = document.read(file).memory
    assert [entry["peer"] for entry in entries] == ["rushlight", "numpy"]
    for entry in entries:
        assert entry["least"] == 16 * 64 * 56 * 56 * 4
        assert abs(entry["peak"] - entry["least"]) < 2**20
