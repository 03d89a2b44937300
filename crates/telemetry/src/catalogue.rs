//! Every metric there is: name, kind, labels, meaning, and whether to alert on it. `docs/metrics.md` is made from this
//! list and a test holds them together.

/// Kind of a metric, in Prometheus' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Distribution over fixed buckets, in seconds.
    Histogram,
}

impl MetricKind {
    /// Prometheus' name of the kind.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        }
    }
}

/// One entry of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// `crumbtrail_<area>_<what>_<unit>[_total]`.
    pub name: &'static str,
    /// Its kind.
    pub kind: MetricKind,
    /// Its labels; never a value taken from event data.
    pub labels: &'static [&'static str],
    /// What it means, with its unit.
    pub help: &'static str,
    /// What it should make somebody do, empty if nothing.
    pub alert: &'static str,
}

macro_rules! catalogue {
    ($( $ident:ident = $name:literal, $kind:ident, [$($label:literal),*], $help:literal, $alert:literal; )*) => {
        $( #[doc = $help] pub const $ident: Metric = Metric {
            name: $name, kind: MetricKind::$kind, labels: &[$($label),*], help: $help, alert: $alert,
        }; )*
        /// The whole catalogue, in the order of the documentation.
        pub const ALL: &[Metric] = &[$($ident),*];
    };
}

catalogue! {
    BUILD_INFO = "crumbtrail_build_info", Gauge, ["version"], "Always 1; the version of the binary is in the label.", "";
    LOOP_SILENCE = "crumbtrail_loop_silence_seconds", Gauge, ["loop"], "Since when the thread of a processor or of intake has made no turn; 0 while it restores partitions. It makes fifty a second, waiting and paused, too.", "above 30 for a minute: a thread hangs, or a broker is away; `/readyz` fails, and after ten minutes `/livez`";
    INTAKE_RECORDS = "crumbtrail_intake_records_total", Counter, ["outcome"], "Source records intake decided, by the outcome it gave them (sessionize may still find one late or a duplicate).", "";
    INTAKE_BYTES = "crumbtrail_intake_bytes_total", Counter, [], "Bytes of source payloads read.", "";
    DEAD_LETTERS = "crumbtrail_intake_dead_letters_total", Counter, ["reason"], "Records that became dead letters, by stable reason.", "a rise means a producer changed";
    INTAKE_LAG = "crumbtrail_intake_lag_records", Gauge, ["topic", "partition"], "Source records not yet decided: end of the partition minus the frontier.", "grows for 10 minutes";
    INTAKE_PAUSED = "crumbtrail_intake_paused", Gauge, ["why"], "1 while intake is paused for this reason (registry, back_pressure).", "1 for 5 minutes";
    INTAKE_LOST_OFFSETS = "crumbtrail_intake_lost_offsets_total", Counter, ["topic"], "Source offsets that were gone before they were read, accepted as lost by an operator (--accept-gap).", "any: say what they were";
    INTAKE_QUARANTINED = "crumbtrail_intake_quarantined_total", Counter, [], "Records set aside as dead letters because three processes crashed at each.", "any: a build that can read it, then redrive";
    ENRICHMENT_MISSING = "crumbtrail_enrichment_missing_total", Counter, ["what"], "Columns that stay empty, by what enrichment lacks: no_database (an address was given, and there is no geo database), place (an address that the database does not know), agent (a user agent that no rule knows), damaged (a look-up that a damaged database failed).", "damaged: any; place or agent: a rise beside the records read";
    SENTIMENT_PLUGIN = "crumbtrail_sentiment_plugin_texts_total", Counter, ["outcome"], "Support texts that the plugged-in model should read, by what came of it: read, or left to the default tables because the queue was full, it was late, the text was too_long, or it failed.", "failed: any (the log has the first); full or late beside read: raise sentiment.plugin.threads, queue or limit_ms";
    STEP_RECORDS = "crumbtrail_step_records_total", Counter, ["processor", "outcome"], "Records a step ended, by outcome.", "";
    STEP_REPEATS = "crumbtrail_step_repeats_total", Counter, ["processor"], "Records dropped because their position was not newer: restarts, rebalances, zombies. Harmless.", "";
    STEP_GAPS = "crumbtrail_step_gaps_total", Counter, ["processor"], "Records or ticks refused because one before them is missing from the log.", "any: the log lost a record";
    STEP_GAPS_OPEN = "crumbtrail_step_gaps_open", Gauge, ["processor", "partition"], "Origins of which a record is missing: what follows it is refused until their writer has gone back.", "above 0 for 2 minutes: nobody heals it";
    STEP_GO_BACKS_ASKED = "crumbtrail_step_go_backs_asked_total", Counter, ["processor"], "Times the writer of an origin was asked to go back, by the reader that misses a record.", "";
    WRITER_GO_BACKS = "crumbtrail_writer_go_backs_total", Counter, ["processor"], "Times a writer went back because a reader misses a record.", "";
    STEP_GAPS_ACCEPTED = "crumbtrail_step_gaps_accepted_total", Counter, ["processor"], "Partitions that went on without what their log had forgotten, accepted as lost by an operator (--accept-gap).", "any: sessions and journeys open then are not continued";
    STEP_QUARANTINED = "crumbtrail_step_quarantined_total", Counter, ["processor"], "Records of our logs that a step was not given, because three processes crashed at each.", "any: a build that can read it, and a rebuild";
    STEP_OLD_GENERATION = "crumbtrail_step_old_generation_total", Counter, ["processor"], "Records dropped because a newer configuration's writer has taken over.", "";
    STEP_LAG = "crumbtrail_step_lag_frames", Gauge, ["processor", "partition"], "Frames of our log not yet processed.", "grows for 10 minutes";
    STEP_LAG_SECONDS = "crumbtrail_step_lag_seconds", Gauge, ["processor", "partition"], "Wall time minus the wall time of the last tick processed: how old the tables are.", "above 60";
    STEP_WATERMARK_DELAY = "crumbtrail_step_watermark_delay_seconds", Gauge, ["processor", "partition"], "Wall time minus the watermark: how far event time is behind.", "above the allowed lateness";
    OPEN_SESSIONS = "crumbtrail_sessions_open", Gauge, ["partition"], "Sessions still open.", "";
    OPEN_CONVERSATIONS = "crumbtrail_conversations_open", Gauge, ["partition"], "Conversations still open.", "";
    PEOPLE = "crumbtrail_journeys_people", Gauge, ["partition"], "People whose journeys are held in state.", "";
    STATE_BYTES = "crumbtrail_state_resident_bytes", Gauge, ["processor", "partition"], "Resident bytes of the step's state.", "near the pod's limit";
    SCRATCH_BYTES = "crumbtrail_scratch_bytes", Gauge, ["processor", "partition"], "Bytes of the step's state that lie in scratch files instead of in memory.", "";
    SCRATCH_FAILURES = "crumbtrail_scratch_failures_total", Counter, ["processor"], "Ticks at which state that could lie on disk stayed in memory: the folder for scratch files is full or cannot be written.", "any: make room in data_dir, before memory runs short";
    SNAPSHOT_BYTES = "crumbtrail_snapshot_size_bytes", Gauge, ["processor", "partition"], "Size of the last published snapshot.", "";
    SNAPSHOT_SECONDS = "crumbtrail_snapshot_stall_seconds", Histogram, ["processor"], "How long taking a part of a snapshot held the partition up.", "p99 above 0.1";
    SNAPSHOT_FAILURES = "crumbtrail_snapshot_failures_total", Counter, ["processor"], "Snapshots that could not be published.", "any";
    INSERT_SECONDS = "crumbtrail_insert_duration_seconds", Histogram, ["table"], "Time of one insert into ClickHouse, retries included.", "p99 above 5";
    INSERT_ROWS = "crumbtrail_insert_rows_total", Counter, ["table"], "Rows acknowledged by ClickHouse.", "";
    INSERT_RETRIES = "crumbtrail_insert_retries_total", Counter, ["kind"], "Inserts tried again after an error that deserves it: `unreachable`, `timed_out`, `server_busy`, or `disk_full` (ClickHouse's).", "above 1 per second";
    INSERT_QUEUE_BYTES = "crumbtrail_insert_queue_bytes", Gauge, [], "Encoded rows waiting to be inserted.", "at its limit for 5 minutes";
    AUDIT_ROWS = "crumbtrail_audit_rows", Gauge, [], "Rows of the view `audit`: what does not add up. Empty, always.", "above 0";
}

/// The catalogue as the markdown of `docs/metrics.md`.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from(
        "# Metrics\n\nMade from `crates/telemetry/src/catalogue.rs` by `crumbtrail docs`; do not edit.\n\n\
         | metric | kind | labels | meaning | alert when |\n|---|---|---|---|---|\n",
    );
    for metric in ALL {
        let labels = metric.labels.iter().map(|l| format!("`{l}`")).collect::<Vec<_>>().join(", ");
        out.push_str(&format!(
            "| `{}` | {} | {labels} | {} | {} |\n",
            metric.name,
            metric.kind.as_str(),
            metric.help,
            metric.alert
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_convention_and_are_unique() {
        let mut names: Vec<_> = ALL.iter().map(|m| m.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        for metric in ALL {
            assert!(metric.name.starts_with("crumbtrail_"), "{}", metric.name);
            assert_eq!(metric.name.ends_with("_total"), metric.kind == MetricKind::Counter, "{}", metric.name);
            assert!(metric.help.ends_with('.'), "{}", metric.name);
        }
    }
}
