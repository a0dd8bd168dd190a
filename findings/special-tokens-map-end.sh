#!/usr/bin/env bash
# Which file names the end token depends on a key about something else.
# Software: transformers 5.24.0, tokenizers 0.23.3.
# Expected: tokenizer_config.json and special_tokens_map.json have one order, whatever else
#   is in them.
# Behaviour: where tokenizer_config.json lists added_tokens_decoder, the map is not read.
#   Where it does not, the map wins over eos_token in tokenizer_config.json.
# Why it matters: TRL ends every completion with this token. To correct eos_token in
#   tokenizer_config.json has no effect in a folder of the older kind, and nothing warns.
#   Look at tokenizer.eos_token before training; save_pretrained writes one file only.

set -euo pipefail
source "$(dirname "$0")/lib.sh"
python_with transformers==5.24.0 tokenizers==0.23.3
seen 2026-11-29 <<'END'
config </s>, no map: </s>
config </s>, map <|end|>: <|end|>
config </s>, map <|end|>, added_tokens_decoder: </s>
warnings: 0
END
run "$PY" - <<'END'
import json, logging, os, warnings
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer
from transformers.utils import logging as hf

heard = []
handler = logging.Handler(logging.WARNING)
handler.emit = heard.append
hf.get_logger("transformers").addHandler(handler)
warnings.showwarning = lambda *what: heard.append(what)

special = ["<unk>", "</s>", "<|end|>"]
maker = Tokenizer(models.WordLevel({w: i for i, w in enumerate([*special, "hi"])},
                                   unk_token="<unk>"))
maker.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
maker.add_special_tokens([AddedToken(w, special=True, normalized=False) for w in special])
decoder = {str(i): {"content": w, "special": True, "normalized": False, "lstrip": False,
                    "rstrip": False, "single_word": False} for i, w in enumerate(special)}

def tell(name, has_map, **more):
    folder = f"folder{len(os.listdir())}"
    os.makedirs(folder)
    maker.save(folder + "/tokenizer.json")
    json.dump({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>",
               "unk_token": "<unk>", **more}, open(folder + "/tokenizer_config.json", "w"))
    if has_map:
        json.dump({"eos_token": "<|end|>"}, open(folder + "/special_tokens_map.json", "w"))
    print(name + ":", AutoTokenizer.from_pretrained(folder).eos_token)

tell("config </s>, no map", False)
tell("config </s>, map <|end|>", True)
tell("config </s>, map <|end|>, added_tokens_decoder", True, added_tokens_decoder=decoder)
print("warnings:", len(heard))
END
verdict
