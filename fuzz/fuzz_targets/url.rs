//! URLs: host, page, parameters, and the channel they and a referrer make. The referrer follows a newline.
#![no_main]

use std::sync::LazyLock;

use crumbtrail_enrich::channel::{Book, explain};
use crumbtrail_enrich::query::{Parameters, clean};
use crumbtrail_enrich::{Rules, SiteRules, url};

static RULES: LazyLock<Rules> = LazyLock::new(Rules::default);

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (page, referrer) = text.split_once('\n').unwrap_or((text, ""));
    let parts = url::split(page);
    let (mut host, mut path) = (String::new(), String::new());
    let _ = url::host_name(parts.host, &mut host);
    let _ = parts.page(&mut path);
    let _ = Parameters::of_url(&parts);
    let _ = clean(parts.query, &["q".to_owned()], Default::default(), &mut String::new());
    let book: &Book = &RULES.channels;
    let _ = explain(page, referrer, &SiteRules::default(), book);
});
