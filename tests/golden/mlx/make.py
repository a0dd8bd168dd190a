# Quantises small matrices with MLX in every width, group size and scale dtype, as mlx-lm stores them.
# Run: pip install mlx-cpu==0.32.4 mlx==0.32.4 numpy==2.4.6 && python tests/golden/mlx/make.py (contents: README.md)
from importlib.metadata import version
from pathlib import Path

import mlx.core as mx
import numpy as np

HERE = Path(__file__).parent
ROWS, COLS = 3, 256
DTYPES = {"f16": mx.float16, "bf16": mx.bfloat16, "f32": mx.float32}


def source(seed):
    """Weights of many magnitudes, with a group of zeros, a constant group and a group of one sign."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(ROWS, COLS)) * 2.0 ** rng.integers(-9, 3, size=(ROWS, COLS // 32)).repeat(32, axis=1)
    values[0, :128] = 0
    values[1, :128] = 0.37
    values[2, 128:] = np.abs(values[2, 128:]) + 1
    return mx.array(values.astype(np.float32))


def codes_of(weight, bits):
    """Packs the codes of a row as one bit stream, lowest bit first."""
    stream = np.unpackbits(np.array(weight).view(np.uint8), axis=1, bitorder="little")
    return (stream.reshape(ROWS, COLS, bits) << np.arange(bits)).sum(-1).astype(np.float32)


def f32_values(codes, scales, biases, group):
    """scale * code + bias, product and sum rounded to f32."""
    wide = lambda array: np.array(array.astype(mx.float32)).repeat(group, axis=1)
    product = (wide(scales) * codes).astype(np.float32)
    return product, (product + wide(biases)).astype(np.float32), wide(biases)


for name, dtype in DTYPES.items():
    tensors = {}
    for bits in (1, 2, 3, 4, 5, 6, 8):
        for group in (32, 64, 128):
            weight, scales, biases = mx.quantize(source(bits * group).astype(dtype), group_size=group, bits=bits)
            dequantized = mx.dequantize(weight, scales, biases, group_size=group, bits=bits)
            product, values, bias = f32_values(codes_of(weight, bits), scales, biases, group)
            twice_rounded = mx.array(product).astype(dtype) + mx.array(bias).astype(dtype)
            assert mx.array_equal(dequantized, twice_rounded), (name, bits, group)
            key = f"q{bits}_g{group}"
            tensors |= {
                f"{key}.weight": weight,
                f"{key}.scales": scales,
                f"{key}.biases": biases,
                f"{key}.dequantized": dequantized,
                f"{key}.values": mx.array(values),
            }
    mx.save_safetensors(str(HERE / f"{name}.safetensors"), tensors, {"format": "mlx", "mlx": version("mlx")})

# Without metadata MLX writes `"__metadata__":null`, as mlx_lm.lora does for every adapter.
mx.save_safetensors(str(HERE / "no-metadata.safetensors"), {"x": mx.array([1.0, -2.5])})
