#!/usr/bin/env bash
# TRL's assistant_only_loss changes the text that is trained, not only the mask.
# Software: trl 1.16.0, transformers 5.24.0, datasets 5.2.0, torch 2.13.0.
# Expected: the option chooses which tokens the loss counts; the tokens stay the same.
# Behaviour: Qwen3's chat template has no generation blocks, so SFTTrainer takes a template
#   of its own for training. That one writes an empty thought into every earlier answer too.
#   The tokenizer keeps Qwen3's template, which writes none there when the model is used.
# Why it matters: in a conversation the model is trained behind a history that it never sees.
#   One row for each answer, cut behind it, has no earlier answer that is trained so.

set -euo pipefail
source "$(dirname "$0")/lib.sh"
python_with torch==2.13.0 transformers==5.24.0 trl==1.16.0 datasets==5.2.0 accelerate==1.15.0
seen 2026-11-29 <<'END'
the tokenizer's template: thoughts before A tailor. no, before Green. yes
assistant_only_loss=False: thoughts before A tailor. no, before Green. yes
assistant_only_loss=True: thoughts before A tailor. yes, before Green. yes
the tokenizer's template afterwards: the same
warnings: 0
END
run "$PY" - <<'END'
from datasets import Dataset, disable_progress_bars
from tiny import Heard, bytes_tokenizer, llama, trl_template
from trl import SFTConfig, SFTTrainer

disable_progress_bars()
template = trl_template("qwen3")
tokenizer = bytes_tokenizer(template)
answers = ["A tailor.", "Green."]
messages = [{"role": "user", "content": "Who sews?"},
            {"role": "assistant", "content": answers[0]},
            {"role": "user", "content": "Which colour?"},
            {"role": "assistant", "content": answers[1]}]

def tell(name, text):
    thoughts = ["yes" if "<think>\n\n</think>\n\n" + each in text else "no" for each in answers]
    print(name + ": thoughts", ", ".join(f"before {a} {t}" for a, t in zip(answers, thoughts)))

tell("the tokenizer's template", tokenizer.apply_chat_template(messages, tokenize=False))
warnings = 0
for only in (False, True):
    with Heard() as heard:
        trainer = SFTTrainer(
            model=llama(vocab=len(tokenizer)), processing_class=tokenizer,
            train_dataset=Dataset.from_list([{"messages": messages}]),
            args=SFTConfig("out", report_to=[], bf16=False, use_cpu=True,
                           assistant_only_loss=only))
    warnings += len(heard.lines)
    ids = next(iter(trainer.get_train_dataloader()))["input_ids"][0]
    tell(f"assistant_only_loss={only}", tokenizer.decode(ids))
print("the tokenizer's template afterwards:",
      "the same" if tokenizer.chat_template == template else "another")
print("warnings:", warnings)
END
verdict
