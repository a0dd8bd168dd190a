# The reference fine-tuning of the demo: transformers + PEFT on the bundled model and data, as the page does it.
import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

HELD_OUT = 40  # last rows of the file
IGNORED = -100
MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
Example = tuple[list[int], int]  # token ids, and the length of the prompt


@dataclass(frozen=True)
class Recipe:
    rank: int = 8
    alpha: int = 16
    rate: float = 5e-3
    batch: int = 8
    steps: int = 60
    schedule: str = "cosine"
    warmup: float = 0.05
    seed: int = 0

    def __str__(self) -> str:
        size = f"r={self.rank} alpha={self.alpha} lr={self.rate:g} batch={self.batch}"
        return f"{size} {self.schedule} {self.steps} steps seed {self.seed}"


def load(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model in F32, from the F16 weights of the file."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return model.eval(), AutoTokenizer.from_pretrained(folder)


def read_rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def encode(tokenizer: PreTrainedTokenizerBase, row: dict[str, str]) -> Example:
    """Prompt, completion and end-of-text; the prompt's tokens must be a prefix of the whole's."""
    prompt = tokenizer(row["prompt"])["input_ids"]
    ids = tokenizer(row["prompt"] + row["completion"])["input_ids"]
    if ids[: len(prompt)] != prompt:
        raise ValueError(f"the prompt's tokens are not a prefix: {row}")
    return [*ids, tokenizer.eos_token_id], len(prompt)


def loss_sum(model: PreTrainedModel, examples: list[Example], pad: int) -> tuple[torch.Tensor, int]:
    """Cross-entropy summed over the completions' tokens, and their number."""
    width = max(len(ids) for ids, _ in examples)
    ids = torch.tensor([ids + [pad] * (width - len(ids)) for ids, _ in examples])
    mask = torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in examples])
    labels = torch.tensor([[IGNORED] * n + ids[n:] + [IGNORED] * (width - len(ids)) for ids, n in examples])
    logits = model(ids, attention_mask=mask, use_cache=False).logits[:, :-1]
    total = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED, reduction="sum"
    )
    return total, int((labels[:, 1:] != IGNORED).sum())


@torch.no_grad()
def held_out_loss(model: PreTrainedModel, examples: list[Example], pad: int) -> float:
    """Token-weighted mean."""
    total, count = loss_sum(model, examples, pad)
    return total.item() / count


def _factor(step: int, recipe: Recipe) -> float:
    warmup = max(1, round(recipe.steps * recipe.warmup))
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, recipe.steps - warmup)
    return 1 - done if recipe.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * done))


def _batches(examples: list[Example], recipe: Recipe):
    """Endless batches, shuffled in every epoch."""
    generator = torch.Generator().manual_seed(recipe.seed)
    waiting: list[int] = []
    while True:
        while len(waiting) < recipe.batch:
            waiting += torch.randperm(len(examples), generator=generator).tolist()
        yield [examples[i] for i in waiting[: recipe.batch]]
        del waiting[: recipe.batch]


def finetune(
    model: PreTrainedModel, train: list[Example], held_out: list[Example], recipe: Recipe, pad: int, every: int = 20
) -> tuple[PreTrainedModel, dict[int, float]]:
    """The model with a trained adapter, and the held-out loss by step."""
    torch.manual_seed(recipe.seed)
    config = LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules=MODULES, task_type="CAUSAL_LM")
    model = get_peft_model(model, config)
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=recipe.rate, weight_decay=0.0)
    batches = _batches(train, recipe)
    losses = {0: held_out_loss(model, held_out, pad)}
    for step in range(recipe.steps):
        optimizer.param_groups[0]["lr"] = recipe.rate * _factor(step, recipe)
        total, count = loss_sum(model, next(batches), pad)
        (total / count).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if (step + 1) % every == 0:
            losses[step + 1] = held_out_loss(model, held_out, pad)
    return model, losses


@torch.no_grad()
def greedy(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: list[str], limit: int = 48
) -> list[str]:
    """Greedy continuations with special tokens, cut after the first end-of-text; without one, none was generated."""
    tokenizer.padding_side = "left"
    batch = tokenizer(prompts, return_tensors="pt", padding=True, return_token_type_ids=False)
    out = model.generate(**batch, max_new_tokens=limit, do_sample=False)[:, batch["input_ids"].shape[1] :]
    return [text.replace(tokenizer.pad_token, "") for text in tokenizer.batch_decode(out)]
