"""Writes models.json: digests and keys of what llama.cpp's convert_hf_to_gguf.py makes of the models of the training cases. They
have no tokenizer, so the step that reads it is left out.

Run with the versions of requirements.txt and llama.cpp of node-llama-cpp 3.22.1 (README.md):
PYTHONPATH=llama.cpp/gguf-py python tests/golden/gguf/models.py llama.cpp
"""

import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(Path(sys.argv[1]).resolve()))

import gguf  # noqa: E402
import torch  # noqa: E402
from conversion import ModelBase, ModelType, get_model_architecture, get_model_class  # noqa: E402

TYPES = {
    "F32": gguf.LlamaFileType.ALL_F32,
    "F16": gguf.LlamaFileType.MOSTLY_F16,
    "BF16": gguf.LlamaFileType.MOSTLY_BF16,
    "Q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
}


def convert(folder: Path, kind: str) -> Path:
    hparams = ModelBase.load_hparams(folder, False)
    model_class = get_model_class(get_model_architecture(hparams, ModelType.TEXT))

    class WithoutVocabulary(model_class):
        model_arch = model_class.model_arch

        def set_vocab(self):
            pass

    out = folder / f"{kind}.gguf"
    with torch.inference_mode():
        WithoutVocabulary(folder, TYPES[kind], out, hparams=hparams).write()
    return out


def digest(reader: gguf.GGUFReader) -> str:
    """As in adapters.py."""
    lines = sorted(
        f"{tensor.name} {tensor.tensor_type.name} {','.join(str(size) for size in tensor.shape)} "
        f"{hashlib.sha256(tensor.data.tobytes()).hexdigest()}"
        for tensor in reader.tensors
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def keys(reader: gguf.GGUFReader) -> dict:
    return {
        name: [field.types[0].name, field.contents()]
        for name, field in reader.fields.items()
        if not name.startswith(("GGUF.", "general."))
    }


golden = {}
for case in sorted(path.parent for path in HERE.parent.glob("*/adapter-final.safetensors")):
    if not (case / "model.safetensors").exists():
        continue
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ["config.json", "model.safetensors"]:
            shutil.copy(case / file, folder)
        size = json.loads((folder / "config.json").read_text())["vocab_size"]
        # Gemma's class counts the tokens.
        vocabulary = {"model": {"vocab": {str(token): token for token in range(size)}}, "added_tokens": []}
        (folder / "tokenizer.json").write_text(json.dumps(vocabulary))
        readers = {kind: gguf.GGUFReader(convert(folder, kind)) for kind in TYPES}
        golden[case.name] = {
            "tensors": {kind: digest(reader) for kind, reader in readers.items()},
            "keys": keys(readers["F32"]),
        }
(HERE / "models.json").write_text(json.dumps(golden, indent=1) + "\n")
