//! The rules of sessions and conversations, for every site and for single ones.

use crumbtrail_events::Kind;
use crumbtrail_events::vocabulary::Channel;
use crumbtrail_sessions::{Hours, Kinds, Limits, Pace, Policy, RuleBook, Rules, StayRules, Zone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Config;

macro_rules! rules_config {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr;)+) => {
        /// Session and conversation rules.
        #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct RulesConfig {
            $($(#[doc = $doc])+ pub $name: $type,)+
        }

        impl Default for RulesConfig {
            fn default() -> RulesConfig {
                RulesConfig { $($name: $default,)+ }
            }
        }

        /// What differs at one site.
        #[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct SiteConfig {
            $($(#[doc = $doc])+ pub $name: Option<$type>,)+
            /// Hosts of the site: their referrers are internal.
            pub own_hosts: Vec<String>,
            /// Hosts that never count as a referrer, beside the payment providers known.
            pub excluded_referrers: Vec<String>,
            /// Page rules of this site, as `enrich.pages`; empty: those of every site.
            pub pages: String,
            /// Calling code of this site's phone numbers, as `enrich.calling_code`; empty: that of every site.
            pub calling_code: String,
            /// URL parameters that are part of a page's address, as `enrich.kept_parameters`; none: those of every site.
            pub kept_parameters: Vec<String>,
        }

        impl SiteConfig {
            /// The rules of this site: its own, and those of every site where it has none.
            pub fn over(&self, base: &RulesConfig) -> RulesConfig {
                RulesConfig { $($name: self.$name.clone().unwrap_or_else(|| base.$name.clone()),)+ }
            }
        }
    };
}

rules_config! {
    /// Inactivity gap, seconds: exactly the gap apart is the same session, a millisecond more a new one.
    gap_seconds: u32 = 1_800;
    /// Allowed lateness, seconds, judged against the merged window.
    lateness_seconds: u32 = 3_600;
    /// Longest session, seconds; then it is rolled over.
    longest_seconds: u32 = 86_400;
    /// Most events of a session; then it is rolled over.
    most_events: u32 = 10_000;
    /// Cut a session where a customer other than its own appears on the same device.
    cut_on_customer: bool = true;
    /// Cut a session where a new, different campaign brings the visitor back. Excluded referrers never do.
    cut_on_campaign: bool = false;
    /// Cut a session at midnight in `time_zone`.
    cut_at_midnight: bool = false;
    /// IANA time zone of the site, such as `Asia/Bangkok`: its midnight and its opening hours.
    time_zone: String = "UTC".to_owned();
    /// The client's own session id decides; gap, caps and another customer still cut.
    client_sessions: bool = false;
    /// A session this long is engaged, seconds.
    engaged_seconds: u32 = 10;
    /// A session with so many views is engaged.
    engaged_views: u32 = 2;
    /// A session with an event of one of these kinds is engaged.
    conversions: Vec<String> = vec!["purchase".to_owned()];
    /// Distance of two heartbeats of a page, seconds: the length of a ping slot of engaged time.
    heartbeat_seconds: u32 = 10;
    /// What a view with heartbeats is worth before the first of them, seconds.
    minimum_visit_seconds: u32 = 5;
    /// The last so many events of one visitor's unbroken activity are kept one by one once they are older than the lateness; what
    /// would be sorted in before them is late. With no fewer than `most_events` that is only what belongs before the session still
    /// open. 32 bytes each, and a quarter more of them at most.
    kept_events: u32 = 10_000;
    /// Page and screen views within a minute that a person still makes at the site: a session with more is a robot's, by the
    /// indicator `rate`. 0: not looked at. `busiest_minute_view_count` in `sessions` tells what there is.
    robot_views_a_minute: u32 = 0;
    /// So many page and screen views within `robot_alone_seconds` of a session's first, in a session that has nothing else (no
    /// heartbeat, click, search, …), are a robot's, by the indicator `no_assets`. 0: not looked at; only for sites whose pages send more.
    robot_views_alone: u32 = 0;
    /// How long after a session's first view the views of `robot_views_alone` count, seconds.
    robot_alone_seconds: u32 = 60;
    /// How long somebody is inside a fence to have dwelt, seconds.
    fence_dwell_seconds: u32 = 300;
    /// Not seen for so long somebody has left a fence, when last seen inside, seconds.
    fence_lost_seconds: u32 = 1_800;
    /// Gap between two conversations of one customer on one channel, seconds, where the source gives no conversation id.
    conversation_gap_seconds: u32 = 86_400;
    /// Longest silence inside a conversation whose id the source gives, days: exactly so far apart is the same conversation, a
    /// millisecond more begins another of the same id. Until then a sum of it is kept in memory. At most 3650.
    conversation_memory_days: u32 = 90;
    /// When the service is open, for times in business hours; nothing is always.
    opening_hours: HoursConfig = HoursConfig::default();
    /// What the service promises; the first policy that fits a conversation counts.
    policies: Vec<PolicyConfig> = Vec::new();
}

/// Opening hours in the site's `time_zone`: spans such as `09:00-12:30,13:30-18:00`, empty for closed. All empty: always open, but on holidays.
/// Hours past midnight are `22:00-24:00` on the one day and `00:00-02:00` on the next.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HoursConfig {
    /// Hours on Mondays.
    pub monday: String,
    /// Hours on Tuesdays.
    pub tuesday: String,
    /// Hours on Wednesdays.
    pub wednesday: String,
    /// Hours on Thursdays.
    pub thursday: String,
    /// Hours on Fridays.
    pub friday: String,
    /// Hours on Saturdays.
    pub saturday: String,
    /// Hours on Sundays.
    pub sunday: String,
    /// Dates on which the service is closed all day, such as `2026-04-13`.
    pub holidays: Vec<String>,
}

/// One promise of the service.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// Priority it is for; empty for every one.
    pub priority: String,
    /// Channel it is for, such as `chat`; empty for every one.
    pub channel: String,
    /// Longest time from the customer's first word to the first reply, minutes; none: no promise.
    pub first_reply_minutes: Option<u32>,
    /// Longest time from the customer's first word to the resolution, minutes; none: no promise.
    pub resolution_minutes: Option<u32>,
    /// Whether only time in which the service is open counts.
    pub in_business_hours: bool,
}

impl RulesConfig {
    /// The rules these keys say; `at` is where they stand, for messages.
    fn rules(&self, at: &str) -> Result<Rules, String> {
        let ms = |seconds: u32| i64::from(seconds) * 1_000;
        if self.gap_seconds == 0 {
            return Err(format!("{at}.gap_seconds must be at least 1; 1800 is what everyone uses"));
        }
        if self.longest_seconds < self.gap_seconds {
            return Err(format!("{at}.longest_seconds must not be shorter than {at}.gap_seconds"));
        }
        if self.most_events == 0 || self.heartbeat_seconds == 0 || self.conversation_gap_seconds == 0 {
            return Err(format!(
                "{at}.most_events, {at}.heartbeat_seconds and {at}.conversation_gap_seconds must be at least 1"
            ));
        }
        let conversation_memory_ms = i64::from(self.conversation_memory_days) * 86_400_000;
        if self.conversation_memory_days > 3_650 || conversation_memory_ms < ms(self.conversation_gap_seconds) {
            return Err(format!(
                "{at}.conversation_memory_days must be at most 3650, and no shorter than {at}.conversation_gap_seconds"
            ));
        }
        let zone = Zone::named(&self.time_zone).ok_or_else(|| {
            format!("{at}.time_zone: {} is no IANA time zone; they are written as Asia/Bangkok", self.time_zone)
        })?;
        let hours = &self.opening_hours;
        let week = [
            &hours.monday,
            &hours.tuesday,
            &hours.wednesday,
            &hours.thursday,
            &hours.friday,
            &hours.saturday,
            &hours.sunday,
        ]
        .map(String::as_str);
        let hours = Hours::parse(zone.clone(), week, hours.holidays.iter().map(String::as_str))
            .map_err(|error| format!("{at}.opening_hours: {error}"))?;
        let kinds = self.conversions.iter().map(|name| {
            Kind::from_name(name)
                .ok_or_else(|| format!("{at}.conversions: {name} is no kind of event, such as purchase"))
        });
        let policies = self.policies.iter().enumerate().map(|(n, policy)| policy.policy(&format!("{at}.policies.{n}")));
        Ok(Rules {
            limits: Limits {
                gap_ms: ms(self.gap_seconds),
                lateness_ms: ms(self.lateness_seconds),
                conversation_gap_ms: ms(self.conversation_gap_seconds),
                conversation_memory_ms,
                client_sessions: self.client_sessions,
            },
            longest_ms: ms(self.longest_seconds),
            most_events: self.most_events,
            cut_on_campaign: self.cut_on_campaign,
            midnight: self.cut_at_midnight.then_some(zone),
            cut_on_customer: self.cut_on_customer,
            engaged_ms: ms(self.engaged_seconds),
            engaged_views: self.engaged_views,
            conversions: Kinds::of(&kinds.collect::<Result<Vec<Kind>, String>>()?),
            heartbeat_ms: ms(self.heartbeat_seconds),
            minimum_visit_ms: ms(self.minimum_visit_seconds),
            kept_events: self.kept_events,
            pace: Pace {
                views_a_minute: self.robot_views_a_minute,
                views_alone: self.robot_views_alone,
                alone_ms: ms(self.robot_alone_seconds),
            },
            stays: StayRules {
                dwell_ms: ms(self.fence_dwell_seconds),
                lost_after_ms: ms(self.fence_lost_seconds),
                ..StayRules::default()
            },
            hours,
            policies: policies.collect::<Result<Vec<Policy>, String>>()?,
        })
    }
}

impl PolicyConfig {
    fn policy(&self, at: &str) -> Result<Policy, String> {
        let ms = |minutes: Option<u32>| minutes.map(|minutes| i64::from(minutes) * 60_000);
        let channel = match self.channel.as_str() {
            "" => None,
            name => Some(
                Channel::from_name(name).ok_or_else(|| format!("{at}.channel: {name} is no channel, such as chat"))?,
            ),
        };
        Ok(Policy {
            priority: self.priority.clone(),
            channel,
            first_reply_ms: ms(self.first_reply_minutes),
            resolution_ms: ms(self.resolution_minutes),
            in_business_hours: self.in_business_hours,
        })
    }
}

/// The rules of every site as configured.
///
/// # Errors
/// A value that cannot work, with its key and how to mend it.
pub fn session_rules(config: &Config) -> Result<RuleBook, String> {
    let site = |(name, site): (&String, &SiteConfig)| {
        Ok((name.clone(), site.over(&config.rules).rules(&format!("sites.{name}"))?))
    };
    Ok(RuleBook {
        default: config.rules.rules("rules")?,
        sites: config.sites.iter().map(site).collect::<Result<_, String>>()?,
        correction_ms: i64::from(config.pace.correction_interval_ms),
        first_row_ms: i64::from(config.pace.tick_ms) / 2,
        ..RuleBook::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(yaml: &str) -> Result<RuleBook, String> {
        session_rules(&super::super::load::parse("test", yaml).map_err(|error| error.to_string())?)
    }

    #[test]
    fn the_defaults_are_those_of_the_rules() {
        let book = book("{}").unwrap();
        assert_eq!(book.default, Rules::default());
        assert_eq!(book.correction_ms, RuleBook::default().correction_ms);
    }

    #[test]
    fn each_rule_can_be_set_for_a_site() {
        let book = book(
            "rules: {engaged_views: 3}\nsites:\n  shop: {gap_seconds: 60, lateness_seconds: 172800, longest_seconds: 7200, \
             most_events: 5, cut_on_customer: false, cut_on_campaign: true, cut_at_midnight: true, \
             time_zone: Asia/Bangkok, client_sessions: true, engaged_seconds: 20, conversions: [signed_up], \
             heartbeat_seconds: 15, minimum_visit_seconds: 7, kept_events: 9, robot_views_a_minute: 90, robot_views_alone: 8, \
             robot_alone_seconds: 30, fence_dwell_seconds: 60, fence_lost_seconds: 600, conversation_gap_seconds: 3600, \
             conversation_memory_days: 7, \
             opening_hours: {monday: \"09:00-17:00\", holidays: [\"2026-04-13\"]}, \
             policies: [{priority: urgent, channel: chat, first_reply_minutes: 5, in_business_hours: true}]}",
        )
        .unwrap();
        let shop = book.of("shop");
        let limits = Limits {
            gap_ms: 60_000,
            lateness_ms: 172_800_000,
            conversation_gap_ms: 3_600_000,
            conversation_memory_ms: 7 * 86_400_000,
            client_sessions: true,
        };
        let zone = Zone::named("Asia/Bangkok").unwrap();
        let expected = Rules {
            limits,
            longest_ms: 7_200_000,
            most_events: 5,
            cut_on_campaign: true,
            midnight: Some(zone.clone()),
            cut_on_customer: false,
            engaged_ms: 20_000,
            engaged_views: 3,
            conversions: Kinds::of(&[Kind::SignUp]),
            heartbeat_ms: 15_000,
            minimum_visit_ms: 7_000,
            kept_events: 9,
            pace: Pace { views_a_minute: 90, views_alone: 8, alone_ms: 30_000 },
            stays: StayRules { dwell_ms: 60_000, lost_after_ms: 600_000, ..StayRules::default() },
            hours: Hours::parse(zone, ["09:00-17:00", "", "", "", "", "", ""], ["2026-04-13"]).unwrap(),
            policies: vec![Policy {
                priority: "urgent".into(),
                channel: Some(Channel::Chat),
                first_reply_ms: Some(300_000),
                resolution_ms: None,
                in_business_hours: true,
            }],
        };
        assert_eq!(shop, &expected);
        assert_eq!(book.default, Rules { engaged_views: 3, ..Rules::default() });
    }

    #[test]
    fn what_cannot_work_is_named_with_its_key() {
        for (yaml, key) in [
            ("rules: {gap_seconds: 0}", "rules.gap_seconds"),
            ("rules: {longest_seconds: 5}", "rules.longest_seconds"),
            ("rules: {conversation_memory_days: 0}", "rules.conversation_memory_days"),
            ("rules: {conversation_memory_days: 3651}", "rules.conversation_memory_days"),
            ("sites: {shop: {conversation_gap_seconds: 7776001}}", "sites.shop.conversation_memory_days"),
            ("sites: {shop: {time_zone: Asia/Atlantis}}", "sites.shop.time_zone"),
            ("rules: {opening_hours: {friday: \"9-5\"}}", "rules.opening_hours"),
            ("rules: {opening_hours: {friday: \"22:00-02:00\"}}", "00:00-02:00 on the next"),
            ("rules: {conversions: [bought]}", "rules.conversions"),
            ("rules: {policies: [{channel: pigeon}]}", "rules.policies.0.channel"),
        ] {
            let error = book(yaml).unwrap_err();
            assert!(error.contains(key), "{error}");
        }
    }
}
