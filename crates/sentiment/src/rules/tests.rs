use super::*;

fn read(rules: &str, text: &str) -> (TopicSet, bool) {
    let mut scratch = Scratch::new();
    scratch.normalise(text);
    let found = TopicRules::parse(&[rules], 1).unwrap().read(&mut scratch);
    (found.topics, found.friction.is_some())
}

#[test]
fn phrases_keep_to_word_edges_unless_starred() {
    let rules = "billing\tbill\ndelivery\tdeliver*\nprice\tแพง\nrefund\tmoney back\nrefund\tget a ref*";
    assert!(read(rules, "My BILL, please").0.contains("billing"));
    assert!(!read(rules, "billboard").0.contains("billing"));
    assert!(read(rules, "delivered").0.contains("delivery"));
    assert!(!read(rules, "undelivered").0.contains("delivery"));
    assert!(read(rules, "my money-back").0.contains("refund"));
    assert!(!read(rules, "my money, back").0.contains("refund"));
    assert!(read(rules, "how to get a refund").0.contains("refund"));
    assert_eq!(read(rules, "ราคาแพงมาก bill").0.iter().collect::<Vec<_>>(), ["billing", "price"]);
}

#[test]
fn a_gap_is_up_to_three_words_of_one_sentence() {
    let rules = "friction:late\tordered .. got\nfriction:late\tno .. reply";
    for (text, meant) in [
        ("ordered got", true),
        ("Ordered black, got navy", true),
        ("ordered a red one got", true),
        ("ordered one of two big ones got", false),
        ("ordered. got", false),
        ("no", false),
        ("no, not even a reply", true),
    ] {
        assert_eq!(read(rules, text).1, meant, "{text}");
    }
}

#[test]
fn a_thai_gap_is_short_and_ends_with_the_sentence() {
    let rules = "friction:late\tสั่ง .. ได้ s";
    for (text, meant) in [
        ("สั่งไซซ์ M ได้ S", true),
        ("สั่งได้ s", true),
        ("สั่งแล้ว! ได้ s", false),
        ("สั่งเสื้อกางเกงรองเท้ากระเป๋าและหมวกอีกใบ ได้ s", false),
        ("สั่ง", false),
    ] {
        assert_eq!(read(rules, text).1, meant, "{text}");
    }
}

#[test]
fn what_only_shares_a_word_is_another_topic() {
    let rules = "billing\tcharge\nnot_topic\tin charge";
    assert!(read(rules, "in charge").0.is_empty());
    assert!(read(rules, "the one in charge of this charge").0.contains("billing"));
}

#[test]
fn what_was_mended_complains_of_nothing() {
    let rules = "friction:other\ttrouble\nsolves\tfixed it";
    for (text, meant) in [
        ("trouble, but they fixed it", false),
        ("I had trouble. They fixed it.", false),
        ("trouble. A long story. They fixed it.", true),
        ("trouble, they never fixed it", true),
        ("trouble, please get it fixed it", true),
        ("they fixed it, now trouble", true),
    ] {
        assert_eq!(read(rules, text).1, meant, "{text}");
    }
}

#[test]
fn chat_spelling_matches_the_standard_phrase() {
    assert!(read("friction:not_received\tbelum sampai", "pesanan blm sampe").1);
    assert!(read("friction:not_received\tgak sampai", "tidak sampaiii").1);
}

#[test]
fn a_longer_phrase_takes_friction_back() {
    let rules = "friction:other\tproblem\nnot_friction\tno problem";
    assert!(read(rules, "a problem").1);
    assert!(!read(rules, "no problem").1);
    assert!(read(rules, "no problem yesterday, today a problem").1);
}

#[test]
fn friction_says_its_kind_and_its_phrase() {
    let rules = TopicRules::parse(&["friction:other\tproblem\nfriction:late\tstill waiting"], 1).unwrap();
    let mut scratch = Scratch::new();
    scratch.normalise("a problem: still waiting");
    let found = rules.read(&mut scratch);
    assert_eq!(found.frictions.iter().collect::<Vec<_>>(), ["late"]);
    assert_eq!((found.friction, rules.phrase(found.evidence)), (Some(FrictionKind::Late), "still waiting"));
}

#[test]
fn feeling_is_turned_by_not_and_taken_by_the_longest() {
    let rules = TopicRules::parse(&["2\tดี\n-1\tดีเลย์"], 1).unwrap();
    let mut scratch = Scratch::new();
    let mut sum = |text: &str| {
        scratch.normalise(text);
        rules.read(&mut scratch);
        scratch.hits.iter().map(|hit| i32::from(hit.valence)).sum::<i32>()
    };
    assert_eq!((sum("ดีมาก"), sum("ไม่ค่อยดี"), sum("ดีเลย์")), (200, -150, -100));
}

#[test]
fn a_broken_rule_file_is_refused_with_its_line() {
    assert!(matches!(TopicRules::parse(&["# x\nbilling bill"], 1), Err(TopicError::Line { line: 2 })));
    assert!(matches!(TopicRules::parse(&["weather\train"], 1), Err(TopicError::UnknownTopic { line: 1, .. })));
    assert!(matches!(TopicRules::parse(&["friction:rain\train"], 1), Err(TopicError::UnknownTopic { .. })));
}
