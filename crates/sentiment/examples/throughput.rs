//! Texts per CPU-second and core. `cargo run --release -p crumbtrail-sentiment --example throughput [FILE…]`: each file is
//! JSON lines with the text in `t`, gzipped; without files three short built-in samples stand in.

use crumbtrail_sentiment::{Scorer, Scratch};
use std::io::Read;

#[derive(serde::Deserialize)]
struct Line {
    t: String,
}

const SAMPLES: [(&str, &str); 3] = [
    ("en", "I ordered a blue dress last week and it still has not arrived, can someone please tell me where it is?"),
    ("th", "สั่งเดรสสีฟ้าไปตั้งแต่อาทิตย์ที่แล้วยังไม่ได้รับของเลย ใครก็ได้ช่วยเช็คให้หน่อยได้ไหมคะว่าอยู่ที่ไหน"),
    ("id", "Saya pesan gaun biru minggu lalu dan sampai sekarang belum sampai, tolong dicek ya kak ada di mana"),
];

/// Nanoseconds this thread has spent on a processor; wall time where the kernel does not say.
fn cpu_ns(start: std::time::Instant) -> u64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|line| line.split(' ').next()?.parse().ok())
        .unwrap_or_else(|| start.elapsed().as_nanos() as u64)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let start = std::time::Instant::now();
    // A process that was `cargo run` before has spent its time, too.
    let before = cpu_ns(start);
    let scorer = Scorer::embedded()?;
    println!("{} loaded in {:.1} ms", scorer.model_version(), (cpu_ns(start) - before) as f64 / 1e6);
    let mut sets: Vec<(String, Vec<String>)> = Vec::new();
    for path in std::env::args().skip(1) {
        let mut text = String::new();
        flate2::read::GzDecoder::new(std::fs::File::open(&path)?).read_to_string(&mut text)?;
        let texts =
            text.lines().map(|line| serde_json::from_str::<Line>(line).map(|line| line.t)).collect::<Result<_, _>>()?;
        sets.push((path.rsplit('/').next().unwrap_or(&path).to_owned(), texts));
    }
    if sets.is_empty() {
        sets = SAMPLES.map(|(name, text)| (name.to_owned(), vec![text.to_owned(); 1_000])).into();
    }
    let mut scratch = Scratch::new();
    for (name, texts) in &sets {
        let characters: usize = texts.iter().map(|text| text.chars().count()).sum();
        let mut best = f64::MAX;
        for _ in 0..7 {
            let before = cpu_ns(start);
            let mut passes = 0u64;
            let mut sum = 0.0f32;
            while cpu_ns(start) - before < 200_000_000 {
                sum += texts.iter().map(|text| scorer.read(text, None, &mut scratch).score).sum::<f32>();
                passes += 1;
            }
            std::hint::black_box(sum);
            best = best.min((cpu_ns(start) - before) as f64 / 1e9 / (passes * texts.len() as u64) as f64);
        }
        println!(
            "{name}: {:.0} k texts per CPU-second, {:.0} characters a text, {} texts",
            0.001 / best,
            characters as f64 / texts.len() as f64,
            texts.len()
        );
    }
    Ok(())
}
