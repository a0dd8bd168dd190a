# transformers computes norms, RoPE and softmax in float32 whatever the model's dtype. Inside `double_precision` each
# request for float32 returns float64, so that a float64 model of any architecture is float64 throughout.
from contextlib import contextmanager

import torch
from torch.overrides import TorchFunctionMode


class Float32MeansFloat64(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.Tensor.float:
            function = torch.Tensor.double
        args = [widened(value) for value in args]
        kwargs = {key: widened(value) for key, value in (kwargs or {}).items()}
        return function(*args, **kwargs)


def widened(value):
    return torch.float64 if value is torch.float32 else value


@contextmanager
def double_precision():
    with Float32MeansFloat64():
        yield


def to_double(model):
    """The model with float64 weights, and RoPE's frequencies recomputed in float64. Call inside `double_precision`."""
    model = model.double()
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if "RotaryEmbedding" in type(child).__name__:
                setattr(module, name, type(child)(config=child.config))
    return model
