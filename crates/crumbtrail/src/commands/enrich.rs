//! `enrich`: what intake would add to records, and why; one JSON line in, one out, in order.

mod shown;

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use crumbtrail_enrich::fence::Fences;
use crumbtrail_enrich::{Enricher, Hasher};
use crumbtrail_events::Reject;
use crumbtrail_intake::decoder::NoRegistry;
use crumbtrail_intake::{Decoder, FileIdentity, Settings, SourceShape};
use crumbtrail_sentiment::{Scorer, Scratch};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::args::{FileFormat, FileKind, Place};
use crate::config::{hasher, keyring};
use crate::loaded::load;
use crate::wiring::{enrichment, intake};

/// `enrich`.
#[derive(Debug, Args)]
pub struct EnrichArgs {
    /// Read records from standard input, one a line, and write one JSON object a line.
    #[arg(long, required = true)]
    pub jsonl: bool,
    /// Format of the lines.
    #[arg(long, value_enum, default_value = "native")]
    pub format: FileFormat,
    /// What they carry; `auto`: a line with an `entry_id` is a support entry.
    #[arg(long, value_enum, default_value = "auto")]
    pub kind: FileKind,
    /// Site of records that name none.
    #[arg(long, default_value = "default")]
    pub site: String,
    /// City database (MMDB). Each file named here wins over the one that is configured.
    #[arg(long, value_name = "FILE")]
    pub geo: Option<PathBuf>,
    /// ASN database (MMDB).
    #[arg(long, value_name = "FILE")]
    pub asn: Option<PathBuf>,
    /// Robots' addresses, a network a line.
    #[arg(long, value_name = "FILE")]
    pub robots: Option<PathBuf>,
    /// Geofences (GeoJSON).
    #[arg(long, value_name = "FILE")]
    pub fences: Option<PathBuf>,
    /// Page rules, or `shipped`.
    #[arg(long, value_name = "FILE")]
    pub pages: Option<PathBuf>,
    /// Channel rules; without any configured those shipped.
    #[arg(long, value_name = "FILE")]
    pub channels: Option<PathBuf>,
    /// Where.
    #[command(flatten)]
    pub place: Place,
}

/// Enriches standard input.
///
/// # Errors
/// A file that was named cannot be used, or standard output fails. A record that intake would refuse is a line that says so and
/// why; they are counted at the end.
pub fn enrich(args: &EnrichArgs) -> Result<ExitCode> {
    let mut tool = Tool::new(args)?;
    let mut out = std::io::BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    match tool.run(std::io::stdin().lock(), &mut out).and_then(|()| Ok(out.flush()?)) {
        // A reader that has gone away (`| head`) is no error.
        Err(error) if !is_broken_pipe(&error) => return Err(error),
        _ => {}
    }
    Ok(match tool.told {
        Told { refused: 0, .. } => ExitCode::SUCCESS,
        Told { lines, refused } => {
            eprintln!("crumbtrail: intake would refuse {refused} of {lines} lines");
            ExitCode::from(REFUSED)
        }
    })
}

/// Exit code when intake would refuse a line, as `check`'s when there is something to mend.
const REFUSED: u8 = 4;

/// Lines told of so far, and those of them that intake would refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Told {
    lines: u64,
    refused: u64,
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

struct Tool {
    decoder: Decoder,
    enricher: Enricher,
    hasher: Option<Hasher>,
    settings: Settings,
    fences: Arc<Fences>,
    scorer: Scorer,
    scratch: Scratch,
    format: FileFormat,
    kind: FileKind,
    site: String,
    told: Told,
}

impl Tool {
    fn new(args: &EnrichArgs) -> Result<Tool> {
        if args.format == FileFormat::Avro {
            bail!("lines are native, segment or combined; Avro files are read by `crumbtrail import`");
        }
        let mut config = load(&args.place)?;
        let enrich = &mut config.enrich;
        for (key, file) in [
            (&mut enrich.geo_database, &args.geo),
            (&mut enrich.asn_database, &args.asn),
            (&mut enrich.robots, &args.robots),
            (&mut enrich.channels, &args.channels),
            (&mut enrich.fences, &args.fences),
            (&mut enrich.pages, &args.pages),
        ] {
            if let Some(file) = file {
                *key = file.display().to_string();
            }
        }
        if args.pages.is_some() {
            config.sites.values_mut().for_each(|site| site.pages.clear());
        }
        // Without a key of the deployment's a hash would be nobody else's: none is shown.
        let key = config.privacy.key.as_bytes();
        let contacts =
            (!key.is_empty()).then(|| keyring(&config.privacy, key)).transpose().map_err(anyhow::Error::msg)?;
        if contacts.is_none() && !config.privacy.hash_fields.is_empty() {
            bail!("privacy.hash_fields are hashed under privacy.key, which is empty: set it (CRUMBTRAIL_PRIVACY_KEY)");
        }
        let hasher = hasher(&config.privacy, key).map_err(anyhow::Error::msg)?;
        let (enricher, _) = enrichment::enricher(&config, contacts)?;
        let fences = enrichment::fences(&config)?.unwrap_or_default();
        Ok(Tool {
            decoder: Decoder::new(Box::new(NoRegistry), [0; 16])
                .map_err(|reject| anyhow::anyhow!("built-in schemas: {}", reject.detail))?,
            enricher,
            hasher,
            settings: intake::settings(&config),
            fences,
            scorer: Scorer::embedded().context("sentiment models")?,
            scratch: Scratch::new(),
            format: args.format,
            kind: args.kind,
            site: args.site.clone(),
            told: Told::default(),
        })
    }

    fn run(&mut self, mut input: impl BufRead, out: &mut impl Write) -> Result<()> {
        let (mut line, mut number) = (Vec::new(), 0);
        loop {
            line.clear();
            if input.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            let record = line.trim_ascii();
            if !record.is_empty() {
                serde_json::to_writer(&mut *out, &self.line(record, number))?;
                out.write_all(b"\n")?;
            }
            number += 1;
        }
    }

    fn shape(&self, line: &[u8]) -> SourceShape {
        let is_support = match self.kind {
            FileKind::Auto => is_entry(line),
            FileKind::Click => false,
            FileKind::Support => true,
        };
        match self.format {
            FileFormat::Combined => SourceShape::Combined,
            FileFormat::Segment => SourceShape::Segment,
            _ if is_support => SourceShape::SupportJson,
            _ => SourceShape::ClickJson,
        }
    }

    fn line(&mut self, line: &[u8], number: u64) -> serde_json::Value {
        let shape = self.shape(line);
        let Tool { decoder, enricher, hasher, settings, fences, scorer, scratch, site, told, .. } = self;
        told.lines += 1;
        let mut decoded = None;
        let read = match decoder.decode(shape, Some(line), FileIdentity { file: "-", record: number }, &mut decoded) {
            Ok(read) => read,
            Err(hold) => return shown::rejected("held", &hold.to_string()),
        };
        // When it would arrive is not known, as in imports.
        let refused = |Reject { reason, detail }: &Reject| shown::rejected(reason.as_str(), detail);
        match read.and_then(|decoded| settings.check(decoded, 0).map(|()| decoded)) {
            Ok(decoded) => {
                let by = (enricher, hasher.as_mut());
                shown::record(decoded, site, by, fences, settings, &mut |text, told| {
                    scorer.read(text, crumbtrail_sentiment::Language::from_tag(told), scratch)
                })
            }
            Err(reject) => {
                told.refused += 1;
                refused(&reject)
            }
        }
    }
}

/// Whether the outermost object of a line has an `entry_id`: a support entry's, which no click has.
fn is_entry(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Keys {
        #[serde(default, rename = "entry_id", deserialize_with = "present")]
        id: Option<IgnoredAny>,
    }
    // `null` is an id, too, though no good one.
    fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<IgnoredAny>, D::Error> {
        IgnoredAny::deserialize(value).map(Some)
    }
    memchr::memmem::find(line, b"entry_id").is_some()
        && serde_json::from_slice::<Keys>(line).map_or(true, |keys| keys.id.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn run(words: &[&str], input: &str) -> Vec<Value> {
        run_and_count(words, input).0
    }

    fn run_and_count(words: &[&str], input: &str) -> (Vec<Value>, Told) {
        let args = crate::args::parsed(&[&["--jsonl"], words].concat());
        let mut out = Vec::new();
        let mut tool = Tool::new(&args).unwrap();
        tool.run(input.as_bytes(), &mut out).unwrap();
        let lines = out
            .split(|b| *b == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        (lines, tool.told)
    }

    fn click(rest: &str) -> String {
        named("page_view", rest)
    }

    fn named(name: &str, rest: &str) -> String {
        format!(r#"{{"event_id":"e","occurred_at":1700000000000,"visitor":"v","name":"{name}",{rest}}}"#)
    }

    #[test]
    fn a_line_comes_out_for_every_line_in_in_order() {
        let input = [
            click(r#""url":"https://shop.example/products/100023?gclid=x","user_agent":"Googlebot/2.1""#),
            "not json".to_owned(),
            String::new(),
            r#"{"entry_id":"s","occurred_at":1700000000000,"conversation":"c","channel":"chat","kind":"message","text":"call me: 081-234-5678, my parcel is late and damaged"}"#.to_owned(),
        ]
        .join("\n");
        // As intake does: without page rules no groups.
        assert_eq!(run(&[], &input)[0]["added"]["page_group"], Value::Null);
        let out = run(&["--pages", "shipped"], &input);
        assert_eq!(out.len(), 3);
        assert_eq!(out[0]["added"]["page"], "/products/:id");
        assert_eq!(out[0]["added"]["channel"], "paid_search");
        assert_eq!(out[0]["added"]["page_group"], "Product");
        assert_eq!(out[0]["added"]["bot"], "user_agent");
        assert!(out[0]["why"]["channel"].as_str().unwrap().ends_with("paid; class is search"));
        assert_eq!(out[1]["rejected"]["reason"], "malformed_json");
        assert_eq!(out[2]["added"]["text"], "call me: [phone], my parcel is late and damaged");
        assert!(out[2]["added"]["feeling"].is_string(), "{}", out[2]);
        let said = ["says", "dislikes", "friction_kinds", "likes"].map(|name| out[2]["added"][name].to_string());
        assert_eq!(said, [r#""complaint""#, r#"["delivery","product_quality"]"#, r#"["late","damaged"]"#, "null"]);
    }

    #[test]
    fn what_intake_would_refuse_is_told_with_why_and_counted() {
        let lines = [
            r#"{"occurred_at":1700000000000,"visitor":"v","name":"page_view"}"#,
            r#"{"event_id":"e","occurred_at":1700000000000,"visitor":"undefined","name":"page_view"}"#,
            r#"{"event_id":"e","occurred_at":12,"visitor":"v","name":"page_view"}"#,
            r#"{"event_id":"e","occurred_at":1700000000000,"visitor":"v","name":"page_view"}"#,
            r#"{"entry_id":"s","occurred_at":1700000000000,"channel":"chat","kind":"message","text":"x"}"#,
            r#"{"entry_id":"s","occurred_at":1700000000000,"customer":"C-0","channel":"chat","kind":"message"}"#,
            r#"{"entry_id":"s","occurred_at":1700000000000,"contact":"a@b.co","channel":"chat","kind":"message"}"#,
        ];
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("crumbtrail.yaml");
        std::fs::write(&config, "identity:\n  never_link: [C-0]\n").unwrap();
        let (out, told) = run_and_count(&["--config", config.to_str().unwrap()], &lines.join("\n"));
        for (line, reason, field) in [
            (0, "missing_field", "event_id"),
            (1, "missing_field", "visitor"),
            (2, "absurd_time", "occurred_at"),
            (4, "missing_field", "conversation"),
            (5, "missing_field", "conversation"),
        ] {
            let rejected = &out[line]["rejected"];
            assert_eq!(rejected["reason"], reason, "{}", out[line]);
            assert!(rejected["detail"].as_str().unwrap().starts_with(field), "{}", out[line]);
        }
        assert!(out[3]["added"].is_object() && out[6]["added"].is_object(), "{out:?}");
        assert_eq!(told, Told { lines: 7, refused: 5 });
    }

    #[test]
    fn a_key_tells_an_entry_from_a_click_and_a_word_does_not() {
        let title = click(r#""title":"what is an \"entry_id\"?","properties":{"entry_id":"x"}"#);
        let entry =
            r#"{"occurred_at":1700000000000,"conversation":"c","channel":"chat","kind":"message","entry_id":null}"#;
        let out = run(&[], &[title.as_str(), entry].join("\n"));
        assert!(out[0]["added"].is_object(), "{}", out[0]);
        assert!(out[1]["rejected"]["detail"].as_str().unwrap().starts_with("entry_id"), "{}", out[1]);
    }

    #[test]
    fn robots_that_are_dropped_and_media_are_told_as_stored() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("crumbtrail.yaml");
        std::fs::write(&config, "enrich:\n  drop_bots: true\n").unwrap();
        let input = [
            click(r#""user_agent":"Googlebot/2.1","url":"https://shop.example/""#),
            click(r#""url":"https://shop.example/""#),
            r#"{"event_id":"e","occurred_at":1700000000000,"visitor":"v","name":"Video Completed","properties":{"email":"a@b.co"}}"#
                .to_owned(),
        ]
        .join("\n");
        let out = run(&["--config", config.to_str().unwrap()], &input);
        assert_eq!(out[0]["added"], serde_json::json!({ "outcome": "bot" }));
        let why = out[0]["why"]["outcome"].as_str().unwrap();
        assert!(why.contains("user_agent") && why.contains("enrich.drop_bots"), "{why}");
        assert_eq!(out[1]["added"]["outcome"], Value::Null);
        assert_eq!(out[2]["added"]["kind"], "media_completed", "{}", out[2]);
        assert_eq!(run(&[], &input)[0]["added"]["bot"], "user_agent");
    }

    /// Every name under `added` is that of the column it stands in.
    #[test]
    fn what_is_added_has_the_names_of_the_columns() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (geo, asn) = (path("geo.mmdb"), path("asn.mmdb"));
        std::fs::write(&geo, crumbtrail_world::geo_database().unwrap()).unwrap();
        let system = crumbtrail_enrich::asn::System { number: 7_470, organisation: "TRUE" };
        let systems = [("203.0.113.0/24".parse().unwrap(), system)];
        std::fs::write(&asn, crumbtrail_enrich::mmdb_writer::write_systems(&systems, 0).unwrap()).unwrap();
        let entry = r#"{"entry_id":"s","occurred_at":1700000000000,"conversation":"c","channel":"chat","kind":"message","author":"customer","ip":"203.0.113.9","product":"shoe","tags":"vip","department":"returns","text":"my parcel is late and damaged, the staff is kind"}"#;
        let input = [
            click(r#""ip":"203.0.113.9","url":"https://shop.example/products/1?utm_source=fb&utm_medium=cpc&utm_campaign=c&utm_term=t&utm_content=c&gclid=g&q=red","referrer":"https://www.google.com/","user_agent":"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1","title":"t","step":"pay","properties":{"a":1},"text":"good""#),
            entry.to_owned(),
        ]
        .join("\n");
        let columns = include_str!("../../../../docs/tables.md");
        let out = run(&["--geo", &geo, "--asn", &asn, "--pages", "shipped"], &input);
        for line in &out {
            for name in line["added"].as_object().unwrap().keys() {
                assert!(columns.contains(&format!("\n| `{name}` |")), "{name} is no column: {line}");
            }
        }
        for added in out.iter().map(|line| &line["added"]) {
            assert_eq!((added["network_owner"].as_str(), added["asn"].as_u64()), (Some("TRUE"), Some(7_470)));
            assert!(added["character_count"].is_u64() && added["city"].is_string(), "{added}");
        }
        assert_eq!(out[1]["added"]["name"], "shoe");
    }

    #[test]
    fn it_says_why_of_support_consent_and_devices() {
        let folder = tempfile::tempdir().unwrap();
        let fences = folder.path().join("fences.geojson");
        let point = r#"{"type":"Feature","properties":{"name":"siam"},"geometry":{"type":"Point","coordinates":[100.5347,13.7466]}}"#;
        std::fs::write(&fences, format!(r#"{{"type":"FeatureCollection","features":[{point}]}}"#)).unwrap();
        let entry = |rest: &str| {
            format!(
                r#"{{"entry_id":"s","occurred_at":1700000000000,"conversation":"c","channel":"chat","kind":"message",{rest}}}"#
            )
        };
        let input = [
            entry(r#""author":"agent","text":"sorry for the bad parcel","tags":"vip,a@b.co","contact":"a@b.co""#),
            click(r#""consent":false,"url":"https://shop.example/""#),
            click(r#""url":"https://shop.example/?gcs=G100""#),
            click(r#""latitude":13.7466,"longitude":100.5347,"user_agent":"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1""#),
            click(r#""latitude":13.7466,"longitude":100.5347,"properties":{"accuracy_m":900}"#),
            click(r#""latitude":13.7466,"longitude":100.5347,"store":"mbk""#),
        ]
        .join("\n");
        let out = run(&["--fences", fences.to_str().unwrap()], &input);
        let why = |line: usize, name: &str| out[line]["why"][name].as_str().unwrap_or_default().to_owned();
        assert_eq!((why(0, "channel").as_str(), why(0, "place").as_str()), ("as the entry says", "no address"));
        assert!(why(0, "feeling").contains("agent") && out[0]["added"]["feeling"].is_null(), "{}", out[0]);
        assert_eq!(out[0]["added"]["tags"], "vip,[email]");
        assert!(why(0, "tags").contains("marks") && !why(0, "contact").is_empty(), "{}", out[0]);
        for (line, because) in [(1, "consent is false"), (2, "gcs")] {
            assert_eq!(out[line]["added"], serde_json::json!({ "outcome": "erased" }));
            assert!(why(line, "outcome").starts_with(because), "{}", out[line]);
        }
        assert_eq!(out[3]["added"]["device"], "mobile");
        assert!(why(3, "device").contains("agent") && why(3, "store").contains("inside"), "{}", out[3]);
        assert!(why(4, "store").contains("coarse"), "{}", out[4]);
        assert!(why(5, "store").contains("the event names it"), "{}", out[5]);
    }

    #[test]
    fn fences_places_and_robots_come_from_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (fences, geo, robots) = (path("fences.geojson"), path("geo.mmdb"), path("robots.txt"));
        let point = r#"{"type":"Feature","properties":{"name":"siam"},"geometry":{"type":"Point","coordinates":[100.5347,13.7466]}}"#;
        std::fs::write(&fences, format!(r#"{{"type":"FeatureCollection","features":[{point}]}}"#)).unwrap();
        std::fs::write(&geo, crumbtrail_world::geo_database().unwrap()).unwrap();
        std::fs::write(&robots, "203.0.113.0/24\n").unwrap();
        let input = named(
            "video_progress",
            r#""ip":"203.0.113.9","latitude":13.7466,"longitude":100.5347,"properties":{"percent":50}"#,
        );
        let out = run(&["--fences", &fences, "--geo", &geo, "--robots", &robots], &input);
        let added = &out[0]["added"];
        assert_eq!((added["city"].as_str(), added["fences"][0].as_str()), (Some("Bangkok"), Some("siam")));
        assert_eq!(added["bot"], "address_list");
        assert_eq!(added["store"], "siam");
        assert!(added["geo_edition"].as_str().unwrap().starts_with("Crumbtrail-City-Flat 20"));
        assert!(out[0]["why"]["place"].as_str().unwrap().contains("203.0.113.0/25"));
    }
}
