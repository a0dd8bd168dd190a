"""A SentencePiece vocabulary of 420 pieces, for tiny.py and fused.py."""

import io

import sentencepiece

CORPUS = """The frozen weights stay as they are; the adapter learns. A small model, a few hundred rows, and an hour.
She sells sea shells by the sea shore, and the shells she sells are surely sea shells.
El modelo aprende con ejemplos cortos. Das Modell lernt aus kurzen Beispielen. Le modèle apprend avec des exemples.
def train(rows):    return [row for row in rows if row]    # four spaces   and three
1 + 1 = 2, 12 * 12 = 144, 2024-06-07, 3.14159 and so on ... --- === !!! ???
"""


def train_vocabulary() -> sentencepiece.SentencePieceProcessor:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS.splitlines()),
        model_writer=model,
        model_type="bpe",
        vocab_size=420,
        byte_fallback=True,
        split_by_whitespace=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        user_defined_symbols=["<tool>"],
        control_symbols=["<|im_end|>"],
        character_coverage=1.0,
        num_threads=1,
        minloglevel=2,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
