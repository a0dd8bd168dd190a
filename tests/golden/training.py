# A golden case in PyTorch: its base model and adapter, random data, the training and the logits (for make.py).
import copy
import json
import shutil
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from cases import MODULES
from double import double_precision, to_double

HYPER = {
    "learningRate": 5e-3,
    "schedule": "cosine",
    "warmupSteps": 3,
    "totalSteps": 12,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-8,
    "weightDecay": 0.1,
    "maxGradNorm": 1.0,
}


# --- model and adapter


def base_model(case, generator):
    common = {
        "max_position_embeddings": 64,
        "attention_dropout": 0.0,
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
        "dtype": "float32",
    }
    model = AutoModelForCausalLM.from_config(case["class"](**common | case["config"]))
    norm_mean = 0 if "Gemma" in type(model).__name__ else 1
    for name, weight in sorted(model.named_parameters()):
        is_norm = "norm" in name
        std = (
            case.get("norm_std", 0.1)
            if is_norm
            else 0.3
            if "bias" in name
            else case["head_std"]
            if "lm_head" in name
            else 0.2
        )
        with torch.no_grad():
            noise = std * torch.randn(weight.shape, generator=generator)
            weight.copy_(norm_mean + noise if is_norm else noise)
    return model


def modules_of(case):
    return case.get("modules", MODULES)


def save_model(model, folder, old_style):
    with tempfile.TemporaryDirectory() as scratch:
        model.save_pretrained(scratch)
        config = json.loads(Path(scratch, "config.json").read_text())
        shutil.copy(Path(scratch, "model.safetensors"), folder)
    if old_style:
        config["rope_theta"] = config.pop("rope_parameters")["rope_theta"]
        config["rope_scaling"] = None
        config["torch_dtype"] = config.pop("dtype")
        del config["head_dim"]
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def load_model(folder, **options):
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", **options
    )
    return model.eval()


def with_adapter(model, case, generator):
    config = LoraConfig(
        r=case["rank"],
        lora_alpha=case["alpha"],
        lora_dropout=0.0,
        target_modules=modules_of(case),
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(model, config)
    model.eval()
    with torch.no_grad():
        for name, weight in sorted(trained(model)):
            if "lora_A" in name:
                bound = weight.shape[1] ** -0.5
                weight.copy_((2 * torch.rand(weight.shape, generator=generator) - 1) * bound)
            else:
                weight.copy_(case["b_std"] * torch.randn(weight.shape, generator=generator))
    return model


def trained(model):
    return [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]


def save_adapter(model, folder, stem):
    with tempfile.TemporaryDirectory() as scratch:
        model.save_pretrained(scratch, save_embedding_layers=False)
        shutil.copy(
            Path(scratch, "adapter_model.safetensors"), folder / f"{stem}.safetensors"
        )
        config = json.loads(Path(scratch, "adapter_config.json").read_text())
    config["base_model_name_or_path"] = folder.name  # not this machine's path
    config["target_modules"] = sorted(config["target_modules"])  # PEFT writes a set, in any order
    # Under its own name transformers would mistake the folder for an adapter.
    (folder / "adapter-config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def moments(model, optimizer):
    state = {}
    for name, weight in trained(model):
        peft_name = name.replace(".default.", ".")
        for moment in ("exp_avg", "exp_avg_sq"):
            state[f"{moment}.{peft_name}"] = optimizer.state[weight][moment].contiguous()
    return state


# --- data


def random_tokens(vocabulary, low, high, generator):
    """One row of low to high - 1 random tokens; token 0 is reserved for padding."""
    count = torch.randint(low, high, (1,), generator=generator).item()
    return torch.randint(1, vocabulary, (1, count), generator=generator).tolist()


def micro_batch(vocabulary, generator, rows=None):
    """Rows of a random prompt and a completion that follows a rule, right-padded with 0."""
    rows = rows or torch.randint(2, 4, (1,), generator=generator).item()
    token_rows, label_rows = [], []
    for row in range(rows):
        # The last row of three has no prompt: the shift drops its first supervised label.
        (prompt,) = random_tokens(vocabulary, 2, 7, generator)
        (completion,) = random_tokens(vocabulary, 2, 3, generator)
        for _ in range(torch.randint(1, 8, (1,), generator=generator).item()):
            completion.append((completion[-1] * 3 + completion[-2]) % (vocabulary // 4) + 1)
        labels = prompt if row == 2 else [-100] * len(prompt)
        token_rows.append(prompt + completion)
        label_rows.append(labels + completion)
    length = max(map(len, token_rows))
    return {
        "rows": rows,
        "length": length,
        "inputIds": [row + [0] * (length - len(row)) for row in token_rows],
        "labels": [row + [-100] * (length - len(row)) for row in label_rows],
        "attentionMask": [[1] * len(row) + [0] * (length - len(row)) for row in token_rows],
    }


# --- training


def loss_sum(model, batch):
    ids, labels, mask = (
        torch.tensor(batch[key]) for key in ("inputIds", "labels", "attentionMask")
    )
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    targets = labels[:, 1:].reshape(-1)
    total = F.cross_entropy(logits[:, :-1].flatten(0, 1), targets, reduction="sum")
    return total, int((targets != -100).sum())


def mean_loss(model, batch):
    with torch.no_grad():
        total, count = loss_sum(model, batch)
    return (total / count).item()


def train(model, steps, held_out):
    weights = [weight for _, weight in trained(model)]
    optimizer = torch.optim.AdamW(
        weights,
        lr=HYPER["learningRate"],
        betas=(HYPER["beta1"], HYPER["beta2"]),
        eps=HYPER["epsilon"],
        weight_decay=HYPER["weightDecay"],
    )
    schedule = transformers.get_cosine_schedule_with_warmup(
        optimizer, HYPER["warmupSteps"], HYPER["totalSteps"]
    )
    result = {"lossBefore": mean_loss(model, held_out), "optimizer": optimizer, "steps": []}
    for micro_batches in steps:
        sums = [loss_sum(model, batch) for batch in micro_batches]
        count = sum(count for _, count in sums)
        for total, _ in sums:
            (total / count).backward()
        norm = torch.nn.utils.clip_grad_norm_(weights, HYPER["maxGradNorm"])
        learning_rate = optimizer.param_groups[0]["lr"]
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        total = sum(total.item() for total, _ in sums)
        result["steps"].append(
            {
                "learningRate": learning_rate,
                "lossSum": total,
                "supervisedTokens": count,
                "loss": total / count,
                "gradNorm": norm.item(),
                "microBatches": micro_batches,
            }
        )
    result["lossAfter"] = mean_loss(model, held_out)
    return result


# --- forward only


@torch.no_grad()
def last_logits(model, tokens):
    return model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0]


def first_and_last(logits):
    return {"first": logits[0].tolist(), "last": logits[-1].tolist()}


def both_logits(model, tokens):
    """Logits of the final float32 adapter, and their error relative to the same weights in float64."""
    on = last_logits(model, tokens)
    with model.disable_adapter():
        off = last_logits(model, tokens)
    with double_precision():
        on64 = last_logits(to_double(copy.deepcopy(model)), tokens)
    logits = {
        "inputIds": tokens,
        "adapterOff": first_and_last(off),
        "adapterOn": first_and_last(on),
    }
    return logits, (on - on64).abs().max().item()


def greedy(model, prompt, count):
    tokens = list(prompt)
    for _ in range(count):
        best, second = last_logits(model, tokens)[-1].topk(2)[0].tolist()
        if best - second < 1e-3:
            raise SystemExit("greedy: two tokens are too close to tell apart; change the seed")
        tokens.append(last_logits(model, tokens)[-1].argmax().item())
    generated = model.generate(
        input_ids=torch.tensor([prompt]), max_new_tokens=count, do_sample=False, pad_token_id=0
    )
    assert generated[0].tolist() == tokens
    return tokens[len(prompt) :]
