//! What the shop sells, and its shops.

use crate::places::CURRENCIES;

/// Name and slug of a category.
pub(crate) const CATEGORIES: [(&str, &str); 6] = [
    ("Scarves & shawls", "scarves"),
    ("Kitchen", "kitchen"),
    ("Ceramics", "ceramics"),
    ("Lamps", "lamps"),
    ("Bags", "bags"),
    ("Tea & spice", "tea-spice"),
];

/// A product: category, name, price in US cents. Its id is `P-` and 1001 + its place here.
pub(crate) const PRODUCTS: [(u8, &str, i64); 48] = [
    (0, "Mudmee silk scarf", 4_900),
    (0, "Indigo cotton shawl", 3_200),
    (0, "Batik parang scarf", 2_800),
    (0, "Ikat sumba throw", 7_400),
    (0, "Hmong embroidered wrap", 5_600),
    (0, "Lanna check scarf", 2_100),
    (0, "Raw silk stole", 6_500),
    (0, "Tenun bali sarong", 3_600),
    (1, "Teak salad bowl", 3_900),
    (1, "Coconut ladle set", 1_400),
    (1, "Granite mortar", 3_100),
    (1, "Bamboo steamer", 1_700),
    (1, "Acacia chopping board", 2_900),
    (1, "Brass khanom mould", 2_300),
    (1, "Rattan placemats", 1_900),
    (1, "Mango wood tray", 2_700),
    (2, "Celadon tea cup", 1_600),
    (2, "Benjarong bowl", 5_900),
    (2, "Kasongan vase", 4_200),
    (2, "Blue fish plate", 2_400),
    (2, "Dan Kwian jug", 3_300),
    (2, "Crackle glaze mug", 1_800),
    (2, "Ratchaburi dragon jar", 8_900),
    (2, "Sake cup pair", 2_200),
    (3, "Paper moon lamp", 4_500),
    (3, "Rattan dome pendant", 8_200),
    (3, "Sa paper lantern", 1_900),
    (3, "Bamboo floor lamp", 9_600),
    (3, "Brass temple lamp", 7_100),
    (3, "Woven table lamp", 5_200),
    (3, "Shell string lights", 2_600),
    (3, "Teak reading lamp", 6_800),
    (4, "Krajood tote", 2_900),
    (4, "Yan lipao clutch", 9_900),
    (4, "Batik patchwork backpack", 5_400),
    (4, "Water hyacinth basket", 2_300),
    (4, "Canvas market bag", 1_500),
    (4, "Rattan circle bag", 3_400),
    (4, "Leather wayang wallet", 4_100),
    (4, "Hill tribe pouch", 1_300),
    (5, "Chiang Rai oolong", 1_800),
    (5, "Java peaberry coffee", 1_600),
    (5, "Jasmine green tea", 1_200),
    (5, "Massaman spice box", 1_100),
    (5, "Rendang spice box", 1_100),
    (5, "Kampot pepper tin", 1_400),
    (5, "Butterfly pea tea", 900),
    (5, "Lemongrass ginger tea", 800),
];

/// Price of a product in a currency, in millionths of its unit.
pub(crate) fn price_micros(product: u16, currency: usize) -> i64 {
    let (_, to_dollar, step) = CURRENCIES[currency];
    let thousandths = PRODUCTS[usize::from(product)].2 * to_dollar / 100;
    let steps = ((thousandths + step / 2) / step).max(1);
    steps * step * 1_000
}

/// A shop: id, city, position, weight of its visits.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) city: u8,
    pub(crate) position: (f32, f32),
    pub(crate) draw: u32,
}

const fn store(id: &'static str, name: &'static str, city: u8, position: (f32, f32), draw: u32) -> Store {
    Store { id, name, city, position, draw }
}

/// The shops. One of them, in a district that draws visits, is a planted truth: its `draw` says so.
pub(crate) const STORES: [Store; 12] = [
    store("bkk-siam", "Siam", 0, (13.746, 100.534), 11),
    store("bkk-ari", "Ari", 0, (13.7797, 100.5446), 60),
    store("bkk-thonglor", "Thonglor", 0, (13.724, 100.5785), 10),
    store("bkk-ladprao", "Lat Phrao", 0, (13.8163, 100.5614), 8),
    store("cnx-nimman", "Nimman", 1, (18.7984, 98.9681), 9),
    store("jkt-menteng", "Menteng", 3, (-6.196, 106.833), 11),
    store("jkt-kemang", "Kemang", 3, (-6.2607, 106.8137), 12),
    store("jkt-kelapa-gading", "Kelapa Gading", 3, (-6.1584, 106.9051), 9),
    store("sby-tunjungan", "Tunjungan", 4, (-7.262, 112.7384), 8),
    store("sin-tiong-bahru", "Tiong Bahru", 6, (1.285, 103.832), 10),
    store("ldn-marylebone", "Marylebone", 7, (51.5205, -0.1508), 8),
    store("syd-newtown", "Newtown", 9, (-33.8978, 151.179), 8),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_round_in_their_currency() {
        assert_eq!(price_micros(0, 0), 1_720_000_000, "THB");
        assert_eq!(price_micros(0, 1), 784_000_000_000, "IDR");
        assert_eq!(price_micros(0, 5), 49_000_000, "USD");
        for product in 0..PRODUCTS.len() as u16 {
            for (currency, (_, _, step)) in CURRENCIES.iter().enumerate() {
                let price = price_micros(product, currency);
                assert!(price > 0 && price % (step * 1_000) == 0);
            }
        }
    }
}
