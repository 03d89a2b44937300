//! Expands our own seed sentences: templates with slots, and sentences with emoji glued on.

use super::data::Sample;
use crumbtrail_sentiment::{Label, emoji};

/// At most this many expansions of one template.
const PER_TEMPLATE: usize = 14;

/// One label and the expanded sentence. The label `und` (language seeds) comes back as `None`.
pub(crate) fn expand(text: &str) -> Vec<(Option<Label>, String)> {
    let mut slots: Vec<(String, Vec<&str>)> = Vec::new();
    let mut sentences = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        if let Some((name, values)) = line.strip_prefix('@').and_then(|rest| rest.split_once('=')) {
            slots.push((format!("{{{}}}", name.trim()), values.split('|').map(str::trim).collect()));
            continue;
        }
        let Some((label, template)) = line.split_once('\t') else { continue };
        let label = match label {
            "neg" => Some(Label::Negative),
            "neu" => Some(Label::Neutral),
            "pos" => Some(Label::Positive),
            _ => None,
        };
        let used: Vec<_> = slots.iter().filter(|(name, _)| template.contains(name.as_str())).collect();
        let total: usize = used.iter().map(|(_, values)| values.len()).product();
        let count = total.min(PER_TEMPLATE);
        for at in 0..count {
            // Spread over all combinations; a prime stride keeps slots from moving in step.
            let mut rest = (at * total / count + at * 7919) % total;
            let mut sentence = template.to_owned();
            for (name, values) in &used {
                sentence = sentence.replace(name.as_str(), values[rest % values.len()]);
                rest /= values.len();
            }
            sentences.push((label, sentence));
        }
    }
    sentences
}

/// The sentences with a label.
pub(crate) fn plain(text: &str) -> Vec<Sample> {
    expand(text).into_iter().filter_map(|(label, text)| label.map(|label| Sample::new(text, label, 1.0))).collect()
}

/// Seed samples of one language: the sentences, and the neutral ones again with an emoji that decides the label.
pub(crate) fn samples(text: &str) -> Vec<Sample> {
    let sentences = expand(text);
    let mut samples: Vec<Sample> =
        sentences.iter().filter_map(|(label, text)| label.map(|label| Sample::new(text.clone(), label, 1.0))).collect();
    let neutral: Vec<&String> =
        sentences.iter().filter(|(label, _)| *label == Some(Label::Neutral)).map(|(_, text)| text).collect();
    let groups = [
        (emoji::VERY_NEGATIVE, Label::Negative),
        (emoji::NEGATIVE, Label::Negative),
        (emoji::NEUTRAL, Label::Neutral),
        (emoji::POSITIVE, Label::Positive),
        (emoji::VERY_POSITIVE, Label::Positive),
    ];
    for (list, label) in groups {
        for (at, symbol) in list.chars().filter(|&symbol| emoji::is_emoji(symbol as u32)).enumerate() {
            for repeat in 0..2 {
                let text = neutral[(at * 13 + repeat * 101) % neutral.len()];
                samples.push(Sample::new(format!("{text} {symbol}"), label, 0.4));
            }
        }
    }
    samples
}
