//! The files of `schemas/clickhouse`, and what their parameters become.

use crate::error::WarehouseError;

/// One file: one statement.
#[derive(Clone, Copy, Debug)]
pub struct SchemaFile {
    /// File name, numbered.
    pub file: &'static str,
    /// Text with parameters in braces.
    pub text: &'static str,
}

impl SchemaFile {
    /// Whether it makes a view, and so may be applied again with another text.
    #[must_use]
    pub fn is_view(&self) -> bool {
        self.text.contains("CREATE OR REPLACE VIEW ")
    }

    /// What it makes: the name after `{database}.`, still with `{epoch}`; empty for the database itself.
    #[must_use]
    pub fn object(&self) -> &'static str {
        let name = self.text.split("{database}.").nth(1).unwrap_or_default();
        name.split_whitespace().next().unwrap_or_default()
    }
}

macro_rules! files {
    ($($file:literal),+ $(,)?) => {
        /// All files in order.
        pub const FILES: &[SchemaFile] =
            &[$(SchemaFile { file: $file, text: include_str!(concat!("../../../schemas/clickhouse/", $file)) }),+];
    };
}

files! {
    "0001_database.sql",
    "0002_schema_migrations.sql",
    "0003_touchpoints.sql",
    "0004_sessions.sql",
    "0005_conversations.sql",
    "0006_journeys.sql",
    "0007_stage_moves.sql",
    "0008_conversions.sql",
    "0009_breadcrumbs.sql",
    "0010_dead_letters.sql",
    "0011_batches.sql",
    "0012_identity_links.sql",
    "0013_touchpoints_origin.sql",
    "0014_dead_letters_origin.sql",
    "0015_batches_row_checksum.sql",
    "0016_touchpoints_opinions.sql",
    "0017_conversations_opinions.sql",
    "0101_touchpoints_view.sql",
    "0102_sessions_view.sql",
    "0103_conversations_view.sql",
    "0104_journeys_view.sql",
    "0105_stage_moves_view.sql",
    "0106_conversions_view.sql",
    "0107_breadcrumbs_view.sql",
    "0108_dead_letters_view.sql",
    "0109_batches_view.sql",
    "0110_identity_links_view.sql",
    "0111_identity_link_history_view.sql",
    "0150_merged_customers_view.sql",
    "0151_funnel_view.sql",
    "0152_checkout_steps_view.sql",
    "0153_paths_view.sql",
    "0154_stage_daily_view.sql",
    "0155_stage_stalls_view.sql",
    "0156_channel_performance_view.sql",
    "0157_cart_abandonment_view.sql",
    "0158_churn_reasons_view.sql",
    "0159_sentiment_daily_view.sql",
    "0160_device_turns_view.sql",
    "0161_content_performance_view.sql",
    "0162_sessions_by_place_view.sql",
    "0163_store_visits_view.sql",
    "0164_audit_view.sql",
    "0165_conversation_people_view.sql",
    "0166_store_stays_view.sql",
    "0167_answers_elsewhere_view.sql",
    "0168_customer_words_view.sql",
    "0170_session_people_view.sql",
    "0171_visits_view.sql",
    "0172_contacts_waiting_view.sql",
    "0173_handovers_view.sql",
    "0174_self_service_view.sql",
    "0175_conversation_origins_view.sql",
    "0176_shared_ids_view.sql",
    "0177_topics_daily_view.sql",
    "0178_support_performance_view.sql",
    "0191_dead_letter_fates_view.sql",
    "0192_deployments.sql",
}

/// What the parameters become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Database; a plain name.
    pub database: String,
    /// Routing epoch: the suffix of the tables.
    pub epoch: u8,
    /// Cluster to run the statements on; a plain name.
    pub cluster: Option<String>,
    /// Replicated engines.
    pub replicated: bool,
    /// Days a touchpoint is kept after it happened; `None` keeps it.
    pub touchpoints_ttl_days: Option<u32>,
    /// Days a touchpoint's text is kept after it happened; `None` keeps it as long as the touchpoint.
    pub text_ttl_days: Option<u32>,
    /// Days a dead letter is kept after it was received; `None` keeps it.
    pub dead_letters_ttl_days: Option<u32>,
    /// Names of the topic bits, in bit order.
    pub topic_names: Vec<String>,
    /// Names of the friction bits, in bit order.
    pub friction_names: Vec<String>,
}

/// Where the ttl of touchpoints stands in their file.
const TOUCHPOINTS_TTL: &str = "{touchpoints_ttl}";
/// Where the ttl of dead letters stands in their file.
const DEAD_LETTERS_TTL: &str = "{dead_letters_ttl}";

/// How long a table keeps its rows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ttl {
    /// Days; `None` keeps them.
    pub(crate) days: Option<u32>,
    /// The clause that says so; empty without one.
    pub(crate) clause: String,
}

impl Ttl {
    fn of(days: Option<u32>, clause: impl FnOnce(u32) -> String) -> Ttl {
        Ttl { days, clause: days.map_or(String::new(), clause) }
    }
}

impl Target {
    /// A single node: database `crumbtrail`, epoch 1, touchpoints and dead letters kept.
    #[must_use]
    pub fn single(topic_names: &[&str], friction_names: &[&str]) -> Target {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Target {
            database: "crumbtrail".to_owned(),
            epoch: 1,
            cluster: None,
            replicated: false,
            touchpoints_ttl_days: None,
            text_ttl_days: None,
            dead_letters_ttl_days: None,
            topic_names: owned(topic_names),
            friction_names: owned(friction_names),
        }
    }

    /// The statement in `file` with its parameters filled in.
    #[must_use]
    pub fn render(&self, file: &SchemaFile) -> String {
        let engine = if self.replicated { "Replicated" } else { "" };
        let settings = if self.replicated {
            "replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800"
        } else {
            "non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1"
        };
        // A batch's touchpoints are younger than its watermark by the lateness at most (a week covers it), so the table
        // still has the touchpoints of ledger rows whose watermark is that much younger than the ttl.
        let shortest = [self.touchpoints_ttl_days, self.dead_letters_ttl_days].into_iter().flatten().min();
        let ttl_keeps_rows = shortest.map_or("1".to_owned(), |days| {
            format!("watermark_at > now64(3) - INTERVAL {} DAY", days.saturating_sub(8))
        });
        let quoted = |names: &[String]| names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        let filled = file
            .text
            .replace("{database}", &self.database)
            .replace("{epoch}", &self.epoch.to_string())
            .replace("{replacing_engine}", &format!("{engine}ReplacingMergeTree(version, is_deleted)"))
            .replace("{migrations_engine}", &format!("{engine}ReplacingMergeTree(applied_at)"))
            .replace("{table_settings}", settings)
            .replace("{topic_names}", &quoted(&self.topic_names))
            .replace("{friction_names}", &quoted(&self.friction_names))
            .replace("{ttl_keeps_rows}", &ttl_keeps_rows);
        // What may be nothing leaves neither a blank at a line's end nor an empty line.
        let or_nothing = |text: String, parameter: &str, clause: &str| match clause {
            "" => text.replace(&format!("{parameter}\n"), ""),
            clause => text.replace(parameter, clause),
        };
        let filled = or_nothing(filled, TOUCHPOINTS_TTL, &self.touchpoints_ttl().clause);
        let filled = or_nothing(filled, DEAD_LETTERS_TTL, &self.dead_letters_ttl().clause);
        match self.on_cluster().as_str() {
            "" => filled.replace(" {on_cluster}", ""),
            clause => filled.replace("{on_cluster}", clause),
        }
    }

    /// The ttl that the table of a file is to have, where it can have one.
    pub(crate) fn ttl(&self, file: &SchemaFile) -> Option<Ttl> {
        match file.text {
            text if text.contains(TOUCHPOINTS_TTL) => Some(self.touchpoints_ttl()),
            text if text.contains(DEAD_LETTERS_TTL) => Some(self.dead_letters_ttl()),
            _ => None,
        }
    }

    fn touchpoints_ttl(&self) -> Ttl {
        Ttl::of(self.touchpoints_ttl_days, |days| format!("TTL toDateTime(occurred_at) + INTERVAL {days} DAY"))
    }

    /// The reception of an imported record may be unknown (1970): those stay.
    fn dead_letters_ttl(&self) -> Ttl {
        Ttl::of(self.dead_letters_ttl_days, |days| {
            format!(
                "TTL toDateTime(received_at) + INTERVAL {days} DAY DELETE WHERE received_at > toDateTime64(0, 3, 'UTC')"
            )
        })
    }

    /// The clause that runs a statement on every server; empty without a cluster.
    pub(crate) fn on_cluster(&self) -> String {
        self.cluster.as_ref().map_or(String::new(), |cluster| format!("ON CLUSTER '{cluster}'"))
    }

    /// Refuses names that could not stand in a statement as they are.
    pub(crate) fn check(&self) -> Result<(), WarehouseError> {
        let plain = |name: &str, extra: &[u8]| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || extra.contains(&byte))
        };
        let names = [("database", Some(&self.database), &b""[..]), ("cluster", self.cluster.as_ref(), b"-.{}")];
        for (what, name, extra) in names {
            if let Some(name) = name.filter(|name| !plain(name, extra)) {
                let detail = format!("{what} {name:?} is not a plain name: use letters, digits and _");
                return Err(WarehouseError::Config { detail });
            }
        }
        if let Some(name) = self.topic_names.iter().chain(&self.friction_names).find(|name| !plain(name, b"")) {
            return Err(WarehouseError::Config {
                detail: format!("topic or friction name {name:?} is not a plain name"),
            });
        }
        Ok(())
    }
}

/// All statements for a single node, for readers and diffs: the text of `schemas/clickhouse/current.sql`.
#[must_use]
pub fn current_sql(topic_names: &[&str], friction_names: &[&str]) -> String {
    let target = Target::single(topic_names, friction_names);
    let mut text =
        String::from("-- The sum of the numbered files for a single node, epoch 1. Generated: do not edit.\n");
    for file in FILES {
        text.push_str(&format!("\n-- {}\n{};\n", file.file, target.render(file).trim_end()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_listed_in_order() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/clickhouse");
        let mut found: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".sql") && name != "current.sql")
            .collect();
        found.sort();
        assert_eq!(found, FILES.iter().map(|file| file.file).collect::<Vec<_>>());
    }

    #[test]
    fn no_parameter_is_left_and_every_statement_is_repeatable() {
        let mut replicated = Target::single(&["billing"], &["late"]);
        replicated.cluster = Some("main".into());
        replicated.replicated = true;
        replicated.touchpoints_ttl_days = Some(400);
        for target in [Target::single(&["billing"], &["late"]), replicated] {
            target.check().unwrap();
            for file in FILES {
                let sql = target.render(file);
                assert!(!sql.contains(['{', '}']), "{}: {sql}", file.file);
                assert!(sql.contains("IF NOT EXISTS") || sql.contains("CREATE OR REPLACE VIEW"), "{}", file.file);
                assert!(!sql.lines().any(|line| line.ends_with(';') && !line.starts_with("--")), "{}", file.file);
                assert_eq!(sql.contains("ON CLUSTER"), target.cluster.is_some(), "{}", file.file);
            }
        }
    }

    #[test]
    fn names_that_could_break_out_are_refused() {
        let mut target = Target::single(&["billing"], &["late"]);
        target.cluster = Some("x' --".into());
        assert!(target.check().is_err());
        assert!(Target::single(&["it's"], &[]).check().is_err());
        assert!(Target::single(&[], &["it's"]).check().is_err());
    }

    #[test]
    fn every_column_has_a_comment() {
        for file in FILES.iter().filter(|file| !file.object().is_empty()) {
            let added = file.text.matches("ADD COLUMN").count();
            if added > 0 {
                assert_eq!(file.text.matches(" COMMENT '").count(), added, "{}", file.file);
                continue;
            }
            let columns = file.text.split("\n(\n").nth(1).and_then(|rest| rest.split("\n)\n").next()).unwrap();
            for line in columns.lines() {
                assert!(line.contains(" COMMENT '"), "{}: {line}", file.file);
            }
        }
    }
}
