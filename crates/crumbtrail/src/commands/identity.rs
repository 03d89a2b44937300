//! `identity`: shows whose visitors and contacts are and which customers are one, links and unlinks them.

use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::{Args, Subcommand};
use crumbtrail_enrich::Hasher;
use crumbtrail_events::touchpoint::{Head, Role, To};
use crumbtrail_events::{EventTime, Key, Kind, Outcome, Touchpoint, garbage::is_garbage_id};
use crumbtrail_runtime::{Clock, decision};
use serde::Deserialize;

use crate::args::Place;
use crate::config::{LogHome, hasher, keyring};
use crate::loaded::{load, load_to_read};
use crate::wiring::Deployment;
use crate::wiring::enrichment::calling_code;
use crate::wiring::tables::Clickhouse;

/// `identity`.
#[derive(Debug, Subcommand)]
pub enum IdentityCommand {
    /// Show the claims to a visitor or contact, or of and to a customer
    #[command(after_help = "Examples:\n  crumbtrail identity show --customer C-1017\n  \
        crumbtrail identity show --site shop --contact '+66 81 234 5678'")]
    Show(ShowArgs),
    /// Make a visitor or contact a customer's, whoever else claims it; or a customer another id of a customer
    #[command(after_help = "Examples:\n  crumbtrail identity link --site shop --visitor a81f --customer C-1017\n  \
        crumbtrail identity link --site shop --alias-of C-1017 --customer C-2044")]
    Link(DecideArgs),
    /// Undo a link: the visitor's or contact's anonymous touchpoints leave the customer's journey, and stay away; of two ids
    /// of a customer each has its own back
    #[command(after_help = "Examples:\n  crumbtrail identity unlink --site shop --visitor a81f --customer C-1017\n  \
        crumbtrail identity unlink --site shop --contact ann@example.com --customer C-1017")]
    Unlink(DecideArgs),
}

/// What is shown.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Asked {
    /// A visitor (device or browser) id; where `privacy.hash_fields` has it, in plain or as its hash. So are customer ids.
    #[arg(long)]
    pub visitor: Option<String>,
    /// An e-mail address, telephone number or social handle; hashed here, under the key in force now.
    #[arg(long)]
    pub contact: Option<String>,
    /// A customer id.
    #[arg(long)]
    pub customer: Option<String>,
}

/// `identity show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    asked: Asked,
    /// Only of this site; of all otherwise.
    #[arg(long)]
    site: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Whose id is decided on.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Id {
    /// A visitor (device or browser) id; where `privacy.hash_fields` has it, in plain or as its hash. So are customer ids.
    #[arg(long)]
    pub visitor: Option<String>,
    /// An e-mail address, telephone number or social handle; hashed here, under the key in force now.
    #[arg(long)]
    pub contact: Option<String>,
    /// The customer of whom `--customer` is another id.
    #[arg(long)]
    pub alias_of: Option<String>,
}

/// `identity link` and `identity unlink`.
#[derive(Debug, Args)]
pub struct DecideArgs {
    #[command(flatten)]
    id: Id,
    /// The customer.
    #[arg(long)]
    customer: String,
    /// Site of both.
    #[arg(long, default_value = "default")]
    site: String,
    #[command(flatten)]
    place: Place,
}

pub fn identity(command: &IdentityCommand) -> Result<ExitCode> {
    match command {
        IdentityCommand::Show(args) => show(args),
        IdentityCommand::Link(args) => decide(args, true),
        IdentityCommand::Unlink(args) => decide(args, false),
    }
}

/// Why a claim does not link, in words.
const REASON: &str = "transform(standing, ['rival', 'undone', 'circle', 'over_limit', 'shared'], \
    ['an earlier claim or an operator''s holds: theirs is what follows their own clicks on a device', 'an operator took it back', 'the customer is an alias of the id', \
    'as many ids of this customer as one may have were claimed before', \
    'more ids were claimed for this customer in a day than are one person''s: shared from that day on'], '')";

fn show(args: &ShowArgs) -> Result<ExitCode> {
    let Asked { visitor, contact, customer } = &args.asked;
    let deployment = Deployment::new(load_to_read(&args.place)?)?;
    let hasher = hasher_of(&deployment)?;
    let ever = |id: &str, value: &str| match &hasher {
        Some(hasher) => listed(&hasher.ever(id, value)),
        None => quoted(value),
    };
    let condition = match (visitor, contact, customer) {
        (Some(visitor), ..) => format!("id_kind = 'visitor' AND id IN ({})", ever("visitor", visitor)),
        (_, Some(contact), _) => {
            format!("id_kind = 'contact' AND id IN ({})", listed(&hashed(&deployment, args.site.as_deref(), contact)?))
        }
        (.., customer) => {
            let ids = ever("customer", customer.as_deref().unwrap_or_default());
            format!("(customer IN ({ids}) OR (id_kind = 'customer' AND id IN ({ids})))")
        }
    };
    let of_site = args.site.as_ref().map_or_else(String::new, |site| format!("AND site = {} ", quoted(site)));
    let statement = format!(
        "SELECT site, id_kind, id, customer, standing, {REASON} AS reason, how, claimed_at, reaches_from, moved_count FROM identity_links \
         WHERE {condition} {of_site}ORDER BY site, id_kind, id, claimed_at"
    );
    let whom = match (visitor, contact, customer) {
        (Some(visitor), ..) => format!("visitor {visitor}"),
        // Whose it is, the tables do not say in clear either.
        (_, Some(_), _) => "this contact".to_owned(),
        (.., customer) => format!("customer {}", customer.as_deref().unwrap_or_default()),
    };
    let where_to = args.site.as_ref().map_or_else(String::new, |site| format!(" at site {site}"));
    super::sql::sql_or(
        &crate::args::SqlArgs { statement, format: "PrettyCompactMonoBlock".to_owned(), place: args.place.clone() },
        &format!(
            "no link of {whom}{where_to} is known: no login, alias, entry to the service or operator has told of one"
        ),
    )
}

/// What is decided of which id, and who has to know.
struct Decision {
    to: To,
    key: Key,
    role: Role,
    visitor: String,
    contact: String,
    customer: String,
}

impl Decision {
    /// One, or around a rotation of keys one for each hash of the contact or visitor.
    fn of(args: &DecideArgs, links: bool, deployment: &Deployment) -> Result<Vec<Decision>> {
        let DecideArgs { id, customer, site, .. } = args;
        let role = if links { Role::Linked } else { Role::Unlinked };
        for said in [&id.visitor, &id.contact, &id.alias_of].into_iter().flatten() {
            if said.trim().is_empty() {
                bail!("the id is empty: name a visitor, a contact or a customer");
            }
        }
        let hasher = hasher_of(deployment)?;
        let stored = |id: &str, value: &str| match &hasher {
            Some(hasher) => hasher.of(id, value, Clock::System.now_ms()),
            None => vec![value.to_owned()],
        };
        // Around a rotation one of a customer's ids is the other's alias.
        let now = |customer: &str| stored("customer", customer).swap_remove(0);
        let customer = now(customer);
        let of_contact = |contact: String| {
            let key = Key::contact(site, &contact);
            Decision { to: To::Key(key), key, role, visitor: String::new(), contact, customer: customer.clone() }
        };
        let of_visitor = |visitor: String| {
            let key = Key::visitor(site, &visitor);
            Decision { to: To::Key(key), key, role, visitor, contact: String::new(), customer: customer.clone() }
        };
        Ok(match (&id.visitor, &id.contact, &id.alias_of) {
            (Some(visitor), ..) => stored("visitor", visitor).into_iter().map(of_visitor).collect(),
            (_, Some(contact), _) => hashed(deployment, Some(site), contact)?.into_iter().map(of_contact).collect(),
            (.., of) => {
                let of = now(of.as_deref().unwrap_or_default());
                if is_garbage_id(&of) || of == customer {
                    bail!("customer {customer:?} cannot be an alias of {of:?}: name two ids of one customer");
                }
                let role = if links { Role::AliasLinked } else { Role::AliasUnlinked };
                let key = Key::customer(site, &customer);
                vec![Decision { to: To::All, key, role, visitor: customer, contact: String::new(), customer: of }]
            }
        })
    }
}

fn decide(args: &DecideArgs, links: bool) -> Result<ExitCode> {
    let DecideArgs { customer, site, place, .. } = args;
    if is_garbage_id(customer) {
        bail!("customer {customer:?} is a placeholder that many share, not an id: nothing is ever linked to it");
    }
    let deployment = Deployment::new(load(place)?)?;
    let decisions = Decision::of(args, links, &deployment)?;
    let now_ms = Clock::System.now_ms();
    let clickhouse = deployment.clickhouse()?;
    deployment.migrate(&clickhouse)?;
    let visitor = decisions.first().filter(|_| args.id.visitor.is_some()).map(|told| told.visitor.as_str());
    if let Some(doubt) = unknown(args, visitor.unwrap_or_default(), &deployment, &clickhouse)? {
        sayln!("note: {doubt}");
    }
    let logs = deployment.logs()?;
    deployment.hold_ends(&clickhouse, &logs)?;
    let versions = (deployment.epoch(), deployment.generation());
    for Decision { to, key, role, visitor, contact, customer } in decisions {
        // Of its own: what is said tomorrow is another decision.
        let name = format!("identity:{now_ms}:{}:{}", std::process::id(), key.to_hex());
        let head = Head {
            outcome: Outcome::Aside,
            kind: Kind::Login,
            key,
            id: crumbtrail_events::ids::id_hash(&name),
            occurred_at: EventTime(now_ms),
        };
        let decision = Touchpoint {
            head,
            event_id: &name,
            site,
            visitor: &visitor,
            contact: &contact,
            customer: &customer,
            role,
            ..Touchpoint::default()
        };
        let mut payload = Vec::new();
        decision.encode(&mut payload);
        decision::decide(logs.touchpoints.as_ref(), versions, &name, to, &payload).context(
            "the decision may have reached a part of the log: say it again until it is done, it is taken once",
        )?;
    }
    if deployment.config.log.home == LogHome::Local {
        super::redrive::close_and_process(&deployment, &clickhouse, &logs)?;
        sayln!("done: the tables follow");
    } else {
        sayln!("written: the members of `crumbtrail run` take it from the log, and the tables follow");
    }
    Ok(ExitCode::SUCCESS)
}

/// Why nothing may follow: no session is of that site, or of that visitor there.
fn unknown(
    args: &DecideArgs,
    visitor: &str,
    deployment: &Deployment,
    clickhouse: &Clickhouse,
) -> Result<Option<String>> {
    #[derive(Deserialize)]
    struct Row {
        sites: Vec<String>,
        sessions: u64,
        visits: u64,
    }
    let DecideArgs { site, .. } = args;
    let sql = format!(
        "SELECT groupUniqArray(20)(site) AS sites, countIf(site = {0}) AS sessions, countIf(site = {0} AND visitor = {1}) AS visits \
         FROM {2}.sessions",
        quoted(site),
        quoted(visitor),
        clickhouse.client.database()
    );
    let rows: Vec<Row> = deployment.runtime.block_on(clickhouse.client.rows(&sql))?;
    let Some(Row { sites, sessions, visits }) = rows.into_iter().next() else { return Ok(None) };
    if sessions == 0 {
        return Ok(Some(format!(
            "no session is of site {site:?} yet; --site is one of {sites:?}, else this waits for its first"
        )));
    }
    let is_unknown = !visitor.is_empty() && visits == 0;
    Ok(is_unknown.then(|| format!("no session of visitor {visitor:?} at {site:?} yet: this waits for the first")))
}

/// What hashes the ids that the deployment has hashed, if any.
fn hasher_of(deployment: &Deployment) -> Result<Option<Hasher>> {
    let privacy = &deployment.config.privacy;
    if privacy.hash_fields.is_empty() {
        return Ok(None);
    }
    hasher(privacy, &deployment.privacy_key()?).map_err(anyhow::Error::msg)
}

/// The hashes of a contact, as `site` reads phone numbers or as any does: under the key that counts now and, around a
/// rotation, under the one beside it.
fn hashed(deployment: &Deployment, site: Option<&str>, contact: &str) -> Result<Vec<String>> {
    let config = &deployment.config;
    let mut codes = Vec::new();
    match site {
        Some(site) => codes.push(calling_code(config, config.sites.get(site))?),
        None => {
            for site in std::iter::once(None).chain(config.sites.values().map(Some)) {
                codes.push(calling_code(config, site)?);
            }
        }
    }
    let mut all = Vec::new();
    for code in codes {
        all.extend(hashed_by(deployment, &code, contact)?);
    }
    all.sort();
    all.dedup();
    Ok(all)
}

fn hashed_by(deployment: &Deployment, code: &str, contact: &str) -> Result<Vec<String>> {
    let keyring = keyring(&deployment.config.privacy, &deployment.privacy_key()?).map_err(anyhow::Error::msg)?;
    let (mut normal, mut hash, mut room) = (String::new(), String::new(), <[String; 2]>::default());
    let now_ms = Clock::System.now_ms();
    let now = keyring.contact(contact, code, now_ms, &mut normal, &mut hash);
    if now.is_empty() {
        return Err(anyhow!("{contact:?} is no e-mail address, telephone number or handle"));
    }
    let beside = keyring.beside(contact, code, now_ms, &mut normal, &mut room);
    let all = std::iter::once(now).chain(beside).filter(|hash| !hash.is_empty());
    Ok(all.map(str::to_owned).collect())
}

fn listed(texts: &[String]) -> String {
    texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
