//! What happened: the closed vocabulary of touchpoint kinds.

/// What a touchpoint says happened. Codes are stored in logs and snapshots: append only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// An event whose name is not in the vocabulary; kept with its name.
    #[default]
    Custom = 0,
    /// A web page was shown.
    PageView = 1,
    /// An app screen was shown.
    ScreenView = 2,
    /// A heartbeat: the page is still looked at. Extends a session, does not count.
    PagePing = 3,
    /// Something was clicked.
    Click = 4,
    /// A search on the site.
    Search = 5,
    /// A list of products was shown.
    ListView = 6,
    /// A product was shown.
    ProductView = 7,
    /// A product was put into the cart.
    AddToCart = 8,
    /// A product was taken out of the cart.
    RemoveFromCart = 9,
    /// The cart was shown.
    CartView = 10,
    /// Checkout began.
    CheckoutStarted = 11,
    /// A step of the checkout was shown or completed; the step's name is in `step`.
    CheckoutStep = 12,
    /// An order was completed.
    Purchase = 13,
    /// An order was refunded.
    Refund = 14,
    /// An account was made.
    SignUp = 15,
    /// A visitor made known which customer they are (login, identify, alias).
    Login = 16,
    /// A comment or product review left on the site.
    Comment = 17,
    /// Something was shared.
    Share = 18,
    /// A product was put on a wish list.
    Wishlist = 19,
    /// The app was opened.
    AppOpened = 20,
    /// A visit to a shop, by sensor, till or loyalty card.
    StoreVisit = 21,
    /// A subscription or membership began or was renewed.
    Subscribed = 22,
    /// A subscription, membership or account was cancelled.
    Cancelled = 23,
    /// A step of getting started was completed.
    OnboardingStep = 24,
    /// A marketing message was sent. Never starts a session, like all `message_*` marketing kinds.
    MessageSent = 25,
    /// A marketing message arrived.
    MessageDelivered = 26,
    /// A marketing message was opened.
    MessageOpened = 27,
    /// A link in a marketing message was clicked.
    MessageClicked = 28,
    /// The person unsubscribed.
    MessageUnsubscribed = 29,
    /// Support: something was said.
    SupportMessage = 30,
    /// Support: a case was opened.
    SupportOpened = 31,
    /// Support: a case was given to an agent.
    SupportAssigned = 32,
    /// Support: a case was resolved.
    SupportResolved = 33,
    /// Support: a case was opened again.
    SupportReopened = 34,
    /// Support: a case was closed.
    SupportClosed = 35,
    /// Support: the customer gave a rating (CSAT, NPS, CES, stars).
    SupportRating = 36,
    /// Support: a public mention on a social network.
    SupportMention = 37,
    /// A video or sound began, goes on or was stopped.
    MediaPlayed = 38,
    /// A quarter of a video or sound was played, or ten seconds of it.
    MediaWatched = 39,
    /// A video or sound was played to its end.
    MediaCompleted = 40,
}

impl Kind {
    /// Every value, by code.
    pub const ALL: [Kind; 41] = [
        Kind::Custom,
        Kind::PageView,
        Kind::ScreenView,
        Kind::PagePing,
        Kind::Click,
        Kind::Search,
        Kind::ListView,
        Kind::ProductView,
        Kind::AddToCart,
        Kind::RemoveFromCart,
        Kind::CartView,
        Kind::CheckoutStarted,
        Kind::CheckoutStep,
        Kind::Purchase,
        Kind::Refund,
        Kind::SignUp,
        Kind::Login,
        Kind::Comment,
        Kind::Share,
        Kind::Wishlist,
        Kind::AppOpened,
        Kind::StoreVisit,
        Kind::Subscribed,
        Kind::Cancelled,
        Kind::OnboardingStep,
        Kind::MessageSent,
        Kind::MessageDelivered,
        Kind::MessageOpened,
        Kind::MessageClicked,
        Kind::MessageUnsubscribed,
        Kind::SupportMessage,
        Kind::SupportOpened,
        Kind::SupportAssigned,
        Kind::SupportResolved,
        Kind::SupportReopened,
        Kind::SupportClosed,
        Kind::SupportRating,
        Kind::SupportMention,
        Kind::MediaPlayed,
        Kind::MediaWatched,
        Kind::MediaCompleted,
    ];

    /// The stable name, as it stands in schemas, tables and rules.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Custom => "custom",
            Kind::PageView => "page_view",
            Kind::ScreenView => "screen_view",
            Kind::PagePing => "page_ping",
            Kind::Click => "click",
            Kind::Search => "search",
            Kind::ListView => "product_list_viewed",
            Kind::ProductView => "product_viewed",
            Kind::AddToCart => "product_added",
            Kind::RemoveFromCart => "product_removed",
            Kind::CartView => "cart_viewed",
            Kind::CheckoutStarted => "checkout_started",
            Kind::CheckoutStep => "checkout_step",
            Kind::Purchase => "purchase",
            Kind::Refund => "refund",
            Kind::SignUp => "signed_up",
            Kind::Login => "logged_in",
            Kind::Comment => "comment",
            Kind::Share => "share",
            Kind::Wishlist => "wishlist",
            Kind::AppOpened => "app_opened",
            Kind::StoreVisit => "store_visit",
            Kind::Subscribed => "subscribed",
            Kind::Cancelled => "cancelled",
            Kind::OnboardingStep => "onboarding_step",
            Kind::MessageSent => "message_sent",
            Kind::MessageDelivered => "message_delivered",
            Kind::MessageOpened => "message_opened",
            Kind::MessageClicked => "message_clicked",
            Kind::MessageUnsubscribed => "message_unsubscribed",
            Kind::SupportMessage => "message",
            Kind::SupportOpened => "opened",
            Kind::SupportAssigned => "assigned",
            Kind::SupportResolved => "resolved",
            Kind::SupportReopened => "reopened",
            Kind::SupportClosed => "closed",
            Kind::SupportRating => "rating",
            Kind::SupportMention => "mention",
            Kind::MediaPlayed => "media_played",
            Kind::MediaWatched => "media_watched",
            Kind::MediaCompleted => "media_completed",
        }
    }

    /// The value with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Kind> {
        Some(match name {
            "custom" => Kind::Custom,
            "page_view" => Kind::PageView,
            "screen_view" => Kind::ScreenView,
            "page_ping" => Kind::PagePing,
            "click" => Kind::Click,
            "search" => Kind::Search,
            "product_list_viewed" => Kind::ListView,
            "product_viewed" => Kind::ProductView,
            "product_added" => Kind::AddToCart,
            "product_removed" => Kind::RemoveFromCart,
            "cart_viewed" => Kind::CartView,
            "checkout_started" => Kind::CheckoutStarted,
            "checkout_step" => Kind::CheckoutStep,
            "purchase" => Kind::Purchase,
            "refund" => Kind::Refund,
            "signed_up" => Kind::SignUp,
            "logged_in" => Kind::Login,
            "comment" => Kind::Comment,
            "share" => Kind::Share,
            "wishlist" => Kind::Wishlist,
            "app_opened" => Kind::AppOpened,
            "store_visit" => Kind::StoreVisit,
            "subscribed" => Kind::Subscribed,
            "cancelled" => Kind::Cancelled,
            "onboarding_step" => Kind::OnboardingStep,
            "message_sent" => Kind::MessageSent,
            "message_delivered" => Kind::MessageDelivered,
            "message_opened" => Kind::MessageOpened,
            "message_clicked" => Kind::MessageClicked,
            "message_unsubscribed" => Kind::MessageUnsubscribed,
            "message" => Kind::SupportMessage,
            "opened" => Kind::SupportOpened,
            "assigned" => Kind::SupportAssigned,
            "resolved" => Kind::SupportResolved,
            "reopened" => Kind::SupportReopened,
            "closed" => Kind::SupportClosed,
            "rating" => Kind::SupportRating,
            "mention" => Kind::SupportMention,
            "media_played" => Kind::MediaPlayed,
            "media_watched" => Kind::MediaWatched,
            "media_completed" => Kind::MediaCompleted,
            _ => return None,
        })
    }

    /// The value with this code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Kind> {
        Kind::ALL.get(usize::from(code)).copied()
    }
}

impl Kind {
    /// Whether this came from a support log (and belongs to a conversation, not to a session).
    #[must_use]
    pub const fn is_support(self) -> bool {
        self as u8 >= Kind::SupportMessage as u8 && self as u8 <= Kind::SupportMention as u8
    }

    /// Whether somebody who did this is engaged, however short the session.
    #[must_use]
    pub const fn is_watched(self) -> bool {
        matches!(self, Kind::MediaWatched | Kind::MediaCompleted)
    }

    /// Whether this is a page or screen view.
    #[must_use]
    pub const fn is_view(self) -> bool {
        matches!(self, Kind::PageView | Kind::ScreenView)
    }

    /// Whether this is a marketing message's fate; such events never start a session.
    #[must_use]
    pub const fn is_marketing(self) -> bool {
        self as u8 >= Kind::MessageSent as u8 && self as u8 <= Kind::MessageUnsubscribed as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_round_trip() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.as_str()), Some(kind));
            assert_eq!(Kind::from_code(kind as u8), Some(kind));
        }
        assert!(Kind::SupportMention.is_support() && !Kind::MessageUnsubscribed.is_support());
        assert!(!Kind::MediaPlayed.is_support() && !Kind::MediaPlayed.is_marketing());
        assert!(Kind::MessageSent.is_marketing() && !Kind::OnboardingStep.is_marketing());
    }
}
