//! Families of facts, idioms and topics: what customers write of one thing in many ways. None of these sentences stands among the
//! seeds; the rules know their patterns and not them.

use crumbtrail_sentiment::Label::{Negative, Neutral, Positive};
use crumbtrail_sentiment::{FrictionKind, Kind, Label, Reading, Scorer, Scratch, TopicSet};

fn read(text: &str) -> Reading {
    thread_local!(static SCORER: Scorer = Scorer::embedded().unwrap());
    SCORER.with(|scorer| scorer.read(text, None, &mut Scratch::new()))
}

fn names(topics: TopicSet) -> String {
    topics.iter().collect::<Vec<_>>().join(",")
}

/// Fails with all texts of which this is not true.
fn all(texts: &[&str], is_right: impl Fn(&Reading) -> bool) {
    let wrong: Vec<String> = texts
        .iter()
        .map(|text| (text, read(text)))
        .filter(|(_, reading)| !is_right(reading))
        .map(|(text, reading)| {
            let (label, kind, fact) = (reading.label, reading.kind, reading.friction_kind);
            format!("{text}: {label:?} {:+.2} {kind:?} {fact:?} [{}]", reading.score, names(reading.topics))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), texts.len(), wrong.join("\n"));
}

#[test]
fn facts_are_friction_in_whichever_words() {
    let complains = |reading: &Reading| reading.friction;
    all(
        &[
            "status shows delivered but there was nothing in the mailbox",
            "theres nothing on our porch",
            "they shipped me two left shoes instead of a pair",
            "Asked for vanilla and received chocolate",
            "I ordered a medium. You sent a different size",
            "my wallet was suspended without a reason",
            "we have emailed you several times",
            "no one has replied to my tickets",
            "The promo wasn't applied",
            "the handle came off",
            "the zipper snapped on the first day",
            "tears easily",
            "The plumber never turned up",
            "the wifi keeps dropping",
            "my headset overheats",
            "somebody is using my account",
            "20 minutes late, the soup was lukewarm",
            "nobody picks up",
            "the driver tossed our packages on the floor",
            "the shirt shrank in the wash",
            "only two of them arrived",
            "no record of our reservation",
            "deposit was never returned",
        ],
        complains,
    );
    all(
        &[
            "โอทีพีไม่มา",
            "รหัสไม่เข้าเลยค่ะ",
            "ขึ้นว่าจัดส่งสำเร็จแต่ยังไม่ได้",
            "ใส่แค่วันเดียวขาด",
            "สั่งเบอร์ 38 ได้เบอร์ 40",
            "ซองฉีกมาเลย",
            "โอนเงินแล้วระบบยังค้าง",
            "ชาร์จไฟไม่ได้",
            "ทักแชทไปสามวันเงียบ",
            "ไม่มีใครตอบเลย",
        ],
        complains,
    );
    all(
        &[
            "duit saya gak balik balik, belum dibalikin",
            "statusnya sudah diterima padahal paket belum ada",
            "akun aku kena banned",
            "admin tdk pernah jawab",
            "barangnya habis mulu",
            "beli 5 dapet cuma 3",
            "order yang hitam yang datang putih",
            "tali tasnya copot",
            "paketnya dibanting kurir",
            "saldo aku berkurang",
        ],
        complains,
    );
}

#[test]
fn what_only_looks_like_a_fact_is_none() {
    all(
        &[
            "Will my insurance cover a broken phone?",
            "Do you repair torn jackets?",
            "my previous laptop died so I need a new one",
            "we were running late and missed lunch",
            "I had an issue with the login but your agent sorted it out, great",
            "The checkout crashed. They fixed it within an hour, thanks!",
            "The new one works great after the old one was broken",
            "without any damage",
            "nothing came damaged",
            "hp lama aku rusak, makanya beli baru",
            "maaf saya telat",
            "denda terlambat berapa ya?",
            "kalau pecah bisa tukar?",
            "apa garansi berlaku jika layar retak?",
            "ค่าธรรมเนียมชำระล่าช้ากี่บาท",
            "เครื่องเก่าพังเลยซื้อใหม่",
            "กล่องไม่บุบ",
            "ตอนแรกมีปัญหา แต่แก้ไขให้เรียบร้อยแล้วค่ะ",
            "ordered on Monday, got it on Tuesday",
            "I ordered a lamp and got a free bulb",
        ],
        |reading| !reading.friction,
    );
    all(
        &[
            "kalau sobek boleh retur?",
            "apakah garansinya berlaku kalau rusak?",
            "is it a scam?",
            "Does the warranty cover a broken zip?",
            "ถ้าพังเคลมได้ไหมคะ",
        ],
        |reading| reading.kind == Kind::Question && reading.label != Negative && reading.dislikes.is_empty(),
    );
    all(
        &["they never fixed it, still broken", "please fix it, the app crashes", "ยังไม่แก้ไขให้เลย ใช้ไม่ได้"],
        |reading| reading.friction,
    );
}

#[test]
fn idioms_and_marks_say_more_than_their_words() {
    let label = |label: Label| move |reading: &Reading| reading.label == label;
    all(
        &[
            "hard to fault",
            "I really can't fault this place",
            "you won't find anything better",
            "couldn't be happier",
            "the repair only took two hours",
            "💀 I'm dead, hilarious",
            "😭 so cute",
            "9/10",
            "5/5 will come again",
            "10 / 10",
            "gila keren",
            "parah enaknya",
            "anjay mantap",
            "ราคาไม่แพงเลย",
            "จึ้งมาก",
        ],
        label(Positive),
    );
    all(
        &[
            "we are so done with you",
            "im done with this company",
            "always out of stock",
            "1/10",
            "thanks for nothing",
            "gak worth it",
            "zonk",
        ],
        label(Negative),
    );
    all(&["biasa aja", "biasa saja kak", "standar aja"], label(Neutral));
    all(&["packaging สวย but แก้วแตก", "Lovely box but the cup is broken"], |reading| {
        reading.label != Positive
    });
    all(&["not so good"], |reading| reading.label != Positive);
}

#[test]
fn what_a_text_does_is_no_topic() {
    for text in ["ok thanks", "Where is it?", "terima kasih", "ขอบคุณค่ะ", "I suggest a bell", "กี่โมงคะ"]
    {
        assert_eq!(names(read(text).topics), "", "{text}");
    }
    assert_eq!(read("ok thanks").kind, Kind::Praise);
    assert_eq!(read("Where is it?").kind, Kind::Question);
    assert_eq!(read("I suggest a bell").kind, Kind::Suggestion);
}

#[test]
fn a_word_in_another_sense_is_another_topic() {
    for text in [
        "I read the last page of the book",
        "turn the page",
        "The loading bay is closed",
        "it takes an hour to charge my laptop",
        "who was in charge of the event",
        "the battery is fully charged",
        "the bill of a duck",
    ] {
        let topics = read(text).topics;
        assert!(!topics.contains("website_checkout") && !topics.contains("billing"), "{text}: {}", names(topics));
    }
    for (text, topic) in [
        ("why was there a charge on my card", "billing"),
        ("you charged me again", "billing"),
        ("the payment page won't load", "website_checkout"),
        ("three hours late", "delivery"),
        ("do you ship abroad", "delivery"),
        ("no one answers the phone", "staff_service"),
        ("ไม่มีใครรับสาย", "staff_service"),
        ("you gave out my phone number", "privacy"),
        ("เอาข้อมูลลูกค้าไปให้คนอื่น", "privacy"),
        ("it is a counterfeit", "product_quality"),
    ] {
        let topics = read(text).topics;
        assert!(topics.contains(topic), "{text}: {}", names(topics));
    }
}

#[test]
fn blame_goes_to_what_is_at_fault() {
    for text in
        ["The waiters weren't unfriendly but they didn't help either", "the staff was not rude but no help at all"]
    {
        assert!(!read(text).likes.contains("staff_service"), "{text}");
    }
    for text in ["แอพเด้งบ่อย เข้าไม่ได้เลย", "lelet banget aplikasinya", "your app crashes every time"]
    {
        assert_eq!(names(read(text).dislikes), "app_fault", "{text}");
    }
    assert_eq!(names(read("I had trouble with the delivery but they sorted it out, brilliant").dislikes), "");
}

#[test]
fn what_was_feared_denied_or_asked_of_is_no_friction() {
    all(
        &[
            "never had a single problem with you lot",
            "I was afraid it would be fake but it turned out original, I am satisfied.",
            "They replaced the cracked screen for free, I didn't even have to argue.",
            "the package I waited for arrived safely and nothing was broken",
            "will a broken seal void the warranty?",
            "mau tanya, is this still available kak?",
            "beda tipe A sama B apa?",
        ],
        |reading| !reading.friction,
    );
    all(
        &[
            "the kettle trips the fuse every single time",
            "I got someone else's jeans in my parcel",
            "I've been passed to five people already",
            "you've billed me for a plan I cancelled in March",
            "It's day nine and the label still says preparing.",
            "layarnya retak pas dibuka",
            "cs nya bales template doang",
            "kurirnya lempar paket ke halaman",
        ],
        |reading| reading.friction,
    );
}

#[test]
fn newer_idioms_are_read_as_meant() {
    all(
        &[
            "Nothing but praise for your repair team",
            "For a three star hotel this exceeds expectations.",
            "this song has been on repeat all day, I can't get enough of it",
            "the guy at your counter stayed late just to fix my phone, what a legend",
            "ga nyangka sebagus ini",
            "sekarang aplikasinya jauh lebih enteng",
            "ใช้มาสองปียังไม่เสียเลย",
            "ได้เงินคืนแล้ว เร็วดี",
        ],
        |reading| reading.label == Positive,
    );
}

#[test]
fn what_nobody_ever_had_before_is_the_best_or_the_worst() {
    let label = |label: Label| move |reading: &Reading| reading.label == label;
    all(
        &[
            "I have never been happier",
            "never been so happy with a shop",
            "I've never been more impressed by a hotel",
            "haven't been this pleased with a phone in years",
            "never had a better experience",
            "Never seen such great service",
            "I have never met such a kind nurse",
            "never tasted anything so delicious",
            "couldn't ask for more",
            "they are always on time",
            "ดีกว่านี้ไม่มีแล้ว",
            "ไม่เคยใช้อะไรดีกว่านี้",
            "ไม่เคยเจอพนักงานสุภาพขนาดนี้",
        ],
        label(Positive),
    );
    all(
        &[
            "never been so disappointed",
            "I've never been treated so rudely, never been so insulted",
            "never had a worse meal",
            "never seen such a rude cashier",
            "could not be more disappointed",
            "we have never been this late because of a bus",
            "ไม่เคยเจอบริการแย่ขนาดนี้",
            "ร้านนี้ไม่เคยส่งช้าขนาดนี้",
        ],
        label(Negative),
    );
    all(&["never had a good experience here", "they never answer so quickly anymore"], |reading| {
        reading.label != Positive
    });
    #[cfg(feature = "indonesian")]
    {
        all(
            &[
                "gak pernah sebahagia ini",
                "tidak pernah sepuas ini belanja online",
                "belum pernah nemu barang sebagus ini",
            ],
            label(Positive),
        );
        all(
            &["pelayanan nol besar", "ga pernah sekecewa ini", "belum pernah dapat pelayanan seburuk ini"],
            label(Negative),
        );
    }
}

#[test]
fn trouble_that_is_denied_is_none() {
    let is_calm = |reading: &Reading| !reading.friction && reading.label != Negative && reading.dislikes.is_empty();
    all(
        &[
            "zero issues",
            "zero problems with this phone",
            "0 problems with this phone",
            "six months and 0 issues",
            "no issues so far",
            "ไม่เคยส่งช้า",
            "ร้านนี้ไม่เคยส่งช้าเลย",
            "ไม่มีของเสียหาย",
            "ไม่มีของแตกเลยค่ะ",
        ],
        is_calm,
    );
    #[cfg(feature = "indonesian")]
    all(&["nol masalah", "0 masalah sejauh ini", "tanpa masalah", "tidak pernah telat", "paket sudah sampai"], is_calm);
    all(
        &["3 problems with this phone", "10 issues in a week", "there is a problem", "ส่งช้า", "ของเสียหาย"],
        |reading| reading.friction,
    );
    #[cfg(feature = "indonesian")]
    all(&["paket sudah sampai tapi rusak", "2 masalah dalam seminggu"], |reading| reading.friction);
    assert!(!read("ไม่มีของเสียหาย").topics.contains("stock_availability"));
}

/// "Couldn't" alone complains of nothing: of what one does in a shop it does.
#[test]
fn what_one_could_not_do_is_friction_in_a_shop_only() {
    for (text, kind) in [
        ("I couldn't log in", FrictionKind::NoAccess),
        ("couldnt access my account", FrictionKind::NoAccess),
        ("we couldn't pay with our card", FrictionKind::NotWorking),
        ("Couldn't open the app all morning", FrictionKind::NotWorking),
        ("could not redeem my voucher", FrictionKind::NotWorking),
        ("I couldn't get through to anyone", FrictionKind::NoAnswer),
        ("still not fixed", FrictionKind::NotWorking),
        ("my issue is still not resolved", FrictionKind::NoAnswer),
        ("still not received my order", FrictionKind::NotReceived),
        ("it is still not here", FrictionKind::NotReceived),
        ("I am still not refunded", FrictionKind::NoRefund),
        ("couldn't get my money back", FrictionKind::NoRefund),
        ("the leak has not been fixed yet", FrictionKind::NotWorking),
        ("ยังไม่ได้เงินคืน", FrictionKind::NoRefund),
        ("ไม่เคยตอบแชทลูกค้า", FrictionKind::NoAnswer),
        ("ร้านนี้ไม่เคยส่งตรงเวลา", FrictionKind::Late),
        ("ปัญหายังไม่ได้รับการแก้ไข", FrictionKind::NoAnswer),
        ("ยังไม่ได้รับเงินคืน", FrictionKind::NoRefund),
        ("ยังไม่ได้รับของ", FrictionKind::NotReceived),
    ] {
        let reading = read(text);
        assert_eq!(reading.friction_kind, Some(kind), "{text}");
        assert_eq!(reading.frictions.iter().collect::<Vec<_>>(), [kind.as_str()], "{text}");
    }
    all(
        &[
            "couldn't agree more",
            "couldn't make it yesterday",
            "I couldn't find the store",
            "couldn't be happier",
            "she couldn't come",
        ],
        |reading| !reading.friction,
    );
}
