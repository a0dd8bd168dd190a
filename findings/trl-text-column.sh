#!/usr/bin/env bash
# In TRL an unused "text" column takes the end-of-sequence token away from the completion.
# Software: trl 1.16.0, transformers 5.24.0, datasets 5.2.0, torch 2.13.0.
# Expected: with prompt and completion columns, other columns have no effect.
# Behaviour: SFTTrainer trains prompt and completion, but appends the end token to "text".
#   The completion then has no end token, and nothing warns.
# Why it matters: the tuned model does not learn to stop.
#   Remove the column before training; look at the last trained token of a row.

set -euo pipefail
source "$(dirname "$0")/lib.sh"
python_with torch==2.13.0 transformers==5.24.0 trl==1.16.0 datasets==5.2.0 accelerate==1.15.0
seen 2026-11-29 <<'END'
prompt, completion: trained yes </s>
prompt, completion, id: trained yes </s>
prompt, completion, text: trained yes
warnings: 0
END
run "$PY" - <<'END'
from datasets import Dataset, disable_progress_bars
from tiny import Heard, llama
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from trl import SFTConfig, SFTTrainer

disable_progress_bars()
words = ["<pad>", "<s>", "</s>", "<unk>", "Q", "yes", "other"]
core = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=core, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
warnings = 0
for more in ({}, {"id": ["other"]}, {"text": ["other"]}):
    rows = Dataset.from_dict({"prompt": ["Q "], "completion": ["yes "], **more})
    with Heard() as heard:
        trainer = SFTTrainer(
            model=llama(), train_dataset=rows, processing_class=tokenizer,
            args=SFTConfig("out", report_to=[], bf16=False, use_cpu=True))
    warnings += len(heard.lines)
    labels = next(iter(trainer.get_train_dataloader()))["labels"][0].tolist()
    print(", ".join(["prompt", "completion", *more]) + ": trained",
          *tokenizer.convert_ids_to_tokens([t for t in labels if t >= 0]))
print("warnings:", warnings)
END
verdict
