"""The official Python Kafka client as an independent producer: good and bad records, as other people's systems send them.

usage: python_producer.py BROKER REGISTRY_URL mixed        every format and every kind of bad record, topics made
       python_producer.py BROKER REGISTRY_URL avro COUNT   good Avro clicks only, topic `clicks` made
       python_producer.py BROKER - topics                  the topic `clicks-json` made, nothing sent
       python_producer.py BROKER - trim TOPIC COUNT KEPT   all but the last KEPT records of so many partitions deleted, as
                                                           retention does
       python_producer.py BROKER - anew                    the topic `clicks-json` deleted and made again
       python_producer.py BROKER - grow COUNT [TOPIC]      a topic, `clicks-json` without, given so many partitions
       python_producer.py BROKER - steady COUNT SECONDS [FIRST]   good JSON clicks on `clicks-json`, evenly over the time,
                                                           numbered from FIRST; none more behind a SIGTERM
       python_producer.py BROKER - months COUNT SECONDS DAYS     the same, of so many days: visits of six clicks

Prints as JSON what it sent: records by topic and outcome, dead ones by topic and reason, sessions expected.
"""

import json
import signal
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "schemas/avro"
OLDER = ROOT / "crates/events/tests/fixtures"
MIB = 1 << 20
HOUR = 3_600_000

broker, registry_url, mode, *numbers = sys.argv[1:]
now = int(time.time() * 1000)
client = {"bootstrap.servers": broker, "message.max.bytes": 4 * MIB, "linger.ms": 5, "acks": "all"}

outcomes = defaultdict(Counter)
dead = defaultdict(Counter)
failed = []


def delivered(error, message):
    if error is not None:
        failed.append(f"{message.topic()}: {error}")


def make_topics(**partitions):
    topics = [NewTopic(name.replace("_", "-"), count, 1) for name, count in partitions.items()]
    admin = AdminClient({"bootstrap.servers": broker})  # lives as long as its futures
    for future in admin.create_topics(topics).values():
        future.result(30)


class Topic:
    """Sends to one topic and remembers what each record must become."""

    def __init__(self, name, producer):
        self.name, self.producer = name, producer

    def send(self, value, key, outcome="counted"):
        outcomes[self.name][outcome] += 1
        self._produce(value, key)

    def spoil(self, reason, value, key="bad"):
        dead[self.name][reason] += 1
        self._produce(value, key)

    def _produce(self, value, key):
        while True:
            try:
                self.producer.produce(self.name, value, key=key, on_delivery=delivered)
                break
            except BufferError:
                self.producer.poll(0.1)
        self.producer.poll(0)


def encoder(registry, topic, path):
    """Records to Avro in the registry's wire format, under the schema of a file."""
    serialize = AvroSerializer(registry, path.read_text(), conf={"auto.register.schemas": True})
    context = SerializationContext(topic, MessageField.VALUE)
    return lambda record: serialize(record, context)


def click(visitor, number, at, **more):
    """A click of the native format; the fields every version of the schema has."""
    return {
        "event_id": f"{visitor}-{number}",
        "occurred_at": at,
        "visitor": visitor,
        "name": "page_view",
        "url": f"https://shop.example.com/products/{number}",
        **more,
    }


def text(record):
    return json.dumps(record).encode()


def clicks(producer, registry):
    topic = Topic("clicks", producer)
    older, ours = (encoder(registry, topic.name, path) for path in (OLDER / "click_event.v0.avsc", SCHEMAS / "click_event.avsc"))
    for visitor in range(40):
        for number in range(25):
            record = click(f"avro-{visitor}", number, now - 3 * HOUR + number * 30_000)
            if number % 2:
                topic.send(ours({**record, "site": "shop", "language": "th-TH"}), record["visitor"])
            else:
                topic.send(older({**record, "items": [{"product": "sku-1", "price": 9.5}]}), record["visitor"])
    good = ours(click("avro-bad", 0, now - HOUR))
    for cut in (3, len(good) // 2, len(good) - 1):
        topic.spoil("malformed_avro", good[:cut])
    topic.spoil("malformed_avro", good + b"more")
    topic.spoil("unknown_schema", b"\0\0\0\x10\x92" + good[5:])
    topic.spoil("unknown_magic", b"\1" + good[1:])
    topic.spoil("unknown_magic", text(click("avro-bad", 1, now - HOUR)))
    topic.spoil("tombstone", None)
    topic.spoil("empty", b"")
    topic.spoil("oversize", ours(click("avro-bad", 2, now - HOUR, title="x" * (MIB + 1))))
    topic.spoil("missing_field", ours({**click("avro-bad", 3, now - HOUR), "event_id": ""}))
    topic.spoil("absurd_time", ours(click("avro-bad", 4, 1)))
    topic.spoil("invalid_utf8", good.replace(b"page_view", b"page\xffview"))
    other = {"type": "record", "name": "Invoice", "fields": [{"name": "number", "type": "long"}]}
    id = registry.register_schema("invoices-value", Schema(json.dumps(other), "AVRO"))
    topic.spoil("incompatible_schema", b"\0" + id.to_bytes(4, "big") + b"\2")
    return 40


def clicks_json(producer):
    topic = Topic("clicks-json", producer)
    for visitor in range(30):
        for number in range(20):
            # Two visits, an hour apart.
            at = now - 3 * HOUR + (number // 10) * HOUR + number * 1000
            record = click(f"json-{visitor}", number, at, properties={"plan": "gold"})
            topic.send(text(record), record["visitor"])
            if number == 7:
                topic.send(text(record), record["visitor"], "duplicate")
    for number in range(5):
        topic.send(text(click("json-refuses", number, now - HOUR, consent=False)), "json-refuses", "erased")
    record = click("json-bad", 0, now - HOUR)
    good = text(record)
    for broken in (good[:-1], b"nonsense", good + b"}", b"[1]"):
        topic.spoil("malformed_json", broken)
    for field in ("event_id", "visitor", "occurred_at", "name"):
        topic.spoil("missing_field", text({name: value for name, value in record.items() if name != field}))
    topic.spoil("wrong_type", text({**record, "visitor": {"id": 1}}))
    topic.spoil("too_deep", good[:-1] + b', "properties": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}")
    topic.spoil("invalid_utf8", good.replace(b"products", b"prod\xff\xfects"))
    topic.spoil("absurd_time", text({**record, "occurred_at": 1}))
    topic.spoil("absurd_time", text({**record, "occurred_at": now + 20 * 365 * 24 * HOUR}))
    topic.spoil("oversize", text({**record, "title": "x" * (2 * MIB)}))
    topic.spoil("tombstone", None)
    topic.spoil("empty", b"")
    return 60


def clicks_segment(producer):
    """In transactions, so that their markers lie between the records, and some records that never were."""
    topic = Topic("clicks-segment", producer)
    producer.init_transactions(30)
    for visitor in range(20):
        producer.begin_transaction()
        for number in range(10):
            at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime((now - 2 * HOUR) / 1000 + number))
            message = {"messageId": f"segment-{visitor}-{number}", "anonymousId": f"segment-{visitor}", "timestamp": at}
            if number % 3:
                message |= {"type": "page", "name": "Home", "context": {"page": {"url": "https://shop.example.com/"}}}
            else:
                message |= {"type": "track", "event": "Product Added", "properties": {"product_id": "sku-1", "price": 89.5}}
            topic.send(text(message), message["anonymousId"])
        producer.commit_transaction(30)
    producer.begin_transaction()
    topic.spoil("unknown_type", text({**message, "type": "telepathy"}))
    topic.spoil("missing_field", text({**message, "anonymousId": ""}))
    topic.spoil("malformed_json", text(message)[:-9])
    topic.spoil("tombstone", None)
    producer.commit_transaction(30)
    producer.begin_transaction()
    for number in range(7):
        producer.produce("clicks-segment", b"never committed", key=str(number))
    producer.flush(30)
    producer.abort_transaction(30)
    return 20


def support(producer, registry):
    topic = Topic("support", producer)
    older, ours = (
        encoder(registry, topic.name, path) for path in (OLDER / "support_entry.v0.avsc", SCHEMAS / "support_entry.avsc")
    )
    for case in range(15):
        for number in range(6):
            entry = {
                "entry_id": f"case-{case}-{number}",
                "occurred_at": now - 2 * HOUR + number * 60_000,
                "conversation": f"case-{case}",
                "kind": "message",
                "channel": "chat",
                "author": "agent" if number % 2 else "customer",
                "text": "ของยังไม่มาเลยค่ะ รอมา 5 วันแล้ว",
            }
            topic.send((older if case % 2 else ours)(entry), entry["conversation"])
    good = ours({**entry, "site": "shop"})
    topic.spoil("malformed_avro", good[:-2])
    topic.spoil("missing_field", ours({**entry, "conversation": None}))
    topic.spoil("missing_field", ours({**entry, "entry_id": " "}))
    topic.spoil("unknown_magic", b"\7" + good)
    topic.spoil("tombstone", None)


def mixed():
    make_topics(clicks=3, clicks_json=2, clicks_segment=2, support=2)
    producer, registry = Producer(client), SchemaRegistryClient({"url": registry_url})
    sessions = clicks(producer, registry) + clicks_json(producer)
    support(producer, registry)
    producer.flush(60)
    transactional = Producer({**client, "transactional.id": "segment"})
    return sessions + clicks_segment(transactional)


def avro(count):
    make_topics(clicks=3)
    producer, registry = Producer(client), SchemaRegistryClient({"url": registry_url})
    topic = Topic("clicks", producer)
    encode = encoder(registry, topic.name, SCHEMAS / "click_event.avsc")
    for number in range(count):
        record = click(f"visitor-{number % 50}", number, now - 10 * 60_000 + number)
        topic.send(encode(record), record["visitor"])
    producer.flush(60)
    return 50


def evenly(count, seconds, made):
    """Sends `made(number)` for each number, evenly over the time, until it is told to end."""
    producer = Producer(client)
    topic = Topic("clicks-json", producer)
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    started = time.monotonic()
    for number in range(count):
        due = started + number * seconds / count
        while time.monotonic() < due and not ended:
            producer.poll(0.005)
        if ended:
            break
        record = made(number)
        topic.send(text(record), record["visitor"])
    producer.flush(60)


def steady(count, seconds, first=0):
    evenly(count, seconds, lambda number: click(f"visitor-{number % 500}", first + number, int(time.time() * 1000)))
    return 500


def months(count, seconds, days):
    begun, apart = now - days * 24 * HOUR, days * 24 * HOUR / count
    evenly(count, seconds, lambda number: click(f"visitor-{number // 6 % 500}", number, int(begun + number * apart)))
    return -(-count // 6)


sessions = 0
if mode == "mixed":
    sessions = mixed()
elif mode == "avro":
    sessions = avro(int(numbers[0]))
elif mode == "topics":
    make_topics(clicks_json=6)
elif mode == "trim":
    admin = AdminClient({"bootstrap.servers": broker})
    asker = Consumer({"bootstrap.servers": broker, "group.id": "nobody"})
    befores = []
    for number in range(int(numbers[1])):
        start, end = asker.get_watermark_offsets(TopicPartition(numbers[0], number), timeout=30)
        befores.append(TopicPartition(numbers[0], number, max(start, end - int(numbers[2]))))
    for future in admin.delete_records(befores).values():
        future.result(30)
elif mode == "anew":
    admin = AdminClient({"bootstrap.servers": broker})
    admin.delete_topics(["clicks-json"])["clicks-json"].result(30)
    while "clicks-json" in admin.list_topics(timeout=30).topics:
        time.sleep(0.1)
    make_topics(clicks_json=6)
elif mode == "grow":
    admin = AdminClient({"bootstrap.servers": broker})
    topic = numbers[1] if len(numbers) > 1 else "clicks-json"
    for future in admin.create_partitions([NewPartitions(topic, int(numbers[0]))]).values():
        future.result(30)
elif mode == "steady":
    sessions = steady(int(numbers[0]), float(numbers[1]), *map(int, numbers[2:]))
elif mode == "months":
    sessions = months(int(numbers[0]), float(numbers[1]), int(numbers[2]))
else:
    sys.exit(__doc__)
assert not failed, failed[:3]
print(json.dumps({"outcomes": outcomes, "dead": dead, "sessions": sessions}))
