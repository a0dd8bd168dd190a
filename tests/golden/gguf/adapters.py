"""Writes adapters.json: digests of what llama.cpp's convert_lora_to_gguf.py makes of the adapters of the training cases, in each
type of values.

Run with the versions of requirements.txt and llama.cpp of node-llama-cpp 3.22.1 (README.md):
PYTHONPATH=llama.cpp/gguf-py python tests/golden/gguf/adapters.py llama.cpp
"""

import hashlib
import json
import runpy
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
LLAMA = Path(sys.argv[1]).resolve()
sys.path.insert(0, str(LLAMA))

import gguf  # noqa: E402


def convert(case: Path, kind: str, folder: Path) -> Path:
    out = folder / f"{kind}.gguf"
    sys.argv = ["convert", "--base", str(case), "--outfile", str(out), "--outtype", kind, str(folder)]
    runpy.run_path(str(LLAMA / "convert_lora_to_gguf.py"), run_name="__main__")
    return out


def digest(path: Path) -> str:
    """Of a line for each tensor in the order of names: name, type, dimensions, SHA-256 of its bytes."""
    lines = sorted(
        f"{tensor.name} {tensor.tensor_type.name} {','.join(str(size) for size in tensor.shape)} "
        f"{hashlib.sha256(tensor.data.tobytes()).hexdigest()}"
        for tensor in gguf.GGUFReader(path).tensors
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


digests = {}
for case in sorted(path.parent for path in HERE.parent.glob("*/adapter-final.safetensors")):
    if not (case / "config.json").exists():
        continue
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(case / "adapter-final.safetensors", folder / "adapter_model.safetensors")
        shutil.copy(case / "adapter-config.json", folder / "adapter_config.json")
        digests[case.name] = {kind.upper(): digest(convert(case, kind, folder)) for kind in ["f32", "f16", "bf16", "q8_0"]}
(HERE / "adapters.json").write_text(json.dumps(digests, indent=1) + "\n")
