#!/usr/bin/env python3
"""Reads labelled texts with `crumbtrail sentiment --jsonl` and with light peers, the same rows for all; prints a table.

usage: CRUMBTRAIL_DATA=DIR scripts/sentiment-eval.py target/release/crumbtrail [--card docs/sentiment.md]

Peers: VADER (pip install vaderSentiment), for English; without it its rows are left out. For Thai and Indonesian a multinomial
naive Bayes over character 1–5-grams, a floor: it is fitted here on the trainer's rows of the corpora in TRAINED (not on its seeds
and lists). With --card the table goes between the marks of that page too.
"""

import collections
import functools
import gzip
import json
import math
import os
import random
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(os.environ["CRUMBTRAIL_DATA"], "sentiment")
OWN = os.path.join(HERE, "..", "crates", "sentiment", "tests", "own")
NAMES = {"neg": "negative", "neu": "neutral", "q": "neutral", "pos": "positive"}
LABELS = ("negative", "neutral", "positive")
BEGIN, END = "<!-- peers: begin (written by make sentiment-eval) -->\n", "<!-- peers: end -->"


def corpus(name, block=None):
    """Rows of a corpus; with a block only the trainer's blocks of that number (blocks of 50 lines, ten numbers)."""
    with gzip.open(os.path.join(DATA, name + ".jsonl.gz"), "rt", encoding="utf8") as lines:
        rows = [json.loads(line) for line in lines]
    return [(row["t"], NAMES[row["y"]]) for at, row in enumerate(rows) if block is None or at // 50 % 10 == block]


def own(language):
    with open(os.path.join(OWN, language + ".tsv"), encoding="utf8") as lines:
        pairs = [line.rstrip("\n").split("\t", 1) for line in lines]
    return [(text, NAMES[label]) for label, text in pairs]


def translated(part):
    with open(os.path.join(OWN, "..", "translated", part + "-en.tsv"), encoding="utf8") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines]
    return [(text, NAMES[label]) for _, label, text in rows]


# The trainer fits on none of these rows.
SETS = [
    ("en", "our own sentences", lambda: own("en")),
    ("en", "customers' sentences, translated, chosen on", lambda: translated("choose")),
    ("en", "customers' sentences, translated, looked at by no choice", lambda: translated("report")),
    ("en", "vader_tweets, test blocks", lambda: corpus("vader_tweets", 7)),
    ("en", "vader_nyt, test blocks", lambda: corpus("vader_nyt", 7)),
    ("en", "vader_amazon, test blocks", lambda: corpus("vader_amazon", 7)),
    ("en", "vader_movie, test blocks", lambda: corpus("vader_movie", 7)),
    ("id", "our own sentences", lambda: own("id")),
    ("id", "smsa.test", lambda: corpus("smsa.test")),
    ("id", "prdect, test blocks (2 classes)", lambda: corpus("prdect", 7)),
    ("th", "our own sentences", lambda: own("th")),
    ("th", "wisesight.test", lambda: corpus("wisesight.test")),
    ("th", "general_amy (2 classes)", lambda: corpus("th_general_amy")),
    ("th", "tcas61 (2 classes)", lambda: corpus("th_tcas61")),
]


TRAINED = {
    "id": lambda: corpus("smsa.train") + [row for block in range(10) if block not in (3, 7) for row in corpus("prdect", block)],
    "th": lambda: corpus("wisesight.train"),
}


def grams(text):
    text = " " + " ".join(text.lower().split())[:400] + " "
    return {text[at : at + size] for size in range(1, 6) for at in range(len(text) - size + 1)}


@functools.cache
def bayes(language):
    """Per gram its log frequency in each class; grams of one text only are left out."""
    counts, totals = collections.defaultdict(collections.Counter), collections.Counter()
    tested = {text for tested, _, load in SETS if tested == language for text, _ in load()}
    for text, label in TRAINED[language]():
        if text in tested:
            continue
        for gram in grams(text):
            counts[gram][label] += 1
            totals[label] += 1
    return {
        gram: [math.log((found[label] + 1) / (totals[label] + len(counts))) for label in LABELS]
        for gram, found in counts.items()
        if sum(found.values()) > 1
    }


def naive_bayes(language, rows):
    weights, answers = bayes(language), []
    for text, _ in rows:
        known = [weights[gram] for gram in grams(text) if gram in weights]
        sums = [sum(one[at] for one in known) for at in range(3)]
        answers.append((LABELS[sums.index(max(sums))], sums[2] - sums[0]))
    return answers


def crumbtrail(binary, language, rows):
    lines = "".join(json.dumps({"text": text, "language": language}) + "\n" for text, _ in rows)
    out = subprocess.run([binary, "sentiment", "--jsonl"], input=lines.encode(), capture_output=True, check=True).stdout
    answers = [json.loads(line) for line in out.splitlines()]
    return [(answer["label"], answer["score"]) for answer in answers]


def vader(rows):
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ImportError:
        return None
    analyser = SentimentIntensityAnalyzer()
    scores = [analyser.polarity_scores(text)["compound"] for text, _ in rows]
    return [("positive" if s >= 0.05 else "negative" if s <= -0.05 else "neutral", s) for s in scores]


def quality(rows, answers):
    """Accuracy and macro-F1, each with half a 95 % bootstrap interval. Two-class sets go by the score's side."""
    truth = [label for _, label in rows]
    if "neutral" in truth:
        guess = [label for label, _ in answers]
    else:
        guess = ["positive" if score >= 0 else "negative" for _, score in answers]
    pairs = list(zip(truth, guess))
    dice = random.Random(17)
    samples = [score(dice.choices(pairs, k=len(pairs))) for _ in range(200)]
    cells = []
    for at, value in enumerate(score(pairs)):
        ordered = sorted(sample[at] for sample in samples)
        cells.append(f"{value:.3f} ± {(ordered[194] - ordered[5]) / 2:.3f}")
    return cells


def score(pairs):
    classes = sorted({truth for truth, _ in pairs})
    f1 = []
    for one in classes:
        hit = sum(truth == guess == one for truth, guess in pairs)
        f1.append(2 * hit / max(1, sum(truth == one for truth, _ in pairs) + sum(guess == one for _, guess in pairs)))
    return sum(truth == guess for truth, guess in pairs) / len(pairs), sum(f1) / len(f1)


def main(binary, card=None):
    lines = ["| language | rows | n | scorer | accuracy | macro-F1 |", "|---|---|---|---|---|---|"]
    for language, name, load in SETS:
        rows = load()
        scorers = [("crumbtrail", crumbtrail(binary, language, rows))]
        if language == "en":
            scorers.append(("VADER 3.3.2", vader(rows)))
        else:
            scorers.append(("naive Bayes, 1–5-grams", naive_bayes(language, rows)))
        for scorer, answers in scorers:
            if answers is None:
                print("not run: vaderSentiment is not installed", file=sys.stderr)
            else:
                lines.append(f"| {language} | {name} | {len(rows)} | {scorer} | {' | '.join(quality(rows, answers))} |")
    table = "\n".join(lines) + "\n"
    print(table, end="")
    if card:
        page = open(card, encoding="utf8").read()
        begin, end = page.index(BEGIN) + len(BEGIN), page.index(END)
        with open(card, "w", encoding="utf8") as out:
            out.write(page[:begin] + table + page[end:])


main(sys.argv[1], *sys.argv[3:4])
