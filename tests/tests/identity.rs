//! Whose anonymous clicks and contacts are, from files to the views, and what an operator can do about it.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::process::{Command, Output};

use crumbtrail_tests::{Deployment, has_engine};

const START: i64 = 1_760_000_000_000;
const DAY: i64 = 86_400_000;

fn click(id: &str, visitor: &str, day: i64, name: &str, customer: &str) -> String {
    let at = START + day * DAY;
    format!(
        r#"{{"event_id":"{id}","site":"shop","visitor":"{visitor}","occurred_at":{at},"name":"{name}","url":"https://shop.example/p","customer":"{customer}"}}"#
    )
}

/// What a customer writes: id, conversation, day, then customer, visitor and contact.
fn entry(id: &str, conversation: &str, day: i64, [customer, visitor, contact]: [&str; 3]) -> String {
    let at = START + day * DAY;
    format!(
        r#"{{"entry_id":"{id}","site":"shop","conversation":"{conversation}","occurred_at":{at},"kind":"message","author":"customer","channel":"chat","customer":"{customer}","visitor":"{visitor}","contact":"{contact}","text":"hello"}}"#
    )
}

fn import(shop: &Deployment, files: &[(&str, &[String])]) -> String {
    import_as(shop, "native", files)
}

fn import_as(shop: &Deployment, format: &str, files: &[(&str, &[String])]) -> String {
    import_with(shop, vec!["--keep-open".into(), "--format".into(), format.into()], files)
}

/// The same, and closes event time a day behind it.
fn import_last(shop: &Deployment, files: &[(&str, &[String])]) -> String {
    import_with(shop, vec!["--format".into(), "native".into()], files)
}

fn import_with(shop: &Deployment, mut arguments: Vec<OsString>, files: &[(&str, &[String])]) -> String {
    for (name, lines) in files {
        let mut text = String::new();
        for line in *lines {
            let _ = writeln!(text, "{line}");
        }
        arguments.push(shop.write(name, text).into_os_string());
    }
    shop.ok("import", arguments)
}

/// Customer, visitor, clicks and support entries of every journey.
const JOURNEYS: &str = "SELECT customer, visitor, click_count, support_count FROM journeys ORDER BY ALL";

fn identity(shop: &Deployment, arguments: &[&str]) -> Output {
    let mut command = Command::new(crumbtrail_tests::binary());
    command.arg("identity").args(arguments).arg("--config").arg(shop.config());
    command.output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn operator(shop: &Deployment, what: &str, visitor: &str, customer: &str) {
    let out = identity(shop, &[what, "--site", "shop", "--visitor", visitor, "--customer", customer]);
    assert!(out.status.success() && text(&out.stdout).contains("done"), "{}", text(&out.stderr));
}

#[test]
fn what_was_done_before_a_login_or_a_call_joins_the_customer_and_can_be_undone() {
    if !has_engine("what_was_done_before_a_login_or_a_call_joins_the_customer_and_can_be_undone") {
        return;
    }
    let mut shop = Deployment::new("identity: {never_link: [TILL]}");
    shop.start_engine();
    let clicks = [
        // Ann looks round on her phone, too long before she logs in, then within the look-back; and once more, logged out.
        click("a1", "phone", 0, "page_view", ""),
        click("a2", "phone", 20, "page_view", ""),
        click("a3", "phone", 31, "login", "ann"),
        click("a4", "phone", 32, "page_view", ""),
        // Bob logs in on Ann's phone: what is done there is his until she is named again.
        click("b1", "phone", 33, "login", "bob"),
        click("b2", "phone", 34, "purchase", ""),
        click("a5", "phone", 35, "page_view", "ann"),
        click("a6", "phone", 36, "page_view", ""),
        // A till and a placeholder are nobody.
        click("t1", "till", 1, "page_view", "TILL"),
        click("n1", "other", 1, "page_view", "null"),
    ];
    let support = [
        // Somebody asks from Ann's phone, and somebody by mail; the mail turns out to be Ann's a week later.
        entry("s1", "case-1", 21, ["", "phone", ""]),
        entry("s2", "case-2", 22, ["", "", "ann@example.com"]),
        entry("s3", "case-3", 29, ["ann", "", "ANN@example.com"]),
        entry("s4", "case-4", 30, ["", "", "eve@example.com"]),
    ];
    let said = import(&shop, &[("clicks.jsonl", &clicks), ("support.jsonl", &support)]);
    assert!(said.contains("counted            14"), "{said}");
    let whole = "\t\t0\t1\n\tother\t1\t0\n\tphone\t1\t0\n\ttill\t1\t0\nann\tphone\t5\t3\nbob\tphone\t2\t0\n";
    assert_eq!(shop.sql(JOURNEYS), whole);
    assert_eq!(shop.sql("SELECT customer FROM conversions"), "bob\n");
    assert_eq!(
        shop.sql("SELECT id_kind, customer, standing, how FROM identity_links ORDER BY ALL"),
        "contact\tann\tlinked\tsupport\nvisitor\tann\tlinked\tlogin\nvisitor\tbob\trival\tlogin\n"
    );
    assert_eq!(
        shop.sql("SELECT customer, is_by_link, count() FROM session_people GROUP BY ALL ORDER BY ALL"),
        "\tfalse\t3\nann\tfalse\t2\nann\ttrue\t3\nbob\tfalse\t1\nbob\ttrue\t1\n"
    );

    // Ann was a mistake: her phone is Bob's, and everything anonymous on it from 30 days before his login.
    operator(&shop, "unlink", "phone", "ann");
    let bobs = "\t\t0\t1\n\tother\t1\t0\n\tphone\t1\t0\n\ttill\t1\t0\nann\tphone\t2\t2\nbob\tphone\t5\t1\n";
    assert_eq!(shop.sql(JOURNEYS), bobs);
    // Nobody's: it is itself again.
    operator(&shop, "unlink", "phone", "bob");
    let nobodys = "\t\t0\t1\n\tother\t1\t0\n\tphone\t5\t1\n\ttill\t1\t0\nann\tphone\t2\t2\nbob\tphone\t1\t0\n";
    assert_eq!(shop.sql(JOURNEYS), nobodys);
    // Ann's after all, and all that is kept with her: event time is still open, so what is too old for a login, too.
    operator(&shop, "link", "phone", "ann");
    operator(&shop, "link", "phone", "ann");
    assert!(shop.sql(JOURNEYS).contains("ann\tphone\t7\t3\n"), "{}", shop.sql(JOURNEYS));
    assert_eq!(shop.sql("SELECT count() FROM audit"), "0\n");

    // What stands is the end of a history.
    let history =
        "SELECT customer, standing, dateDiff('day', fromUnixTimestamp64Milli(1760000000000, 'UTC'), changed_at) < 40
         FROM identity_link_history WHERE id = 'phone' ORDER BY customer, change_number";
    let anns = "ann\tlinked\t1\nann\tlinked\t1\nann\tundone\t0\nann\tlinked\t0\nann\tlinked\t0\n";
    let bobs = "bob\trival\t1\nbob\tlinked\t0\nbob\tundone\t0\n";
    assert_eq!(shop.sql(history), format!("{anns}{bobs}"));
    assert_eq!(
        shop.sql("SELECT customer, standing FROM identity_links WHERE id = 'phone' ORDER BY customer"),
        "ann\tlinked\nbob\tundone\n"
    );

    // The same files again change nothing, and a later file of Eve's tells who she is.
    import(&shop, &[("clicks.jsonl", &clicks), ("support.jsonl", &support)]);
    import(&shop, &[("later.support.jsonl", &[entry("s5", "case-5", 35, ["eve", "", "eve@example.com"])])]);
    let journeys = shop.sql(JOURNEYS);
    assert!(journeys.contains("eve\t\t0\t2\n") && journeys.contains("ann\tphone\t7\t3\n"), "{journeys}");
    let shown = text(&identity(&shop, &["show", "--contact", " Eve@Example.com"]).stdout);
    assert!(shown.contains("eve") && shown.contains("support") && !shown.contains('@'), "{shown}");
    let shown = text(&identity(&shop, &["show", "--customer", "bob"]).stdout);
    assert!(shown.contains("an operator took it back"), "{shown}");
    for (site, knows) in [("shop", true), ("elsewhere", false)] {
        let shown = text(&identity(&shop, &["show", "--customer", "bob", "--site", site]).stdout);
        assert_eq!(shown.contains("an operator took it back"), knows, "{site}: {shown}");
        assert!(knows || shown.starts_with("no link of customer bob at site elsewhere is known"), "{shown}");
    }
    for (whom, id, said) in [
        ("--customer", "nobody", "customer nobody"),
        ("--visitor", "v", "visitor v"),
        ("--contact", "a@b.c", "this contact"),
    ] {
        let shown = text(&identity(&shop, &["show", whom, id]).stdout);
        assert!(shown.lines().count() == 1 && shown.starts_with(&format!("no link of {said} is known")), "{shown}");
    }
    assert_eq!(shop.sql(history), format!("{anns}{bobs}"), "what was read again changed nothing");
    assert_eq!(shop.sql("SELECT count() FROM audit"), "0\n");
}

/// Of each table of journeys, how many rows say which customer.
const NAMES: &str = "SELECT * FROM (
    SELECT 'journeys' AS at, customer, count() FROM journeys GROUP BY customer UNION ALL
    SELECT 'moves', customer, count() FROM stage_moves GROUP BY customer UNION ALL
    SELECT 'conversions', customer, count() FROM conversions GROUP BY customer UNION ALL
    SELECT 'carts', customer, count() FROM breadcrumbs GROUP BY customer) ORDER BY ALL";

#[test]
fn every_table_says_whose_it_is_though_nothing_that_was_done_names_them() {
    if !has_engine("every_table_says_whose_it_is_though_nothing_that_was_done_names_them") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let clicks = [
        // Leaves a cart and buys a day later; who it is an operator says.
        click("o1", "one", 1, "add_to_cart", ""),
        click("o2", "one", 2, "purchase", ""),
        // Buys, then logs in.
        click("g1", "tablet", 3, "purchase", ""),
        click("g2", "tablet", 4, "login", "gp"),
        // Only a repeat tells who it is.
        click("d1", "twice", 5, "purchase", ""),
        click("d1", "twice", 5, "purchase", "dup"),
        // Nobody.
        click("n1", "nobody", 20, "purchase", "null"),
    ];
    let support = [
        // An address turns out to be a customer's.
        entry("s1", "case-1", 6, ["", "", "eve@example.com"]),
        entry("s2", "case-2", 7, ["eve", "", "eve@example.com"]),
    ];
    import_last(&shop, &[("clicks.jsonl", &clicks), ("support.jsonl", &support)]);
    let apart = "carts\t\t1\nconversions\t\t2\nconversions\tdup\t1\nconversions\tgp\t1\njourneys\t\t2\njourneys\tdup\t1\n\
                 journeys\teve\t1\njourneys\tgp\t1\nmoves\t\t3\nmoves\tdup\t1\nmoves\teve\t1\nmoves\tgp\t1\n";
    assert_eq!(shop.sql(NAMES), apart);

    operator(&shop, "link", "one", "opx");
    let linked = "carts\topx\t1\nconversions\t\t1\nconversions\tdup\t1\nconversions\tgp\t1\nconversions\topx\t1\njourneys\t\t1\n\
                  journeys\tdup\t1\njourneys\teve\t1\njourneys\tgp\t1\njourneys\topx\t1\nmoves\t\t1\nmoves\tdup\t1\n\
                  moves\teve\t1\nmoves\tgp\t1\nmoves\topx\t2\n";
    assert_eq!(shop.sql(NAMES), linked);
    // What comes after it is named, too.
    import(&shop, &[("later.clicks.jsonl", &[click("o3", "one", 30, "purchase", "")])]);
    assert!(shop.sql(NAMES).contains("conversions\topx\t2\n"), "{}", shop.sql(NAMES));

    operator(&shop, "unlink", "one", "opx");
    let names = shop.sql(NAMES);
    assert!(!names.contains("opx") && names.contains("conversions\t\t3\n"), "{names}");
    assert_eq!(shop.sql("SELECT count() FROM audit"), "0\n");
}

#[test]
fn what_was_done_under_several_ids_is_one_journey_until_that_is_undone() {
    if !has_engine("what_was_done_under_several_ids_is_one_journey_until_that_is_undone") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let alias = click("n1", "laptop", 33, "login", "new").replace('}', r#","previous_customer":"old"}"#);
    let clicks = [
        click("o1", "phone", 20, "page_view", ""),
        click("o2", "phone", 31, "login", "old"),
        click("o3", "phone", 32, "purchase", "old"),
        alias,
        click("n2", "laptop", 34, "page_view", "new"),
        click("o4", "phone", 35, "page_view", "old"),
    ];
    let support = [entry("s1", "case-1", 36, ["old", "", ""])];
    import(&shop, &[("clicks.jsonl", &clicks), ("support.jsonl", &support)]);
    assert_eq!(shop.sql(JOURNEYS), "new\tphone\t6\t1\n");
    assert_eq!(shop.sql("SELECT customer, count() FROM conversions GROUP BY customer"), "new\t1\n");
    assert_eq!(
        shop.sql("SELECT customer, count(), max(person_session_number) FROM session_people JOIN visits USING (site, session_id) GROUP BY customer"),
        "new\t6\t6\n"
    );

    // A server's alias call makes it a chain.
    let at = START + 37 * DAY;
    let call = format!(
        r#"{{"type":"alias","messageId":"g1","anonymousId":"laptop","previousId":"new","userId":"newest","timestamp":{at},"context":{{"site":"shop"}}}}"#
    );
    import_as(&shop, "segment", &[("alias.jsonl", &[call])]);
    assert_eq!(shop.sql(JOURNEYS), "newest\tlaptop\t7\t1\n");
    assert_eq!(
        shop.sql("SELECT customer, merged_customer FROM merged_customers WHERE hop_count = 2 OR customer = 'new' ORDER BY ALL"),
        "new\tnewest\nold\tnewest\n"
    );
    let shown = text(&identity(&shop, &["show", "--customer", "new"]).stdout);
    assert!(shown.contains("old") && shown.contains("newest") && shown.contains("alias"), "{shown}");

    // Undone from the end, each has its own back; what was anonymous goes with the one whose phone it is.
    let decide = |what: &str, customer: &str, of: &str| {
        let out = identity(&shop, &[what, "--site", "shop", "--customer", customer, "--alias-of", of]);
        assert!(out.status.success() && text(&out.stdout).contains("done"), "{}", text(&out.stderr));
    };
    decide("unlink", "new", "newest");
    assert_eq!(shop.sql(JOURNEYS), "new\tphone\t6\t1\nnewest\tlaptop\t1\t0\n");
    decide("unlink", "old", "new");
    let apart = "new\tlaptop\t2\t0\nnewest\tlaptop\t1\t0\nold\tphone\t4\t1\n";
    assert_eq!(shop.sql(JOURNEYS), apart);
    assert_eq!(shop.sql("SELECT customer, count() FROM conversions GROUP BY customer"), "old\t1\n");
    decide("link", "old", "newest");
    decide("link", "newest", "old");
    assert_eq!(shop.sql(JOURNEYS), "new\tlaptop\t2\t0\nnewest\tlaptop\t5\t1\n");
    assert_eq!(
        shop.sql("SELECT id, customer, standing FROM identity_links WHERE id_kind = 'customer' ORDER BY ALL"),
        "new\tnewest\tundone\nnewest\told\tcircle\nold\tnew\tundone\nold\tnewest\tlinked\n"
    );
    assert_eq!(shop.sql("SELECT count() FROM audit"), "0\n");
    let refused = identity(&shop, &["link", "--site", "shop", "--customer", "old", "--alias-of", "null"]);
    assert!(!refused.status.success());
}

#[test]
fn a_placeholder_is_never_linked() {
    let shop = Deployment::new("");
    let out = identity(&shop, &["link", "--visitor", "v", "--customer", "undefined"]);
    assert!(!out.status.success() && text(&out.stderr).contains("placeholder"), "{}", text(&out.stderr));
}

#[test]
fn a_contact_is_linked_by_what_named_it_and_a_placeholder_is_none() {
    if !has_engine("a_contact_is_linked_by_what_named_it_and_a_placeholder_is_none") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let with_contact = |click: String, contact: &str| click.replace("}", &format!(r#","contact":"{contact}"}}"#));
    let clicks = [
        with_contact(click("a1", "phone", 2, "login", "ann"), "ann@example.com"),
        with_contact(click("b1", "desk", 2, "page_view", "bob"), "bob@example.com"),
        with_contact(click("n1", "till", 2, "login", "eve"), "'null'"),
    ];
    let support = [
        // Asked before she is known; and two strangers whose forms had no contact to send.
        entry("s1", "case-1", 1, ["", "", "Ann@example.com"]),
        entry("s2", "case-2", 3, ["", "", "'NULL'"]),
        entry("s3", "case-3", 3, ["", "", "0"]),
        entry("s4", "case-4", 3, ["zoe", "", "0"]),
    ];
    import(&shop, &[("clicks.jsonl", &clicks), ("support.jsonl", &support)]);
    assert_eq!(
        shop.sql("SELECT id_kind, customer, how FROM identity_links ORDER BY ALL"),
        "contact\tann\tlogin\ncontact\tbob\tseen\nvisitor\tann\tlogin\nvisitor\tbob\tseen\nvisitor\teve\tlogin\n"
    );
    assert_eq!(
        shop.sql("SELECT customer, support_count FROM journeys WHERE support_count > 0 ORDER BY ALL"),
        "\t1\n\t1\nann\t1\nzoe\t1\n"
    );
}

#[test]
fn a_contact_stays_one_person_s_when_the_keys_rotate() {
    if !has_engine("a_contact_stays_one_person_s_when_the_keys_rotate") {
        return;
    }
    let mut shop = Deployment::new("");
    // From START + 40 days on.
    let rotation = "privacy:\n  later_keys: [{from: '2025-11-18T08:53:20Z', key: the second of two keys}]\n";
    let config = std::fs::read_to_string(shop.config()).expect("the configuration is there");
    let _ = shop.write("crumbtrail.yaml", config.replace("privacy:\n", rotation));
    shop.start_engine();
    let said_by = |id: &str, day: i64, customer: &str, contact: &str| {
        entry(id, &format!("case-{id}"), day, [customer, "", &format!("{contact}@example.com")])
    };
    let support = [
        // Ann is known under the first key, before and after.
        said_by("a1", 12, "ann", "ann"),
        said_by("a2", 39, "", "ann"),
        said_by("a3", 41, "", "ann"),
        // Bob is heard of under the second one only, and what he asked before is his.
        said_by("b1", 38, "", "bob"),
        said_by("b2", 42, "bob", "bob"),
        // Eve was named too long before the change: nobody knows any more that it is she.
        said_by("e1", 9, "eve", "eve"),
        said_by("e2", 40, "", "eve"),
    ];
    import(&shop, &[("support.jsonl", &support)]);
    let journeys = "SELECT customer, support_count FROM journeys ORDER BY ALL";
    assert_eq!(shop.sql(journeys), "\t1\nann\t3\nbob\t2\neve\t1\n");
    import(&shop, &[("support.jsonl", &support)]);
    assert_eq!(shop.sql(journeys), "\t1\nann\t3\nbob\t2\neve\t1\n");
    assert_eq!(
        shop.sql(
            "SELECT customer, uniqExact(id) FROM identity_links WHERE standing = 'linked' GROUP BY ALL ORDER BY ALL"
        ),
        "ann\t2\nbob\t2\neve\t1\n"
    );
    assert_eq!(
        shop.sql("SELECT uniqExact(contact) FROM touchpoints WHERE contact != ''"),
        "6\n",
        "each under one key at a time"
    );
    assert_eq!(shop.sql("SELECT count() FROM audit"), "0\n");
}
