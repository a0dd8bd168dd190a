"""Writes blocks.json: random blocks of every GGUF type that Anneal decodes, and their values by gguf-py.

gguf-py 0.19.0 does not know Q2_0, so its values are ggml's own. ggml's library comes with node-llama-cpp (llama.cpp v0.5.0):
    npm install --no-save node-llama-cpp@3.22.1
    python tests/golden/gguf/blocks.py node_modules/@node-llama-cpp/linux-x64/bins/linux-x64/libggml-base.so
The same bytes come out each time.
"""

import base64
import ctypes
import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

# Byte offsets of the f16 numbers in a block.
HALVES = {
    "Q4_0": [0],
    "Q4_1": [0, 2],
    "Q5_0": [0],
    "Q5_1": [0, 2],
    "Q8_0": [0],
    "Q2_K": [80, 82],
    "Q3_K": [108],
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
    "IQ4_NL": [0],
    "Q2_0": [0],
}
# Bytes of a block that gguf-py does not know, and values in it.
OWN = {"Q2_0": (18, 64)}
COUNTS = {"IQ4_NL": 50, "Q2_0": 50}
# Zero, minus zero, the smallest and the largest subnormal, minus a subnormal, one, minus a third, the smallest normal, the
# largest, minus the largest.
EDGES = [0x0000, 0x8000, 0x0001, 0x03FF, 0x8155, 0x3C00, 0xB555, 0x0400, 0x7BFF, 0xFBFF]


def finite_half(rng: np.random.Generator) -> int:
    """Random f16 numbers of any magnitude, without infinity and NaN: the bits of a NaN depend on the machine."""
    while True:
        bits = int(rng.integers(0, 0x10000))
        if bits & 0x7C00 != 0x7C00:
            return bits


def blocks_of(name: str, rng: np.random.Generator) -> np.ndarray:
    size = OWN[name][0] if name in OWN else GGML_QUANT_SIZES[GGMLQuantizationType[name]][1]
    blocks = rng.integers(0, 256, (COUNTS.get(name, len(EDGES) + 6), size), dtype=np.uint8)
    for row, block in enumerate(blocks):
        for place, offset in enumerate(HALVES[name]):
            edge = row < len(EDGES)
            bits = EDGES[(row + 3 * place) % len(EDGES)] if edge else finite_half(rng)
            block[offset : offset + 2] = np.frombuffer(np.uint16(bits).tobytes(), np.uint8)
    return blocks


def by_ggml(name: str, library: ctypes.CDLL, blocks: np.ndarray, count: int) -> np.ndarray:
    values = np.empty((len(blocks), count // len(blocks)), np.float32)
    dequantize_row = getattr(library, "dequantize_row_" + name.lower().replace("_k", "_K"))
    dequantize_row(blocks.ctypes.data_as(ctypes.c_void_p), values.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(count))
    return values


def text_of(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def main() -> None:
    library = ctypes.CDLL(sys.argv[1])
    rng = np.random.default_rng(4)
    types = {}
    for name in HALVES:
        blocks = blocks_of(name, rng)
        with np.errstate(all="ignore"):
            values = (
                by_ggml(name, library, blocks, len(blocks) * OWN[name][1])
                if name in OWN
                else dequantize(blocks, GGMLQuantizationType[name])
            )
        if name not in OWN:
            # Of a zero, ggml's vector code may lose the sign.
            assert np.array_equal(by_ggml(name, library, blocks, values.size), values), name
        assert values.dtype == np.float32 and np.isfinite(values).all()
        types[name] = {"blocks": text_of(blocks), "values": text_of(values)}
    golden = {"versions": {"gguf": version("gguf"), "numpy": np.__version__}, "types": types}
    Path(__file__).with_name("blocks.json").write_text(json.dumps(golden, indent=1) + "\n")


main()
