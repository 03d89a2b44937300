//! Sentences a person would judge at once, in three languages: feeling, topic, friction.

use crumbtrail_sentiment::Label::{Negative, Neutral, Positive};
use crumbtrail_sentiment::Language::{En, Id, Th, Und};
use crumbtrail_sentiment::{Label, Language, Scorer, Scratch};

struct Golden(&'static str, Language, Option<Label>, &'static [&'static str], bool);

/// `None` as a label: feeling is a matter of taste here, topic and friction are not.
const GOLDEN: &[Golden] = &[
    Golden("The package is marked delivered, but I never received it.", En, None, &["delivery"], true),
    Golden("I was charged twice for the same order #12345", En, None, &["billing"], true),
    Golden(
        "The staff were rude and nobody answers the phone. Worst service ever!",
        En,
        Some(Negative),
        &["staff_service"],
        true,
    ),
    Golden(
        "I love this shop, fast delivery and great quality 😍",
        En,
        Some(Positive),
        &["delivery", "product_quality"],
        false,
    ),
    Golden("Thanks, my issue was solved quickly", En, Some(Positive), &[], false),
    Golden("Do you have this dress in blue?", En, Some(Neutral), &["stock_availability"], false),
    Golden("What time does the store open tomorrow?", En, Some(Neutral), &[], false),
    Golden("The checkout page crashes every time I try to pay", En, Some(Negative), &["website_checkout"], true),
    Golden("not bad at all, quite happy with it", En, Some(Positive), &[], false),
    Golden("I can't log in to my account", En, None, &["login_account"], true),
    Golden("The screen cracked after two days 😡", En, Some(Negative), &["product_quality"], true),
    Golden("I want to cancel my subscription", En, None, &["cancellation"], false),
    Golden("no problem with delivery, arrived on time", En, None, &["delivery"], false),
    Golden("Please add a dark mode to the app, it would be great", En, None, &["website_checkout"], false),
    Golden("Paket saya belum sampai padahal sudah dua minggu", Id, Some(Negative), &["delivery"], true),
    Golden("Apakah barang ini masih ada?", Id, Some(Neutral), &["stock_availability"], false),
    Golden("Jam berapa toko buka hari Minggu?", Id, Some(Neutral), &[], false),
    Golden("Berapa harga sepatu ini?", Id, Some(Neutral), &["price"], false),
    Golden("Kapan pesanan saya dikirim?", Id, Some(Neutral), &["delivery"], false),
    Golden("Bagaimana cara mengganti alamat pengiriman?", Id, Some(Neutral), &["delivery"], false),
    Golden("Barangnya bagus banget, pengiriman cepat, terima kasih!", Id, Some(Positive), &["delivery"], false),
    Golden(
        "Kecewa banget, barang rusak dan penjual tidak membalas",
        Id,
        Some(Negative),
        &["product_quality", "staff_service"],
        true,
    ),
    Golden("Saldo terpotong dua kali", Id, Some(Negative), &["billing"], true),
    Golden("Pelayanannya ramah, saya puas", Id, Some(Positive), &["staff_service"], false),
    Golden("สินค้าขึ้นว่าส่งแล้วแต่ยังไม่ได้รับเลย", Th, Some(Negative), &[], true),
    Golden("โดนหักเงินสองรอบค่ะ", Th, Some(Negative), &["billing"], true),
    Golden("พนักงานพูดจาไม่ดี บริการแย่มาก", Th, Some(Negative), &["staff_service"], false),
    Golden("ชอบมากค่ะ ส่งไว คุณภาพดี", Th, Some(Positive), &["delivery", "product_quality"], false),
    Golden("ร้านเปิดกี่โมงคะ", Th, Some(Neutral), &[], false),
    Golden("มีไซส์ M ไหมคะ", Th, Some(Neutral), &["stock_availability"], false),
    Golden("ลืมรหัสผ่าน เข้าสู่ระบบไม่ได้", Th, None, &["login_account"], true),
    Golden("ขอบคุณพนักงานที่ช่วยเหลือดีมาก", Th, Some(Positive), &["staff_service"], false),
    Golden("ของพังตั้งแต่วันแรก ขอคืนเงิน", Th, Some(Negative), &["refund", "product_quality"], true),
    Golden("😡😡😡", Und, Some(Negative), &[], false),
    Golden("👍", Und, Some(Positive), &[], false),
    Golden("12345", Und, Some(Neutral), &[], false),
    Golden("où est ma commande ? je ne l'ai pas reçue", Und, Some(Neutral), &[], false),
    Golden("Где мой заказ?", Und, Some(Neutral), &[], false),
];

#[test]
fn every_golden_sentence_is_read_right() {
    let scorer = Scorer::embedded().unwrap();
    let mut scratch = Scratch::new();
    let mut wrong = Vec::new();
    for Golden(text, language, label, topics, friction) in GOLDEN {
        if cfg!(not(feature = "indonesian")) && *language == Id {
            continue;
        }
        let reading = scorer.read(text, None, &mut scratch);
        let right = reading.language == *language
            && label.is_none_or(|label| reading.label == label)
            && topics.iter().all(|topic| reading.topics.contains(topic))
            && reading.friction == *friction;
        if !right {
            let found: Vec<_> = reading.topics.iter().collect();
            wrong.push(format!("{text}\n  {reading:?} {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), GOLDEN.len(), wrong.join("\n"));
}

#[test]
#[cfg(not(feature = "indonesian"))]
fn without_its_table_indonesian_is_undetermined_and_read_by_rules() {
    let scorer = Scorer::embedded().unwrap();
    let mut scratch = Scratch::new();
    let reading = scorer.read("Barang saya di kurir, pengiriman dua hari", None, &mut scratch);
    assert_eq!((reading.language, reading.label, reading.confidence), (Und, Neutral, 0.0));
    assert!(reading.topics.contains("delivery"), "topics need no table");
    let reading = scorer.read("Barangnya bagus banget, pengiriman cepat, terima kasih!", None, &mut scratch);
    assert_eq!((reading.language, reading.label), (Und, Positive), "praise needs none");
}

#[test]
fn a_hint_decides_only_where_the_text_does_not() {
    let scorer = Scorer::embedded().unwrap();
    let mut scratch = Scratch::new();
    let read = |text: &str, hint, scratch: &mut Scratch| scorer.read(text, Some(hint), scratch).language;
    assert_eq!(read("I never received my parcel", Id, &mut scratch), En);
    assert_eq!(read("ยังไม่ได้รับของ", En, &mut scratch), Th);
    assert_eq!(read("👍", Th, &mut scratch), Th);
}
