//! What the configuration's files make of enrichment: rules and lists are read at the start, databases again when their file
//! changes.

use std::fs::Metadata;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use crumbtrail_enrich::asn::Systems;
use crumbtrail_enrich::channel::Book;
use crumbtrail_enrich::fence::Fences;
use crumbtrail_enrich::network::AddressList;
use crumbtrail_enrich::page::{self, PageRules};
use crumbtrail_enrich::{Enricher, Geo, GeoError, Keyring, Rules, SiteRules};

use crate::config::Config;

/// The databases in use.
pub struct Databases {
    geo: Option<Arc<Geo>>,
    systems: Option<Arc<Systems>>,
}

/// An enricher with everything that is configured, and its databases.
///
/// # Errors
/// A file cannot be used; the message names its key.
pub fn enricher(config: &Config, contacts: Option<Keyring>) -> Result<(Enricher, Databases)> {
    let databases = Databases { geo: geo(config)?, systems: systems(config)? };
    let mut enricher = Enricher::new(Arc::new(rules(config)?), databases.geo.clone(), contacts);
    enricher.set_systems(databases.systems.clone());
    enricher.set_robots(robots(config)?);
    enricher.set_fences(fences(config)?);
    Ok((enricher, databases))
}

impl Databases {
    /// Hands over the databases whose files have changed. One that cannot be used is told of and the old one stays.
    pub fn refresh(&mut self, enricher: &mut Enricher) {
        if let Some(geo) = fresh("geo", self.geo.as_deref(), Geo::path, Geo::changed_since, Geo::reload) {
            self.geo = Some(geo);
            enricher.set_geo(self.geo.clone());
        }
        let systems = self.systems.as_deref();
        if let Some(systems) = fresh("asn", systems, Systems::path, Systems::changed_since, Systems::reload) {
            self.systems = Some(systems);
            enricher.set_systems(self.systems.clone());
        }
    }
}

fn fresh<D>(
    database: &str,
    old: Option<&D>,
    path: impl Fn(&D) -> Option<&Path>,
    is_changed: impl Fn(&D, &Metadata) -> bool,
    reload: impl Fn(&D) -> Option<Result<D, GeoError>>,
) -> Option<Arc<D>> {
    let now = std::fs::metadata(path(old?)?).ok()?;
    if !is_changed(old?, &now) {
        return None;
    }
    match reload(old?)? {
        Ok(new) => {
            tracing::info!(database, "database reloaded");
            Some(Arc::new(new))
        }
        Err(error) => {
            tracing::warn!(database, %error, "the changed database cannot be used; the old one stays");
            None
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
    let found = (!path.is_empty()).then(|| open(Path::new(path)).with_context(|| format!("{key}: {path}")));
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
    // Only who is inside is asked for: nobody need be found outside.
    read("enrich.fences", &config.enrich.fences, |text| Fences::read(text, 0.0)).map(|list| list.map(Arc::new))
}

/// The rules of enrichment that the configuration tells.
///
/// # Errors
/// A file of rules cannot be read, or a line of it is none.
pub fn rules(config: &Config) -> Result<Rules> {
    let every = pages("enrich.pages", &config.enrich.pages)?;
    let site = |(name, site): (&String, &crate::config::SiteConfig)| {
        let own =
            if site.pages.is_empty() { every.clone() } else { pages(&format!("sites.{name}.pages"), &site.pages)? };
        let rules = SiteRules {
            own_hosts: site.own_hosts.clone(),
            excluded_referrers: site.excluded_referrers.clone(),
            pages: own,
            ..SiteRules::default()
        };
        Ok((name.clone(), rules))
    };
    let sites = config.sites.iter().map(site).collect::<Result<_>>()?;
    let default = SiteRules { pages: every.clone(), ..SiteRules::default() };
    let mut rules = Rules { sites, default, ..Rules::default() };
    if let Some(book) = read("enrich.channels", &config.enrich.channels, Book::read)? {
        rules.channels = Arc::new(book);
    }
    Ok(rules)
}

fn pages(key: &str, path: &str) -> Result<PageRules> {
    match path {
        "shipped" => PageRules::read(page::SHIPPED).context("the shipped page rules"),
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
    let text = std::fs::read_to_string(path).with_context(|| format!("{key}: cannot read {path}"))?;
    Ok(Some(read(&text).with_context(|| format!("{key}: {path}"))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumbtrail_enrich::asn::System;
    use crumbtrail_enrich::mmdb_writer::write_systems;
    use crumbtrail_events::vocabulary::Channel;
    use crumbtrail_events::{ClickEvent, Kind, Touchpoint};

    /// Sets a key to a path.
    type Set = fn(&mut Config, String);

    fn systems_file(path: &Path, organisation: &str) {
        let rows = [("203.0.113.0/24".parse().unwrap(), System { number: 7_470, organisation })];
        let new = path.with_extension("new");
        std::fs::write(&new, write_systems(&rows, 0).unwrap()).unwrap();
        std::fs::rename(new, path).unwrap();
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
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let mut config = Config::default();
        let enrich = &mut config.enrich;
        enrich.asn_database = path("asn.mmdb");
        systems_file(Path::new(&enrich.asn_database), "TRUE");
        for (key, name, text) in [
            (&mut enrich.robots, "robots.txt", "203.0.113.7 # a scanner\n"),
            (&mut enrich.channels, "channels.txt", "channel display: source is tv\n"),
            (&mut enrich.pages, "pages.txt", "/cart group=Basket\n"),
            (
                &mut enrich.fences,
                "shops.geojson",
                r#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"name":"siam"},
                    "geometry":{"type":"Point","coordinates":[100.5347,13.7466]}}]}"#,
            ),
        ] {
            *key = path(name);
            std::fs::write(&*key, text).unwrap();
        }
        let shop = crate::config::SiteConfig { pages: "shipped".to_owned(), ..Default::default() };
        config.sites.insert("shop".to_owned(), shop);
        let (mut enricher, mut databases) = enricher(&config, None).unwrap();
        view(&mut enricher, "default", |t| {
            assert_eq!((t.asn, t.network_owner, t.bot, t.store), (7_470, "TRUE", "address_list", "siam"));
            assert_eq!((t.channel, t.page_group, t.content_type), (Channel::Display, "Basket", ""));
        });
        assert_eq!(view(&mut enricher, "shop", |t| t.content_type.to_owned()), "cart", "the site has rules of its own");

        let asn = Path::new(&config.enrich.asn_database);
        databases.refresh(&mut enricher);
        assert_eq!(view(&mut enricher, "shop", |t| t.network_owner.to_owned()), "TRUE");
        std::fs::write(path("damaged"), "no database").unwrap();
        std::fs::rename(path("damaged"), asn).unwrap();
        databases.refresh(&mut enricher);
        assert_eq!(view(&mut enricher, "shop", |t| t.network_owner.to_owned()), "TRUE", "the old one stays");
        systems_file(asn, "TRUE INTERNET");
        databases.refresh(&mut enricher);
        assert_eq!(view(&mut enricher, "shop", |t| t.network_owner.to_owned()), "TRUE INTERNET");
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
            ("enrich.robots", |config, path| config.enrich.robots = path, "CIDR notation: \"whatever\""),
            ("enrich.channels", |config, path| config.enrich.channels = path, "line 2"),
            ("enrich.pages", |config, path| config.enrich.pages = path, "line 2"),
            ("enrich.fences", |config, path| config.enrich.fences = path, "GeoJSON"),
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
