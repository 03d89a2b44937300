//! Kills at the moment a rebuild has the views show its tables: before, amidst, and after. Called again it goes on, and every
//! table is right.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use crumbtrail_tests::deployment::wait_until;
use crumbtrail_tests::{Deployment, Proxy, has_engine, tables, world};

const OTHER_RULES: &str = "rules:\n  gap_seconds: 5400\n";
const DATABASE: &str = "shop";

/// A deployment behind a door, with a world under the rules of before, and what a run from scratch says under the others.
struct Scene {
    host: Deployment,
    door: Proxy,
    shop: Deployment,
    arguments: Vec<String>,
    expected: Vec<Vec<String>>,
}

impl Scene {
    fn start() -> Scene {
        let mut host = Deployment::new("");
        host.start_engine();
        let door = Proxy::start(&host.engine_access().0);
        let shop = Deployment::beside(&host, &door.url(), DATABASE, "");
        let files = shop.path("world");
        world::make(&files, "0.05", &[]);
        let arguments = world::import_arguments(&files);
        shop.ok("import", &arguments);
        let scratch = Deployment::beside(&host, &door.url(), "scratch", OTHER_RULES);
        scratch.ok("import", &arguments);
        let expected = tables::all(&scratch);
        assert_ne!(tables::all(&shop), expected, "the rules make a difference");
        let scene = Scene { host, door, shop, arguments, expected };
        scene.configure("", OTHER_RULES);
        scene
    }

    fn configure(&self, before: &str, now: &str) {
        let text = std::fs::read_to_string(self.shop.config()).unwrap();
        std::fs::write(self.shop.config(), text.replacen(before, "", 1) + now).unwrap();
    }

    /// A rebuild that is killed while its request that says `word` is not answered.
    fn kill_at(&self, word: &str, is_applied: bool) {
        self.door.hold(word, is_applied);
        let mut job = self.shop.command("rebuild").stdout(Stdio::null()).spawn().unwrap();
        wait_until(Duration::from_secs(120), || {
            assert!(job.try_wait().unwrap().is_none_or(|_| self.door.holds()), "it ended before it said {word}");
            self.door.holds()
        });
        job.kill().unwrap();
        job.wait().unwrap();
    }

    /// Exchanges some of the views: what a server that dies amidst the statement may leave.
    fn exchange_half(&self) {
        for view in &tables::VIEWS[..4] {
            self.apply(&format!("EXCHANGE TABLES {DATABASE}.{view} AND {DATABASE}.{view}_next"));
        }
        assert_eq!(self.epochs(), 2, "half of them show the one, half the other");
    }

    /// A statement of the owner of the tables.
    fn apply(&self, statement: &str) {
        let (url, user, password) = self.host.engine_access();
        let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
        let length = statement.len();
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: x\r\nX-ClickHouse-User: {user}\r\nX-ClickHouse-Key: {password}\r\n\
             Connection: close\r\nContent-Length: {length}\r\n\r\n{statement}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    fn views(&self, condition: &str) -> i64 {
        self.shop.number(&format!("SELECT {condition} FROM system.tables WHERE database = '{DATABASE}'"))
    }

    /// How many epochs the views show.
    fn epochs(&self) -> i64 {
        let epoch = "extract(create_table_query, 'FROM `?[a-zA-Z0-9_]+`?\\\\.[a-z_]+_e([0-9]+)')";
        self.views(&format!("uniqExactIf({epoch}, engine = 'View' AND {epoch} != '' AND NOT endsWith(name, '_next'))"))
    }

    /// Every table says what a run from scratch says, and nothing is left of the exchange.
    #[track_caller]
    fn judge(&self, leftovers: i64) {
        tables::assert_says(&self.expected, &self.shop);
        assert_eq!(self.epochs(), 1);
        assert_eq!(self.views("countIf(endsWith(name, '_next'))"), leftovers);
    }
}

#[test]
fn killed_before_amidst_and_after_the_views_are_switched_it_goes_on() {
    if !has_engine("killed_before_amidst_and_after_the_views_are_switched_it_goes_on") {
        return;
    }
    let scene = Scene::start();
    let Scene { shop, .. } = &scene;
    let before = tables::all(shop);

    // Before: half of the views are staged, then all.
    for word in ["breadcrumbs_next", "EXCHANGE TABLES"] {
        scene.kill_at(word, false);
        tables::assert_says(&before, shop);
    }
    // Amidst.
    scene.exchange_half();
    shop.ok("rebuild", [""; 0]);
    scene.judge(0);
    shop.ok("rebuild", ["--drop-epoch", "1"]);

    // After: exchanged, and nobody was told; a rebuild that is called again tidies up.
    scene.configure("", "epoch: 2\n");
    scene.kill_at("EXCHANGE TABLES", true);
    tables::assert_says(&scene.expected, shop);
    let said = shop.ok("rebuild", [""; 0]);
    assert!(said.contains("the views show epoch 3"), "{said}");
    scene.judge(0);

    // Amidst, and a start under the new epoch ends it; what is staged goes with the tables it shows.
    scene.configure("epoch: 2\n", "epoch: 3\n");
    scene.kill_at("EXCHANGE TABLES", false);
    scene.exchange_half();
    scene.configure("epoch: 3\n", "epoch: 4\n");
    let said = shop.ok("import", &scene.arguments);
    assert!(said.contains("imported before, unchanged"), "{said}");
    scene.judge(tables::VIEWS.len() as i64 + 2);
    shop.ok("rebuild", ["--drop-epoch", "3"]);
    scene.judge(0);

    // While it tidies up.
    scene.kill_at("DROP VIEW", true);
    tables::assert_says(&scene.expected, shop);
    shop.ok("rebuild", [""; 0]);
    scene.judge(0);
}
