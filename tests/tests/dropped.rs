//! Tables that somebody drops behind our back: missed, told with how to mend, never made again empty by themselves.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crumbtrail_tests::{Deployment, has_engine, tables, world};
use crumbtrail_warehouse::{Client, Endpoint};

fn execute(shop: &Deployment, statement: &str) {
    let (url, user, password) = shop.engine_access();
    let client = Client::new(&Endpoint { user, password, ..Endpoint::new(url) }).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(client.execute(statement)).unwrap();
}

/// The one line of a command that is refused for a table.
#[track_caller]
fn refusal(shop: &Deployment, name: &str, arguments: &[String], table: &str) {
    let said = shop.fails(name, arguments);
    let line = said.lines().last().unwrap_or_default();
    let words = said.lines().filter(|line| line.starts_with("crumbtrail: ")).count();
    assert_eq!(words, 1, "{name}: {said}");
    assert!(
        line.contains(&format!("crumbtrail.{table} is gone")) && line.contains("crumbtrail migrate --anew"),
        "{said}"
    );
    assert!(line.contains("UNDROP TABLE"), "{said}");
}

#[test]
fn a_dropped_table_stops_every_command_until_it_is_made_anew_and_filled_from_the_log() {
    if !has_engine("a_dropped_table_stops_every_command_until_it_is_made_anew_and_filled_from_the_log") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    world::make(&shop.path("world"), "0.02", &[]);
    let arguments = world::import_arguments(&shop.path("world"));
    shop.ok("import", &arguments);
    let before = tables::with_versions(&shop);
    let none: [String; 0] = [];
    for table in ["sessions_e1", "journeys_e1"] {
        execute(&shop, &format!("DROP TABLE crumbtrail.{table} SYNC"));
        refusal(&shop, "import", &arguments, table);
        refusal(&shop, "run", &none, table);
        refusal(&shop, "migrate", &none, table);
        // It reads neither, so of itself it would be empty.
        refusal(&shop, "audit", &none, table);
        let checked = shop.run("check", &none);
        let said = String::from_utf8_lossy(&checked.stdout).into_owned();
        let told = format!(
            "MEND  table {table}: it was made, and somebody dropped it\n      how: put it back (`UNDROP TABLE`"
        );
        assert!(checked.status.code() == Some(4) && said.contains(&told), "{said}");
        let is_there = format!("SELECT count() FROM system.tables WHERE database = 'crumbtrail' AND name = '{table}'");
        assert_eq!(shop.number(&is_there), 0, "never made again by itself");

        let said = shop.ok("migrate", ["--anew"]);
        assert!(said.contains(table) && said.contains("they fill the tables from the logs"), "{said}");
        shop.ok("import", &arguments);
        tables::assert_replayed(&before, &shop);
    }
    assert!(shop.ok("migrate", ["--anew"]).contains("no table is gone"));
    shop.ok("audit", ["--log"]);
}

#[test]
fn a_table_dropped_under_a_running_process_ends_it_with_a_word() {
    if !has_engine("a_table_dropped_under_a_running_process_ends_it_with_a_word") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    world::make(&shop.path("world"), "0.02", &[]);
    shop.ok("import", world::import_arguments(&shop.path("world")));
    let mut job = shop.command("run").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    // Nothing is inserted into it meanwhile.
    execute(&shop, "DROP TABLE crumbtrail.conversions_e1 SYNC");
    let until = Instant::now() + Duration::from_secs(60);
    while job.try_wait().unwrap().is_none() {
        assert!(Instant::now() < until, "it goes on as if nothing had happened");
        std::thread::sleep(Duration::from_millis(100));
    }
    let out = job.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    let line = said.lines().last().unwrap_or_default();
    assert!(!out.status.success() && line.starts_with("crumbtrail: "), "{said}");
    assert!(line.contains("conversions_e1 is gone") && line.contains("--anew"), "{said}");
}

#[test]
fn a_database_that_is_gone_is_told_and_filled_again() {
    if !has_engine("a_database_that_is_gone_is_told_and_filled_again") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    world::make(&shop.path("world"), "0.02", &[]);
    let arguments = world::import_arguments(&shop.path("world"));
    shop.ok("import", &arguments);
    let before = tables::with_versions(&shop);
    execute(&shop, "DROP DATABASE crumbtrail SYNC");
    let out = shop.run("import", &arguments);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && said.contains("the tables of this deployment are gone, all of them"), "{said}");
    tables::assert_replayed(&before, &shop);
}
