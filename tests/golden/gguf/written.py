"""Writes written.gguf and written.json: a file of gguf-py's GGUFWriter with every type of value and tensor that Anneal
writes, and digests of many quantised blocks. The numbers come from a generator that the test repeats.

Run with the versions of requirements.txt: python tests/golden/gguf/written.py
The same bytes come out each time on one machine.
"""

import hashlib
import json
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFValueType as Value

HERE = Path(__file__).parent
TYPES = [Type.F32, Type.F16, Type.BF16, Type.Q8_0, Type.Q4_0]
COLUMNS = 64


def values(count: int, seed: int, exponents: int) -> np.ndarray:
    """Multiples of 2^-24 within ±0.5, times a power of two that changes every 32 values: exact in float32."""
    state, made = seed, []
    for index in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        made.append(((state >> 8) / 2**24 - 0.5) * 2.0 ** (index // 32 % exponents - exponents // 2))
    return np.array(made, dtype=np.float32)


def edges() -> np.ndarray:
    """Blocks of zeros, of equal magnitudes of both signs, of ties, of one value, of tiny values."""
    ties = np.arange(32, dtype=np.float32) - 15.5
    ties[31] = 127
    return np.stack([
        np.zeros(32, np.float32), -np.zeros(32, np.float32), np.tile(np.float32([-2, 2]), 16), np.tile(np.float32([2, -2]), 16),
        ties, -ties, np.eye(32, dtype=np.float32)[5] * -3, np.full(32, 2.0**-20, np.float32), np.full(32, 2.0**-30, np.float32),
    ])  # fmt: skip


writer = gguf.GGUFWriter(HERE / "written.gguf", "llama")
writer.add_string("test.text", 'naïve "模型" 🙂\n')
writer.add_key_value("test.empty", "", Value.STRING)
writer.add_bool("test.yes", True)
writer.add_bool("test.no", False)
for name, number in {
    "UINT8": 255, "INT8": -128, "UINT16": 65535, "INT16": -32768, "UINT32": 2**32 - 1, "INT32": -(2**31),
    "UINT64": 2**53 - 1, "INT64": -(2**53) + 1, "FLOAT32": 1e-6, "FLOAT64": 0.1,
}.items():  # fmt: skip
    writer.add_key_value(f"test.{name.lower()}", number, Value[name])
writer.add_array("test.strings", ["", "a", "ä b"])
writer.add_key_value("test.floats", [0.5, -1000.25], Value.ARRAY, Value.FLOAT32)
writer.add_array("test.ints", [1, -2, 3])
for index, kind in enumerate(TYPES):
    rows = values(3 * COLUMNS, 7 + index, 4).reshape(3, COLUMNS)
    writer.add_tensor(f"blk.{index}.attn_q.weight", gguf.quants.quantize(rows, kind), raw_dtype=kind)
writer.add_tensor("output_norm.weight", values(5, 3, 1), raw_dtype=Type.F32)
writer.add_tensor("deep", values(24, 4, 1).reshape(2, 3, 4), raw_dtype=Type.F32)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

many = values(32 * 4096, 99, 24).reshape(-1, 32)
digests = {
    kind.name: {
        name: hashlib.sha256(np.ascontiguousarray(gguf.quants.quantize(rows, kind)).tobytes()).hexdigest()
        for name, rows in {"many": many, "edges": edges()}.items()
    }
    for kind in TYPES
}
(HERE / "written.json").write_text(json.dumps(digests, indent=1) + "\n")
