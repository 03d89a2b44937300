//! The sessions as docs/sql/sessions.sql computes them, held against the table.

use crate::Deployment;

/// The query with other values of its rules.
#[must_use]
pub fn with_rules(rules: &[(&str, &str)]) -> String {
    let path = crate::root().join("docs/sql/sessions.sql");
    let query = std::fs::read_to_string(path).expect("the query");
    rules.iter().fold(query, |query, (name, value)| {
        let end = format!(" AS {name},");
        let is_rule = |line: &&str| line.ends_with(&end);
        assert_eq!(query.lines().filter(is_rule).count(), 1, "one line gives {name}");
        query
            .lines()
            .map(|line| if is_rule(&line) { format!("    {value}{end}\n") } else { format!("{line}\n") })
            .collect()
    })
}

/// What the query's rows, under these rules, and the table's (of `one_site`, if that is given) differ in: how many there are of each
/// that the other lacks, and examples.
#[track_caller]
pub fn differing(shop: &Deployment, rules: &[(&str, &str)]) -> (i64, i64, String) {
    let query = with_rules(rules);
    let described = shop.sql(&format!("DESCRIBE ({query})"));
    let columns: Vec<&str> = described.lines().filter_map(|line| line.split('\t').next()).collect();
    assert!(columns.len() > 40 && columns[..2] == ["site", "started_at"], "{columns:?}");
    let columns = columns.join(", ");
    let site = rules.iter().find(|(name, _)| *name == "one_site").map_or("site", |(_, site)| site);
    let found = shop.sql(&format!(
        "SELECT countIf(side > 0), countIf(side < 0),
             arrayStringConcat(groupArrayIf(4)(concat(if(side > 0, 'computed: ', 'in the table: '), row), side != 0), ' | ')
         FROM (
             SELECT row, sum(side) AS side FROM (
                 SELECT toString(tuple({columns})) AS row, 1 AS side FROM ({query})
                 UNION ALL SELECT toString(tuple({columns})), -1 FROM sessions WHERE site = {site})
             GROUP BY row ORDER BY row)"
    ));
    let mut parts = found.trim_end().splitn(3, '\t');
    let mut number = || parts.next().and_then(|text| text.parse().ok()).expect("a number");
    (number(), number(), parts.next().unwrap_or_default().to_owned())
}

/// Asserts that the query's rows are the table's, all of them final; returns how many there are.
#[track_caller]
pub fn assert_same_sessions(shop: &Deployment, rules: &[(&str, &str)]) -> i64 {
    assert_eq!(shop.number("SELECT countIf(NOT is_final) FROM sessions"), 0, "event time was closed");
    let (computed, in_table, examples) = differing(shop, rules);
    assert_eq!((computed, in_table), (0, 0), "{rules:?}: only computed, only in the table; {examples}");
    shop.number("SELECT count() FROM sessions")
}
