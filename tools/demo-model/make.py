# Makes the bundled demo: public/demo/model (a small Llama trained here) and public/demo/data.jsonl.
# The seeds below determine everything; see README.md for how to run it.
import argparse
import json
from pathlib import Path
from random import Random

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

import grammar
from pretrain import pack, train
from questions import demo_rows
from vocabulary import END, EOS, PAD, SPECIAL, tokenizer_config, train_tokenizer

HERE = Path(__file__).resolve().parent
OUT = HERE.parents[1] / "public" / "demo"
SEED = 20250
DOCUMENTS = 200_000
DATA_ROWS = 320
ROW_LENGTH = 128
MODEL = {
    "vocab_size": 1024,
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "hidden_act": "silu",
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "attention_bias": False,
    "mlp_bias": False,
    "attention_dropout": 0.0,
    "tie_word_embeddings": True,
    "initializer_range": 0.02,
}


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_data(path: Path) -> None:
    rows = demo_rows(DATA_ROWS, Random(SEED + 1))
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def write_configs(folder: Path) -> None:
    eos, pad, end = SPECIAL.index(EOS), SPECIAL.index(PAD), SPECIAL.index(END)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        **MODEL,
        "rope_scaling": None,
        "bos_token_id": None,
        "eos_token_id": eos,
        "pad_token_id": pad,
        "use_cache": True,
        "torch_dtype": "float16",
    }
    write_json(folder / "config.json", config)
    # A plain answer ends with the end-of-text token, a chat answer with <|im_end|>: both stop generation.
    generation = {"do_sample": False, "eos_token_id": [eos, end], "pad_token_id": pad, "max_new_tokens": 64}
    write_json(folder / "generation_config.json", generation)
    write_json(folder / "tokenizer_config.json", tokenizer_config(MODEL["max_position_embeddings"]))


def write_weights(folder: Path, model: LlamaForCausalLM) -> None:
    """Saves F16 weights without the tied lm_head, as Hugging Face saves a tied model."""
    state = {name: t.detach().to(torch.float16).contiguous() for name, t in model.state_dict().items()}
    state.pop("lm_head.weight")
    if not all(torch.isfinite(tensor).all() for tensor in state.values()):
        raise ValueError("a weight does not fit in F16")
    path = folder / "model.safetensors"
    save_file(state, str(path), metadata={"format": "pt"})
    path.chmod(0o644)  # save_file makes it private, but a web server must read it


def pretrain(tokenizer: Tokenizer, steps: int, batch: int, peak: float) -> LlamaForCausalLM:
    eos, pad = SPECIAL.index(EOS), SPECIAL.index(PAD)
    rows = pack(grammar.corpus(DOCUMENTS, Random(SEED + 2)), tokenizer, ROW_LENGTH, eos, pad)
    real = int((rows.segment >= 0).sum())
    print(f"{len(rows.ids)} rows of {ROW_LENGTH}, {real / 1e6:.2f} M tokens, {real / rows.ids.numel():.1%} full")
    fields = {key: value for key, value in MODEL.items() if key != "rope_theta"}
    rope = {"rope_type": "default", "rope_theta": MODEL["rope_theta"]}
    config = LlamaConfig(**fields, rope_parameters=rope, bos_token_id=None, eos_token_id=eos, pad_token_id=pad)
    return train(config, rows, steps, batch, peak, SEED + 3)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the demo model and its data.")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--peak", type=float, default=4e-3, help="highest learning rate")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--data-only", action="store_true", help="write data, tokenizer and configs, train nothing")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    folder = args.out / "model"
    folder.mkdir(parents=True, exist_ok=True)
    write_data(args.out / "data.jsonl")
    tokenizer = train_tokenizer(MODEL["vocab_size"], SEED)
    tokenizer.save(str(folder / "tokenizer.json"))
    write_configs(folder)
    if not args.data_only:
        write_weights(folder, pretrain(tokenizer, args.steps, args.batch, args.peak))


if __name__ == "__main__":
    main()
