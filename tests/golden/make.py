# Makes the golden training runs and learning-rate schedules with PyTorch, transformers and PEFT.
# Deterministic. Run: python tests/golden/make.py (versions: requirements.txt; what is in the files: README.md)
import copy
import json
import shutil
import tempfile
import warnings
from pathlib import Path

import peft
import safetensors
import torch
import torch.nn.functional as F
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, TrainingArguments

from cases import CASES, MODULES
from double import double_precision, to_double

HERE = Path(__file__).parent
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


def make_case(name, case):
    generator = torch.Generator().manual_seed(case["seed"])
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    save_model(base_model(case, generator), folder, old_style=name == "mha-tied")
    model = with_adapter(load_model(folder), case, generator)
    save_adapter(model, folder, "adapter-initial")

    vocabulary = case["config"]["vocab_size"]
    steps = [
        [micro_batch(vocabulary, generator) for _ in range(2)] for _ in range(HYPER["totalSteps"])
    ]
    held_out = micro_batch(vocabulary, generator, rows=4)
    with double_precision():
        model64 = to_double(copy.deepcopy(model))
        run64 = train(model64, steps, held_out)
    run32 = train(model, steps, held_out)

    save_adapter(model, folder, "adapter-final")
    save_file(moments(model, run32["optimizer"]), folder / "moments-final.safetensors")
    final64 = get_peft_model_state_dict(model64, save_embedding_layers=False)
    (prompt,) = random_tokens(vocabulary, *case.get("prompt", (1, 7)), generator)
    logits, logits_error = both_logits(model, prompt)
    write_run(
        folder / "run.json",
        {
            "versions": versions(),
            "lora": {"rank": case["rank"], "alpha": case["alpha"], "targetModules": modules_of(case)},
            "hyper": HYPER,
            "heldOut": {
                "batch": held_out,
                **{key: run32[key] for key in ("lossBefore", "lossAfter")},
                **{key + "64": run64[key] for key in ("lossBefore", "lossAfter")},
            },
            "logits": logits,
            "greedy": {"prompt": prompt, "tokens": greedy(model, prompt, 8)},
            "float32Error": {
                **trajectory_error(run32, run64),
                "adapter": largest_difference(
                    get_peft_model_state_dict(model, save_embedding_layers=False), final64
                ),
                "logits": logits_error,
            },
            "steps": [
                {**step32, "loss64": step64["loss"], "gradNorm64": step64["gradNorm"]}
                for step32, step64 in zip(run32["steps"], run64["steps"], strict=True)
            ],
        },
    )
    check_folder(folder, case, prompt, logits)
    check_peculiarities(folder, case, prompt, logits)
    return run32, run64


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
    # Under its own name transformers would take the folder for an adapter.
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
    """One row of low to high - 1 random tokens; token 0 is left to padding."""
    count = torch.randint(low, high, (1,), generator=generator).item()
    return torch.randint(1, vocabulary, (1, count), generator=generator).tolist()


def micro_batch(vocabulary, generator, rows=None):
    """Rows of a random prompt and a completion that follows a rule, right-padded with 0."""
    rows = rows or torch.randint(2, 4, (1,), generator=generator).item()
    token_rows, label_rows = [], []
    for row in range(rows):
        # The last row of three has no prompt: its first label is supervised and lost to the shift.
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
    """Logits of the final float32 adapter, and how far they are from the same weights in float64."""
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


# --- errors, checks and files


def trajectory_error(run32, run64):
    def largest(key):
        pairs = zip(run32["steps"], run64["steps"], strict=True)
        return max(abs(a[key] - b[key]) / abs(b[key]) for a, b in pairs)

    return {"relativeLoss": largest("loss"), "relativeGradNorm": largest("gradNorm")}


def largest_difference(left, right):
    return max((left[key] - right[key]).abs().max().item() for key in left)


def check_folder(folder, case, prompt, logits):
    """The files alone give the same logits."""
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copy(folder / "adapter-config.json", Path(scratch, "adapter_config.json"))
        shutil.copy(
            folder / "adapter-final.safetensors", Path(scratch, "adapter_model.safetensors")
        )
        model = PeftModel.from_pretrained(load_model(folder), scratch).eval()
    assert first_and_last(last_logits(model, prompt)) == logits["adapterOn"]
    names = set(load_file(folder / "adapter-final.safetensors"))
    assert len(names) == 2 * case["config"]["num_hidden_layers"] * len(modules_of(case))
    for file in folder.iterdir():
        file.chmod(0o644)  # safetensors writes them for the owner only
    size = sum(file.stat().st_size for file in folder.iterdir())
    assert size < 400 * 1024, f"{folder.name} has {size} bytes"


def check_peculiarities(folder, case, prompt, logits):
    """Without any one of its vectors or config's peculiarities, the base model gives other logits."""

    def distance(model):
        changed = last_logits(model, prompt)[-1]
        return (changed - torch.tensor(logits["adapterOff"]["last"])).abs().max().item()

    assert distance(load_model(folder)) == 0
    for change in case.get("without", []):
        config = AutoConfig.from_pretrained(folder)
        for key, value in change.items():
            setattr(config, key, value)
        far = distance(load_model(folder, config=config))
        assert far > 1e-2, f"{folder.name} is the same with {change} ({far:.1e})"
    model = load_model(folder)
    for name, weight in model.named_parameters():
        if weight.dim() == 1:
            saved = weight.detach().clone()
            with torch.no_grad():
                weight.fill_(saved.mean() if "norm" in name else 0)
                # A key's bias moves all scores of a query alike but for RoPE, so it shows least.
                assert (far := distance(model)) > 5e-3, f"{name} hardly matters ({far:.1e})"
                weight.copy_(saved)


def versions():
    return {module.__name__: module.__version__ for module in (torch, transformers, peft, safetensors)}


def write_run(path, run):
    """One line per value of the top level, and one per step: compact, and readable in a diff."""

    def compact(value):
        return json.dumps(value, separators=(",", ":"))

    lines = [f'"{key}": {compact(value)}' for key, value in run.items() if key != "steps"]
    steps = ",\n    ".join(compact(step) for step in run["steps"])
    lines.append(f'"steps": [\n    {steps}\n  ]')
    path.write_text("{\n  " + ",\n  ".join(lines) + "\n}\n")


# --- learning rates


def schedules():
    """Factors on the peak learning rate, one per optimizer step."""
    pairs = [(12, 3), (10, 0), (7, 1), (5, 5), (20, 0.1), (33, 0.03), (1, 0)]
    makers = {
        "linear": lambda o, w, t: transformers.get_linear_schedule_with_warmup(o, w, t),
        "cosine": lambda o, w, t: transformers.get_cosine_schedule_with_warmup(o, w, t),
        "constant": lambda o, w, _: transformers.get_constant_schedule_with_warmup(o, w),
    }
    for name, maker in makers.items():
        for total, warmup in pairs:
            with tempfile.TemporaryDirectory() as scratch:
                arguments = TrainingArguments(output_dir=scratch, warmup_steps=warmup)
            warmup_steps = arguments.get_warmup_steps(total)
            optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
            schedule = maker(optimizer, warmup_steps, total)
            factors = []
            for _ in range(total):
                factors.append(optimizer.param_groups[0]["lr"])
                optimizer.step()
                schedule.step()
            yield {
                "schedule": name,
                "totalSteps": total,
                "warmup": warmup,
                "warmupSteps": warmup_steps,
                "factors": factors,
            }


def write_schedules():
    rows = ",\n    ".join(json.dumps(row, separators=(",", ":")) for row in schedules())
    versions = json.dumps({"transformers": transformers.__version__})
    (HERE / "schedule.json").write_text(
        f'{{\n  "versions": {versions},\n  "cases": [\n    {rows}\n  ]\n}}\n'
    )


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning)
    for name, case in CASES.items():
        run32, run64 = make_case(name, case)
        print(name)
        for step, (a, b) in enumerate(zip(run32["steps"], run64["steps"], strict=True), 1):
            print(
                f"  {step:2} lr {a['learningRate']:.6f} loss {a['loss']:.6f} ({a['loss'] - b['loss']:+.1e})"
                f" norm {a['gradNorm']:.4f} ({a['gradNorm'] - b['gradNorm']:+.1e}) tokens {a['supervisedTokens']}"
            )
        print(f"  held out {run32['lossBefore']:.4f} -> {run32['lossAfter']:.4f}")
        print(" ", json.loads((HERE / name / "run.json").read_text())["float32Error"])
    write_schedules()


if __name__ == "__main__":
    main()
