"""Some 700 lines of Tensor code, and what torch 2.13 showed for each: values, grad_fn, gradients, errors.

expected/tensor_snippets.json has the lines by group and torch's answers: the repr of the value of the last
expression (or of `r`), or the exception's class and text. Numbers may differ in the last printed digit.
With torch installed, the answers themselves are checked; `python tests/test_tensor_snippets.py` renews them.
"""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import rushlight

FILE = Path(__file__).parent / "expected" / "tensor_snippets.json"
GROUPS = json.loads(FILE.read_text())
CASES = [
    pytest.param(group, index, id=f"{group}-{index}-{code.splitlines()[0][:40]}")
    for group, held in GROUPS.items()
    for index, (code, _) in enumerate(held["snippets"])
]
NUMBER = re.compile(r"-?\d+\.\d*(?:e[+-]\d+)?")


def shown(torch, setup: str, code: str) -> str:
    """The repr of the last expression or of `r`, or the exception, after `setup` with `torch` as given."""
    names = {"torch": torch, "np": np}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(setup, names)
        try:
            try:
                return repr(eval(code, names))
            except SyntaxError:
                exec(code, names)
                return repr(names.get("r"))
        except Exception as error:
            return f"!! {type(error).__name__}: {error}"


def assert_same_text(ours: str, expected: str) -> None:
    """Equal but for the last digits of decimal numbers."""
    assert NUMBER.sub("#", ours) == NUMBER.sub("#", expected), f"\nours:     {ours}\nexpected: {expected}"
    np.testing.assert_allclose(
        [float(number) for number in NUMBER.findall(ours)],
        [float(number) for number in NUMBER.findall(expected)],
        rtol=2e-4,
        atol=1e-5,
        err_msg=ours,
    )


@pytest.mark.parametrize(("group", "index"), CASES)
def test_snippet(group, index):
    code, expected = GROUPS[group]["snippets"][index]
    assert_same_text(shown(rushlight, GROUPS[group]["setup"], code), expected)


@pytest.mark.parity
@pytest.mark.parametrize("group", GROUPS)
def test_torch_still_says_so(group):
    torch = pytest.importorskip("torch")
    for code, expected in GROUPS[group]["snippets"]:
        assert_same_text(shown(torch, GROUPS[group]["setup"], code), expected)


if __name__ == "__main__":
    import torch

    for held in GROUPS.values():
        held["snippets"] = [[code, shown(torch, held["setup"], code)] for code, _ in held["snippets"]]
    FILE.write_text(json.dumps(GROUPS, indent=1, ensure_ascii=False) + "\n")
