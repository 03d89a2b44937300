//! `make train`: fits the tables of crates/sentiment/models from a folder of labelled texts and reports how good they are.
//!
//! The same data and seed give the same bytes (`tests/trainer.rs`). Tuned on validation texts only.

mod adagrad;
mod data;
mod evaluate;
mod language;
mod seeds;
mod teacher;
mod topics;
mod vader;

use adagrad::{Features, Settings};
use crumbtrail_sentiment::lexicon::Lexicon;
use crumbtrail_sentiment::table::Table;
use crumbtrail_sentiment::{Label, RULES, TopicRules};
use data::{Outcome, Sample, Split};
use std::cell::RefCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

const HELP: &str = "\
Trains the sentiment and language tables.

usage: train [--data DIR] [--out DIR] [--card FILE] [--seed N] [--rate R] [--decay D] [--start S] [--epochs N] [--balance B] [--orders N] [--only en|across|th|id|language|topics]

  --data   folder that holds sentiment/*.jsonl.gz   (default: $CRUMBTRAIL_DATA)
  --out    where the tables go                      (default: crates/sentiment/models)
  --card   the page whose figures a full run renews (default: docs/sentiment.md)
  --only   one part, for trying settings; a full run is what the repository holds. across: English fitted without a source and
           tested on it, which renews its figures on the card, too
";

struct Options {
    data: PathBuf,
    out: PathBuf,
    card: PathBuf,
    tried: Tried,
    only: Option<String>,
}

/// Settings given by hand, in place of a language's own.
#[derive(Default)]
struct Tried {
    epochs: Option<usize>,
    rate: Option<f32>,
    decay: Option<f32>,
    start: Option<f32>,
    balance: Option<f32>,
    orders: Option<u64>,
    seed: Option<u64>,
}

impl Tried {
    fn over(&self, own: Settings) -> Settings {
        Settings {
            bits: own.bits,
            epochs: self.epochs.unwrap_or(own.epochs),
            rate: self.rate.unwrap_or(own.rate),
            decay: self.decay.unwrap_or(own.decay),
            start: self.start.unwrap_or(own.start),
            balance: self.balance.unwrap_or(own.balance),
            orders: self.orders.unwrap_or(own.orders),
            seed: self.seed.unwrap_or(own.seed),
        }
    }
}

/// How one language is fitted; chosen on validation texts.
#[derive(Clone, Copy)]
struct Recipe {
    settings: Settings,
    /// Weight of our own sentences.
    own_weight: f32,
}

const SETTINGS: Settings =
    Settings { bits: 18, epochs: 5, rate: 0.2, decay: 0.0, start: 0.01, balance: 0.75, orders: 4, seed: 1 };
const ENGLISH: Recipe = Recipe { settings: SETTINGS, own_weight: 2.0 };
const THAI: Recipe = Recipe { settings: Settings { bits: 19, start: 0.03, balance: 0.5, ..SETTINGS }, own_weight: 1.0 };
const INDONESIAN: Recipe = Recipe { settings: SETTINGS, own_weight: 0.1 };
const LANGUAGE: Settings = Settings { bits: 15, epochs: 4, balance: 0.5, orders: 2, ..SETTINGS };

fn options() -> Outcome<Options> {
    let mut options = Options {
        data: std::env::var_os("CRUMBTRAIL_DATA").map(PathBuf::from).unwrap_or_default(),
        out: PathBuf::from("crates/sentiment/models"),
        card: PathBuf::from("docs/sentiment.md"),
        tried: Tried::default(),
        only: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        if flag == "--help" || flag == "-h" {
            print!("{HELP}");
            std::process::exit(0);
        }
        let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
        let bad = |_| format!("{flag}: {value:?} is not a number");
        match flag.as_str() {
            "--data" => options.data = value.into(),
            "--out" => options.out = value.into(),
            "--card" => options.card = value.into(),
            "--seed" => options.tried.seed = Some(value.parse().map_err(|_| bad(()))?),
            "--rate" => options.tried.rate = Some(value.parse().map_err(|_| bad(()))?),
            "--start" => options.tried.start = Some(value.parse().map_err(|_| bad(()))?),
            "--decay" => options.tried.decay = Some(value.parse().map_err(|_| bad(()))?),
            "--epochs" => options.tried.epochs = Some(value.parse().map_err(|_| bad(()))?),
            "--balance" => options.tried.balance = Some(value.parse().map_err(|_| bad(()))?),
            "--orders" => options.tried.orders = Some(value.parse().map_err(|_| bad(()))?),
            "--only" => options.only = Some(value),
            _ => return Err(format!("unknown flag {flag}; try --help")),
        }
    }
    if options.data.as_os_str().is_empty() {
        return Err("no data folder: give --data or set CRUMBTRAIL_DATA".into());
    }
    Ok(options)
}

fn main() {
    if let Err(message) = options().and_then(|options| run(&options)) {
        eprintln!("train: {message}");
        std::process::exit(1);
    }
}

fn run(options: &Options) -> Outcome<()> {
    let wanted = |part: &str| options.only.as_deref().is_none_or(|only| only == part);
    let baseline = vader::Baseline::load(&options.data)?;
    let rules = TopicRules::parse(&RULES, 1).map_err(|error| error.to_string())?;
    let trainer = Trainer { options, baseline, rules, figures: RefCell::default() };
    trainer.line("| model | test set | n | accuracy | macro-F1 | ECE |\n|---|---|---|---|---|---|");
    let domains = if wanted("en") || wanted("across") { trainer.english_domains()? } else { Vec::new() };
    if wanted("en") {
        trainer.english(&domains)?;
    }
    if wanted("th") {
        trainer.thai()?;
    }
    if wanted("id") {
        trainer.indonesian()?;
    }
    if wanted("language") {
        trainer.language()?;
    }
    if wanted("topics") {
        trainer.line("\n| rule | test set | n | precision | recall |\n|---|---|---|---|---|");
        topics::report(&options.data, &trainer.rules, |line| trainer.line(line))?;
    }
    if options.only.is_none() {
        renew_card(&options.card, FIGURES, &trainer.figures.take())?;
    }
    if wanted("across") {
        trainer.figures.take();
        trainer.line(
            "\n| fitted without | tested on | scorer | n | accuracy | macro-F1 | ECE |\n|---|---|---|---|---|---|---|",
        );
        trainer.english_across(&domains)?;
        renew_card(&options.card, ACROSS, trainer.figures.take().trim_start())?;
    }
    Ok(())
}

/// Marks around figures of the model card.
type Marks = [&'static str; 2];
const FIGURES: Marks = ["<!-- figures: begin (written by make train) -->\n", "<!-- figures: end -->"];
const ACROSS: Marks =
    ["<!-- across: begin (written by make train and make sentiment-eval) -->\n", "<!-- across: end -->"];

/// Puts figures between their marks on the model card.
fn renew_card(card: &Path, [begin_mark, end_mark]: Marks, figures: &str) -> Outcome<()> {
    let text = std::fs::read_to_string(card).map_err(|error| format!("{}: {error}", card.display()))?;
    let (Some(begin), Some(end)) = (text.find(begin_mark), text.find(end_mark)) else {
        return Err(format!("{}: the marks around the figures are missing", card.display()));
    };
    let renewed = format!("{}{begin_mark}{figures}{}", &text[..begin], &text[end..]);
    std::fs::write(card, renewed).map_err(|error| format!("{}: {error}", card.display()))
}

/// The second file uses slots of the first; the table of languages does without it.
const ENGLISH_SEEDS: &str =
    concat!(include_str!("../../../seeds/en.txt"), include_str!("../../../seeds/reviews-en.txt"));
/// Sentences that stand for themselves, no templates.
const CUSTOMERS: &str = include_str!("../../../seeds/customers-en.txt");
const CUSTOMERS_WEIGHT: f32 = ENGLISH.own_weight;
const OWN_WORDS: &str = include_str!("../../../seeds/words-en.tsv");

/// Corpora of one kind of text.
struct Domain {
    name: &'static str,
    /// The corpora and their texts; a text of several is of the first.
    sources: Vec<(&'static str, Vec<Sample>)>,
    split: Split,
}

/// Sentences of `tests/own`.
fn own_samples(file: &str) -> Outcome<Vec<Sample>> {
    let sample = |line: &str| {
        let (label, text) = line.split_once('\t')?;
        Some(Sample::new(text.to_owned(), Label::from_name(label)?, 1.0))
    };
    let samples: Option<Vec<Sample>> = file.lines().map(sample).collect();
    samples.ok_or_else(|| "tests/own: a line is not label, tab, text".into())
}

struct Trainer<'a> {
    options: &'a Options,
    baseline: vader::Baseline,
    rules: TopicRules,
    figures: RefCell<String>,
}

impl Trainer<'_> {
    fn load(&self, name: &str) -> Outcome<Vec<Sample>> {
        data::load(&self.options.data, name)
    }

    /// One line of the report, to the terminal and for the card.
    fn line(&self, line: &str) {
        println!("{line}");
        self.figures.borrow_mut().push_str(line);
        self.figures.borrow_mut().push('\n');
    }

    /// Fits on `split.train`, the seeds and what else is told, sets the temperature on `split.valid`.
    /// Of texts that stand in `split.valid` or `split.test` nothing told counts.
    fn fit(&self, split: &Split, seeds: &str, features: Features<'_>, recipe: Recipe, told: Vec<Sample>) -> Table {
        let settings = self.options.tried.over(recipe.settings);
        let mut train = split.train.clone();
        train.extend(seeds::samples(seeds).into_iter().map(|own| own.times(recipe.own_weight)));
        let mut known: HashSet<String> = split.valid.iter().chain(&split.test).map(Sample::key).collect();
        train.extend(told.into_iter().filter(|sample| known.insert(sample.key())));
        let vectors = adagrad::vectors(&train, features, settings.bits);
        let table = adagrad::fit(&vectors, settings);
        let temperature = evaluate::fit_temperature(&table, features, &split.valid);
        table.with_temperature(temperature)
    }

    fn report(&self, model: &str, test: &str, table: &Table, features: Features<'_>, samples: &[Sample]) {
        let score = evaluate::score(samples, &evaluate::predict(table, features, samples));
        self.line(&format!("| {model} | {test} | {score} |"));
    }

    /// On the sentences of `tests/own`, which were written for tests and are of no corpus.
    fn report_own(&self, model: &str, file: &str, table: &Table, features: Features<'_>) -> Outcome<()> {
        let samples = own_samples(file)?;
        self.report(model, "our own sentences (held-out domain)", table, features, &samples);
        Ok(())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Outcome<()> {
        let path = self.options.out.join(name);
        eprintln!("{}: {} bytes", path.display(), bytes.len());
        std::fs::write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The words of the lexicon that people rated, and our own.
    fn english_lexicon(&self) -> Lexicon {
        let own = OWN_WORDS.lines().filter_map(|line| line.split_once('\t'));
        let own = own.filter_map(|(valence, word)| Some((word, valence.parse().ok()?)));
        Lexicon::from_words(self.baseline.words().into_iter().chain(own))
    }

    /// The sources of English by what they are of.
    fn english_domains(&self) -> Outcome<Vec<Domain>> {
        let amazon = self.load("vader_amazon")?;
        let known: HashSet<String> = amazon.iter().map(Sample::key).collect();
        let mut reviews = self.load("huliu")?;
        let before = reviews.len();
        reviews.retain(|sample| !known.contains(&sample.key()));
        eprintln!("huliu: {} of {before} texts also stand in vader_amazon", before - reviews.len());
        for sample in &mut reviews {
            // A sentence without an annotated product feature is not surely neutral.
            sample.weight = 0.5;
        }
        // Critics and journalists write unlike customers: theirs are most texts, but count for less.
        let domain = |name, sources: Vec<(&'static str, Vec<Sample>)>, weight| {
            let all = sources.iter().flat_map(|(_, samples)| samples);
            let split = Split::by_blocks(all.map(|sample| sample.clone().times(weight)).collect());
            Domain { name, sources, split }
        };
        Ok(vec![
            domain("vader_tweets", vec![("vader_tweets", self.load("vader_tweets")?)], 1.0),
            domain("vader_nyt", vec![("vader_nyt", self.load("vader_nyt")?)], 0.5),
            domain("reviews", vec![("vader_amazon", amazon), ("huliu", reviews)], 1.0),
            domain("vader_movie", vec![("vader_movie", self.load("vader_movie")?)], 0.5),
        ])
    }

    /// What English is fitted on beside corpora and templates: our own single sentences, and what a teacher says who has not
    /// seen the texts in `unseen`.
    fn english_told(&self, domain: &str, unseen: &[&str]) -> Outcome<Vec<Sample>> {
        let mut told: Vec<Sample> =
            seeds::plain(CUSTOMERS).into_iter().map(|own| own.times(CUSTOMERS_WEIGHT)).collect();
        told.extend(teacher::texts(&self.options.data, domain, unseen)?);
        Ok(told)
    }

    /// The table as sure as it may be on every kind of text alike: one log loss over all of them would leave it too unsure on the
    /// smaller ones. Only texts that people rated: a sentence of Hu & Liu's without a mark may be of any feeling.
    fn evenly_sure<'a>(
        &self,
        table: Table,
        features: Features<'_>,
        domains: impl Iterator<Item = &'a Domain>,
    ) -> Table {
        let rated = |domain: &Domain| domain.split.valid.iter().filter(|s| s.rated.is_some()).cloned().collect();
        let kinds: Vec<Vec<Sample>> = domains.map(rated).collect();
        let temperature = evaluate::even_temperature(&table, features, &kinds);
        table.with_temperature(temperature)
    }

    fn english(&self, domains: &[Domain]) -> Outcome<()> {
        let lexicon = self.english_lexicon();
        let features = Features { rules: &self.rules, lexicon: &lexicon, with_thai: false };
        self.write("lexicon-en.bin", &lexicon.to_bytes())?;
        let mut all = Split::default();
        domains.iter().for_each(|domain| all.extend(&domain.split));
        eprintln!("en: {} repeats removed", all.remove_leaks());
        let table = self.fit(&all, ENGLISH_SEEDS, features, ENGLISH, self.english_told("", &[])?);
        let table = self.evenly_sure(table, features, domains.iter());
        self.write("en.bin", &table.to_bytes())?;
        eprintln!(
            "en: {} texts, temperature {:.2}, {} buckets",
            all.train.len(),
            table.temperature(),
            table.used_bucket_count()
        );
        self.report_own("en", include_str!("../../../tests/own/en.tsv"), &table, features)?;
        let posts = own_samples(include_str!("../../../tests/own/posts-en.tsv"))?;
        self.report("en", "our own reviews and posts (held-out domain)", &table, features, &posts);
        for (part, role) in [("choose", "chosen on"), ("report", "looked at by no choice")] {
            let test = format!("customers' sentences, translated, {role} (held-out domain)");
            let samples = data::translated(part)?;
            self.report("en", &test, &table, features, &samples);
            self.report_baseline(&test, &samples);
        }
        self.report("en", "validation", &table, features, &all.valid);
        for Domain { name, split, .. } in domains {
            self.report("en", &format!("{name} (in-domain test)"), &table, features, &split.test);
            self.report_baseline(&format!("{name} (in-domain test)"), &split.test);
        }
        Ok(())
    }

    /// One more model for each domain, fitted without it, and with a teacher who has not seen it, tested on all of it.
    fn english_across(&self, domains: &[Domain]) -> Outcome<()> {
        let lexicon = self.english_lexicon();
        let features = Features { rules: &self.rules, lexicon: &lexicon, with_thai: false };
        for Domain { name: held_out, sources, split } in domains {
            let mut rest = Split::default();
            domains.iter().filter(|domain| domain.name != *held_out).for_each(|domain| rest.extend(&domain.split));
            rest.test = [&split.train[..], &split.valid, &split.test].concat();
            rest.remove_leaks();
            let unseen: Vec<&str> = sources.iter().map(|(source, _)| *source).collect();
            let told = self.english_told(held_out, &unseen)?;
            let table = self.fit(&rest, ENGLISH_SEEDS, features, ENGLISH, told);
            let table = self.evenly_sure(table, features, domains.iter().filter(|domain| domain.name != *held_out));
            let is_clear = |sample: &&Sample| sample.rated.is_some_and(|v| v.abs() <= 0.3 || v.abs() >= 1.0);
            let mut tests = vec![(format!("{held_out}, validation blocks"), split.valid.clone())];
            for (source, texts) in sources {
                tests.push(((*source).to_owned(), texts.clone()));
                let clear: Vec<Sample> = texts.iter().filter(is_clear).cloned().collect();
                if !clear.is_empty() {
                    tests.push((format!("{source}, where its raters agree"), clear));
                }
            }
            for (test, samples) in &tests {
                let score = evaluate::score(samples, &evaluate::predict(&table, features, samples));
                self.line(&format!("| {held_out} | {test} | en | {score} |"));
                let truth: Vec<usize> = samples.iter().map(|sample| sample.label as usize).collect();
                let guess: Vec<usize> = samples.iter().map(|s| self.baseline.label(&s.text) as usize).collect();
                self.line(&format!("| | {test} | VADER lexicon | {} |", evaluate::labels(&truth, &guess)));
            }
        }
        Ok(())
    }

    fn report_baseline(&self, test: &str, samples: &[Sample]) {
        let truth: Vec<usize> = samples.iter().map(|sample| sample.label as usize).collect();
        let guess: Vec<usize> = samples.iter().map(|sample| self.baseline.label(&sample.text) as usize).collect();
        self.line(&format!("| VADER lexicon | {test} | {} |", evaluate::labels(&truth, &guess)));
    }

    fn thai(&self) -> Outcome<()> {
        const SEEDS: &str = include_str!("../../../seeds/th.txt");
        let lexicon = self.english_lexicon();
        let features = Features { rules: &self.rules, lexicon: &lexicon, with_thai: true };
        let mut split = Split {
            train: self.load("wisesight.train")?,
            valid: self.load("wisesight.valid")?,
            test: self.load("wisesight.test")?,
        };
        eprintln!("th: {} repeats removed", split.remove_leaks());
        let table = self.fit(&split, SEEDS, features, THAI, Vec::new());
        self.write("th.bin", &table.to_bytes())?;
        eprintln!(
            "th: {} texts, temperature {:.2}, {} buckets",
            split.train.len(),
            table.temperature(),
            table.used_bucket_count()
        );
        self.report_own("th", include_str!("../../../tests/own/th.tsv"), &table, features)?;
        self.report("th", "wisesight validation", &table, features, &split.valid);
        self.report("th", "wisesight test (in-domain)", &table, features, &split.test);
        self.report("th", "general_amy (held-out domain, 2 classes)", &table, features, &self.load("th_general_amy")?);
        self.report("th", "tcas61 (held-out domain, 2 classes)", &table, features, &self.load("th_tcas61")?);
        Ok(())
    }

    fn indonesian(&self) -> Outcome<()> {
        const SEEDS: &str = include_str!("../../../seeds/id.txt");
        let lexicon = Lexicon::from_list(include_str!("../../../lexicon/id.tsv"));
        let features = Features { rules: &self.rules, lexicon: &lexicon, with_thai: false };
        let mut split =
            Split { train: self.load("smsa.train")?, valid: self.load("smsa.valid")?, test: self.load("smsa.test")? };
        let market = Split::by_blocks(self.load("prdect")?);
        let held_out = split.clone();
        let (smsa_test, smsa_valid) = (split.test.clone(), split.valid.clone());
        split.extend(&market);
        eprintln!("id: {} repeats removed", split.remove_leaks());
        // The temperature is fitted on SmSA alone: PRDECT has no neutral class.
        let fitted = Split { train: split.train, valid: smsa_valid.clone(), test: Vec::new() };
        let table = self.fit(&fitted, SEEDS, features, INDONESIAN, Vec::new());
        self.write("id.bin", &table.to_bytes())?;
        eprintln!(
            "id: {} texts, temperature {:.2}, {} buckets",
            fitted.train.len(),
            table.temperature(),
            table.used_bucket_count()
        );
        self.report_own("id", include_str!("../../../tests/own/id.tsv"), &table, features)?;
        self.report("id", "smsa validation", &table, features, &smsa_valid);
        self.report("id", "smsa test (in-domain)", &table, features, &smsa_test);
        self.report("id", "prdect (in-domain test, 2 classes)", &table, features, &market.test);
        let mut smsa_only = held_out;
        smsa_only.test = [&market.train[..], &market.valid, &market.test].concat();
        let test = smsa_only.test.clone();
        smsa_only.remove_leaks();
        let table = self.fit(&smsa_only, SEEDS, features, INDONESIAN, Vec::new());
        self.report("id without prdect", "prdect (held-out domain, 2 classes)", &table, features, &test);
        Ok(())
    }

    fn language(&self) -> Outcome<()> {
        let folder = &self.options.data;
        let table = language::Rows::all(folder)?.fit(self.options.tried.over(LANGUAGE));
        self.write("language.bin", &table.to_bytes())?;
        language::report(folder, &self.rules, &table, |line| self.line(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_texts_and_seed_give_the_same_table() {
        let rules = TopicRules::parse(&RULES, 1).unwrap();
        let lexicon = Lexicon::from_list(include_str!("../../../lexicon/id.tsv"));
        let features = Features { rules: &rules, lexicon: &lexicon, with_thai: true };
        let texts: Vec<Sample> = [include_str!("../../../seeds/id.txt"), include_str!("../../../seeds/th.txt")]
            .into_iter()
            .flat_map(seeds::samples)
            .collect();
        let bytes = |seed| {
            let settings = Settings { bits: 14, epochs: 2, orders: 2, seed, ..SETTINGS };
            let table = adagrad::fit(&adagrad::vectors(&texts, features, settings.bits), settings);
            let temperature = evaluate::fit_temperature(&table, features, &texts[..200]);
            table.with_temperature(temperature).to_bytes()
        };
        let first = bytes(1);
        assert!(first == bytes(1), "the second run gave other bytes");
        assert!(first != bytes(2), "the order of texts makes no difference: what is compared?");
    }

    /// The table of languages alone, which takes seconds; the others take half a minute. Needs `CRUMBTRAIL_DATA`.
    #[test]
    fn the_table_of_languages_is_what_its_texts_give() {
        let Some(folder) = std::env::var_os("CRUMBTRAIL_DATA").map(PathBuf::from) else {
            eprintln!("not run: the_table_of_languages_is_what_its_texts_give: CRUMBTRAIL_DATA is not set");
            return;
        };
        let fitted = language::Rows::all(&folder).unwrap().fit(LANGUAGE).to_bytes();
        assert!(fitted == include_bytes!("../../../models/language.bin"), "its texts or words changed: make train");
    }
}
