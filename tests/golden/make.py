# Makes the golden training runs and learning-rate schedules with PyTorch, transformers and PEFT.
# Deterministic. Run: python tests/golden/make.py [case ...] (versions: requirements.txt; contents of the files: README.md)
import copy
import json
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import peft
import safetensors
import torch
import transformers
from peft import PeftModel
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, TrainingArguments

from cases import CASES
from double import double_precision, to_double
from training import (
    HYPER,
    base_model,
    both_logits,
    first_and_last,
    greedy,
    last_logits,
    load_model,
    micro_batch,
    modules_of,
    moments,
    random_tokens,
    save_adapter,
    save_model,
    train,
    with_adapter,
)

HERE = Path(__file__).parent


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


# --- errors, checks and files


def trajectory_error(run32, run64):
    def largest(key):
        pairs = zip(run32["steps"], run64["steps"], strict=True)
        return max(abs(a[key] - b[key]) / abs(b[key]) for a, b in pairs)

    return {"relativeLoss": largest("loss"), "relativeGradNorm": largest("gradNorm")}


def largest_difference(left, right):
    return max((left[key] - right[key]).abs().max().item() for key in left)


def check_folder(folder, case, prompt, logits):
    """Checks that the files alone give the same logits."""
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
        file.chmod(0o644)  # safetensors makes them readable by the owner only
    size = sum(file.stat().st_size for file in folder.iterdir())
    assert size < 400 * 1024, f"{folder.name} has {size} bytes"


def check_peculiarities(folder, case, prompt, logits):
    """Checks that the logits depend on every vector and every peculiarity of the config."""

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
                # Without RoPE a key's bias would shift all scores of a query equally, so its effect is the smallest.
                assert (far := distance(model)) > 5e-3, f"{name} hardly matters ({far:.1e})"
                weight.copy_(saved)


def versions():
    return {module.__name__: module.__version__ for module in (torch, transformers, peft, safetensors)}


def write_run(path, run):
    """JSON with one line per top-level value and per step: compact and readable in a diff."""

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
    names = sys.argv[1:]
    for name in names or CASES:
        run32, run64 = make_case(name, CASES[name])
        print(name)
        for step, (a, b) in enumerate(zip(run32["steps"], run64["steps"], strict=True), 1):
            print(
                f"  {step:2} lr {a['learningRate']:.6f} loss {a['loss']:.6f} ({a['loss'] - b['loss']:+.1e})"
                f" norm {a['gradNorm']:.4f} ({a['gradNorm'] - b['gradNorm']:+.1e}) tokens {a['supervisedTokens']}"
            )
        print(f"  held out {run32['lossBefore']:.4f} -> {run32['lossAfter']:.4f}")
        print(" ", json.loads((HERE / name / "run.json").read_text())["float32Error"])
    if not names:
        write_schedules()


if __name__ == "__main__":
    main()
