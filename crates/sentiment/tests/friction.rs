//! Facts complained of, as customers write them; and what looks like one and is none: denied, solved, only supposed.

use crumbtrail_sentiment::FrictionKind::{
    Cancelled, Charged, Damaged, Fraud, Late, NoAccess, NoAnswer, NoRefund, NotReceived, NotWorking, WrongItem,
};
use crumbtrail_sentiment::{FrictionKind, Reading, Scorer, Scratch};

fn read(text: &str) -> Reading {
    thread_local!(static SCORER: Scorer = Scorer::embedded().unwrap());
    SCORER.with(|scorer| scorer.read(text, None, &mut Scratch::new()))
}

/// Fails with all texts whose friction is another.
fn kinds(cases: &[(Option<FrictionKind>, &[&str])]) {
    let wrong: Vec<String> = cases
        .iter()
        .flat_map(|(kind, texts)| texts.iter().map(move |text| (*kind, *text)))
        .filter(|(kind, text)| read(text).friction_kind != *kind)
        .map(|(kind, text)| format!("{text}: {:?}, not {kind:?}", read(text).friction_kind))
        .collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn apostrophes_may_be_left_out_and_written_out() {
    kinds(&[
        (
            Some(NotReceived),
            &["it didnt arrive", "it hasnt arrived yet", "wasnt delivered", "havent received my parcel"],
        ),
        (Some(NotReceived), &["never recieved it", "not recieved", "it has not arrived", "I have not got my order"]),
        (
            Some(NotWorking),
            &["app isnt working", "doesnt work", "the page wont load", "it will not load", "it wont turn on"],
        ),
        (Some(NotWorking), &["couldnt pay", "could not pay"]),
        (Some(NoAccess), &["cant log in", "can not log in", "cannot log in", "can’t log in"]),
        (Some(NoRefund), &["havent got my refund", "haven't got my refund", "have not received my refund"]),
    ]);
}

#[test]
fn what_is_denied_is_no_friction() {
    kinds(&[(
        None,
        &[
            "It never crashed once",
            "nothing failed",
            "no more issues",
            "did not arrive late",
            "The delivery was not late at all",
            "It was not broken, thank God",
            "I don't have any error",
            "hardly any problems",
            "never had an error",
            "tidak pernah error",
            "ga pernah telat",
            "tidak cacat",
            "bukan penipu",
            "bukan barang palsu",
            "sudah tidak error",
            "ไม่เคยส่งช้า",
            "ไม่มีของแตก",
            "ไม่ต้องรอนาน",
            "ไม่เคยมีปัญหา",
            "ไม่ใช่ของปลอม",
        ],
    )]);
}

#[test]
fn a_not_that_complains_or_stands_apart_denies_nothing() {
    kinds(&[
        (Some(NotReceived), &["I never received it", "not received", "it never arrived", "ไม่ได้รับของ", "ยังไม่ได้รับของ"]),
        (
            Some(Damaged),
            &["It is not only late but also broken", "Not what I expected. Broken", "no idea why it came broken"],
        ),
        (Some(FrictionKind::Other), &["they did not fix the problem", "you don't care about my issue"]),
        (Some(NoRefund), &["no refund for late parcels"]),
        (Some(NotReceived), &["paket belum sampai"]),
        (Some(NotWorking), &["จ่ายเงินไม่ได้ค้าง", "tidak bisa dibuka, error terus"]),
    ]);
}

#[test]
fn what_is_solved_is_no_friction() {
    kinds(&[
        (
            None,
            &[
                "my issue was solved",
                "thanks for fixing my problem so quickly",
                "the problem was solved within an hour, great support",
                "they resolved my complaint",
                "The manager resolved it, no more issues",
                "masalah sudah selesai",
                "kendala sudah diperbaiki",
            ],
        ),
        (
            Some(FrictionKind::Other),
            &[
                "my issue was not solved",
                "my problem was not fixed",
                "please fix my problem",
                "you have not resolved my issue",
                "this problem must be solved",
                "masalah belum selesai",
                "tolong masalah saya segera diperbaiki",
            ],
        ),
    ]);
}

#[test]
fn what_is_only_supposed_is_neither_friction_nor_disliked() {
    let supposed = [
        "kalau barang rusak gimana?",
        "bagaimana jika barang rusak?",
        "What if the payment fails?",
        "How do I return a wrong item?",
        "What should I do if my order arrives damaged?",
        "What happens if the parcel gets lost?",
        "ถ้าส่งช้าขอเงินคืนได้ไหม",
        "Is this fake?",
        "is this a scam?",
        "apakah barang ini palsu?",
    ];
    for text in supposed {
        let reading = read(text);
        assert!(!reading.friction && reading.dislikes.is_empty(), "{text}: {reading:?}");
    }
    kinds(&[
        (
            Some(Damaged),
            &["It came broken. What if I want a refund?", "kaki meja patah, barang rusak, kalau mau retur gimana?"],
        ),
        (Some(Late), &["If it is late again I am leaving", "still waiting, can you tell me if it was sent?"]),
    ]);
}

#[test]
fn complaints_of_many_trades_are_known() {
    kinds(&[
        (
            Some(NotReceived),
            &["order never shipped", "hasn't shipped", "parcel never turned up", "it hasn't turned up"],
        ),
        (Some(NoRefund), &["refused my refund", "denied refund", "they won't refund", "refund rejected"]),
        (Some(Cancelled), &["cancelled without notice", "you cancelled my booking"]),
        (Some(NotWorking), &["can't cancel", "can't unsubscribe", "getting a 404", "page not found", "site down"]),
        (Some(NoAccess), &["account blocked", "my account was suspended", "account hacked", "locked me out"]),
        (Some(Charged), &["debited twice", "money was deducted twice", "charged wrong price", "double charge"]),
        (Some(WrongItem), &["not what I ordered", "different from the picture", "wrong product sent"]),
        (Some(Damaged), &["arrived dented", "rotten", "spoiled food", "it leaked everywhere"]),
        (Some(NoAnswer), &["nobody called me", "no call back", "can't reach a human", "no one helps"]),
        (Some(NotWorking), &["gbs dibuka", "gak bs bayar", "loading terus", "ngelag"]),
        (Some(NoAnswer), &["ga dibales", "telp ga diangkat", "tidak ada balasan", "susah dihubungi"]),
        (Some(NotReceived), &["gak nyampe", "blm nyampe"]),
        (Some(Fraud), &["ketipu", "kena tipu"]),
    ]);
}
