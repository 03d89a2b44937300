//! `explain`: why a touch has the channel it has, why a session began and ended where it did.

mod session;
mod story;
mod timeline;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use crumbtrail_enrich::channel::{self, Book};
use crumbtrail_enrich::{Rules, SiteRules};

use crate::args::Place;
use crate::loaded::load;
use crate::say::print;

/// What to explain.
#[derive(Debug, Subcommand)]
pub enum ExplainCommand {
    /// The channel of a page view: which rule gave it and what it rests on
    #[command(
        after_help = "Examples:\n  crumbtrail explain channel 'https://shop.example/?gclid=x' https://www.google.co.th/"
    )]
    Channel(ChannelArgs),
    /// A session on a timeline: its events, why it began, why it ended, what was left out nearby and why
    #[command(after_help = "Examples:\n  crumbtrail explain session 00c1f3a29be1d044\n  \
        crumbtrail explain session 00c1f3a29be1d044 --all --format json\n\n\
        An id that was taken back is told with where its events are now; exit code 1, as for an id nobody knows.\n\
        The rules are drawn in docs/sessions.md.")]
    Session(session::SessionArgs),
}

/// `explain channel`.
#[derive(Debug, Args)]
pub struct ChannelArgs {
    /// URL of the page that was opened.
    pub url: String,
    /// URL of the page it was reached from; nothing if there was none.
    #[arg(default_value = "")]
    pub referrer: String,
    /// Site whose own hosts and exceptions count.
    #[arg(long, default_value = "default")]
    pub site: String,
    /// Channel rules of one's own, in the format of the shipped ones.
    #[arg(long, value_name = "FILE")]
    pub channels: Option<PathBuf>,
    /// Where.
    #[command(flatten)]
    pub place: Place,
}

/// Explains.
///
/// # Errors
/// The configuration or the channel rules cannot be read; there is no such session, or the tables cannot be asked.
pub fn explain(command: &ExplainCommand) -> Result<ExitCode> {
    match command {
        ExplainCommand::Channel(args) => print(&explained(args)?),
        ExplainCommand::Session(args) => session::session(args),
    }
}

fn explained(args: &ChannelArgs) -> Result<String> {
    let config = load(&args.place)?;
    let rules: Rules = crate::wiring::enrichment::rules(&config)?;
    let (_, site): (_, &SiteRules) = rules.of(&args.site);
    let own = args.channels.as_ref().map(|path| book(path)).transpose()?;
    Ok(channel::explain(&args.url, &args.referrer, site, own.as_ref().unwrap_or(&rules.channels)).to_string())
}

/// The channel rules of a file.
pub(super) fn book(path: &std::path::Path) -> Result<Book> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Book::read(&text).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str]) -> Result<String> {
        explained(&crate::args::parsed(words))
    }

    #[test]
    fn a_channel_is_explained() {
        let text = run(&["https://shop.example/?utm_source=fb&utm_medium=cpc", "https://www.google.com/"]).unwrap();
        for part in ["channel   paid_social", "source    facebook", "channel paid_social: paid; class is social"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let text = run(&["https://shop.example/", "https://www.paypal.com/x"]).unwrap();
        assert!(text.contains("(no touch)") && text.contains("payment provider"), "{text}");
        assert!(run(&["https://shop.example/"]).unwrap().contains("channel   direct"));
    }

    #[test]
    fn own_rules_and_own_hosts_count() {
        let folder = tempfile::tempdir().unwrap();
        let rules = folder.path().join("channels.txt");
        std::fs::write(&rules, "channel display: from is site\n").unwrap();
        let config = folder.path().join("crumbtrail.yaml");
        std::fs::write(&config, "sites:\n  shop:\n    own_hosts: [blog.example]\n").unwrap();
        let (rules, config) = (rules.to_str().unwrap(), config.to_str().unwrap());
        let page = ["https://shop.example/", "https://blog.example/a"];
        let text = run(&[&page[..], &["--channels", rules]].concat()).unwrap();
        assert!(text.contains("channel   display") && text.contains("line 1"), "{text}");
        let text = run(&[&page[..], &["--site", "shop", "--config", config]].concat()).unwrap();
        assert!(text.contains("own hosts"), "{text}");
        std::fs::write(rules, "channel banner: from is site\n").unwrap();
        assert!(format!("{:#}", run(&[&page[..], &["--channels", rules]].concat()).unwrap_err()).contains("line 1"));
    }
}
