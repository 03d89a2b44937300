//! What stands beside generated records: the truths, the geo database and a configuration that fits.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use crumbtrail_world::{OWN_HOSTS, SITE, geo_database};

use super::sink::file_names;
use super::{GenerateArgs, OutFormat, Subject};

/// Writes `truths.json`, `geo.mmdb` and `crumbtrail.yaml`.
pub(super) fn write_beside(args: &GenerateArgs, out: &Path, truths: &str) -> Result<()> {
    let write = |name: &str, bytes: &[u8]| {
        let path = out.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    };
    let home = std::path::absolute(out).with_context(|| format!("cannot find {}", out.display()))?;
    write("truths.json", truths.as_bytes())?;
    write("geo.mmdb", &geo_database()?)?;
    write("crumbtrail.yaml", config(args, &home).as_bytes())
}

/// A configuration for what was generated into `home`.
fn config(args: &GenerateArgs, home: &Path) -> String {
    let quoted = |path: PathBuf| serde_json::Value::from(path.to_string_lossy().into_owned()).to_string();
    let mut yaml = String::from("# Made by `crumbtrail generate`. Every key: `crumbtrail config example`.\n");
    let mut line = |text: std::fmt::Arguments<'_>| {
        let _ = writeln!(yaml, "{text}");
    };
    line(format_args!("data_dir: {}", quoted(home.join("data"))));
    line(format_args!("enrich:\n  geo_database: {}", quoted(home.join("geo.mmdb"))));
    line(format_args!("sites:\n  {SITE}:\n    own_hosts: [{}]", OWN_HOSTS.join(", ")));
    if let Some(brokers) = &args.kafka {
        line(format_args!("kafka:\n  bootstrap_servers: {}", serde_json::Value::from(brokers.as_str())));
        line(format_args!("log:\n  home: kafka\n  replication_factor: {}", args.replication));
        line(format_args!(
            "privacy:\n  # For a made-up world. In earnest: CRUMBTRAIL_PRIVACY_KEY.\n  key: made-up-people-need-no-secret"
        ));
        if let Some(url) = &args.registry {
            line(format_args!("registry:\n  url: {}", serde_json::Value::from(url.as_str())));
        }
    }
    let clicks = match args.format {
        OutFormat::Native => "native",
        OutFormat::Segment => "segment",
        OutFormat::Combined => "combined",
        OutFormat::Avro => "avro",
    };
    let support = if args.format == OutFormat::Avro { "avro" } else { "native" };
    line(format_args!("sources:"));
    line(format_args!("  - {{ topic: {}, kind: click, format: {clicks}, site: {SITE} }}", args.clicks_topic));
    if args.what == Subject::World {
        line(format_args!("  - {{ topic: {}, kind: support, format: {support}, site: {SITE} }}", args.support_topic));
    }
    yaml
}

/// What to type next.
pub(super) fn next_step(args: &GenerateArgs) -> String {
    let Some(out) = &args.out else {
        return "next: crumbtrail run all --config YOUR.yaml (with --out DIR one is written)".to_owned();
    };
    let home = out.display();
    if args.kafka.is_some() {
        return format!("next: crumbtrail run all --config {home}/crumbtrail.yaml");
    }
    let [clicks, support] = file_names(args.format);
    let import = |format: &str, files: &str| {
        format!("crumbtrail import --config {home}/crumbtrail.yaml --format {format} {files}")
    };
    let (clicks, support) = (format!("{home}/{clicks}"), format!("{home}/{support}"));
    let has_support = args.what == Subject::World;
    let all = if has_support { format!("{clicks} {support}") } else { clicks.clone() };
    let apart = |first: String| {
        if has_support { format!("{first} --keep-open\n      {}", import("native", &support)) } else { first }
    };
    let next = match args.format {
        OutFormat::Native => import("native", &all),
        OutFormat::Avro => import("avro", &all),
        OutFormat::Segment => apart(import("segment", &clicks)),
        // A line names no site.
        OutFormat::Combined => apart(import(&format!("combined --site {SITE}"), &clicks)),
    };
    format!("next: {next}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: GenerateArgs,
    }

    fn args(line: &str) -> GenerateArgs {
        Line::try_parse_from(format!("generate {line}").split(' ')).unwrap().args
    }

    #[test]
    fn the_configuration_is_one_we_read() {
        for line in [
            "world --out demo",
            "world --out demo --format segment",
            "load --out demo --format avro",
            "load --out demo --format combined",
            "world --out demo --format avro --kafka 127.0.0.1:9092 --registry http://127.0.0.1:8081",
        ] {
            let args = args(line);
            let text = config(&args, Path::new("/somewhere/with a space"));
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("crumbtrail.yaml");
            std::fs::write(&path, &text).unwrap();
            let config = crate::config::load(Some(&path)).unwrap_or_else(|error| panic!("{line}: {error}\n{text}"));
            assert_eq!(config.sites[SITE].own_hosts, OWN_HOSTS);
            assert_eq!(config.enrich.geo_database, "/somewhere/with a space/geo.mmdb");
            assert_eq!(config.sources.len(), if args.what == Subject::World { 2 } else { 1 });
        }
    }

    #[test]
    fn a_place_to_write_to_is_needed() {
        assert!(Line::try_parse_from(["generate", "world"]).is_err());
        assert!(next_step(&args("world --out d")).ends_with("--format native d/clicks.jsonl d/support.jsonl"));
        assert!(next_step(&args("load --out d --format avro")).ends_with("--format avro d/clicks.avro"));
        let next = next_step(&args("load --out d --format combined"));
        assert!(next.ends_with(&format!("--format combined --site {SITE} d/access.log")), "{next}");
    }
}
