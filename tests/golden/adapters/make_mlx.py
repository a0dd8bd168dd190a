# Makes MLX adapters on the tiny Llama of gqa-untied as mlx-lm saves them, with the logits that MLX has for them.
# Run: pip install -r tests/interop/mlx/requirements.txt && python tests/golden/adapters/make_mlx.py (contents: ../README.md)
import json
import shutil
from pathlib import Path

import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_lm.tuner.utils import linear_to_lora_layers
from mlx_lm.utils import load_model

HERE = Path(__file__).parent
PROMPT = [5, 17, 42, 3, 88, 29, 11]
TWO = ["self_attn.q_proj", "self_attn.v_proj"]


def parameters(**changes):
    given = {"rank": 3, "scale": 2.5, "dropout": 0.0, "keys": TWO, **changes}
    return {key: value for key, value in given.items() if value is not None}


# name: (type, num_layers, lora_parameters, dtype)
CASES = {
    "two-keys": ("lora", 2, parameters(), mx.float32),
    "default-keys": ("lora", -1, parameters(keys=None), mx.float32),
    "last-layer": ("lora", 1, parameters(keys=["mlp.down_proj"], scale=20.0), mx.float32),
    "full-name": ("lora", 1, parameters(keys=["model.layers.0.self_attn.o_proj", "mlp.up_proj"]), mx.float32),
    "f16": ("lora", 2, parameters(dropout=0.1), mx.float16),
    "bf16": ("lora", 2, parameters(rank=1), mx.bfloat16),
    "dora": ("dora", 1, parameters(), mx.float32),
    "full": ("full", 1, None, mx.float32),
    "embedding": ("lora", 1, parameters(keys=["model.embed_tokens", "self_attn.q_proj"]), mx.float32),
    "head": ("lora", 1, parameters(keys=["lm_head", "self_attn.q_proj"]), mx.float32),
}
REFUSED = ["dora", "full", "embedding", "head"]


def make(index, kind, num_layers, given, dtype):
    mx.random.seed(200 + index)
    model, _ = load_model(HERE.parent / "gqa-untied")
    model.freeze()
    if kind == "full":
        model.layers[-1].self_attn.q_proj.unfreeze()
        return model
    linear_to_lora_layers(model, num_layers, given, use_dora=kind == "dora")
    tensors = [
        (name, (0.3 * mx.random.normal(value.shape)).astype(dtype) if name.endswith(("lora_a", "lora_b")) else value)
        for name, value in tree_flatten(model.trainable_parameters())
    ]
    model.load_weights(tensors, strict=False)
    return model


def logits(model):
    model.eval()
    return model(mx.array([PROMPT]))[0, -1].astype(mx.float32).tolist()


def main():
    mx.set_default_device(mx.cpu)
    expected = {"prompt": PROMPT, "cases": {}}
    for index, (name, (kind, num_layers, given, dtype)) in enumerate(CASES.items()):
        model = make(index, kind, num_layers, given, dtype)
        folder = HERE / "mlx" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        mx.save_safetensors(str(folder / "adapters.safetensors"), dict(tree_flatten(model.trainable_parameters())))
        # The arguments of mlx_lm.lora, of which the loader reads three.
        config = {"fine_tune_type": kind, "num_layers": num_layers, "lora_parameters": given, "iters": 1000, "model": "x"}
        (folder / "adapter_config.json").write_text(json.dumps(config, indent=4, sort_keys=True), "utf-8")
        if name not in REFUSED:
            expected["cases"][name] = {"logits": logits(model)}
    (HERE / "mlx.json").write_text(json.dumps(expected), "utf-8")


main()
