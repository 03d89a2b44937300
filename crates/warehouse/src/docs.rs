//! `docs/tables.md`, made from the SQL files so that it cannot tell anything else than they do.

use crate::schema::{FILES, SchemaFile};

/// The page: every view with its columns, their types, and what they mean.
#[must_use]
pub fn tables_md() -> String {
    let mut page = String::from(
        "# The tables\n\n\
        Generated from `schemas/clickhouse`; `cargo run -p crumbtrail-warehouse --example tables` writes it.\n\n\
        Read the views below: they show the latest version of every row, and are right before any merge has run. The\n\
        tables behind them are named by routing epoch (`sessions_e1`) and hold every version.\n",
    );
    let is_base = |file: &&SchemaFile| file.file < "0150";
    let views = || FILES.iter().filter(|file| file.is_view());
    page.push_str("\n## Rows\n");
    for view in views().filter(is_base) {
        let table = format!("{}_e{{epoch}}", view.object());
        let made_by = FILES.iter().find(|file| file.object() == table);
        section(&mut page, view, &description(made_by.unwrap_or(view)));
    }
    page.push_str("\n## Views for BI\n");
    for view in views().filter(|file| !is_base(file)) {
        section(&mut page, view, &description(view));
    }
    page
}

fn section(page: &mut String, file: &SchemaFile, description: &str) {
    page.push_str(&format!(
        "\n### `{}`\n\n{description}\n\n| column | type | meaning |\n|---|---|---|\n",
        file.object()
    ));
    for (name, type_name, comment) in columns(file.text) {
        page.push_str(&format!("| `{name}` | `{type_name}` | {} |\n", comment.replace('|', "\\|")));
    }
}

/// The comment lines a file begins with.
fn description(file: &SchemaFile) -> String {
    file.text.lines().map_while(|line| line.strip_prefix("-- ")).collect::<Vec<_>>().join("\n")
}

/// (name, type, comment) of every column: one a line.
fn columns(text: &str) -> impl Iterator<Item = (&str, &str, String)> {
    let list = text.split("\n(\n").nth(1).and_then(|rest| rest.split("\n)\n").next()).unwrap_or_default();
    list.lines().filter_map(|line| {
        let (name, rest) = line.trim().split_once(' ')?;
        let (type_name, comment) = rest.split_once(" COMMENT '")?;
        let end = comment.rfind('\'')?;
        // A codec may follow the comment and has quotes of its own nowhere.
        Some((name, type_name, comment[..end].replace("\\'", "'")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_from_their_lines() {
        let text =
            "CREATE\n(\n    a Nullable(Int64) COMMENT 'It\\'s, ms',\n    t String COMMENT 'b' CODEC(ZSTD(1))\n)\nE";
        let found: Vec<_> = columns(text).collect();
        assert_eq!(found, [("a", "Nullable(Int64)", "It's, ms".to_owned()), ("t", "String", "b".to_owned())]);
    }
}
