"""Trains a model with made-up weights with PEFT and prints one JSON list of tokens per second.

Takes one JSON argument: {"tokens", "lora": {"rank", "alpha", "targetModules"}, "models": [{"name", "config"}]} with
the sizes of a LlamaConfig. Prints {"missing": ...} where a library is not there.
"""

import json
import statistics
import sys
import time

try:
    import peft
    import torch
    import transformers
except ImportError as error:
    print(json.dumps({"missing": error.name}))
    sys.exit()

WARM_UPS = 3
STEPS = 10


def train(model_config, lora, tokens, dtype, device):
    """Median seconds of an optimizer step on one sequence."""
    torch.manual_seed(1)
    config = transformers.LlamaConfig(use_cache=False, **model_config)
    base = transformers.LlamaForCausalLM(config).to(device, dtype)
    model = peft.get_peft_model(
        base,
        peft.LoraConfig(
            r=lora["rank"], lora_alpha=lora["alpha"], target_modules=lora["targetModules"]
        ),
    )
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4)
    ids = torch.randint(config.vocab_size, (1, tokens), device=device)
    seconds = []
    for step in range(WARM_UPS + STEPS):
        started = time.perf_counter()
        model(input_ids=ids, labels=ids).loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if device == "cuda":
            torch.cuda.synchronize()
        if step >= WARM_UPS:
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def main():
    wanted = json.loads(sys.argv[1])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # Plain fp32: TF32 is off.
    torch.backends.cuda.matmul.allow_tf32 = False
    rows = []
    for model in wanted["models"]:
        for name, dtype in [("fp32", torch.float32), ("bf16", torch.bfloat16)]:
            seconds = train(model["config"], wanted["lora"], wanted["tokens"], dtype, device)
            rows.append(
                {
                    "model": model["name"],
                    "tokens": wanted["tokens"],
                    "program": f"PEFT {name}, torch {torch.__version__}, {device}",
                    "tokensPerSecond": wanted["tokens"] / seconds,
                }
            )
            if device == "cuda":
                torch.cuda.empty_cache()
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
