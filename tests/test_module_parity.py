"""rushlight's layers against torch's over the arguments and inputs that torch tests its own layers with: the
same repr, first weights, outputs, buffers afterwards and gradients.

To compare another layer, add its name to LAYERS.
"""

from __future__ import annotations

import warnings

import pytest

import rushlight

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

import op_samples  # noqa: E402

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_modules import module_db

pytestmark = pytest.mark.parity

LAYERS = """
Conv1d Conv2d ConvTranspose2d Linear MaxPool2d AvgPool2d AdaptiveAvgPool2d AdaptiveMaxPool2d LPPool2d
ELU GELU Hardtanh LeakyReLU LogSoftmax PReLU ReLU ReLU6 SiLU Sigmoid Softmax Softplus Tanh Threshold
BatchNorm1d BatchNorm2d LazyConv2d
ZeroPad2d ConstantPad2d ReflectionPad2d ReplicationPad2d CircularPad2d
CrossEntropyLoss MSELoss L1Loss BCEWithLogitsLoss NLLLoss
"""

INFOS = {info.module_cls.__name__: info for info in module_db}


def made(library, name, given, training):
    """A layer in float64 and what its forward is called with, converted for the library."""
    convert = op_samples.translate if library is rushlight else lambda value: value
    library.manual_seed(0)
    construct, forward = given.constructor_input, given.forward_input
    layer = getattr(library.nn, name)(*convert(construct.args), **convert(construct.kwargs))
    first = repr(layer), {name: op_samples.tensors(value) for name, value in layer.state_dict().items()}
    layer.train(training).to(library.float64)
    return layer, first, convert(forward.args), convert(forward.kwargs)


def results(library, name, given, training):
    """Everything to compare: texts, and Tensors."""
    layer, (text, state), args, kwargs = made(library, name, given, training)
    library.manual_seed(1)
    outs = [out for out in op_samples.tensors(layer(*args, **kwargs)) if out.dtype.is_floating_point]
    inputs = [
        each for each in (*layer.parameters(), *op_samples.tensors((args, kwargs))) if each.requires_grad
    ]
    found = [*op_samples.tensors(state), *outs]
    if inputs and any(out.requires_grad for out in outs):
        found += op_samples.gradients(library, outs, inputs, False)
    return text, list(state), repr(layer), found, op_samples.tensors(dict(layer.state_dict()))


@pytest.mark.parametrize("name", LAYERS.split())
def test_layer(name):
    info = INFOS[name]
    for training in (True, False):
        cases = info.module_inputs_func(
            info, device="cpu", dtype=torch.float64, requires_grad=True, training=training
        )
        for given in cases[:: -(-len(cases) // op_samples.MOST)]:
            if given.forward_input is None:
                continue
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    theirs, mine = (results(library, name, given, training) for library in (torch, rushlight))
                assert mine[:3] == theirs[:3]
                for expected, found in zip(theirs[3] + theirs[4], mine[3] + mine[4], strict=True):
                    op_samples.assert_same(expected, found)
            except Exception as error:
                raise AssertionError(f"{name} {given.constructor_input} {given.forward_input}") from error


def called(library, name, given):
    """The layer made as it is told, and called."""
    convert = op_samples.translate if library is rushlight else lambda value: value
    construct, forward = given.constructor_input, given.forward_input
    layer = getattr(library.nn, name)(*convert(construct.args), **convert(construct.kwargs))
    layer(*convert(forward.args), **convert(forward.kwargs))


@pytest.mark.parametrize("name", [name for name in LAYERS.split() if INFOS[name].module_error_inputs_func])
def test_wrong_calls(name):
    info = INFOS[name]
    wrong = info.module_error_inputs_func(
        info, device="cpu", dtype=torch.float64, requires_grad=False, training=True
    )
    for given in [each.module_error_input for each in wrong]:
        kinds = []
        for library in (torch, rushlight):
            with pytest.raises(Exception) as caught:
                called(library, name, given)
            kinds.append(caught.type)
        assert kinds[0] is kinds[1], (name, given.constructor_input, given.forward_input)
