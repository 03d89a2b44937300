//! A long text costs what its length says, not the square of it: one text may not hold a stream up.

use crumbtrail_sentiment::{Scorer, Scratch};
use std::time::{Duration, Instant};

/// The least of several times, which a busy machine disturbs least.
fn least(scorer: &Scorer, text: &str) -> Duration {
    let mut scratch = Scratch::new();
    let mut time = || {
        let start = Instant::now();
        std::hint::black_box(scorer.read(text, None, &mut scratch));
        start.elapsed()
    };
    (0..9).map(|_| time()).min().unwrap()
}

#[test]
fn sixteen_times_the_text_costs_about_sixteen_times() {
    let scorer = Scorer::embedded().unwrap();
    // Friction, topics and feelings in one clause; the same in many clauses; words that set against; negations; Thai; suppositions.
    for words in
        ["rusak ", "bagus paket, ", "delivery but good ", "never no delivery issue ", "ส่งช้า ของดี ", "if broken? "]
    {
        let of = |symbols: usize| words.repeat(symbols / words.chars().count());
        let (short, long) = (least(&scorer, &of(500)), least(&scorer, &of(8_000)));
        let ratio = long.as_secs_f64() / short.as_secs_f64();
        assert!(ratio < 40.0, "{words:?}: {short:?} for 500 symbols, {long:?} for 8,000: {ratio:.0} times");
    }
}
