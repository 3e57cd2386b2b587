"""The house rules: who may use whom, what a kernel may export, how long a file may be, what the stub says."""

from __future__ import annotations

import ast
import inspect
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rushlight import _core

ROOT = Path(__file__).resolve().parent.parent
CPP, PYTHON = ROOT / "cpp", ROOT / "python" / "rushlight"
LONGEST = 400


def sources(folder: Path, *suffixes: str) -> list[Path]:
    found = sorted(path for suffix in suffixes for path in folder.rglob(f"*{suffix}"))
    assert found, f"no {suffixes} in {folder}: has the layout changed?"
    return found


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


# ---------------------------------------------------------------- files


def test_files_stay_short():
    folders = [ROOT / folder for folder in ("cpp", "python", "bench", "examples", "tests")]
    files = [path for folder in folders for path in sources(folder, ".py", ".pyi", ".cpp", ".hpp")]
    long = {name(path): count for path in files if (count := len(path.read_text().splitlines())) >= LONGEST}
    assert not long, f"files of {LONGEST} lines or more want to be two: {long}"


# ---------------------------------------------------------------- C++ layers

STANDARD = re.compile(r"<[a-z_]+>")
# What each layer may include, besides its own folder; standard headers are free above the kernels.
LAYERS = {
    "core": re.compile(r'"(core/|kernels/kernels\.hpp|[a-z_]+\.hpp)|<(sys|linux)/|<[a-z_]+(\.h)?>'),
    "ops": re.compile(r'"(ops/|core/|kernels/kernels\.hpp)|<[a-z_]+>'),
    "bindings": re.compile(r'"(bindings/|ops/|core/)|<pybind11/|<[a-z_]+>'),
    "kernels": re.compile(r'"(\.\./)?[a-z0-9_]+\.hpp"|<(cstdint|cstddef|cstring|immintrin\.h)>'),
}


def includes(path: Path) -> Iterator[str]:
    return iter(re.findall(r"^\s*#\s*include\s+(\S+)", path.read_text(), re.MULTILINE))


@pytest.mark.parametrize("layer", LAYERS)
def test_includes(layer):
    for path in sources(CPP / layer, ".cpp", ".hpp"):
        for included in includes(path):
            assert LAYERS[layer].match(included), f"{name(path)} may not include {included}"


def test_every_folder_is_a_layer():
    assert {path.name for path in CPP.iterdir() if path.is_dir()} == set(LAYERS)


def test_kernels_use_no_standard_templates():
    """An instantiation that is not inlined is a symbol that all ISAs share."""
    for path in sources(CPP / "kernels", ".cpp", ".hpp"):
        used = set(re.findall(r"\bstd::(\w+)", path.read_text()))
        assert all(re.fullmatch(r"u?int\d+_t|size_t", word) for word in used), (
            f"{name(path)} uses std::{used}"
        )


def test_one_parallel_region():
    found = [
        name(path)
        for path in sources(CPP, ".cpp", ".hpp")
        if re.search(r"^\s*#\s*pragma\s+omp\b", path.read_text(), re.MULTILINE)
    ]
    assert found == ["cpp/core/team.cpp"]


def test_cpp_names_no_python_outside_the_bindings():
    for layer in ("core", "ops", "kernels"):
        for path in sources(CPP / layer, ".cpp", ".hpp"):
            assert not re.search(r"\bpy::|\bPy_|\bPyObject\b|pybind11", path.read_text()), name(path)


# ---------------------------------------------------------------- Python layers


def imports(path: Path) -> set[str]:
    """The package's modules that a file imports, as dotted names below `rushlight`."""
    package = path.relative_to(PYTHON).parent.parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = (
                [*base, *(node.module or "").split(".")] if node.level else (node.module or "").split(".")
            )
            if not node.level and module[0] != "rushlight":
                continue
            dotted = ".".join(part for part in module if part and part != "rushlight")
            found |= {f"{dotted}.{alias.name}".strip(".") for alias in node.names} | {dotted}
        elif isinstance(node, ast.Import):
            found |= {a.name.partition(".")[2] for a in node.names if a.name.split(".")[0] == "rushlight"}
    return found


# layer: what it must not import
FORBIDDEN = {
    "autograd": ("_core", "functional", "nn", "optim", "ops", "tensor"),
    "ops": ("_core", "nn", "optim"),
    "functional": ("nn", "optim"),
    "optim": ("_core", "functional"),
}


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_python_imports(layer):
    for path in sources(PYTHON / layer, ".py"):
        for imported in imports(path):
            top = imported.split(".")[0]
            assert top not in FORBIDDEN[layer], f"{name(path)} may not import {imported}"


def test_only_functional_runtime_and_plan_touch_the_compiled_module():
    users = {path.relative_to(PYTHON).parts[0] for path in sources(PYTHON, ".py") if "_core" in imports(path)}
    assert users <= {"functional", "runtime.py", "plan.py", "__init__.py"}


# ---------------------------------------------------------------- the compiled module's stub


def stub_functions() -> dict[str, list[str]]:
    tree = ast.parse((PYTHON / "_core.pyi").read_text())
    return {
        f.name: [a.arg for a in (*f.args.posonlyargs, *f.args.args)]
        for f in tree.body
        if isinstance(f, ast.FunctionDef)
    }


def test_stub_has_the_names_of_the_module():
    tree = ast.parse((PYTHON / "_core.pyi").read_text())
    classes = {c.name for c in tree.body if isinstance(c, ast.ClassDef)}
    names = {n for n in dir(_core) if not n.startswith("_")}
    assert {*stub_functions(), *classes} == names


def module_arguments(function: Any) -> list[str]:
    """As CPython or, for most functions, pybind11 writes them into the docstring."""
    if function.__text_signature__:
        return list(inspect.signature(function).parameters)
    signature = function.__doc__.splitlines()[0]
    inner = signature[signature.index("(") + 1 : signature.rindex(") ->")]
    flat = re.sub(r"\[[^\[\]]*\]", "", re.sub(r"\[[^\[\]]*\]", "", re.sub(r"\[[^\[\]]*\]", "", inner)))
    return [part.split(":")[0].strip() for part in flat.split(",") if part.strip()]


def test_stub_has_the_arguments_of_the_module():
    for function, arguments in stub_functions().items():
        assert module_arguments(getattr(_core, function)) == arguments, function


# ---------------------------------------------------------------- symbols

ISA_CALL = re.compile(r'^\s*rushlight_add_isa\((\w+) "([^"]*)" ([^)]*)\)', re.MULTILINE)


def kernel_builds() -> dict[str, tuple[str, list[str]]]:
    """Per ISA: the sources' folder and the compiler flags, as CMakeLists.txt has them."""
    cmake = (ROOT / "CMakeLists.txt").read_text()
    options = re.search(r"target_compile_options\(kernels_\$\{isa\} PRIVATE ([^)]*)\)", cmake)
    assert options
    common = [flag for flag in options[1].split() if not flag.startswith("$")]
    return {isa: (folder, common + flags.split()) for isa, folder, flags in ISA_CALL.findall(cmake)}


def kernel_files() -> list[str]:
    listed = re.search(r"set\(RUSHLIGHT_KERNEL_FILES ([^)]*)\)", (ROOT / "CMakeLists.txt").read_text())
    assert listed
    return listed[1].split()


def test_cmake_and_the_table_list_the_same_kernel_files():
    lines = re.search(
        r"#define RUSHLIGHT_KERNEL_FILES\(X\)([^/]*)", (CPP / "kernels" / "kernels.hpp").read_text()
    )
    assert lines
    assert re.findall(r"X\((\w+)\)", lines[1]) == kernel_files()
    for file in kernel_files():
        assert (CPP / "kernels" / f"{file}.cpp").exists()
        assert (CPP / "kernels" / "reference" / f"{file}.cpp").exists(), f"{file} has no plain version"


def exported(symbols: str) -> list[str]:
    """Defined global symbols of `nm -C` output: an address, an upper-case letter, a name."""
    return [m[1] for m in re.finditer(r"^[0-9a-f]+ [A-TV-Zuvw] (.*)$", symbols, re.MULTILINE)]


def foreign_symbols(compiler: str, isa: str, source: Path, flags: list[str], target: Path) -> list[str]:
    compile_flags = ["-std=c++17", "-fPIC", f"-DRUSHLIGHT_ISA={isa}", f"-DRUSHLIGHT_ISA_{isa}", *flags]
    subprocess.run([compiler, *compile_flags, "-c", str(source), "-o", str(target)], check=True)
    listing = subprocess.run(
        ["nm", "-C", "--defined-only", str(target)], check=True, capture_output=True, text=True
    )
    found = exported(listing.stdout)
    assert found, f"{name(source)} exports nothing at all"
    return [symbol for symbol in found if not symbol.startswith(f"rushlight::kernels::{isa}::")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "isa, level",
    [("avx512", "-O0"), ("avx512", "-O2"), ("avx2", "-O0"), ("baseline", "-O0"), ("reference", "-O0")],
)
def test_no_isa_exports_a_symbol_of_another(tmp_path, isa, level):
    """See NOTE [ One namespace per ISA ] in CMakeLists.txt. Without optimisation is the worst case."""
    compiler = os.environ.get("CXX") or shutil.which("c++")
    if (
        isa not in kernel_builds()
        or isa not in _core.available_isas()
        or not compiler
        or not shutil.which("nm")
    ):
        pytest.skip("needs a C++ compiler, nm and an ISA of this machine")
    folder, flags = kernel_builds()[isa]
    flags = [flag for flag in flags if not flag.startswith("-O")] + [level]
    # conv2d takes a minute to optimise; its templates are all instantiated without optimisation too.
    files = [f for f in kernel_files() if level == "-O0" or f in ("max_pool2d", "relu", "peak")]
    paths = [CPP / "kernels" / "table.cpp", *(CPP / "kernels" / folder / f"{file}.cpp" for file in files)]
    with ThreadPoolExecutor(2) as pool:
        for path, foreign in zip(
            paths,
            pool.map(lambda p: foreign_symbols(compiler, isa, p, flags, tmp_path / f"{p.stem}.o"), paths),
            strict=True,
        ):
            assert not foreign, f"{name(path)} for {isa} exports {foreign}"


def test_the_symbol_check_sees_what_it_should():
    listing = (
        "0000000000000000 T rushlight::kernels::avx2::add_relu(KernelTable&)\n"
        "0000000000000010 t rushlight::kernels::avx2::(anonymous namespace)::forward(float)\n"
        "0000000000000000 W float std::max<float>(float const&)\n"
        "0000000000000000 u vtable\n"
    )
    assert exported(listing) == [
        "rushlight::kernels::avx2::add_relu(KernelTable&)",
        "float std::max<float>(float const&)",
        "vtable",
    ]
