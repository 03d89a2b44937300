fn main() {
    let seed: u64 = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    let runs: u64 = std::env::args().nth(2).and_then(|s| s.parse().ok()).unwrap_or(1);
    let begun = std::time::Instant::now();
    for seed in seed..seed + runs {
        let mut say = |line: String| println!("{line}");
        let report = crumbtrail_simulate::run(seed, if runs == 1 { Some(&mut say) } else { None });
        if !report.violations.is_empty() {
            println!("seed {seed}: {} violations; {}", report.violations.len(), report.violations[0]);
        }
        if runs == 1 {
            println!("{report:?}");
        }
    }
    println!("{runs} runs in {:?}", begun.elapsed());
}
