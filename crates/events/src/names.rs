//! Event names that sources use, and the kinds they mean.

use crate::kind::Kind;

/// The kind an event name means, and the name to keep: empty when the kind says it all.
///
/// Known are our own names, and the usual e-commerce vocabularies in any case and with spaces, dashes or underscores:
/// the Segment e-commerce spec (`Product Added`), GA4's recommended events (`add_to_cart`), and the plain words of web
/// analytics (`pageview`). Anything else is [`Kind::Custom`] and keeps its name.
#[inline]
#[must_use]
pub fn kind_and_name(name: &str) -> (Kind, &str) {
    match Kind::from_name(name) {
        // Support kinds are not events of a site: "opened" in a clickstream is somebody's own name.
        Some(kind) if !kind.is_support() && kind != Kind::Custom => (kind, ""),
        _ => (by_vocabulary(name), name),
    }
}

/// The longest name of the vocabulary, in bytes.
const LONGEST: usize = 40;

fn by_vocabulary(name: &str) -> Kind {
    let mut folded = [0u8; LONGEST];
    let Some(folded) = folded.get_mut(..name.len()) else {
        return Kind::Custom;
    };
    for (to, from) in folded.iter_mut().zip(name.bytes()) {
        *to = match from {
            b' ' | b'-' | b'.' | b':' => b'_',
            other => other.to_ascii_lowercase(),
        };
    }
    match &*folded {
        b"page_view" | b"pageview" | b"$pageview" | b"page_viewed" | b"viewed_page" | b"page" => Kind::PageView,
        b"screen_view" | b"screen_viewed" | b"screenview" | b"$screen" | b"screen" => Kind::ScreenView,
        b"page_ping" | b"ping" | b"heartbeat" | b"user_engagement" => Kind::PagePing,
        b"click" | b"link_click" | b"link_clicked" | b"button_clicked" | b"select_content" | b"select_item"
        | b"product_clicked" | b"promotion_clicked" | b"select_promotion" | b"$autocapture" => Kind::Click,
        b"search" | b"products_searched" | b"view_search_results" | b"site_search" | b"searched" => Kind::Search,
        b"product_list_viewed" | b"product_list_filtered" | b"view_item_list" | b"category_viewed" => Kind::ListView,
        b"product_viewed" | b"view_item" | b"viewed_product" | b"product_view" | b"view_content" => Kind::ProductView,
        b"product_added" | b"add_to_cart" | b"added_to_cart" | b"added_product" | b"addtocart" => Kind::AddToCart,
        b"product_removed" | b"remove_from_cart" | b"removed_from_cart" | b"removed_product" => Kind::RemoveFromCart,
        b"cart_viewed" | b"view_cart" | b"viewed_cart" => Kind::CartView,
        b"checkout_started" | b"begin_checkout" | b"started_checkout" | b"initiate_checkout" => Kind::CheckoutStarted,
        b"checkout_step"
        | b"checkout_step_viewed"
        | b"checkout_step_completed"
        | b"payment_info_entered"
        | b"add_payment_info"
        | b"add_shipping_info"
        | b"coupon_entered" => Kind::CheckoutStep,
        b"purchase" | b"order_completed" | b"completed_order" | b"transaction" | b"ecommerce_purchase" => {
            Kind::Purchase
        }
        b"refund" | b"order_refunded" => Kind::Refund,
        b"signed_up" | b"sign_up" | b"signup" | b"account_created" | b"user_registered" => Kind::SignUp,
        b"logged_in" | b"login" | b"signed_in" | b"sign_in" | b"identify" | b"$identify" => Kind::Login,
        b"comment" | b"product_reviewed" | b"review_submitted" | b"comment_posted" => Kind::Comment,
        b"share" | b"product_shared" | b"cart_shared" | b"shared" => Kind::Share,
        b"wishlist" | b"product_added_to_wishlist" | b"add_to_wishlist" => Kind::Wishlist,
        b"app_opened" | b"application_opened" | b"app_open" | b"first_open" => Kind::AppOpened,
        b"store_visit" | b"store_visited" | b"shop_visit" => Kind::StoreVisit,
        b"subscribed" | b"subscription_started" | b"subscription_renewed" | b"subscribe" => Kind::Subscribed,
        b"cancelled"
        | b"canceled"
        | b"subscription_cancelled"
        | b"subscription_canceled"
        | b"account_deleted"
        | b"account_closed" => Kind::Cancelled,
        b"onboarding_step" | b"onboarding_step_completed" | b"tutorial_complete" | b"tutorial_begin" => {
            Kind::OnboardingStep
        }
        b"message_sent" | b"email_sent" | b"push_notification_sent" | b"sms_sent" => Kind::MessageSent,
        b"message_delivered" | b"email_delivered" | b"push_notification_received" | b"sms_delivered" => {
            Kind::MessageDelivered
        }
        b"message_opened" | b"email_opened" | b"push_notification_opened" => Kind::MessageOpened,
        b"message_clicked" | b"email_link_clicked" | b"email_clicked" | b"push_notification_tapped" => {
            Kind::MessageClicked
        }
        b"message_unsubscribed" | b"unsubscribed" | b"email_unsubscribed" => Kind::MessageUnsubscribed,
        _ => Kind::Custom,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vocabularies_meet_and_the_unknown_is_kept() {
        assert_eq!(kind_and_name("page_view"), (Kind::PageView, ""));
        assert_eq!(kind_and_name("Product Added"), (Kind::AddToCart, "Product Added"));
        assert_eq!(kind_and_name("add_to_cart"), (Kind::AddToCart, "add_to_cart"));
        assert_eq!(kind_and_name("Checkout Step Viewed").0, Kind::CheckoutStep);
        assert_eq!(kind_and_name("opened"), (Kind::Custom, "opened"));
        assert_eq!(kind_and_name("Coupon Denied"), (Kind::Custom, "Coupon Denied"));
        assert_eq!(kind_and_name(&"x".repeat(500)).0, Kind::Custom);
        assert_eq!(kind_and_name("custom"), (Kind::Custom, "custom"));
    }
}
