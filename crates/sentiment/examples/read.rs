//! Reads one text per line from standard input: `echo "never arrived" | cargo run -p crumbtrail-sentiment --example read`.

use crumbtrail_sentiment::{Scorer, Scratch, TopicSet};
use std::io::BufRead;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scorer = Scorer::embedded()?;
    let mut scratch = Scratch::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let reading = scorer.read(&line, None, &mut scratch);
        let names = |topics: TopicSet| topics.iter().collect::<Vec<_>>().join(",");
        println!(
            "{:3} {:8} {:+.2} {:.2} {} {} {:?} [{}] +[{}] -[{}]  {line}",
            reading.language.as_str(),
            reading.label.as_str(),
            reading.score,
            reading.confidence,
            reading.kind.as_str(),
            reading.friction_kind.map_or("-", |kind| kind.as_str()),
            scorer.rule_phrase(reading.friction_rule),
            names(reading.topics),
            names(reading.likes),
            names(reading.dislikes)
        );
    }
    Ok(())
}
