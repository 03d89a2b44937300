//! The closed sets of words that touchpoints carry as one byte.

/// The marketing channel a touch came by. `None`: the touchpoint is not a touch (an inner page, an internal referrer).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Channel {
    /// Not a touch: inner page, internal or excluded referrer, or not a view.
    #[default]
    None = 0,
    /// No referrer and no campaign.
    Direct = 1,
    /// Campaigns over several networks.
    CrossNetwork = 2,
    /// Paid, shopping sites.
    PaidShopping = 3,
    /// Paid, search engines.
    PaidSearch = 4,
    /// Paid, social networks.
    PaidSocial = 5,
    /// Paid, video sites.
    PaidVideo = 6,
    /// Banners.
    Display = 7,
    /// Paid, elsewhere.
    PaidOther = 8,
    /// Shopping sites, unpaid.
    OrganicShopping = 9,
    /// Social networks, unpaid.
    OrganicSocial = 10,
    /// Video sites, unpaid.
    OrganicVideo = 11,
    /// Chat assistants.
    AiAssistant = 12,
    /// Search engines, unpaid.
    OrganicSearch = 13,
    /// E-mail.
    Email = 14,
    /// Affiliates.
    Affiliate = 15,
    /// Audio.
    Audio = 16,
    /// Text messages.
    Sms = 17,
    /// Push notifications.
    Push = 18,
    /// Another site.
    Referral = 19,
    /// Support: chat.
    Chat = 20,
    /// Support: telephone.
    Phone = 21,
    /// Support: ticket.
    Ticket = 22,
    /// Support: e-mail.
    SupportEmail = 23,
    /// A review.
    Review = 24,
    /// A survey.
    Survey = 25,
    /// A social mention.
    Social = 26,
    /// A comment.
    CommentOnSite = 27,
    /// A shop.
    Store = 28,
}

impl Channel {
    /// Every value, by code.
    pub const ALL: [Channel; 29] = [
        Channel::None,
        Channel::Direct,
        Channel::CrossNetwork,
        Channel::PaidShopping,
        Channel::PaidSearch,
        Channel::PaidSocial,
        Channel::PaidVideo,
        Channel::Display,
        Channel::PaidOther,
        Channel::OrganicShopping,
        Channel::OrganicSocial,
        Channel::OrganicVideo,
        Channel::AiAssistant,
        Channel::OrganicSearch,
        Channel::Email,
        Channel::Affiliate,
        Channel::Audio,
        Channel::Sms,
        Channel::Push,
        Channel::Referral,
        Channel::Chat,
        Channel::Phone,
        Channel::Ticket,
        Channel::SupportEmail,
        Channel::Review,
        Channel::Survey,
        Channel::Social,
        Channel::CommentOnSite,
        Channel::Store,
    ];

    /// The stable name, as it stands in schemas, tables and rules.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Channel::None => "",
            Channel::Direct => "direct",
            Channel::CrossNetwork => "cross_network",
            Channel::PaidShopping => "paid_shopping",
            Channel::PaidSearch => "paid_search",
            Channel::PaidSocial => "paid_social",
            Channel::PaidVideo => "paid_video",
            Channel::Display => "display",
            Channel::PaidOther => "paid_other",
            Channel::OrganicShopping => "organic_shopping",
            Channel::OrganicSocial => "organic_social",
            Channel::OrganicVideo => "organic_video",
            Channel::AiAssistant => "ai_assistant",
            Channel::OrganicSearch => "organic_search",
            Channel::Email => "email",
            Channel::Affiliate => "affiliate",
            Channel::Audio => "audio",
            Channel::Sms => "sms",
            Channel::Push => "push",
            Channel::Referral => "referral",
            Channel::Chat => "chat",
            Channel::Phone => "phone",
            Channel::Ticket => "ticket",
            Channel::SupportEmail => "support_email",
            Channel::Review => "review",
            Channel::Survey => "survey",
            Channel::Social => "social",
            Channel::CommentOnSite => "comment",
            Channel::Store => "store",
        }
    }

    /// The value with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Channel> {
        Some(match name {
            "" => Channel::None,
            "direct" => Channel::Direct,
            "cross_network" => Channel::CrossNetwork,
            "paid_shopping" => Channel::PaidShopping,
            "paid_search" => Channel::PaidSearch,
            "paid_social" => Channel::PaidSocial,
            "paid_video" => Channel::PaidVideo,
            "display" => Channel::Display,
            "paid_other" => Channel::PaidOther,
            "organic_shopping" => Channel::OrganicShopping,
            "organic_social" => Channel::OrganicSocial,
            "organic_video" => Channel::OrganicVideo,
            "ai_assistant" => Channel::AiAssistant,
            "organic_search" => Channel::OrganicSearch,
            "email" => Channel::Email,
            "affiliate" => Channel::Affiliate,
            "audio" => Channel::Audio,
            "sms" => Channel::Sms,
            "push" => Channel::Push,
            "referral" => Channel::Referral,
            "chat" => Channel::Chat,
            "phone" => Channel::Phone,
            "ticket" => Channel::Ticket,
            "support_email" => Channel::SupportEmail,
            "review" => Channel::Review,
            "survey" => Channel::Survey,
            "social" => Channel::Social,
            "comment" => Channel::CommentOnSite,
            "store" => Channel::Store,
            _ => return None,
        })
    }

    /// The value with this code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Channel> {
        Channel::ALL.get(usize::from(code)).copied()
    }
}

/// Device class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Device {
    /// Not told.
    #[default]
    Unknown = 0,
    /// Desktop or laptop.
    Desktop = 1,
    /// Phone.
    Mobile = 2,
    /// Tablet.
    Tablet = 3,
    /// Television or console.
    Tv = 4,
    /// A robot.
    Bot = 5,
    /// Something else.
    Other = 6,
}

impl Device {
    /// Every value, by code.
    pub const ALL: [Device; 7] =
        [Device::Unknown, Device::Desktop, Device::Mobile, Device::Tablet, Device::Tv, Device::Bot, Device::Other];

    /// The stable name, as it stands in schemas, tables and rules.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Device::Unknown => "unknown",
            Device::Desktop => "desktop",
            Device::Mobile => "mobile",
            Device::Tablet => "tablet",
            Device::Tv => "tv",
            Device::Bot => "bot",
            Device::Other => "other",
        }
    }

    /// The value with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Device> {
        Some(match name {
            "unknown" => Device::Unknown,
            "desktop" => Device::Desktop,
            "mobile" => Device::Mobile,
            "tablet" => Device::Tablet,
            "tv" => Device::Tv,
            "bot" => Device::Bot,
            "other" => Device::Other,
            _ => return None,
        })
    }

    /// The value with this code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Device> {
        Device::ALL.get(usize::from(code)).copied()
    }
}

/// Who wrote a support entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Author {
    /// The customer.
    #[default]
    Customer = 0,
    /// A human agent.
    Agent = 1,
    /// An automaton.
    Bot = 2,
    /// The system itself.
    System = 3,
}

impl Author {
    /// Every value, by code.
    pub const ALL: [Author; 4] = [Author::Customer, Author::Agent, Author::Bot, Author::System];

    /// The stable name, as it stands in schemas, tables and rules.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Author::Customer => "customer",
            Author::Agent => "agent",
            Author::Bot => "bot",
            Author::System => "system",
        }
    }

    /// The value with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Author> {
        Some(match name {
            "customer" => Author::Customer,
            "agent" => Author::Agent,
            "bot" => Author::Bot,
            "system" => Author::System,
            _ => return None,
        })
    }

    /// The value with this code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Author> {
        Author::ALL.get(usize::from(code)).copied()
    }
}

/// The scale of a rating.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Scale {
    /// No rating.
    #[default]
    None = 0,
    /// 1–5, satisfied is 4–5.
    Csat = 1,
    /// 0–10, promoters 9–10, detractors 0–6.
    Nps = 2,
    /// 1–7, effort.
    Ces = 3,
    /// 1–5 stars.
    Stars = 4,
}

impl Scale {
    /// Every value, by code.
    pub const ALL: [Scale; 5] = [Scale::None, Scale::Csat, Scale::Nps, Scale::Ces, Scale::Stars];

    /// The stable name, as it stands in schemas, tables and rules.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Scale::None => "",
            Scale::Csat => "csat",
            Scale::Nps => "nps",
            Scale::Ces => "ces",
            Scale::Stars => "stars",
        }
    }

    /// The value with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Scale> {
        Some(match name {
            "" => Scale::None,
            "csat" => Scale::Csat,
            "nps" => Scale::Nps,
            "ces" => Scale::Ces,
            "stars" => Scale::Stars,
            _ => return None,
        })
    }

    /// The value with this code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Scale> {
        Scale::ALL.get(usize::from(code)).copied()
    }

    /// What a customer says by a rating: nothing if it is off its scale or somebody else's. Survey tools send what customers told them
    /// as the system. Without a scale any is on it.
    #[must_use]
    pub fn rating_by(self, author: Author, rating: Option<f32>) -> Option<f32> {
        let (least, most) = match self {
            Scale::None => (f32::NEG_INFINITY, f32::INFINITY),
            Scale::Csat | Scale::Stars => (1.0, 5.0),
            Scale::Nps => (0.0, 10.0),
            Scale::Ces => (1.0, 7.0),
        };
        let is_theirs = matches!(author, Author::Customer | Author::System);
        rating.filter(|rating| is_theirs && (least..=most).contains(rating))
    }
}

/// The label of a text's sentiment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Feeling {
    /// No text, or not read.
    #[default]
    None = 0,
    /// Negative.
    Negative = 1,
    /// Neutral.
    Neutral = 2,
    /// Positive.
    Positive = 3,
}

impl Feeling {
    /// Every value, by code.
    pub const ALL: [Feeling; 4] = [Feeling::None, Feeling::Negative, Feeling::Neutral, Feeling::Positive];

    /// The stable name, as it stands in schemas, tables and rules.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Feeling::None => "",
            Feeling::Negative => "negative",
            Feeling::Neutral => "neutral",
            Feeling::Positive => "positive",
        }
    }

    /// The value with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Feeling> {
        Some(match name {
            "" => Feeling::None,
            "negative" => Feeling::Negative,
            "neutral" => Feeling::Neutral,
            "positive" => Feeling::Positive,
            _ => return None,
        })
    }

    /// The value with this code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Feeling> {
        Feeling::ALL.get(usize::from(code)).copied()
    }
}

/// What a text does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Says {
    /// No text, or not read.
    #[default]
    None = 0,
    /// None of the others.
    Statement = 1,
    /// It asks.
    Question = 2,
    /// It complains, of a fact or in tone.
    Complaint = 3,
    /// It wishes for something to be done otherwise.
    Suggestion = 4,
    /// It praises or thanks.
    Praise = 5,
}

impl Says {
    /// Every value, by code.
    pub const ALL: [Says; 6] =
        [Says::None, Says::Statement, Says::Question, Says::Complaint, Says::Suggestion, Says::Praise];

    /// The stable name, as it stands in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Says::None => "",
            Says::Statement => "statement",
            Says::Question => "question",
            Says::Complaint => "complaint",
            Says::Suggestion => "suggestion",
            Says::Praise => "praise",
        }
    }

    /// The value with this code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Says> {
        Says::ALL.get(usize::from(code)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_each_scale_belong_to_it() {
        for (scale, least, most) in
            [(Scale::Csat, 1.0f32, 5.0f32), (Scale::Stars, 1.0, 5.0), (Scale::Nps, 0.0, 10.0), (Scale::Ces, 1.0, 7.0)]
        {
            for (rating, is_held) in
                [(least.next_down(), false), (least, true), (most, true), (most.next_up(), false), (f32::NAN, false)]
            {
                let said = scale.rating_by(Author::Customer, Some(rating));
                assert_eq!(said.is_some(), is_held, "{rating} of {scale:?}");
            }
        }
    }

    #[test]
    fn only_customers_rate_and_those_who_send_what_they_said() {
        for author in Author::ALL {
            let said = Scale::Csat.rating_by(author, Some(4.0));
            assert_eq!(said.is_some(), matches!(author, Author::Customer | Author::System), "{author:?}");
            assert_eq!(Scale::Csat.rating_by(author, None), None);
        }
    }
}
