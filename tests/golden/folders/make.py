"""Writes names.json and other-head.safetensors: what transformers makes of a tied model (../mha-tied) whose files
store its tensors under other names, its head alone, or embedding and head.

Run with the versions of ../requirements.txt (transformers 5.24.0 here): python tests/golden/folders/make.py
"""

import json
import shutil
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

HERE = Path(__file__).parent
SOURCE = HERE.parent / "mha-tied"
EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
TOKENS = [3, 9, 26, 3, 5]


def load(tensors):
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(SOURCE / "config.json", folder)
        copies = {name: tensor.clone().contiguous() for name, tensor in tensors.items()}
        save_file(copies, Path(folder) / "model.safetensors", {"format": "pt"})
        try:
            model, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
        except RuntimeError as error:
            return {"error": str(error).splitlines()[0]}
    missing = len(info["missing_keys"])
    if missing > 0:
        return {"missing": missing}
    with torch.no_grad():
        logits = model(torch.tensor([TOKENS])).logits[0, -1]
    tied = model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()
    return {"tied": tied, "logits": logits.tolist()}


stored = load_file(SOURCE / "model.safetensors")
assert HEAD not in stored
table = stored[EMBEDDING]
other = torch.randn(table.shape, generator=torch.Generator().manual_seed(4)) * 0.3
save_file({HEAD: other}, HERE / "other-head.safetensors", {"format": "pt"})
without = lambda tensors: {name.removeprefix("model."): tensor for name, tensor in tensors.items()}
below = lambda prefix, tensors: {prefix + name: tensor for name, tensor in tensors.items()}
head_only = {HEAD if name == EMBEDDING else name: tensor for name, tensor in stored.items()}
both = stored | {HEAD: other}
cases = {
    "as saved": stored,
    "head alone": head_only,
    "equal head": stored | {HEAD: table},
    "other head": both,
    "without model.": without(stored),
    "without model., other head": without(both),
    "without model., head alone": without(head_only),
    "below model.": below("model.", both),
    "below language_model.": below("language_model.", stored),
    "below base_model.model.": below("base_model.model.", stored),
    "head of another shape": stored | {HEAD: other[:-1]},
}
result = {
    "transformers": transformers.__version__,
    "tokens": TOKENS,
    "cases": {title: load(tensors) for title, tensors in cases.items()},
}
(HERE / "names.json").write_text(json.dumps(result) + "\n")
