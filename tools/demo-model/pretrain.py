# Pre-training: documents -> packed rows -> a small Llama. Plain PyTorch, seeded, CPU.
import math
import time
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

IGNORED = -100


@dataclass(frozen=True)
class Packed:
    """Rows of whole documents; `segment` numbers the documents of a row from 0, and -1 is padding."""

    ids: torch.Tensor
    segment: torch.Tensor
    position: torch.Tensor


def pack(documents: list[str], tokenizer: Tokenizer, length: int, eos: int, pad: int) -> Packed:
    """First-fit in order: a document that does not fit starts a new row. Documents longer than a row are dropped: a
    truncated one would teach the model to stop early."""
    ids, segments, positions = [], [], []
    row: list[int] = []
    seg: list[int] = []
    pos: list[int] = []

    def close() -> None:
        gap = length - len(row)
        ids.append(row + [pad] * gap)
        segments.append(seg + [-1] * gap)
        positions.append(pos + list(range(gap)))

    for encoding in tokenizer.encode_batch(documents):
        tokens = [*encoding.ids, eos]
        if len(tokens) > length:
            continue
        if len(row) + len(tokens) > length:
            close()
            row, seg, pos = [], [], []
        seg += [seg[-1] + 1 if seg else 0] * len(tokens)
        row += tokens
        pos += range(len(tokens))
    return Packed(torch.tensor(ids), torch.tensor(segments), torch.tensor(positions))


def _mask(segment: torch.Tensor) -> torch.Tensor:
    """Additive attention mask [rows, 1, length, length]: causal, and only within a document. Position 0 of every
    document then looks just as it will when a prompt is read alone."""
    length = segment.shape[1]
    same = segment[:, :, None] == segment[:, None, :]
    allowed = same & torch.ones(length, length, dtype=torch.bool).tril()
    return torch.where(allowed, 0.0, torch.finfo(torch.float32).min)[:, None]


def _labels(ids: torch.Tensor, segment: torch.Tensor) -> torch.Tensor:
    """Labels: the next token of the same document, otherwise ignored."""
    labels = torch.full_like(ids, IGNORED)
    inside = (segment[:, 1:] == segment[:, :-1]) & (segment[:, 1:] >= 0)
    labels[:, :-1] = torch.where(inside, ids[:, 1:], IGNORED)
    return labels


def batch_loss(model: LlamaForCausalLM, rows: Packed, index: torch.Tensor) -> torch.Tensor:
    ids, segment = rows.ids[index], rows.segment[index]
    logits = model(ids, attention_mask=_mask(segment), position_ids=rows.position[index], use_cache=False).logits
    labels = _labels(ids, segment).flatten()
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels, ignore_index=IGNORED)


def _optimizer(model: LlamaForCausalLM, peak: float) -> torch.optim.AdamW:
    decay = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=peak, betas=(0.9, 0.95))


def learning_rate(step: int, steps: int, peak: float, warmup: int) -> float:
    """Linear warm-up, then cosine decay to 1 % of the peak."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))))


def train(config: LlamaConfig, rows: Packed, steps: int, batch: int, peak: float, seed: int) -> LlamaForCausalLM:
    """Train on the rows in order of a seeded shuffle; the last `batch` rows are held out and scored at the end."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config)
    optimizer = _optimizer(model, peak)
    count = len(rows.ids) - batch
    order = torch.cat([torch.randperm(count) for _ in range(steps * batch // count + 1)])
    begun = time.time()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps, peak, warmup=100)
        loss = batch_loss(model, rows, order[step * batch : (step + 1) * batch])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 100 == 0 or step == steps - 1:
            print(f"step {step:5d}  loss {loss.item():.4f}  {time.time() - begun:.0f} s", flush=True)
    with torch.no_grad():
        print(f"held-out pre-training loss {batch_loss(model, rows, torch.arange(count, count + batch)).item():.4f}")
    return model
