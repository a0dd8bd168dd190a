# Reads the files of a run of Anneal with PEFT, transformers and safetensors, and compares their numbers with the page's.
# Run by run.ts: check.py DIR LOGITS.json, where DIR holds adapter/ and checkpoint-N.safetensors and LOGITS.json
# {"heldOutAfter": number, "prompts": [{"text", "tokens", "withAdapter", "withoutAdapter"}]} comes from the page.
import argparse
import json
import logging
import re
import sys
import traceback
import warnings
from contextlib import contextmanager
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel
from peft.utils import get_peft_model_state_dict
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerState
from transformers import logging as transformers_logging

DEMO = Path(__file__).resolve().parents[2] / "public" / "demo"
SUSPICIOUS = re.compile("key|missing|unexpected|ignored|mismatch|newly initialized", re.IGNORECASE)
TOLERANCE = 1e-3


class Subject:
    """The files under test and the model with its adapter, read once."""

    def __init__(self, folder, model_folder, data_file, page):
        self.adapter_folder = folder / "adapter"
        self.adapter_file = self.adapter_folder / "adapter_model.safetensors"
        self.checkpoint_file = newest_checkpoint(folder)
        self.model_folder = model_folder
        self.rows = [json.loads(line) for line in data_file.read_text("utf-8").splitlines()]
        self.page = page
        self.tokenizer = AutoTokenizer.from_pretrained(model_folder)
        self.model = None

    def metadata(self):
        with safe_open(self.checkpoint_file, "pt") as file:
            return file.metadata()


def newest_checkpoint(folder):
    files = list(folder.glob("checkpoint-*.safetensors"))
    if not files:
        sys.exit(f"{folder} holds no checkpoint-*.safetensors")
    return max(files, key=step_of)


def step_of(file):
    return int(re.fullmatch(r"checkpoint-(\d+)", file.stem).group(1))


# --- the checks, in order; each returns its result as text, or raises


def peft_loads_the_adapter(subject):
    with no_suspicious_warning():
        base, info = AutoModelForCausalLM.from_pretrained(
            subject.model_folder,
            dtype=torch.float32,
            attn_implementation="eager",
            output_loading_info=True,
        )
        faults = {key: value for key, value in info.items() if value}
        assert not faults, f"the base model loaded with {faults}"
        subject.model = PeftModel.from_pretrained(base, subject.adapter_folder).eval()
    loaded = get_peft_model_state_dict(subject.model, save_embedding_layers=False)
    stored = tensors_of(subject.adapter_file)
    expect_same_names(stored, loaded)
    changed = [name for name in stored if not torch.equal(stored[name], loaded[name])]
    assert not changed, f"PEFT holds other values in {changed}"
    unused = [name for name in stored if "lora_B" in name and not stored[name].any()]
    assert not unused, f"still zero after training: {unused}"
    return f"{len(stored)} tensors, rank {subject.model.peft_config['default'].r}"


def peft_reads_the_config(subject):
    with no_suspicious_warning():
        config = LoraConfig.from_pretrained(subject.adapter_folder)
    recipe = json.loads(subject.metadata()["recipe"])
    found = (config.r, config.lora_alpha, config.lora_dropout, sorted(config.target_modules))
    expected = (recipe["rank"], recipe["alpha"], recipe["dropout"], sorted(recipe["targetModules"]))
    assert found == expected, f"{found}, but the recipe says {expected}"
    assert config.task_type == "CAUSAL_LM" and config.bias == "none" and config.inference_mode
    assert (subject.adapter_folder / "README.md").stat().st_size > 0
    return f"r {config.r}, alpha {config.lora_alpha}, peft_version {config.peft_version}"


def tokens_agree(subject):
    for prompt in subject.page["prompts"]:
        tokens = subject.tokenizer(prompt["text"])["input_ids"]
        assert tokens == prompt["tokens"], f"{prompt['text']!r}: {tokens}, the page has {prompt['tokens']}"
    return f"{len(subject.page['prompts'])} prompts"


def logits_agree(subject):
    expect(subject.model, "the adapter was not loaded")
    worst, furthest = 0.0, 0.0
    assert len(subject.page["prompts"]) >= 10, "the page answered fewer than ten prompts"
    for prompt in subject.page["prompts"]:
        with_adapter = next_token_logits(subject.model, prompt["tokens"])
        with subject.model.disable_adapter():
            without = next_token_logits(subject.model, prompt["tokens"])
        for ours, name in ((with_adapter, "withAdapter"), (without, "withoutAdapter")):
            worst = max(worst, compare(ours, torch.tensor(prompt[name]), f"{name} of {prompt['text']!r}"))
        furthest = max(furthest, (with_adapter - without).abs().max().item())
    assert furthest > 0.1, f"the adapter moves no logit by more than {furthest:.2g}"
    return f"largest relative difference {worst:.1e}; the adapter moves logits by up to {furthest:.2f}"


def next_token_logits(model, tokens):
    with torch.no_grad():
        return model(input_ids=torch.tensor([tokens])).logits[0, -1]


def compare(expected, found, what):
    assert expected.shape == found.shape, f"{what}: {list(found.shape)} logits, not {list(expected.shape)}"
    difference = ((found - expected).abs().max() / expected.abs().max()).item()
    assert difference <= TOLERANCE, f"{what}: relative difference {difference:.2e}"
    assert torch.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE), f"{what}: not close"
    return difference


def adapter_file_is_safetensors(subject):
    with safe_open(subject.adapter_file, "pt") as file:
        assert file.metadata() == {"format": "pt"}, f"metadata is {file.metadata()}"
    return check_adapter_shapes(subject, tensors_of(subject.adapter_file))


def checkpoint_is_safetensors(subject):
    metadata = subject.metadata()
    assert metadata["format"] == "anneal-checkpoint", metadata["format"]
    values = {key: json.loads(value) for key, value in metadata.items() if key != "format"}
    step = values["trainer"]["step"]
    assert step == step_of(subject.checkpoint_file), f"it is of step {step}"
    everything = tensors_of(subject.checkpoint_file)
    moments = [name for name in everything if name.startswith("optimizer.")]
    adapter = {name: everything[name] for name in everything if name not in moments}
    check_adapter_shapes(subject, adapter)
    expected = [f"optimizer.{m}.{name}" for m in ("exp_avg", "exp_avg_sq") for name in adapter]
    expect_same_names(expected, moments)
    for name in moments:
        shape = adapter[re.sub(r"^optimizer\.exp_avg(_sq)?\.", "", name)].shape
        assert everything[name].shape == shape and everything[name].dtype == torch.float32, name
        assert not name.startswith("optimizer.exp_avg_sq") or (everything[name] >= 0).all(), name
    exported = tensors_of(subject.adapter_file)
    expect_same_names(adapter, exported)
    differing = [name for name in adapter if not torch.equal(adapter[name], exported[name])]
    assert not differing, f"adapter_model.safetensors has other values in {differing}"
    return f"schema {values['schema']}, step {step}, {len(everything)} tensors"


def check_adapter_shapes(subject, tensors):
    """The keys and shapes that PEFT would write for this base model and recipe."""
    recipe = json.loads(subject.metadata()["recipe"])
    with safe_open(subject.model_folder / "model.safetensors", "pt") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}
    expected = {}
    for name, shape in shapes.items():
        module = name.removesuffix(".weight")
        if module.rsplit(".", 1)[-1] in recipe["targetModules"]:
            expected[f"base_model.model.{module}.lora_A.weight"] = [recipe["rank"], shape[1]]
            expected[f"base_model.model.{module}.lora_B.weight"] = [shape[0], recipe["rank"]]
    expect_same_names(expected, tensors)
    for name, tensor in tensors.items():
        assert list(tensor.shape) == expected[name], f"{name} is {list(tensor.shape)}, not {expected[name]}"
        assert tensor.dtype == torch.float32, f"{name} is {tensor.dtype}"
        assert tensor.isfinite().all(), f"{name} holds values that are not finite"
    return f"{len(tensors)} tensors, F32"


def held_out_loss_agrees(subject):
    expect(subject.model, "the adapter was not loaded")
    recipe = json.loads(subject.metadata()["recipe"])
    lines = json.loads(subject.metadata()["data"])["identity"]["heldOutLines"]
    assert len(lines) == recipe["heldOutRows"], f"{len(lines)} lines, not {recipe['heldOutRows']}"
    total, count = 0.0, 0
    for line in lines:
        row_loss, row_count = supervised_loss(subject, subject.rows[line - 1], recipe)
        total, count = total + row_loss, count + row_count
    loss, page = total / count, subject.page["heldOutAfter"]
    difference = abs(loss - page) / loss
    assert difference <= TOLERANCE, f"{loss:.6f}, the page says {page:.6f}"
    return f"{loss:.6f} over {count} tokens of {len(lines)} rows; the page is off by {difference:.1e}"


def supervised_loss(subject, row, recipe):
    """Cross-entropy sum and count of one prompt and completion row, tokenised as TRL does."""
    completion = row["completion"]
    if not completion.endswith(subject.tokenizer.eos_token):
        completion += subject.tokenizer.eos_token
    prompt = subject.tokenizer(row["prompt"])["input_ids"]
    tokens = subject.tokenizer(row["prompt"] + completion)["input_ids"]
    start = next((i for i, (a, b) in enumerate(zip(prompt, tokens)) if a != b), len(prompt))
    tokens = tokens[: recipe["maxLength"]]
    labels = torch.tensor(tokens)
    if recipe["completionOnly"]:
        labels[:start] = -100
    targets = labels[1:]
    with torch.no_grad():
        logits = subject.model(input_ids=torch.tensor([tokens])).logits[0, :-1]
    loss = torch.nn.functional.cross_entropy(logits, targets, reduction="sum", ignore_index=-100)
    return loss.item(), int((targets != -100).sum())


def transformers_reads_the_trainer_state(subject):
    with no_suspicious_warning():
        state = TrainerState.load_from_json(subject.adapter_folder / "trainer_state.json")
    step = step_of(subject.checkpoint_file)
    assert state.global_step == step, f"global_step is {state.global_step}, not {step}"
    losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
    assert losses, "log_history has no loss"
    assert all(entry["step"] <= step for entry in state.log_history)
    held_out = [entry["eval_loss"] for entry in state.log_history if "eval_loss" in entry]
    assert held_out, "log_history has no eval_loss"
    page = subject.page["heldOutAfter"]
    assert abs(held_out[-1] - page) <= 1e-6 * page, f"last eval_loss is {held_out[-1]}, not {page}"
    return f"step {state.global_step}, {len(state.log_history)} log entries"


CHECKS = [
    adapter_file_is_safetensors,
    checkpoint_is_safetensors,
    peft_reads_the_config,
    peft_loads_the_adapter,
    transformers_reads_the_trainer_state,
    tokens_agree,
    logits_agree,
    held_out_loss_agrees,
]


# --- shared by the checks


@contextmanager
def no_suspicious_warning():
    """Turns warnings about keys, from Python's warnings and from the libraries' loggers, into a failure."""
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    loggers = [logging.getLogger(name) for name in ("transformers", "peft")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
    messages += [str(warning.message) for warning in caught if warning.category is not FutureWarning]
    suspicious = [message for message in messages if SUSPICIOUS.search(message)]
    assert not suspicious, "; ".join(suspicious)


def tensors_of(path):
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def expect_same_names(expected, found):
    missing, unexpected = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    assert not missing and not unexpected, f"missing {missing}, unexpected {unexpected}"


def expect(value, message):
    assert value is not None, message


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("page", type=Path)
    parser.add_argument("--model", type=Path, default=DEMO / "model")
    parser.add_argument("--data", type=Path, default=DEMO / "data.jsonl")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    transformers_logging.disable_progress_bar()
    page = json.loads(arguments.page.read_text("utf-8"))
    subject = Subject(arguments.folder, arguments.model, arguments.data, page)
    failed = 0
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        try:
            print(f"ok    {name}: {check(subject)}")
        except Exception as error:  # every check runs, even after a failure
            failed += 1
            print(f"FAIL  {name}: {type(error).__name__}: {error}")
            if not isinstance(error, AssertionError):
                traceback.print_exc()
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
