#!/usr/bin/env python3
"""Fits the classification head of the test's ONNX model, crates/onnx/fixtures/head.onnx.

    python3 scripts/onnx-head.py MODEL TOKENIZER    (needs onnxruntime, tokenizers and numpy; scripts/fetch-onnx.sh has the files)

MODEL is an encoder (all-MiniLM-L6-v2) that gives last_hidden_state [texts, tokens, 384]. The head takes the mean over the tokens
of one text and gives logits [texts, 3] in the order negative, neutral, positive: a linear layer, fitted by logistic regression
to our own English seed sentences (crates/sentiment/seeds/en.txt). It is written as a piece of an ONNX file: two protobuf messages of one
type that stand one behind the other are read as one, so `cat encoder.onnx head.onnx` is the classifier. No part of it ships.
"""
import sys
from pathlib import Path

import numpy
import onnxruntime
import tokenizers

ROOT = Path(__file__).resolve().parent.parent
LABELS = ["neg", "neu", "pos"]


def varint(number):
    out = bytearray()
    while True:
        number, low = number >> 7, number & 127
        out.append(low | (128 if number else 0))
        if not number:
            return bytes(out)


def field(number, value):
    """A field of a protobuf message: an integer, a text, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def node(kind, inputs, output, *attributes):
    ports = b"".join(field(1, name) for name in inputs) + field(2, output)
    return field(1, ports + field(3, "head_" + kind) + field(4, kind) + b"".join(field(5, one) for one in attributes))


def tensor(name, array):
    array = numpy.ascontiguousarray(array, dtype="<f4")
    dimensions = b"".join(field(1, size) for size in array.shape)
    return field(5, dimensions + field(2, 1) + field(8, name) + field(9, array.tobytes()))


def head(weights, bias):
    """What is to stand behind the encoder: nodes (1), weights (5) and an output (12) of its graph (7)."""
    axes = field(1, "axes") + field(8, 1) + field(20, 7)
    keep = field(1, "keepdims") + field(3, 0) + field(20, 2)
    sizes = field(1, field(2, "batch")) + field(1, field(1, len(LABELS)))
    graph = (
        node("ReduceMean", ["last_hidden_state"], "head_mean", axes, keep)
        + node("MatMul", ["head_mean", "head_weights"], "head_product")
        + node("Add", ["head_product", "head_bias"], "logits")
        + tensor("head_weights", weights)
        + tensor("head_bias", bias)
        + field(12, field(1, "logits") + field(2, field(1, field(1, 1) + field(2, sizes))))
    )
    return field(7, graph)


def seeds():
    for line in (ROOT / "crates/sentiment/seeds/en.txt").read_text(encoding="utf8").splitlines():
        label, _, text = line.partition("\t")
        if label in LABELS and text:
            yield LABELS.index(label), text.replace("{", "").replace("}", "")


def main():
    session = onnxruntime.InferenceSession(sys.argv[1])
    tokens = tokenizers.Tokenizer.from_file(sys.argv[2])
    tokens.no_padding()
    means, labels = [], []
    for label, text in seeds():
        ids = numpy.array([tokens.encode(text).ids], dtype=numpy.int64)
        feeds = {"input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids)}
        means.append(session.run(["last_hidden_state"], feeds)[0][0].mean(axis=0))
        labels.append(label)
    means, wanted = numpy.array(means, dtype=numpy.float64), numpy.eye(3)[labels]
    weights, bias = numpy.zeros((means.shape[1], 3)), numpy.zeros(3)
    for _ in range(2000):
        logits = means @ weights + bias
        powers = numpy.exp(logits - logits.max(axis=1, keepdims=True))
        error = (powers / powers.sum(axis=1, keepdims=True) - wanted) / len(labels)
        weights -= 1.0 * (means.T @ error + 1e-3 * weights)
        bias -= 1.0 * error.sum(axis=0)
    right = (numpy.argmax(means @ weights + bias, axis=1) == numpy.array(labels)).mean()
    out = ROOT / "crates/onnx/fixtures/head.onnx"
    out.write_bytes(head(weights, bias))
    print(f"{len(labels)} sentences, {right:.3f} of them right; {out.stat().st_size} bytes in {out}")


if __name__ == "__main__":
    main()
