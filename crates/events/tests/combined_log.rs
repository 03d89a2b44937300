//! Real web server lines: `web/apache_logs.gz` of the public data folder.
#![allow(clippy::unwrap_used)] // In helpers of tests, a panic is the message.

use std::io::{BufRead as _, BufReader};

use crumbtrail_events::combined::{self, Source};
use crumbtrail_events::{Kind, Reason, Scratch, validate};

#[test]
fn every_line_but_one_is_a_click() {
    let Some(data) = std::env::var_os("CRUMBTRAIL_DATA") else {
        eprintln!("not run: every_line_but_one_is_a_click: CRUMBTRAIL_DATA is not set");
        return;
    };
    let file = std::fs::File::open(std::path::Path::new(&data).join("web/apache_logs.gz")).unwrap();
    let mut lines = BufReader::new(flate2::read::MultiGzDecoder::new(file));
    let source = Source { file_id: "apache_logs", host: "semicomplete.com", visitor_key: &[7; 16] };
    let (mut scratch, mut line) = (Scratch::new(), Vec::new());
    let (mut rejects, mut views, mut assets, mut ids) = (Vec::new(), 0, 0, std::collections::HashSet::new());
    let mut number = 0;
    while lines.read_until(b'\n', &mut line).unwrap() > 0 {
        number += 1;
        match combined::click(&line, number, &source, &mut scratch) {
            Ok(click) => {
                validate::click(&click, 0).unwrap();
                views += usize::from(click.kind == Kind::PageView);
                assets += usize::from(click.name == "asset");
                assert!(ids.insert(click.event_id.to_owned()));
            }
            Err(reject) => rejects.push(reject),
        }
        line.clear();
    }
    assert_eq!((number, ids.len(), rejects.len()), (10_000, 9_999, 1));
    assert_eq!(rejects[0].reason, Reason::MalformedLine);
    assert!(views > 3_000 && assets > 3_000, "{views} views, {assets} assets");
}
