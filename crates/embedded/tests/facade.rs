//! The HTTP interface as clients use it.

mod common;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use common::{alive, connect, encoded, engine_is_here, eventually, owner, owner_bytes, reader, receive, send, shared};

macro_rules! with_engine {
    ($name:ident, $server:ident, $body:block) => {
        #[test]
        fn $name() {
            if engine_is_here(stringify!($name)) {
                let $server = shared();
                $body
            }
        }
    };
}

with_engine!(health_checks_and_unknown_paths, server, {
    for (method, target, status, body) in
        [("GET", "/ping", 200, "Ok.\n"), ("GET", "/", 200, "Ok.\n"), ("HEAD", "/ping", 200, "")]
    {
        let answer = send(server, method, target, &[], b"");
        assert_eq!((answer.status, answer.text().as_str()), (status, body), "{method} {target}");
    }
    let answer = send(server, "GET", "/nothing", &[], b"");
    assert_eq!(answer.status, 404);
    assert!(answer.text().starts_with("There is no handle /nothing"), "{}", answer.text());
    assert_eq!(send(server, "DELETE", "/", &[], b"").status, 405);
});

with_engine!(the_headers_that_clients_read, server, {
    let answer = reader(server, "/?query_id=abc", "SELECT number FROM numbers(3) FORMAT JSONEachRow");
    assert_eq!(answer.header("X-ClickHouse-Query-Id"), Some("abc"));
    assert_eq!(answer.header("X-ClickHouse-Format"), Some("JSONEachRow"));
    assert_eq!(answer.header("Content-Type"), Some("application/x-ndjson; charset=UTF-8"));
    assert!(answer.header("X-ClickHouse-Timezone").is_some());
    assert!(answer.header("X-ClickHouse-Server-Display-Name").is_some());
    let summary: serde_json::Value = serde_json::from_str(answer.header("X-ClickHouse-Summary").unwrap()).unwrap();
    assert_eq!(summary["read_rows"], "3");
    assert_eq!(summary["result_rows"], "3");
});

with_engine!(errors_have_code_name_and_status, server, {
    for (sql, status, code, name) in [
        ("SELECT x", 404, "47", "(UNKNOWN_IDENTIFIER)"),
        ("SELECT * FROM nothing", 404, "60", "(UNKNOWN_TABLE)"),
        ("SELECT toUInt8('x')", 400, "6", "(CANNOT_PARSE_TEXT)"),
        ("SELEC 1", 400, "62", "(SYNTAX_ERROR)"),
        ("DROP TABLE x", 500, "164", "(READONLY)"),
        ("SELECT sleepEachRow(1) FROM numbers(3) SETTINGS max_block_size = 1", 500, "164", "(READONLY)"),
    ] {
        let answer = reader(server, "/", sql);
        assert_eq!(answer.status, status, "{sql}: {}", answer.text());
        assert_eq!(answer.header("X-ClickHouse-Exception-Code"), Some(code), "{sql}");
        let text = answer.text();
        assert!(text.starts_with(&format!("Code: {code}. DB::Exception: ")) && text.contains(name), "{sql}: {text}");
    }
    let slow = reader(
        server,
        "/?max_execution_time=1",
        "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1",
    );
    assert_eq!((slow.status, slow.header("X-ClickHouse-Exception-Code")), (408, Some("159")), "{}", slow.text());
    assert_eq!(reader(server, "/?max_thraeds=1", "SELECT 1").status, 404, "an unknown setting");
    assert_eq!(reader(server, "/?max_threads=many", "SELECT 1").status, 400, "a bad value");
    let stranger = send(server, "POST", "/", &[("X-ClickHouse-User", "root")], b"SELECT 1");
    assert_eq!((stranger.status, stranger.header("X-ClickHouse-Exception-Code")), (403, Some("516")));
});

with_engine!(settings_database_format_and_parameters_come_by_url, server, {
    owner(server, "CREATE DATABASE elsewhere");
    owner(server, "CREATE TABLE elsewhere.t (a UInt8) ENGINE = MergeTree ORDER BY a");
    assert_eq!(owner_bytes(server, "/?database=elsewhere&query=INSERT+INTO+t+FORMAT+TSV", b"7\n").status, 200);
    assert_eq!(
        reader(server, "/?database=elsewhere&default_format=CSVWithNames", "SELECT a FROM t").text(),
        "\"a\"\n7\n"
    );
    let target = format!(
        "/?query={}&param_a=3&param_s={}&max_threads=1",
        encoded("SELECT {a:UInt8}, {s:String}, getSetting('max_threads')"),
        encoded("it's; DROP")
    );
    assert_eq!(send(server, "GET", &target, &[], b"").text(), "3\tit\\'s; DROP\t1\n");
    let form = "--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT {a:UInt8} + 1\r\n--b\r\n\
        Content-Disposition: form-data; name=\"param_a\"\r\n\r\n4\r\n--b--\r\n";
    let answer = send(server, "POST", "/", &[("Content-Type", "multipart/form-data; boundary=b")], form.as_bytes());
    assert_eq!(answer.text(), "5\n");
    assert_eq!(reader(server, "/?database=no_such", "SELECT 1").status, 404);
    assert_eq!(
        send(
            server,
            "POST",
            "/",
            &[("X-ClickHouse-Database", "elsewhere"), ("X-ClickHouse-Format", "JSONCompactEachRow")],
            b"SELECT currentDatabase()"
        )
        .text(),
        "[\"elsewhere\"]\n"
    );
    // Query in the URL, the rest in the body, as curl users do.
    assert_eq!(reader(server, "/?query=SELECT+1", "FORMAT JSONEachRow").text(), "{\"1\":1}\n");
});

with_engine!(every_encoding_both_ways, server, {
    let text = b"1\tone\n2\ttwo\n".repeat(1000);
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&text).unwrap();
        encoder.finish().unwrap()
    };
    let deflate = {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&text).unwrap();
        encoder.finish().unwrap()
    };
    let lz4 = {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(&text).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = zstd::encode_all(&text[..], 1).unwrap();
    owner(server, "CREATE TABLE encoded (a UInt64, s String) ENGINE = MergeTree ORDER BY a");
    let credentials = [("X-ClickHouse-User", server.user()), ("X-ClickHouse-Key", server.password())];
    for (name, body) in [("gzip", gzip), ("deflate", deflate), ("lz4", lz4), ("zstd", zstd)] {
        let headers = [credentials[0], credentials[1], ("Content-Encoding", name)];
        let answer = send(server, "POST", "/?query=INSERT+INTO+encoded+FORMAT+TSV", &headers, &body);
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    }
    assert_eq!(owner(server, "SELECT count(), sum(a) FROM encoded"), "8000\t12000\n");

    let sql = "SELECT number FROM numbers(400000)";
    let expected: String = (0..400_000).map(|number| format!("{number}\n")).collect();
    for name in ["gzip", "deflate", "lz4", "zstd", "identity"] {
        let answer = send(server, "POST", "/", &[("Accept-Encoding", name)], sql.as_bytes());
        assert_eq!(answer.header("Content-Encoding").unwrap_or("identity"), name);
        let mut out = Vec::new();
        match name {
            "gzip" => drop(flate2::read::GzDecoder::new(&answer.body[..]).read_to_end(&mut out).unwrap()),
            "deflate" => drop(flate2::read::ZlibDecoder::new(&answer.body[..]).read_to_end(&mut out).unwrap()),
            "lz4" => drop(lz4_flex::frame::FrameDecoder::new(&answer.body[..]).read_to_end(&mut out).unwrap()),
            "zstd" => out = zstd::decode_all(&answer.body[..]).unwrap(),
            _ => out = answer.body,
        }
        assert_eq!(out, expected.as_bytes(), "{name}");
    }
    // ClickHouse's own blocks: what compress=1 answers, decompress=1 takes.
    let blocks = reader(server, "/?compress=1", "SELECT number, 'x' FROM numbers(100000)");
    assert_eq!(blocks.header("Content-Encoding"), None);
    let answer = owner_bytes(server, "/?decompress=1&query=INSERT+INTO+encoded+FORMAT+TSV", &blocks.body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(owner(server, "SELECT count() FROM encoded WHERE s = 'x'"), "100000\n");
    let mut broken = blocks.body;
    broken[100] ^= 1;
    let answer = owner_bytes(server, "/?decompress=1&query=INSERT+INTO+encoded+FORMAT+TSV", &broken);
    assert!(answer.text().contains("(CHECKSUM_DOESNT_MATCH)"), "{}", answer.text());
    assert_eq!(owner(server, "SELECT count() FROM encoded"), "108000\n");
});

with_engine!(large_results_stream_whole_in_every_joinable_format, server, {
    let rows = 300_000;
    for (format, header) in [
        ("TSV", 0),
        ("TSVWithNames", 1),
        ("TSVWithNamesAndTypes", 2),
        ("CSVWithNames", 1),
        ("JSONCompactEachRowWithNamesAndTypes", 2),
        ("JSONEachRow", 0),
    ] {
        let answer = reader(server, "/", &format!("SELECT number, 'a\nb' AS s FROM numbers({rows}) FORMAT {format}"));
        let lines = answer.text().lines().count();
        let per_row = if format.starts_with("CSV") { 2 } else { 1 };
        assert!(answer.whole && answer.head.to_ascii_lowercase().contains("chunked"), "{format}");
        assert_eq!(lines, rows * per_row + header, "{format}");
    }
    let binary = reader(server, "/", &format!("SELECT number FROM numbers({rows}) FORMAT RowBinaryWithNamesAndTypes"));
    assert_eq!(binary.body.len(), 15 + 1 + rows * 8 - 1, "one header, then rows");
    let json: serde_json::Value = serde_json::from_slice(
        &reader(server, "/", &format!("SELECT number FROM numbers({rows}) FORMAT JSONCompact")).body,
    )
    .unwrap();
    assert_eq!(json["data"].as_array().unwrap().len(), rows);
    let totals =
        reader(server, "/", "SELECT number % 2 AS k, count() FROM numbers(10) GROUP BY k WITH TOTALS ORDER BY k");
    assert_eq!(totals.text(), "0\t5\n1\t5\n\n0\t10\n");
});

with_engine!(an_error_after_the_first_megabyte_breaks_the_answer_off_and_says_why, server, {
    let sql = "SELECT throwIf(number = 900000), repeat('x', 30) FROM numbers(1000000)";
    let answer = reader(server, "/", sql);
    assert_eq!(answer.status, 200);
    assert!(!answer.whole, "a client that knows no trailer must notice too");
    let tag = answer.header("X-ClickHouse-Exception-Tag").unwrap().to_owned();
    let text = answer.text();
    assert!(text.ends_with(&format!(" {tag}\r\n__exception__\r\n")), "{}", &text[text.len() - 200..]);
    assert!(text.contains("Code: 395. DB::Exception"));
    // Waiting for the end gives an honest status.
    assert_eq!(reader(server, "/?wait_end_of_query=1", sql).status, 500);
});

with_engine!(a_session_keeps_settings_and_database_and_is_locked, server, {
    owner(server, "CREATE DATABASE IF NOT EXISTS session_db");
    assert_eq!(reader(server, "/?session_id=s1", "USE session_db").status, 200);
    assert_eq!(reader(server, "/?session_id=s1", "SET max_threads = 1, max_block_size = 2").status, 200);
    let asked = "SELECT currentDatabase(), getSetting('max_threads'), getSetting('max_block_size')";
    assert_eq!(reader(server, "/?session_id=s1", asked).text(), "session_db\t1\t2\n");
    assert_eq!(
        reader(server, "/?session_id=s2&session_check=1", "SELECT 1").header("X-ClickHouse-Exception-Code"),
        Some("372")
    );
    assert_eq!(reader(server, "/?session_id=s1", "SET no_such_setting = 1").status, 404);
    std::thread::scope(|scope| {
        let slow = scope
            .spawn(|| reader(server, "/?session_id=s3&max_block_size=1", "SELECT sleepEachRow(1) FROM numbers(2)"));
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(reader(server, "/?session_id=s3", "SELECT 1").header("X-ClickHouse-Exception-Code"), Some("373"));
        assert_eq!(slow.join().unwrap().status, 200);
    });
    assert_eq!(reader(server, "/?session_id=s3", "SELECT 1").status, 200);
});

with_engine!(a_client_that_goes_away_cancels_its_statement, server, {
    let running = |word: &str| {
        let sql = format!(
            "SELECT count() FROM system.processes WHERE query LIKE '%{word}%' AND query NOT LIKE '%processes%'"
        );
        owner(server, &sql) == "1\n"
    };
    // Before the first byte of an answer, and in the middle of one.
    for (word, sql) in [
        ("quiet", "SELECT count() AS quiet FROM numbers(100000000000000) WHERE sipHash64(number) = 1"),
        ("talking", "SELECT number AS talking FROM numbers(100000000000000)"),
    ] {
        let mut stream = connect(server);
        write!(stream, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{sql}", sql.len()).unwrap();
        eventually("the statement runs", || running(word));
        drop(stream);
        eventually("the statement is gone", || !running(word));
    }
});

with_engine!(an_upload_that_breaks_off_is_not_an_insert, server, {
    owner(server, "CREATE TABLE broken_off (a UInt64) ENGINE = MergeTree ORDER BY a");
    let target =
        format!("/?user={}&password={}&query=INSERT+INTO+broken_off+FORMAT+TSV", server.user(), server.password());
    let mut stream = connect(server);
    write!(stream, "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n1\n2\n3\n").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    drop(stream);
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(owner(server, "SELECT count() FROM broken_off"), "0\n");
    // A chunked body is taken as well, a megabyte at a time; one insert is one part.
    let mut stream = connect(server);
    write!(stream, "POST {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
        .unwrap();
    for from in (0..500_000).step_by(50_000) {
        let piece: String = (from..from + 50_000).map(|number| format!("{number}\n")).collect();
        write!(stream, "{:x}\r\n{piece}\r\n", piece.len()).unwrap();
    }
    write!(stream, "0\r\n\r\n").unwrap();
    assert_eq!(receive(stream).unwrap().status, 200);
    assert_eq!(owner(server, "SELECT count() FROM broken_off"), "500000\n");
    assert_eq!(owner(server, "SELECT count() FROM system.parts WHERE table = 'broken_off' AND active"), "1\n");
});

with_engine!(a_refused_upload_is_answered_and_a_bad_row_is_named, server, {
    let big = vec![b'x'; 8 << 20];
    let answer = send(server, "POST", "/?query=INSERT+INTO+nothing+FORMAT+TSV", &[], &big);
    assert!(answer.text().contains("(READONLY)"), "{}", answer.text());
    let answer = owner_bytes(server, "/?query=INSERT+INTO+nothing+FORMAT+TSV", &big);
    assert_eq!(answer.header("X-ClickHouse-Exception-Code"), Some("60"), "{}", answer.text());
    owner(server, "CREATE TABLE bad_row (a UInt64) ENGINE = MergeTree ORDER BY a");
    let answer = owner_bytes(server, "/?query=INSERT+INTO+bad_row+FORMAT+TSV", b"1\nx\n");
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(owner(server, "SELECT count() FROM bad_row"), "0\n");
});

with_engine!(fsync_can_be_asked_for_and_happens, server, {
    let syncs = || -> u64 {
        let answer = owner(server, "SELECT sum(value) FROM system.events WHERE event IN ('FileSync', 'DirectorySync')");
        answer.trim().parse().unwrap()
    };
    let asked = "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1";
    owner(server, &format!("CREATE TABLE synced (a UInt64) ENGINE = MergeTree ORDER BY a {asked}"));
    let before = syncs();
    assert_eq!(owner_bytes(server, "/?query=INSERT+INTO+synced+FORMAT+TSV", b"1\n").status, 200);
    assert!(syncs() > before, "nothing was synced");
});

with_engine!(statements_run_side_by_side, server, {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                assert_eq!(reader(server, "/?max_block_size=1", "SELECT sleepEachRow(0.5) FROM numbers(2)").status, 200)
            });
        }
    });
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    assert!(alive(server.endpoint().pid));
});
