"""Writes recipes as TRL and PEFT save them: sft-config.json, lora-config.json."""

import json
import warnings
from pathlib import Path

from peft import LoraConfig
from trl import SFTConfig

HERE = Path(__file__).parent


def write(name, value):
    text = json.dumps(value, indent=2, sort_keys=True, default=sorted)
    (HERE / name).write_text(text + "\n")


warnings.simplefilter("ignore")  # names that transformers will remove
write("sft-config.json", SFTConfig(output_dir="out", use_cpu=True, bf16=False).to_dict())
lora = LoraConfig(
    r=64,
    lora_alpha=128,
    lora_dropout=0.05,
    target_modules=["q_proj", "v_proj"],
    use_rslora=True,
    task_type="CAUSAL_LM",
    base_model_name_or_path="HuggingFaceTB/SmolLM2-135M-Instruct",
)
write("lora-config.json", lora.to_dict())
