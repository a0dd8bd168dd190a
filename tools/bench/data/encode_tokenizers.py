"""Encodes texts with Hugging Face tokenizers on one thread and prints the figures as one JSON object.

Arguments: tokenizer.json, file of texts (JSON).
"""

import array
import hashlib
import json
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer  # noqa: E402

tokenizer = Tokenizer.from_file(sys.argv[1])
with open(sys.argv[2], encoding="utf-8") as file:
    texts = json.load(file)

every = []
started = time.process_time()
for text in texts:
    every.append(tokenizer.encode(text, add_special_tokens=False).ids)
seconds = time.process_time() - started

sha256 = hashlib.sha256()
for ids in every:
    sha256.update(array.array("i", ids).tobytes())
tokens = sum(len(ids) for ids in every)
print(json.dumps({"tokens": tokens, "idsSha256": sha256.hexdigest(), "cpuSeconds": seconds}))
