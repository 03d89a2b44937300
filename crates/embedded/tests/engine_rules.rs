//! The rules of the embedded engine, each learnt from a fault (see the crate's documentation).

mod common;

use common::{encoded, engine_is_here, owner, owner_bytes, reader, send, shared};

#[test]
fn rule_1_data_of_an_insert_never_runs_as_sql() {
    if !engine_is_here("rule_1_data_of_an_insert_never_runs_as_sql") {
        return;
    }
    let server = shared();
    owner(server, "CREATE TABLE victim (a UInt8) ENGINE = MergeTree ORDER BY a");
    owner(server, "CREATE TABLE rule_1 (a String) ENGINE = MergeTree ORDER BY a");
    for text in [
        "INSERT INTO rule_1 FORMAT JSONEachRow\n{\"a\":\"x\"}\n\nDROP TABLE victim",
        "INSERT INTO rule_1 FORMAT TSV\nx\n\nDROP TABLE victim\n",
        "INSERT INTO rule_1 VALUES ('x')\n\nDROP TABLE victim",
        "INSERT INTO rule_1 VALUES ('x'); DROP TABLE victim",
    ] {
        owner_bytes(server, "/", text.as_bytes());
        owner_bytes(server, &format!("/?query={}", encoded(text)), b"");
    }
    assert_eq!(owner(server, "EXISTS victim"), "1\n");
    assert_eq!(
        owner(server, "SELECT count() FROM rule_1 WHERE a = 'DROP TABLE victim'"),
        "2\n",
        "it is data, as TSV says"
    );

    // Binary data with every byte value, cut nowhere.
    owner(server, "CREATE TABLE binary (a UInt8) ENGINE = MergeTree ORDER BY a");
    let mut body = b"INSERT INTO binary FORMAT RowBinary\n".to_vec();
    body.extend(0..=255_u8);
    assert_eq!(owner_bytes(server, "/", &body).status, 200);
    assert_eq!(owner(server, "SELECT count(), uniqExact(a) FROM binary"), "256\t256\n");
}

#[test]
fn rule_2_a_failed_statement_leaves_nothing_for_the_next_one() {
    if !engine_is_here("rule_2_a_failed_statement_leaves_nothing_for_the_next_one") {
        return;
    }
    let server = shared();
    let failing = "SELECT throwIf(number = 900000), repeat('x', 30) FROM numbers(1000000)";
    for _ in 0..3 {
        let answer = reader(server, "/", failing);
        assert!(answer.text().contains("FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"), "{}", answer.text().len());
        assert_eq!(reader(server, "/", "SELECT 1").text(), "1\n");
    }
    // A view with a scalar subquery: on a used connection the source would be written and the view not.
    owner(server, "CREATE TABLE source (a UInt64) ENGINE = MergeTree ORDER BY a");
    owner(server, "CREATE TABLE target (a UInt64, n UInt64) ENGINE = MergeTree ORDER BY a");
    owner(
        server,
        "CREATE MATERIALIZED VIEW view TO target AS SELECT a, (SELECT count() FROM numbers(5)) AS n FROM source",
    );
    for round in 1..=3 {
        let answer =
            owner_bytes(server, "/?session_id=rule2&max_threads=1&query=INSERT+INTO+source+FORMAT+TSV", b"1\n2\n");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(
            owner(server, "SELECT (SELECT count() FROM source), (SELECT count() FROM target)"),
            format!("{0}\t{0}\n", round * 2)
        );
    }
}

#[test]
fn rule_3_one_statement_at_a_time() {
    if !engine_is_here("rule_3_one_statement_at_a_time") {
        return;
    }
    let server = shared();
    owner(server, "CREATE TABLE rule_3 (a UInt8) ENGINE = MergeTree ORDER BY a");
    for text in [
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE rule_3",
        "SELECT 1\n;\nDROP TABLE rule_3",
        "CREATE TABLE x (a UInt8) ENGINE = Memory PARALLEL WITH DROP TABLE rule_3",
        "SELECT 1 FORMAT JSON; DROP TABLE rule_3",
        "selec 1",
        "",
    ] {
        let answer = owner_bytes(server, "/", text.as_bytes());
        assert_eq!(answer.status, 400, "{text}: {}", answer.text());
        assert!(answer.text().starts_with("Code: 62. DB::Exception: "), "{text}: {}", answer.text());
        assert_eq!(answer.header("X-ClickHouse-Exception-Code"), Some("62"));
    }
    assert_eq!(owner(server, "EXISTS rule_3"), "1\n");
    assert_eq!(owner(server, "SELECT 1; -- one statement all the same\n"), "1\n");
}

#[test]
fn rule_4_and_5_the_process_has_no_stdin_and_no_foreign_signal_handlers() {
    if !engine_is_here("rule_4_and_5_the_process_has_no_stdin_and_no_foreign_signal_handlers") {
        return;
    }
    let server = shared();
    let pid = server.endpoint().pid;
    assert_eq!(std::fs::read_link(format!("/proc/{pid}/fd/0")).unwrap().to_str(), Some("/dev/null"));
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
    let caught = u64::from_str_radix(caught, 16).unwrap();
    for (name, number) in [("SIGQUIT", 3), ("SIGILL", 4), ("SIGABRT", 6), ("SIGFPE", 8), ("SIGTSTP", 20)] {
        assert_eq!(caught >> (number - 1) & 1, 0, "{name} is caught");
    }
    // INSERT … VALUES without data would wait for standard input.
    owner(server, "CREATE TABLE rule_4 (a UInt8) ENGINE = MergeTree ORDER BY a");
    owner_bytes(server, "/", b"INSERT INTO rule_4 VALUES");
    assert_eq!(owner(server, "SELECT count() FROM rule_4"), "0\n");
}

#[test]
fn rule_6_a_retried_token_doubles_neither_table_nor_view() {
    if !engine_is_here("rule_6_a_retried_token_doubles_neither_table_nor_view") {
        return;
    }
    let server = shared();
    let window = "SETTINGS non_replicated_deduplication_window = 100";
    owner(server, &format!("CREATE TABLE rule_6 (a UInt64) ENGINE = MergeTree ORDER BY a {window}"));
    owner(server, &format!("CREATE TABLE rule_6_target (a UInt64) ENGINE = MergeTree ORDER BY a {window}"));
    owner(server, "CREATE MATERIALIZED VIEW rule_6_view TO rule_6_target AS SELECT a + 1 AS a FROM rule_6");
    for token in ["x", "x", "y", "x"] {
        let target = format!(
            "/?insert_deduplicate=1&insert_deduplication_token={token}&deduplicate_blocks_in_dependent_materialized_views=1\
             &query=INSERT+INTO+rule_6+FORMAT+TSV"
        );
        let answer = owner_bytes(server, &target, b"1\n2\n");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(owner(server, "SELECT (SELECT count() FROM rule_6), (SELECT count() FROM rule_6_target)"), "4\t4\n");
}

#[test]
fn rule_7_a_reader_reads_and_nothing_else() {
    if !engine_is_here("rule_7_a_reader_reads_and_nothing_else") {
        return;
    }
    let server = shared();
    owner(server, "CREATE TABLE rule_7 (a UInt8) ENGINE = MergeTree ORDER BY a");
    for text in [
        "INSERT INTO rule_7 VALUES (1)",
        "INSERT INTO rule_7 FORMAT TSV\n1\n",
        "INSERT INTO rule_7 SELECT 1",
        "DROP TABLE rule_7",
        "CREATE TABLE rule_7_b (a UInt8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE rule_7_c (a UInt8)",
        "ALTER TABLE rule_7 DELETE WHERE 1",
        "KILL QUERY WHERE 1",
        "SYSTEM FLUSH LOGS",
        "SELECT 1 INTO OUTFILE 'x'",
        "SELECT * FROM file('/etc/hostname', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "SELECT * FROM executable('id', 'TSV', 'a String')",
        "SELECT 1 SETTINGS readonly = 0",
    ] {
        for target in ["/", "/?readonly=0", "/?readonly=2&session_id=rule7"] {
            let answer = reader(server, target, text);
            assert_ne!(answer.status, 200, "{text}: {}", answer.text());
            assert!(answer.text().starts_with("Code: "), "{text}: {}", answer.text());
        }
        let credentials = [("X-ClickHouse-User", server.user()), ("X-ClickHouse-Key", server.password())];
        // Nor does the owner who asks to read only.
        if text != "SELECT 1 SETTINGS readonly = 0" {
            let answer = send(server, "POST", "/?readonly=1", &credentials, text.as_bytes());
            assert_ne!(answer.status, 200, "{text}: {}", answer.text());
        }
        // GET never writes, not even for the owner.
        if !text.starts_with("SELECT") {
            let answer = send(server, "GET", &format!("/?query={}", encoded(text)), &credentials, b"");
            assert!(answer.text().contains("(READONLY)"), "{text}: {}", answer.text());
        }
    }
    // A session cannot lift it either.
    reader(server, "/?session_id=lift", "SET readonly = 0");
    assert_ne!(reader(server, "/?session_id=lift", "INSERT INTO rule_7 VALUES (1)").status, 200);
    assert_ne!(reader(server, "/?session_id=lift", "SELECT * FROM file('/etc/hostname', 'LineAsString')").status, 200);
    assert_eq!(owner(server, "SELECT count() FROM rule_7"), "0\n");
    assert_eq!(
        reader(server, "/?max_threads=1", "SELECT getSetting('max_threads'), getSetting('readonly')").text(),
        "1\t1\n"
    );
}
