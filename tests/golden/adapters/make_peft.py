# Makes PEFT adapters in every variant on the tiny Llama of gqa-untied, with the logits and losses that PEFT has for them.
# Run: pip install -r tests/golden/requirements.txt && python tests/golden/adapters/make_peft.py (contents: ../README.md)
import json
import re
import shutil
import tempfile
import warnings
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

HERE = Path(__file__).parent
GOLDEN = HERE.parent
TWO = ["q_proj", "v_proj"]
PROMPT = [5, 17, 42, 3, 88, 29, 11]
HYPER = dict(lr=5e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1)
STEPS = 10

# name: (options of LoraConfig, change of the written folder). Where a change alters the meaning of a file for PEFT, the
# expected logits are still those of the model that was saved.
CASES = {}


def case(name, change=None, **options):
    CASES[name] = ({"target_modules": TWO, "r": 2, "lora_alpha": 4, **options}, change)


def config(**changes):
    """Writes other values into adapter_config.json; a callable gets the old value."""

    def change(folder):
        path = folder / "adapter_config.json"
        fields = json.loads(path.read_text("utf-8"))
        for key, value in changes.items():
            fields[key] = value(fields.get(key)) if callable(value) else value
        path.write_text(json.dumps(fields, indent=2, sort_keys=True), "utf-8")

    return change


def tensors(change_all):
    def change(folder):
        path = folder / "adapter_model.safetensors"
        save_file(change_all(load_file(path)), path, {"format": "pt"})

    return change


def keys(pattern, replacement):
    return tensors(lambda all: {re.sub(pattern, replacement, name): tensor for name, tensor in all.items()})


def cast(dtype):
    """A file of this type; `make` rounds the model too."""
    change = tensors(lambda all: {name: tensor.to(dtype) for name, tensor in all.items()})
    change.dtype = dtype
    return change


def without_optional_keys(folder):
    path = folder / "adapter_config.json"
    fields = json.loads(path.read_text("utf-8"))
    kept = ("peft_type", "r", "lora_alpha", "target_modules", "task_type")
    path.write_text(json.dumps({key: fields[key] for key in kept}), "utf-8")


# What names modules.
case("plain")
case("all-linear", target_modules="all-linear")  # written as full paths
case("dotted-names", target_modules=["self_attn.q_proj", "mlp.up_proj"])
case("full-paths", target_modules=["model.layers.0.self_attn.q_proj", "model.layers.1.mlp.down_proj"])
case("regex", target_modules=r".*\.(q|v)_proj")
case("regex-of-a-layer", target_modules=r"model\.layers\.[1]\.self_attn\.(k|o)_proj")
case("exclude-list", target_modules=["q_proj", "k_proj"], exclude_modules=["model.layers.0.self_attn.k_proj"])
case("exclude-regex", target_modules=["q_proj", "v_proj"], exclude_modules=r".*layers\.1\.self_attn\.v_proj")
case("layers-list", layers_to_transform=[1])
case("layers-number", layers_to_transform=0, layers_pattern="layers")
case("absent-names", target_modules=["q_proj", "v_proj", "qkv_proj", "gate_up_proj"])
case("list-longer", config(target_modules=lambda old: [*old, "o_proj"]))
case("list-shorter", config(target_modules=["q_proj"]))
# Ranks and scalings.
case("rank-pattern", rank_pattern={"v_proj": 3}, alpha_pattern={"v_proj": 6})
case("rank-pattern-alone", rank_pattern={"v_proj": 4})
case("alpha-pattern", alpha_pattern={"v_proj": 3})
case("pattern-of-a-layer", rank_pattern={r"layers\.1\..*q_proj": 1}, alpha_pattern={"^model.layers.1.self_attn.q_proj": 2})
case("rslora", use_rslora=True, r=3, lora_alpha=5)
case("rslora-rank-pattern", use_rslora=True, rank_pattern={"q_proj": 4})
case("float-alpha", lora_alpha=5.5)
# Names in the file, as other programs write them.
case("adapter-name", keys(r"\.weight$", ".style.weight"))
case("default-name", keys(r"\.weight$", ".default.weight"))
case("compiled", keys(r"^", "_orig_mod."))
case("compiled-inside", keys(r"^base_model\.model\.", "base_model.model._orig_mod."))
case("fsdp", keys(r"layers\.(\d)\.", r"layers.\1._fsdp_wrapped_module."))
case("no-prefix", keys(r"^base_model\.model\.", ""))
# Values and keys that change nothing.
case("f16", cast(torch.float16))
case("bf16", cast(torch.bfloat16))
case("gaussian", init_lora_weights="gaussian")
case("orthogonal", init_lora_weights="orthogonal", lora_dropout=0.1)
case("fan-in-fan-out", fan_in_fan_out=True)
case("newer-keys", config(future_config=None, use_future=False, future_pattern={}, peft_version="9.0.0"))
case("few-keys", without_optional_keys)
case(
    "unsloth",
    config(
        auto_mapping={"base_model_class": "LlamaForCausalLM", "parent_library": "x", "unsloth_fixed": True},
        target_modules=r"(?:.*?(?:language|text).*?(?:self_attn|attention).*?(?:q_proj|v_proj).*?)"
        r"|(?:\bmodel\.layers\.[\d]{1,}\.(?:self_attn)\.(?:(?:q_proj|v_proj)))",
        lora_bias=False,
    ),
)
case("axolotl", cast(torch.bfloat16), lora_dropout=0.05, target_modules=[*TWO, "k_proj", "o_proj"])
# What changes the mathematics and is refused.
case("dora", use_dora=True, target_modules=["q_proj"])
case("bias", bias="lora_only", target_modules=["q_proj"])
case("lora-bias", lora_bias=True, target_modules=["q_proj"])
case("modules-to-save", modules_to_save=["norm"], target_modules=["q_proj"])
case("embedding", target_modules=["q_proj", "embed_tokens"])
case("head", target_modules=["q_proj", "lm_head"])
case("trainable-tokens", trainable_token_indices=[1, 2], target_modules=["q_proj"])
case("pissa", init_lora_weights="pissa", target_modules=["q_proj"])
case("layer-replication", layer_replication=[[0, 2], [0, 2]], target_modules=["q_proj"])

REFUSED = list(CASES)[list(CASES).index("dora") :]
TRAINED = ["plain", "full-paths", "layers-list", "rank-pattern", "rslora", "regex-of-a-layer", "alpha-pattern"]


def make(index, options, dtype):
    torch.manual_seed(100 + index)
    base = AutoModelForCausalLM.from_pretrained(GOLDEN / "gqa-untied", dtype=torch.float32, attn_implementation="eager")
    model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **options))
    for module in model.modules():
        if isinstance(module, LoraLayer):
            for name, parameter in module.named_parameters():
                if "lora_" in name and "base_layer" not in name:
                    torch.nn.init.normal_(parameter, std=0.3)
                    parameter.data = parameter.data.to(dtype).float()
    return model.eval()


def logits(model):
    with torch.no_grad():
        return model(input_ids=torch.tensor([PROMPT])).logits[0, -1].tolist()


def losses(model):
    """Ten steps on the first batches of gqa-untied's run, each loss over all tokens of a step."""
    batches = json.loads((GOLDEN / "gqa-untied" / "run.json").read_text("utf-8"))["steps"][0]["microBatches"]
    model.train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, **HYPER)
    history = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        total, count = 0.0, 0
        for batch in batches:
            output = model(input_ids=torch.tensor(batch["inputIds"]), attention_mask=torch.tensor(batch["attentionMask"]))
            labels = torch.tensor(batch["labels"])[:, 1:]
            flat = output.logits[:, :-1].reshape(-1, output.logits.shape[-1])
            total = total + torch.nn.functional.cross_entropy(flat, labels.reshape(-1), reduction="sum", ignore_index=-100)
            count += int((labels != -100).sum())
        loss = total / count
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        history.append(loss.item())
    return history


def main():
    warnings.simplefilter("ignore")
    expected = {"prompt": PROMPT, "cases": {}}
    for index, (name, (options, change)) in enumerate(CASES.items()):
        model = make(index, options, getattr(change, "dtype", torch.float32))
        folder = HERE / "peft" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as saved:
            model.save_pretrained(saved)
            for file in ("adapter_config.json", "adapter_model.safetensors"):
                shutil.copy(Path(saved) / file, folder / file)
        sort = {"target_modules": lambda old: sorted(old) if isinstance(old, list) else old, "base_model_name_or_path": None}
        config(**sort)(folder)
        if change is not None:
            change(folder)
        if name not in REFUSED:
            expected["cases"][name] = {
                "logits": logits(model),
                **({"losses": losses(model)} if name in TRAINED else {}),
            }
    (HERE / "peft.json").write_text(json.dumps(expected), "utf-8")


main()
