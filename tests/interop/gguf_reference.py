# Runs a GGUF model, dequantised to f32, in transformers and PEFT: tokens, a greedy answer and three steps of LoRA.
# Run by gguf.ts: gguf_reference.py MODEL.gguf TASK.json OUT. Writes OUT/reference.json and the start adapter OUT/start.
import json
import sys
import time
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers import logging as transformers_logging


def main():
    transformers_logging.disable_progress_bar()
    model_file, task_file, out = (Path(argument) for argument in sys.argv[1:])
    task = json.loads(task_file.read_text("utf-8"))
    began = time.monotonic()
    files = {"pretrained_model_name_or_path": model_file.parent, "gguf_file": model_file.name}
    tokenizer = AutoTokenizer.from_pretrained(**files)
    model = AutoModelForCausalLM.from_pretrained(
        **files, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    reference = {
        "tokenizer": tokens_of(task, tokenizer),
        "greedy": greedy(model, tokens_of(task, tokenizer)["prompt"], task["newTokens"]),
        "losses": train(start_adapter(model, task["lora"], out), task, tokenizer),
    }
    reference["seconds"] = time.monotonic() - began
    (out / "reference.json").write_text(json.dumps(reference))


def tokens_of(task, tokenizer):
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": task["question"]}],
        add_generation_prompt=True,
        return_dict=False,
    )
    text = tokenizer(task["text"], add_special_tokens=False)["input_ids"]
    assert len(text) >= task["length"], f"the text has {len(text)} tokens"
    return {"prompt": prompt, "text": text[: task["length"]]}


def greedy(model, prompt, count):
    """Greedy tokens without generate(), whose settings could interfere, and the lead of each over the second best."""
    tokens, leads, past, given = [], [], None, torch.tensor([prompt])
    with torch.no_grad():
        for _ in range(count):
            answer = model(input_ids=given, past_key_values=past, use_cache=True)
            best, second = answer.logits[0, -1].topk(2).values.tolist()
            leads.append(best - second)
            tokens.append(int(answer.logits[0, -1].argmax()))
            past, given = answer.past_key_values, torch.tensor([[tokens[-1]]])
    return {"tokens": tokens, "smallestLead": min(leads)}


def start_adapter(model, lora, out):
    """A as PEFT initialises it, B with noise instead of zeros, so that the first loss depends on both."""
    torch.manual_seed(4)
    config = LoraConfig(
        r=lora["rank"],
        lora_alpha=lora["alpha"],
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(model, config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.02)
    model.save_pretrained(out / "start", save_embedding_layers=False)
    return model


def train(model, task, tokenizer):
    hyper = task["hyper"]
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(
        trained,
        lr=hyper["learningRate"],
        betas=(hyper["beta1"], hyper["beta2"]),
        eps=hyper["epsilon"],
        weight_decay=hyper["weightDecay"],
    )
    tokens = torch.tensor([tokens_of(task, tokenizer)["text"]])
    losses = []
    for _ in range(task["steps"]):
        loss = model(input_ids=tokens, labels=tokens).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, hyper["maxGradNorm"])
        optimizer.step()
        losses.append(loss.item())
    return losses


main()
