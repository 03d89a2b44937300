//! `audit`: what does not add up, what each kind of it means, and what to do about it.

mod log;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow, ensure};
use crumbtrail_warehouse::schema::Target;
use crumbtrail_warehouse::vanished::{Vanished, vanished};
use crumbtrail_warehouse::{epochs, migrate};

use crate::args::AuditArgs;
use crate::loaded::load_to_read;
use crate::say::print;
use crate::wiring::Deployment;

/// Exit code when the audit is not empty, as `check`'s when there is something to mend.
const NOT_EMPTY: u8 = 4;

/// Of each kind of row: what it means, and what to do.
const KINDS: [(&str, &str, &str); 9] = [
    (
        "hole",
        "a stretch of the log is in no table, by the ledger",
        "start the processors anew (`crumbtrail run`): they go back to the last unbroken offset and load it again",
    ),
    (
        "overlap",
        "records were loaded under two cuts, though a replay cuts alike",
        "rows with the same key are one row, so the tables may be right all the same: look which builds ran, and `crumbtrail rebuild`",
    ),
    (
        "conflict",
        "one stretch was loaded with two contents, though a replay makes the same rows",
        "look which builds or rules ran at the same time, then `crumbtrail rebuild`",
    ),
    (
        "balance",
        "records were accepted that ended in no outcome, or in two",
        "a fault of this program or of the ledger: keep the logs, report it, and `crumbtrail rebuild`",
    ),
    (
        "differ",
        "tables tell different counts, checksums or times of one stretch: a ledger row was changed after it was written",
        "put the ledger (`batches`) back from a copy, or `crumbtrail rebuild`",
    ),
    (
        "uneven",
        "the ledger of one table goes further than that of another: its rows were taken away",
        "start the processors anew: they go back to the end that all tables share",
    ),
    (
        "rows",
        "a table has lost or gained records since they were loaded: restored, deleted by hand, or changed",
        "put the table back from a copy and start the processors anew, or `crumbtrail rebuild`",
    ),
    (
        "places",
        "as many records as were loaded, but not the same ones: a row was replaced",
        "put the table back from a copy and start the processors anew, or `crumbtrail rebuild`",
    ),
    (
        "unclaimed",
        "rows stand there that no ledger row speaks of, and nobody has loaded that partition for hours",
        "start the processors anew: they load that stretch again, which changes no row, and write its ledger rows",
    ),
];

/// Of what only the logs can tell (`--log`).
const LOG_KIND: (&str, &str, &str) = (
    log::KIND,
    "the ledger speaks of records that the log does not have, of other ones, of none of a partition that has some, or of other times",
    "a partition without a ledger: start the processors; a ledger that was changed: put `batches` back from a copy, or `crumbtrail rebuild`; a log that was cut or replaced: `crumbtrail \
     check` tells which topics are there",
);

/// Of what only the versions in the tables can tell.
const VANISHED_KIND: (&str, &str, &str) = (
    "vanished",
    "of the newest rows that the ledger says a table was given none is there, though nothing replaces them: the table was emptied or \
     made anew, or rows were deleted",
    "put the table back from a copy and start the processors anew, or `crumbtrail rebuild`",
);

/// One row of the view.
#[derive(Clone, Debug, serde::Deserialize)]
struct Finding {
    kind: String,
    epoch: u8,
    processor: String,
    partition: u32,
    table_name: String,
    from_offset: u64,
    to_offset: u64,
    expected_count: i64,
    found_count: i64,
    detail: String,
}

pub fn audit(args: &AuditArgs) -> Result<ExitCode> {
    let deployment = Deployment::new(load_to_read(&args.place)?)?;
    let clickhouse = deployment.clickhouse()?;
    let (client, runtime) = (&clickhouse.client, &deployment.runtime);
    let shown = runtime.block_on(epochs::shown(client)).context("what the views show cannot be asked")?;
    let shown = shown.ok_or_else(|| anyhow!("there are no tables yet in {}: nothing to audit", client.database()))?;
    // The audit reads some tables only; of the others it would not miss one.
    let target = Target { epoch: shown.newest, ..deployment.target() };
    let gone = runtime.block_on(migrate::dropped(client, &target)).context("which tables there are cannot be asked")?;
    migrate::refuse(&target, &gone)?;
    let sql = format!(
        "SELECT kind, epoch, toString(processor) AS processor, partition, table_name, from_offset, to_offset, expected_count, \
         found_count, detail FROM {}.audit ORDER BY ALL",
        client.database()
    );
    let mut findings = runtime.block_on(client.rows::<Finding>(&sql)).context("the audit cannot be asked")?;
    let vanished = runtime.block_on(vanished(client, shown.newest)).context("the tables cannot be asked")?;
    findings.extend(vanished.into_iter().map(|of| Finding::of_vanished(of, shown.newest)));
    if args.log {
        let configured = deployment.config.epoch.0;
        ensure!(
            configured == shown.newest,
            "the views show epoch {}, the configuration says {configured}, whose log is another: set `epoch: {}` for --log",
            shown.newest,
            shown.newest
        );
        let compared = log::compare(&deployment, client)?;
        eprint!("{}", compared.told());
        findings.extend(compared.findings);
    }
    print(&told(&findings, shown.newest))?;
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(NOT_EMPTY) })
}

impl Finding {
    fn of_vanished(of: Vanished, epoch: u8) -> Finding {
        Finding {
            kind: VANISHED_KIND.0.to_owned(),
            epoch,
            processor: of.processor,
            partition: of.partition,
            table_name: of.table_name,
            from_offset: of.from_offset,
            to_offset: of.to_offset,
            expected_count: of.row_count.cast_signed(),
            found_count: 0,
            detail: "the table has none of the newest rows it was given".to_owned(),
        }
    }
}

/// The findings as lines, then what their kinds mean.
fn told(findings: &[Finding], epoch: u8) -> String {
    if findings.is_empty() {
        return format!(
            "the audit of epoch {epoch} is empty: every record stands in the tables once, with one outcome\n"
        );
    }
    let mut out = String::new();
    for found in findings {
        let Finding { kind, epoch, processor, partition, table_name, from_offset, to_offset, .. } = found;
        let table = if table_name.is_empty() { "all tables" } else { table_name };
        let _ = writeln!(
            out,
            "{kind:<10} {processor} partition {partition}, {table}, log offsets {from_offset} to {to_offset} of epoch {epoch}: expected \
             {}, found {}; {}",
            found.expected_count, found.found_count, found.detail
        );
    }
    let kinds: BTreeSet<&str> = findings.iter().map(|found| found.kind.as_str()).collect();
    for (kind, meaning, remedy) in
        KINDS.iter().chain([&LOG_KIND, &VANISHED_KIND]).filter(|(kind, ..)| kinds.contains(kind))
    {
        let _ = writeln!(out, "\n{kind}: {meaning}.\n  what to do: {remedy}.");
    }
    let _ = writeln!(out, "\n{} rows that must not be", findings.len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_that_the_view_knows_is_explained() {
        let view = include_str!("../../../../schemas/clickhouse/0164_audit_view.sql");
        let comment = view.lines().find(|line| line.contains("kind String COMMENT '")).unwrap();
        let (_, listed) = comment.split_once("COMMENT '").unwrap();
        let listed: Vec<&str> = listed.split("; ").map(|kind| kind.split_once(':').unwrap().0).collect();
        assert_eq!(listed, KINDS.map(|(kind, ..)| kind));
        for (kind, ..) in KINDS {
            assert!(view.contains(&format!("'{kind}'")), "{kind}");
        }
    }

    #[test]
    fn an_empty_audit_is_one_line_and_a_finding_says_what_to_do() {
        assert_eq!(told(&[], 3).lines().count(), 1);
        let found = Finding {
            kind: "hole".to_owned(),
            epoch: 1,
            processor: "sessionize".to_owned(),
            partition: 2,
            table_name: "touchpoints".to_owned(),
            from_offset: 5,
            to_offset: 9,
            expected_count: 5,
            found_count: 9,
            detail: "x".to_owned(),
        };
        let said = told(&[found.clone(), found], 1);
        assert!(said.contains("sessionize partition 2, touchpoints, log offsets 5 to 9"), "{said}");
        assert_eq!(said.matches("what to do").count(), 1, "a kind is explained once: {said}");
        assert!(said.ends_with("\n2 rows that must not be\n"), "{said}");
    }
}
