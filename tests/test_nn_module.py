"""nn.Module, Parameter, Sequential, ModuleList: registration, walking, modes, hooks, state_dict, repr.

SNIPPETS are run in rushlight, compared with what torch 2.13 said (written beside them), and, where torch is
installed, with torch itself: the value's repr or the exception's class and text must be equal.
"""

# ruff: noqa: E501  (expected texts stay on one line)

from __future__ import annotations

import copy
import pickle
import sys
import warnings
from collections import OrderedDict

import numpy as np
import pytest

import rushlight
from rushlight import nn

# (statements; the last is an expression or a statement that raises), what torch shows
SNIPPETS = [
    # ---- attributes
    ("m.weight = torch.ones(2)", "TypeError: cannot assign 'torch.FloatTensor' as parameter 'weight' (torch.nn.Parameter or None expected)"),
    ("m.weight = 1", "TypeError: cannot assign 'int' as parameter 'weight' (torch.nn.Parameter or None expected)"),
    ("m.weight = np.ones(2)", "TypeError: cannot assign 'numpy.ndarray' as parameter 'weight' (torch.nn.Parameter or None expected)"),
    ("m.weight = None; m.weight", "None"),
    ("m.bias = None; m", "Conv2d(1, 1, kernel_size=(2, 2), stride=(1, 1), bias=False)"),
    ("m.bias = None; list(m.state_dict())", "['weight']"),
    ("m.foo", "AttributeError: 'Conv2d' object has no attribute 'foo'"),
    ("del m.foo", "AttributeError: 'Conv2d' object has no attribute 'foo'"),
    ("del m.weight; m.weight", "AttributeError: 'Conv2d' object has no attribute 'weight'"),
    ("m.sub = nn.ReLU(); m.sub = 1", "TypeError: cannot assign 'int' as child module 'sub' (torch.nn.Module or None expected)"),
    ("m.sub = nn.ReLU(); m.sub = None; m", "Conv2d(\n  1, 1, kernel_size=(2, 2), stride=(1, 1)\n  (sub): None\n)"),
    ("m.sub = nn.ReLU(); m.sub = nn.Identity(); m", "Conv2d(\n  1, 1, kernel_size=(2, 2), stride=(1, 1)\n  (sub): Identity()\n)"),
    ("m.stride = P(torch.ones(1)); list(m.state_dict())", "['weight', 'bias', 'stride']"),
    ("m.weight = nn.ReLU()", "TypeError: cannot assign 'torch.nn.modules.activation.ReLU' as parameter 'weight' (torch.nn.Parameter or None expected)"),
    # ---- registering
    ("m.register_parameter('a.b', None)", "KeyError: 'parameter name can\\'t contain \".\"'"),
    ("m.register_parameter('', None)", "KeyError: 'parameter name can\\'t be empty string \"\"'"),
    ("m.register_parameter(1, None)", "TypeError: parameter name should be a string. Got int"),
    ("m.register_parameter('stride', None)", "KeyError: \"attribute 'stride' already exists\""),
    ("m.register_parameter('w', torch.ones(1))", "TypeError: cannot assign 'torch.FloatTensor' object to parameter 'w' (torch.nn.Parameter or None required)"),
    ("m.add_module('a.b', nn.ReLU())", "KeyError: 'module name can\\'t contain \".\", got: a.b'"),
    ("m.add_module('', nn.ReLU())", "KeyError: 'module name can\\'t be empty string \"\"'"),
    ("m.add_module(1, nn.ReLU())", "TypeError: module name should be a string. Got int"),
    ("m.add_module('a', 1)", "TypeError: int is not a Module subclass"),
    ("m.add_module('weight', nn.ReLU())", "KeyError: \"attribute 'weight' already exists\""),
    ("m.register_buffer('a.b', None)", "KeyError: 'buffer name can\\'t contain \".\"'"),
    ("m.register_buffer('', None)", "KeyError: 'buffer name can\\'t be empty string \"\"'"),
    ("m.register_buffer(1, None)", "TypeError: buffer name should be a string. Got int"),
    ("m.register_buffer('weight', None)", "KeyError: \"attribute 'weight' already exists\""),
    ("m.register_buffer('b', 1)", "TypeError: cannot assign 'int' object to buffer 'b' (torch Tensor or None required)"),
    ("m.register_buffer('b', torch.ones(1)); m.b = 1", "TypeError: cannot assign 'int' as buffer 'b' (torch.nn.Buffer, torch.Tensor or None expected)"),
    ("m.register_buffer('b', torch.ones(1)); m.b = None; m.b", "None"),
    ("m.register_buffer('b', torch.ones(1)); list(m.state_dict()), list(m.named_buffers())", "(['weight', 'bias', 'b'], [('b', tensor([1.]))])"),
    ("m.register_buffer('b', torch.ones(1), persistent=False); list(m.state_dict()), dict(m.named_buffers())", "(['weight', 'bias'], {'b': tensor([1.])})"),
    ("B().x", "AttributeError: cannot assign module before Module.__init__() call"),
    ("C().x", "AttributeError: cannot assign parameters before Module.__init__() call"),
    # ---- modes, conversions
    ("m.train(1)", "ValueError: training mode is expected to be boolean"),
    ("m.training, m.eval().training, m.train().training", "(True, False, True)"),
    ("q.eval()[1].training", "False"),
    ("m.to(torch.int64)", "TypeError: nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=torch.int64"),
    ("m.to(torch.float64).weight.dtype", "torch.float64"),
    ("m.to('cpu', torch.float64).weight.dtype", "torch.float64"),
    ("m.to(dtype=torch.float64).bias.dtype", "torch.float64"),
    ("m.to('cpu').weight.dtype", "torch.float32"),
    ("m.to(torch.device('cpu')).weight.dtype", "torch.float32"),
    ("m.to(torch.ones(1, dtype=torch.float64)).weight.dtype", "torch.float64"),
    ("m.double().weight.dtype, m.float().weight.dtype", "(torch.float64, torch.float32)"),
    ("m.register_buffer('n', torch.ones(1, dtype=torch.int64)); m.double().n.dtype", "torch.int64"),
    ("w = m.weight; m.double().weight is w", "True"),
    ("m.requires_grad_(False).weight.requires_grad", "False"),
    # ---- walking
    ("[n for n, _ in nn.Sequential(q, q).named_modules()]", "['', '0', '0.0', '0.1']"),
    ("[n for n, _ in nn.Sequential(q, q).named_parameters()]", "['0.1.weight', '0.1.bias']"),
    ("[n for n, _ in nn.Sequential(q, q).named_parameters(remove_duplicate=False)]", "['0.1.weight', '0.1.bias', '1.1.weight', '1.1.bias']"),
    ("[n for n, _ in nn.Sequential(q, q).named_children()]", "['0']"),
    ("[n for n, _ in q.named_parameters(prefix='z')]", "['z.1.weight', 'z.1.bias']"),
    ("[n for n, _ in q.named_parameters(recurse=False)]", "[]"),
    ("len(list(q.parameters())), len(list(q.modules())), len(list(q.children()))", "(2, 3, 2)"),
    ("q.get_submodule('1')", "Linear(in_features=2, out_features=3, bias=True)"),
    ("q.get_submodule('5')", "AttributeError: Sequential has no attribute `5`"),
    ("q.get_submodule('1.weight')", "AttributeError: `weight` is not an nn.Module"),
    ("q.get_parameter('1.weight').shape", "torch.Size([3, 2])"),
    ("q.get_parameter('1.x')", "AttributeError: Linear has no attribute `x`"),
    ("q.get_parameter('1')", "AttributeError: `1` is not an nn.Parameter"),
    ("q.get_buffer('1.weight')", "AttributeError: `weight` is not a buffer"),
    ("names = []; q.apply(lambda module: names.append(type(module).__name__)); names", "['ReLU', 'Linear', 'Sequential']"),
    # ---- calling
    ("nn.Module()(1)", "NotImplementedError: Module [Module] is missing the required \"forward\" function"),
    ("l(3)", "NotImplementedError: Module [ModuleList] is missing the required \"forward\" function"),
    ("nn.Module(3)", "TypeError"),
    # ---- state
    ("m.load_state_dict({})", "RuntimeError: Error(s) in loading state_dict for Conv2d:\n\tMissing key(s) in state_dict: \"weight\", \"bias\". "),
    ("m.load_state_dict(3)", "TypeError: Expected state_dict to be dict-like, got <class 'int'>."),
    ("m.load_state_dict({'weight': torch.ones(1, 1, 3, 3), 'x': torch.ones(1)})", "RuntimeError: Error(s) in loading state_dict for Conv2d:\n\tMissing key(s) in state_dict: \"bias\". \n\tUnexpected key(s) in state_dict: \"x\". \n\tsize mismatch for weight: copying a param with shape torch.Size([1, 1, 3, 3]) from checkpoint, the shape in current model is torch.Size([1, 1, 2, 2])."),
    ("m.load_state_dict({'weight': torch.ones(1, 1, 3, 3)}, strict=False)", "RuntimeError: Error(s) in loading state_dict for Conv2d:\n\tsize mismatch for weight: copying a param with shape torch.Size([1, 1, 3, 3]) from checkpoint, the shape in current model is torch.Size([1, 1, 2, 2])."),
    ("m.load_state_dict({'x': torch.ones(1)}, strict=False)", "_IncompatibleKeys(missing_keys=['weight', 'bias'], unexpected_keys=['x'])"),
    ("m.load_state_dict({'weight': 3, 'bias': torch.ones(1)})", "RuntimeError: Error(s) in loading state_dict for Conv2d:\n\tWhile copying the parameter named \"weight\", expected torch.Tensor or Tensor-like object from checkpoint but received <class 'int'>"),
    ("m.load_state_dict(m.state_dict())", "<All keys matched successfully>"),
    ("q.load_state_dict({'1.weight': torch.ones(3, 2), '1.bias': torch.ones(3), '1.foo.x': torch.ones(1)})", "RuntimeError: Error(s) in loading state_dict for Sequential:\n\tUnexpected key(s) in state_dict: \"1.foo.x\". "),
    ("nn.Sequential(OrderedDict(a=m)).state_dict(prefix='z.').keys()", "odict_keys(['z.a.weight', 'z.a.bias'])"),
    ("m.state_dict()._metadata, q.state_dict()._metadata", "(OrderedDict({'': {'version': 1}}), OrderedDict({'': {'version': 1}, '0': {'version': 1}, '1': {'version': 1}}))"),
    ("m.state_dict()['weight'].requires_grad, m.state_dict(keep_vars=True)['weight'] is m.weight", "(False, True)"),
    # ---- Parameter
    ("P(torch.ones(2))", "Parameter containing:\ntensor([1., 1.], requires_grad=True)"),
    ("P(torch.ones(2), requires_grad=False)", "Parameter containing:\ntensor([1., 1.])"),
    ("P()", "Parameter containing:\ntensor([], requires_grad=True)"),
    ("P(torch.ones(2, dtype=torch.int64))", "RuntimeError: Only Tensors of floating point and complex dtype can require gradients"),
    ("P(torch.ones(2, requires_grad=True) * 2)", "Parameter containing:\ntensor([2., 2.], requires_grad=True)"),
    ("[type(x) is torch.Tensor for x in (P(torch.ones(2)) * 2, P(torch.ones(2)).data, P(torch.ones(2)).detach())]", "[True, True, True]"),
    ("isinstance(torch.ones(2), P), isinstance(P(torch.ones(2)), torch.Tensor)", "(False, True)"),
    ("x = torch.ones(2); p = P(x); x[0] = 5; p", "Parameter containing:\ntensor([5., 1.], requires_grad=True)"),
    ("p = P(torch.ones(2)); p.data = torch.zeros(3); p", "Parameter containing:\ntensor([0., 0., 0.], requires_grad=True)"),
    # ---- Sequential
    ("q[5]", "IndexError: index 5 is out of range"),
    ("q[-1]", "Linear(in_features=2, out_features=3, bias=True)"),
    ("q[0:1]", "Sequential(\n  (0): ReLU()\n)"),
    ("q[1:]", "Sequential(\n  (1): Linear(in_features=2, out_features=3, bias=True)\n)"),
    ("q['a']", "TypeError: 'str' object cannot be interpreted as an integer"),
    ("q.append(nn.ReLU())", "Sequential(\n  (0): ReLU()\n  (1): Linear(in_features=2, out_features=3, bias=True)\n  (2): ReLU()\n)"),
    ("q.insert(0, nn.Identity())", "Sequential(\n  (0): Identity()\n  (1): ReLU()\n  (2): Linear(in_features=2, out_features=3, bias=True)\n)"),
    ("q.insert(9, nn.Identity())", "IndexError: Index out of range: 9"),
    ("q.extend([nn.ReLU()])[2]", "ReLU()"),
    ("q.pop(0), q", "(ReLU(), Sequential(\n  (0): Linear(in_features=2, out_features=3, bias=True)\n))"),
    ("del q[0]; q", "Sequential(\n  (0): Linear(in_features=2, out_features=3, bias=True)\n)"),
    ("q + nn.Sequential(nn.Identity())", "Sequential(\n  (0): ReLU()\n  (1): Linear(in_features=2, out_features=3, bias=True)\n  (2): Identity()\n)"),
    ("q + 1", "ValueError: add operator supports only objects of Sequential class, but <class 'int'> is given."),
    ("len(q * 2)", "4"),
    ("q[0] = nn.Identity(); q", "Sequential(\n  (0): Identity()\n  (1): Linear(in_features=2, out_features=3, bias=True)\n)"),
    ("nn.Sequential(OrderedDict([('a', nn.ReLU()), ('b', nn.Identity())]))[1:]", "Sequential(\n  (b): Identity()\n)"),
    ("nn.Sequential(1)", "TypeError: int is not a Module subclass"),
    ("nn.Sequential()", "Sequential()"),
    ("nn.Sequential()(3)", "3"),
    # ---- ModuleList
    ("l[0:1]", "ModuleList(\n  (0): ReLU()\n)"),
    ("l[5]", "IndexError: index 5 is out of range"),
    ("l[-5]", "IndexError: index -5 is out of range"),
    ("l.append(3)", "TypeError: int is not a Module subclass"),
    ("l.extend(3)", "TypeError: ModuleList.extend should be called with an iterable, but got int"),
    ("l.insert(0, nn.ReLU()); l", "ModuleList(\n  (0-1): 2 x ReLU()\n  (2): Identity()\n)"),
    ("l + [nn.ReLU()]", "ModuleList(\n  (0): ReLU()\n  (1): Identity()\n  (2): ReLU()\n)"),
    ("del l[0:1]; l", "ModuleList(\n  (0): Identity()\n)"),
    ("l[0] = nn.Identity(); l", "ModuleList(\n  (0-1): 2 x Identity()\n)"),
    ("nn.ModuleList([nn.ReLU(), nn.ReLU(), q, nn.Sequential(nn.ReLU(), nn.Linear(2, 3))])", "ModuleList(\n  (0-1): 2 x ReLU()\n  (2-3): 2 x Sequential(\n    (0): ReLU()\n    (1): Linear(in_features=2, out_features=3, bias=True)\n  )\n)"),
    ("nn.ModuleList()", "ModuleList()"),
]  # fmt: skip


def shown(library, code):
    """The repr of the last expression, or 'Class: text' of what was raised."""

    class B(library.nn.Module):
        def __init__(self):
            self.x = library.nn.ReLU()

    class C(library.nn.Module):
        def __init__(self):
            self.x = library.nn.Parameter(library.ones(1))

    space = {
        "torch": library,
        "nn": library.nn,
        "np": np,
        "P": library.nn.Parameter,
        "OrderedDict": OrderedDict,
    }
    space.update(B=B, C=C)
    exec("m = nn.Conv2d(1, 1, 2); q = nn.Sequential(nn.ReLU(), nn.Linear(2, 3))", space)
    exec("l = nn.ModuleList([nn.ReLU(), nn.Identity()])", space)
    *before, last = code.split("; ")
    try:
        for statement in before:
            exec(statement, space)
        try:
            compile(last, "", "eval")
        except SyntaxError:
            return str(exec(last, space))
        return repr(eval(last, space))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def same(text, expected):
    """An expectation without a colon is an exception's class alone; module paths and OrderedDict's repr vary."""
    if expected.endswith("Error"):
        return text.startswith(expected + ":")
    for old in ("torch.nn.modules.activation.ReLU", "rushlight.nn.activation.ReLU"):
        text, expected = text.replace(old, "ReLU"), expected.replace(old, "ReLU")
    if "OrderedDict(" in expected:
        text = repr(eval(text, {"OrderedDict": OrderedDict}))
        expected = repr(eval(expected, {"OrderedDict": OrderedDict}))
    if (
        sys.version_info < (3, 11) and " object has no attribute " in expected
    ):  # Python 3.10 names the attribute alone
        expected = "AttributeError: " + expected.rsplit("'", 2)[1]
        text = "AttributeError: " + (text.rsplit("'", 2)[1] if "'" in text else text.rsplit(" ", 1)[1])
    return text == expected


@pytest.mark.parametrize(("code", "expected"), SNIPPETS, ids=[code for code, _ in SNIPPETS])
def test_snippet(code, expected):
    text = shown(rushlight, code)
    assert same(text, expected), text


@pytest.mark.parity
@pytest.mark.parametrize(("code", "expected"), SNIPPETS, ids=[code for code, _ in SNIPPETS])
def test_torch_shows_the_same(code, expected):
    torch = pytest.importorskip("torch")
    text = shown(torch, code)
    assert same(text, expected), text


# ---- hooks ---------------------------------------------------------------------------------------------------
def doubling(module, args, output):
    return output * 2


def test_forward_hooks_change_and_can_be_removed():
    layer = nn.Identity()
    handle = layer.register_forward_hook(doubling)
    assert layer(3) == 6
    with layer.register_forward_hook(lambda module, args, output: output + args[0]):
        assert layer(3) == 9
    assert layer(3) == 6
    handle.remove()
    handle.remove()
    assert layer(3) == 3


def test_forward_pre_hooks_replace_arguments():
    layer = nn.Identity()
    layer.register_forward_pre_hook(lambda module, args: args[0] + 1)
    layer.register_forward_pre_hook(lambda module, args: (args[0] * 10,))
    layer.register_forward_pre_hook(lambda module, args: None)
    assert layer(1) == 20


def test_hooks_that_go_first_see_keywords_or_always_run():
    class Add(nn.Module):
        def forward(self, a, b=0):
            if b < 0:
                raise ValueError("negative")
            return a + b

    layer, seen = Add(), []
    layer.register_forward_hook(lambda m, args, output: seen.append("second"))
    layer.register_forward_hook(lambda m, args, output: seen.append("first"), prepend=True)
    layer.register_forward_hook(lambda m, a, k, out: seen.append(k), with_kwargs=True, always_call=True)
    layer.register_forward_pre_hook(lambda m, args, kwargs: (args, {"b": kwargs["b"] - 1}), with_kwargs=True)
    assert layer(1, b=2) == 2
    assert seen == ["first", "second", {"b": 1}]
    with pytest.raises(ValueError, match="negative"):
        layer(1, b=0)
    assert seen[3:] == [{"b": -1}]
    layer.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match="must return None or a tuple of"):
        layer(1, b=1)


# ---- state ------------------------------------------------------------------------------------------------------
def small():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))


def test_state_dict_shares_memory_and_loading_copies():
    a, b = small(), small()
    state = a.state_dict()
    assert list(state) == ["0.weight", "0.bias", "3.weight", "3.bias"]
    state["0.bias"][0] = 7.0
    assert a[0].bias[0].item() == 7.0
    weight = b[0].weight
    assert repr(b.load_state_dict(state)) == "<All keys matched successfully>"
    assert b[0].weight is weight
    x = rushlight.rand(2, 1, 4, 4)
    np.testing.assert_array_equal(a(x).detach().numpy(), b(x).detach().numpy())
    state["0.bias"][0] = 8.0
    assert b[0].bias[0].item() == 7.0


def test_load_state_dict_takes_ndarrays_and_other_dtypes():
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": np.array([[1.0, 2.0]]), "bias": np.array([3], np.int64)})
    assert layer.weight.dtype == rushlight.float32
    assert layer(rushlight.ones(1, 2)).item() == 6.0


def test_load_state_dict_assign_takes_the_tensors_themselves():
    layer, weight = nn.Linear(2, 1), rushlight.ones(1, 2).double()
    layer.load_state_dict({"weight": weight, "bias": rushlight.ones(1)}, assign=True)
    assert isinstance(layer.weight, nn.Parameter) and layer.weight.dtype == rushlight.float64
    weight[0, 0] = 5.0
    assert layer.weight[0, 0].item() == 5.0


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"]
)
def test_models_can_be_copied_and_pickled(duplicate):
    model = small()
    model[0].note = "kept"
    twin = duplicate(model)
    assert repr(twin) == repr(model) and twin[0].note == "kept"
    assert all(isinstance(p, nn.Parameter) and p.requires_grad for p in twin.parameters())
    x = rushlight.rand(2, 1, 4, 4)
    np.testing.assert_array_equal(twin(x).detach().numpy(), model(x).detach().numpy())
    with rushlight.no_grad():
        twin[0].bias.add_(1.0)
    assert (twin[0].bias != model[0].bias).all()


def test_zero_grad():
    model = small()
    model(rushlight.rand(2, 1, 4, 4)).sum().backward()
    model.zero_grad(set_to_none=False)
    assert all(p.grad is not None and not p.grad.any() for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_dir_lists_members():
    layer = nn.Conv2d(1, 1, 1)
    assert {"weight", "bias", "forward", "kernel_size"} <= set(dir(layer))
    assert "0" not in dir(nn.Sequential(nn.ReLU()))


def test_conversion_keeps_gradients_in_step():
    layer = nn.Linear(2, 1)
    layer(rushlight.ones(1, 2)).sum().backward()
    layer.double()
    assert layer.weight.grad.dtype == rushlight.float64
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert layer.to("cpu", non_blocking=True) is layer and layer.cpu() is layer
