//! What the configuration's files make of enrichment: read at the start, and again when they change.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use crumbtrail_enrich::asn::Systems;
use crumbtrail_enrich::channel::Book;
use crumbtrail_enrich::fence::{Fences, TrackRules};
use crumbtrail_enrich::network::AddressList;
use crumbtrail_enrich::page::{self, PageRules};
use crumbtrail_enrich::{Enricher, Geo, GeoError, Keyring, Rules, SiteRules};

use super::watch::{SlowWatch, Watch};
use crate::config::{Config, ConfigError, SiteConfig};

/// What names the shipped page rules where a path could stand.
const SHIPPED_PAGES: &str = "shipped";

/// The files of enrichment, read again when they change.
pub struct Watched {
    config: Arc<Config>,
    geo: SlowWatch<Option<Arc<Geo>>>,
    systems: SlowWatch<Option<Arc<Systems>>>,
    robots: Watch,
    fences: Watch,
    rules: Watch,
}

/// An enricher with everything that is configured, and its files.
///
/// # Errors
/// A file cannot be used; the message names its key.
pub fn enricher(config: &Config, contacts: Option<Keyring>) -> Result<(Enricher, Watched)> {
    // The files' states are noted before they are read: what changes meanwhile is read again.
    let files = Watched::new(config);
    let mut enricher = Enricher::new(Arc::new(rules(config)?), geo(config)?, contacts);
    enricher.set_systems(systems(config)?);
    enricher.set_robots(robots(config)?);
    enricher.set_fences(fences(config)?);
    Ok((enricher, files))
}

impl Watched {
    fn new(config: &Config) -> Watched {
        let enrich = &config.enrich;
        let pages = config.sites.values().map(|site| &site.pages).chain([&enrich.pages]);
        let pages = pages.filter(|path| *path != SHIPPED_PAGES);
        Watched {
            geo: SlowWatch::new("geo database", [&enrich.geo_database]),
            systems: SlowWatch::new("ASN database", [&enrich.asn_database]),
            robots: Watch::new("robots' addresses", [&enrich.robots]),
            fences: Watch::new("geofences", [&enrich.fences]),
            rules: Watch::new("channel and page rules", pages.chain([&enrich.channels])),
            config: Arc::new(config.clone()),
        }
    }

    /// Hands over what has changed on disk since; to be called between two frames. A file that cannot be used is told of
    /// once and what was read before stays, all of it: channel and page rules change together or not at all. Databases,
    /// which take a second to be read through, are opened in threads of their own and handed over once they are.
    pub fn refresh(&mut self, enricher: &mut Enricher) {
        let config = &self.config;
        let of = Arc::clone(config);
        if let Some(geo) = self.geo.again(move || geo(&of)) {
            enricher.set_geo(geo);
        }
        let of = Arc::clone(config);
        if let Some(systems) = self.systems.again(move || systems(&of)) {
            enricher.set_systems(systems);
        }
        if let Some(robots) = self.robots.again(|| robots(config)) {
            enricher.set_robots(robots);
        }
        if let Some(fences) = self.fences.again(|| fences(config)) {
            enricher.set_fences(fences);
        }
        if let Some(rules) = self.rules.again(|| rules(config)) {
            enricher.set_rules(Arc::new(rules));
        }
    }
}

/// Opens the geo database, if one is configured.
///
/// # Errors
/// It is missing or damaged.
pub fn geo(config: &Config) -> Result<Option<Arc<Geo>>> {
    opened("enrich.geo_database", &config.enrich.geo_database, |path| Geo::open(path))
}

/// Opens the ASN database, if one is configured.
///
/// # Errors
/// It is missing, damaged, or a database of something else.
pub fn systems(config: &Config) -> Result<Option<Arc<Systems>>> {
    opened("enrich.asn_database", &config.enrich.asn_database, |path| Systems::open(path))
}

fn opened<D>(key: &str, path: &str, open: impl Fn(&Path) -> Result<D, GeoError>) -> Result<Option<Arc<D>>> {
    let found =
        (!path.is_empty()).then(|| open(Path::new(path)).with_context(|| ConfigError::Names(format!("{key}: {path}"))));
    Ok(found.transpose()?.map(Arc::new))
}

/// Reads the list of robots' addresses, if one is configured.
///
/// # Errors
/// It cannot be read, or a line is no network.
pub fn robots(config: &Config) -> Result<Option<Arc<AddressList>>> {
    read("enrich.robots", &config.enrich.robots, AddressList::read).map(|list| list.map(Arc::new))
}

/// Reads the geofences, if some are configured.
///
/// # Errors
/// They cannot be read, or one can be none.
pub fn fences(config: &Config) -> Result<Option<Arc<Fences>>> {
    // Who was inside and is near has not left: a fence must be found from outside, too.
    let reach_m = TrackRules::default().reach_m();
    read("enrich.fences", &config.enrich.fences, |text| Fences::read(text, reach_m)).map(|list| list.map(Arc::new))
}

/// The rules of enrichment that the configuration tells.
///
/// # Errors
/// A file of rules cannot be read, or a line of it is none.
pub fn rules(config: &Config) -> Result<Rules> {
    let every = pages("enrich.pages", &config.enrich.pages)?;
    let kept = &config.enrich.kept_parameters;
    let site = |(name, site): (&String, &SiteConfig)| {
        let own =
            if site.pages.is_empty() { every.clone() } else { pages(&format!("sites.{name}.pages"), &site.pages)? };
        let rules = SiteRules {
            own_hosts: site.own_hosts.clone(),
            excluded_referrers: site.excluded_referrers.clone(),
            calling_code: calling_code(config, Some(site))?,
            kept_parameters: if site.kept_parameters.is_empty() { kept.clone() } else { site.kept_parameters.clone() },
            pages: own,
            ..SiteRules::default()
        };
        Ok((name.clone(), rules))
    };
    let sites = config.sites.iter().map(site).collect::<Result<_>>()?;
    let default = SiteRules {
        pages: every.clone(),
        calling_code: calling_code(config, None)?,
        kept_parameters: kept.clone(),
        ..SiteRules::default()
    };
    let empty_agent_is_bot = config.enrich.empty_agent_is_bot;
    let mut rules = Rules { sites, default, empty_agent_is_bot, ..Rules::default() };
    if let Some(book) = read("enrich.channels", &config.enrich.channels, Book::read)? {
        rules.channels = Arc::new(book);
    }
    Ok(rules)
}

/// The calling code of a site's phone numbers, digits only: its own, else that of every site.
///
/// # Errors
/// It is none.
pub fn calling_code(config: &Config, site: Option<&SiteConfig>) -> Result<String> {
    let own = site.map_or("", |site| &site.calling_code);
    let code = if own.is_empty() { &config.enrich.calling_code } else { own };
    let digits = code.strip_prefix('+').unwrap_or(code);
    if digits.len() > 3 || !digits.bytes().all(|b| b.is_ascii_digit()) || digits.starts_with('0') {
        bail!("calling_code {code:?} is none: write a country's, such as 66 or 62");
    }
    Ok(digits.to_owned())
}

fn pages(key: &str, path: &str) -> Result<PageRules> {
    match path {
        SHIPPED_PAGES => PageRules::read(page::SHIPPED).context("the shipped page rules"),
        path => Ok(read(key, path, PageRules::read)?.unwrap_or_default()),
    }
}

/// What a text file says, if there is one; the key under which it is configured is named in every complaint.
fn read<T, E: std::error::Error + Send + Sync + 'static>(
    key: &str,
    path: &str,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>> {
    if path.is_empty() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| ConfigError::Names(format!("{key}: cannot read {path}")))?;
    Ok(Some(read(&text).with_context(|| ConfigError::Names(format!("{key}: {path}")))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_enrich::asn::System;
    use crumbtrail_enrich::fence::Position;
    use crumbtrail_enrich::mmdb_writer::write_systems;
    use crumbtrail_events::vocabulary::Channel;
    use crumbtrail_events::{ClickEvent, Kind, Touchpoint};

    /// Sets a key to a path.
    type Set = fn(&mut Config, String);

    /// Files of rules by name.
    const FILES: [(&str, &str); 4] = [
        ("robots.txt", "203.0.113.7 # a scanner\n"),
        ("channels.txt", "channel display: source is tv\n"),
        ("pages.txt", "/cart group=Basket\n"),
        (
            "shops.geojson",
            r#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"name":"siam"},
                "geometry":{"type":"Point","coordinates":[100.5347,13.7466]}}]}"#,
        ),
    ];

    fn replace(path: &Path, bytes: impl AsRef<[u8]>) {
        let new = path.with_extension("new");
        std::fs::write(&new, bytes).unwrap();
        std::fs::rename(new, path).unwrap();
    }

    fn systems_file(path: &Path, organisation: &str) {
        let rows = [("203.0.113.0/24".parse().unwrap(), System { number: 7_470, organisation })];
        replace(path, write_systems(&rows, 0).unwrap());
    }

    #[test]
    fn a_site_keeps_its_own_parameters_or_those_of_every_site() {
        let mut config = Config::default();
        config.enrich.kept_parameters = vec!["id".to_owned()];
        let own = SiteConfig { kept_parameters: vec!["sku".to_owned()], ..SiteConfig::default() };
        config.sites.extend([("own".to_owned(), own), ("other".to_owned(), SiteConfig::default())]);
        let rules = rules(&config).unwrap();
        for (site, kept) in [("own", "sku"), ("other", "id"), ("unknown", "id")] {
            assert_eq!(rules.of(site).1.kept_parameters, [kept], "{site}");
        }
    }

    #[test]
    fn a_number_without_a_calling_code_has_its_sites() {
        let mut config = Config::default();
        let hash = |config: &Config, site, contact| {
            let keys = crate::config::keyring(&config.privacy, b"a key of the shops").unwrap();
            let (mut enricher, _) = enricher(config, Some(keys)).unwrap();
            let mut out = Touchpoint::default();
            enricher.click(&ClickEvent { site, contact, ..ClickEvent::default() }, &mut out);
            assert!(!out.contact.is_empty());
            out.contact.to_owned()
        };
        let (local, thai, indonesian) = ("081 234 5678", "+66 81 234 5678", "+62 81 234 5678");
        assert_ne!(hash(&config, "th", local), hash(&config, "th", thai), "nobody said where it is");
        config.enrich.calling_code = "66".to_owned();
        config.sites.insert("id".to_owned(), SiteConfig { calling_code: "+62".to_owned(), ..SiteConfig::default() });
        config.sites.insert("th".to_owned(), SiteConfig::default());
        for (site, whole) in [("th", thai), ("other", thai), ("id", indonesian)] {
            assert_eq!(hash(&config, site, local), hash(&config, site, whole), "{site}");
        }
        for wrong in ["Thailand", "0066", "66812", "+"] {
            config.enrich.calling_code = wrong.to_owned();
            assert_eq!(rules(&config).is_err(), wrong != "+", "{wrong}");
        }
    }

    /// A configuration whose every file says something, in `folder`.
    fn configured(folder: &Path) -> Config {
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let mut config = Config::default();
        config.enrich.asn_database = path("asn.mmdb");
        systems_file(&folder.join("asn.mmdb"), "TRUE");
        for (name, text) in FILES {
            replace(&folder.join(name), text);
        }
        config.enrich.robots = path("robots.txt");
        config.enrich.channels = path("channels.txt");
        config.enrich.pages = path("pages.txt");
        config.enrich.fences = path("shops.geojson");
        config
    }

    /// A view of a page on a site by one address; what is asked of it.
    fn view<T>(enricher: &mut Enricher, site: &str, ask: impl FnOnce(&Touchpoint<'_>) -> T) -> T {
        let event = ClickEvent {
            site,
            kind: Kind::PageView,
            url: "https://shop.example/cart?utm_source=tv&utm_medium=spot",
            ip: "203.0.113.7",
            latitude: Some(13.7466),
            longitude: Some(100.5347),
            ..ClickEvent::default()
        };
        let mut out = Touchpoint::default();
        enricher.click(&event, &mut out);
        ask(&out)
    }

    #[test]
    fn every_file_that_is_configured_counts() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = configured(folder.path());
        let shop = crate::config::SiteConfig { pages: "shipped".to_owned(), ..Default::default() };
        config.sites.insert("shop".to_owned(), shop);
        let (mut enricher, _) = enricher(&config, None).unwrap();
        view(&mut enricher, "default", |t| {
            assert_eq!((t.asn, t.network_owner, t.bot, t.store), (7_470, "TRUE", "address_list", "siam"));
            assert_eq!((t.channel, t.page_group, t.content_type), (Channel::Display, "Basket", ""));
        });
        assert_eq!(view(&mut enricher, "shop", |t| t.content_type.to_owned()), "cart", "the site has rules of its own");
    }

    #[test]
    fn a_fence_is_found_by_who_stands_just_outside_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let fences = fences(&configured(folder.path())).unwrap().unwrap();
        // 60 m north of the middle of 50 yards.
        let near = fences.near(Position::new(13.747_14, 100.5347).unwrap());
        assert_eq!(
            near.map(|(fence, metres)| (fence.store.as_str(), metres.round())).collect::<Vec<_>>(),
            [("siam", 14.0)]
        );
    }

    #[test]
    fn a_changed_file_counts_and_a_damaged_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = configured(folder.path());
        let shop = crate::config::SiteConfig { pages: "shipped".to_owned(), ..Default::default() };
        config.sites.insert("shop".to_owned(), shop);
        let (mut enricher, mut files) = enricher(&config, None).unwrap();
        let mut now = |change: &dyn Fn(&Path)| {
            change(folder.path());
            // Seen, then seen to be at rest.
            files.refresh(&mut enricher);
            files.refresh(&mut enricher);
            while files.geo.is_underway() || files.systems.is_underway() {
                files.refresh(&mut enricher);
                std::thread::yield_now();
            }
            view(&mut enricher, "default", |t| {
                format!("{} {} {} {:?} {}", t.network_owner, t.bot, t.store, t.channel, t.page_group)
            })
        };
        assert_eq!(now(&|_| ()), "TRUE address_list siam Display Basket");
        let damage: [(&str, &str); 5] = [
            ("asn.mmdb", "no database"),
            ("robots.txt", "whatever"),
            ("channels.txt", "channel nowhere"),
            ("pages.txt", "/cart group=Cart\n/help"),
            ("shops.geojson", "{}"),
        ];
        for (name, text) in damage {
            assert_eq!(
                now(&|folder| replace(&folder.join(name), text)),
                "TRUE address_list siam Display Basket",
                "{name}"
            );
        }
        systems_file(&folder.path().join("asn.mmdb"), "TRUE INTERNET");
        assert_eq!(now(&|_| ()), "TRUE INTERNET address_list siam Display Basket");
        assert_eq!(now(&|folder| replace(&folder.join("robots.txt"), "")), "TRUE INTERNET  siam Display Basket");
        let fence = FILES[3].1.replace("siam", "central");
        assert_eq!(
            now(&|folder| replace(&folder.join("shops.geojson"), &fence)),
            "TRUE INTERNET  central Display Basket"
        );
        // Channel and page rules are one: the channels count only once the pages can be read again.
        let audio = "channel audio: source is tv\n";
        assert_eq!(
            now(&|folder| replace(&folder.join("channels.txt"), audio)),
            "TRUE INTERNET  central Display Basket"
        );
        let cart = "/cart group=Cart\n";
        assert_eq!(now(&|folder| replace(&folder.join("pages.txt"), cart)), "TRUE INTERNET  central Audio Cart");
        assert_eq!(
            now(&|folder| std::fs::remove_file(folder.join("pages.txt")).unwrap()),
            "TRUE INTERNET  central Audio Cart"
        );
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_with_its_key_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file").to_str().unwrap().to_owned();
        std::fs::write(&path, "# nothing\nwhatever\n").unwrap();
        let complaint = |set: Set, path: &str| {
            let mut config = Config::default();
            set(&mut config, path.to_owned());
            format!("{:#}", enricher(&config, None).err().unwrap())
        };
        let site: Set = |config, pages| {
            let site = crate::config::SiteConfig { pages, ..Default::default() };
            config.sites.insert("shop".to_owned(), site);
        };
        let keys: [(&str, Set, &str); 7] = [
            ("enrich.geo_database", |config, path| config.enrich.geo_database = path, "fetch it again"),
            ("enrich.asn_database", |config, path| config.enrich.asn_database = path, "fetch it again"),
            (
                "enrich.robots",
                |config, path| config.enrich.robots = path,
                "line 2: not a network in CIDR notation: \"whatever\"",
            ),
            ("enrich.channels", |config, path| config.enrich.channels = path, "line 2"),
            ("enrich.pages", |config, path| config.enrich.pages = path, "line 2"),
            (
                "enrich.fences",
                |config, path| config.enrich.fences = path,
                "GeoJSON FeatureCollection: expected value at line 1",
            ),
            ("sites.shop.pages", site, "line 2"),
        ];
        for (key, set, part) in keys {
            let error = complaint(set, &path);
            assert!(error.starts_with(key) && error.contains(part), "{key}: {error}");
            let error = complaint(set, "/nowhere/file");
            assert!(error.starts_with(key) && error.contains("/nowhere/file"), "{key}: {error}");
        }
    }
}
