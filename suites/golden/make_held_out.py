"""Writes held_out.txt beside itself: stories that the shipped checkpoint was not trained on, in its
tokens, one a line. `verify` judges perplexity and KL divergence on them.

    python make_held_out.py STORIES        needs sentencepiece; STORIES is the program of that name

The checkpoint was trained on stream 1 of the generator; these are the first of stream 2. They are
stored so that no program needs SentencePiece and LibTorch at once: each brings a protobuf of its own,
and where the two differ a program that loads both may crash.
"""

import pathlib
import subprocess
import sys

import sentencepiece

HERE = pathlib.Path(__file__).resolve().parent
SHIPPED = HERE.parent.parent / "reference" / "checkpoint" / "stories"
STREAM = 2
COUNT = 40


def main():
    command = [sys.argv[1], "--seed", str(STREAM), "--count", str(COUNT)]
    stories = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert len(stories) == COUNT
    model = sentencepiece.SentencePieceProcessor(model_file=str(SHIPPED / "tokenizer.model"))
    lines = []
    for story in stories:
        ids = [model.bos_id(), *model.encode(story)]
        assert model.unk_id() not in ids
        lines.append(" ".join(map(str, ids)))
    (HERE / "held_out.txt").write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
