//! What a record costs on its way through frames, in ns of processor time (Linux): `cargo run --release -p crumbtrail-log --example frames`.

use std::hint::black_box;

use crumbtrail_log::{Epoch, FrameView, Generation, Inbox, OriginId, Outbox, PartitionId, Position, Verdict};

const RECORDS: u64 = 1_000_000;
const ROUND: u64 = 8_000;
const PARTITIONS: u32 = 8;
const TRIALS: usize = 9;

/// Time this thread has spent on a processor: neighbours do not count.
fn cpu_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("schedstat, as Linux has it");
    stat.split(' ').next().and_then(|ns| ns.parse().ok()).expect("nanoseconds first")
}

fn main() {
    // bytes that pack about as real touchpoints do
    let payloads: Vec<Vec<u8>> = (0..64_u64)
        .map(|n| {
            (0..120_u64).map(|i| if i % 3 == 0 { (n * 131 + i * 17) as u8 } else { b'a' + (i % 11) as u8 }).collect()
        })
        .collect();
    for lz4 in [false, true] {
        let mut push_ns = Vec::new();
        let mut judge_ns = Vec::new();
        let mut bytes = 0;
        for _ in 0..TRIALS {
            let origins: Vec<OriginId> = (0..4).map(|n| OriginId::of(&format!("kafka:clicks/{n}"))).collect();
            let mut outbox = Outbox::new(Epoch(1), Generation(1), PARTITIONS).with_lz4(lz4);
            for origin in &origins {
                outbox.start(*origin, "origin", Position::default());
            }
            let mut inboxes: Vec<Inbox> = (0..PARTITIONS).map(|_| Inbox::new()).collect();
            let mut scratch = Vec::new();
            let mut frames = Vec::new();
            let (mut pushing, mut judging) = (0_u64, 0_u64);
            let mut accepted = 0_u64;
            bytes = 0;
            // rounds small enough that buffers are reused and memory is warm, as in a running processor
            for round in 0..RECORDS / ROUND {
                let started = cpu_ns();
                for n in round * ROUND..(round + 1) * ROUND {
                    let origin = origins[(n / 500 % 4) as usize];
                    let position = Position { offset: n + 1, seq: 1 };
                    let dest = PartitionId((n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u32 % PARTITIONS);
                    outbox.push(origin, position, dest, &payloads[(n % 64) as usize]);
                }
                outbox.cut_all();
                frames.extend(outbox.drain());
                pushing += cpu_ns() - started;

                let started = cpu_ns();
                for (dest, frame) in frames.drain(..) {
                    let view = FrameView::parse(&frame, &mut scratch).expect("a frame just made");
                    let inbox = &mut inboxes[dest.0 as usize];
                    for record in view.records() {
                        let verdict = inbox.judge(view.generation(), record.origin, record.position, record.previous);
                        accepted += u64::from(verdict == Verdict::Accept);
                        black_box(record.payload);
                    }
                    bytes += frame.len();
                    outbox.recycle(frame);
                }
                judging += cpu_ns() - started;
            }
            push_ns.push(pushing as f64 / RECORDS as f64);
            judge_ns.push(judging as f64 / RECORDS as f64);
            assert_eq!(accepted, RECORDS);
        }
        push_ns.sort_by(f64::total_cmp);
        judge_ns.sort_by(f64::total_cmp);
        println!(
            "lz4 {lz4}: push min {:.1} median {:.1} ns, parse+judge min {:.1} median {:.1} ns, {:.1} bytes per record of 120",
            push_ns[0],
            push_ns[TRIALS / 2],
            judge_ns[0],
            judge_ns[TRIALS / 2],
            bytes as f64 / RECORDS as f64,
        );
    }
}
