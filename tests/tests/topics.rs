//! What people wrote, from files to the view `topics_daily`: what is liked and disliked, by how many people, in three languages.

use crumbtrail_tests::{Deployment, has_engine, root};

/// 2025-10-09, 08:53:20 UTC.
const START_MS: i64 = 1_760_000_000_000;
const DAY_MS: i64 = 86_400_000;

/// An entry of support: its conversation, who wrote it (a field and its value), channel, day and text.
fn entry(number: i64, conversation: &str, who: &str, (channel, day): (&str, i64), text: &str) -> String {
    let at = START_MS + number * 1_000 + day * DAY_MS;
    let (author, who) = who.split_once(' ').expect("author and who");
    let (field, id) = who.split_once('=').expect("a field and an id");
    let kind = if channel == "review" { "rating" } else { "message" };
    format!(
        "{{\"entry_id\":\"e{number}\",\"site\":\"shop\",\"occurred_at\":{at},\"conversation\":\"{conversation}\",\
         \"{field}\":\"{id}\",\"channel\":\"{channel}\",\"author\":\"{author}\",\"kind\":\"{kind}\",\"text\":\"{text}\"}}\n"
    )
}

/// A click of a visitor.
fn click(number: i64, visitor: &str, more: &str) -> String {
    let at = START_MS + number * 1_000;
    format!(
        "{{\"event_id\":\"k{number}\",\"site\":\"shop\",\"occurred_at\":{at},\"visitor\":\"{visitor}\",\
         \"url\":\"https://shop.example/p/1\"{more}}}\n"
    )
}

const LOVED: &str = "I love the quality of this scarf!";
const DAMAGED: &str = "Delivery was very slow and the packaging was damaged.";

fn support() -> String {
    let chat = ("chat", 0);
    [
        entry(
            1,
            "c1",
            "customer customer=ann",
            chat,
            "Great quality but the delivery was slow, still waiting for a refund",
        ),
        entry(2, "c1", "agent customer=ann", chat, LOVED),
        entry(3, "c2", "customer customer=ann", ("ticket", 0), DAMAGED),
        // Ann's, too: her device is known by its clicks.
        entry(4, "c3", "customer visitor=v1", chat, DAMAGED),
        entry(5, "c4", "customer customer=bob", chat, "คุณภาพดีมาก แต่ส่งช้ามาก"),
        entry(6, "c5", "customer customer=dewi", ("review", 0), "Pengiriman lama sekali, barang rusak"),
        entry(7, "c6", "customer customer=dewi", ("review", 1), "Kualitas bagus, tapi pengiriman lama"),
        entry(8, "c7", "customer customer=eve", chat, "How much does delivery cost?"),
        entry(9, "c7", "customer customer=eve", chat, "Please add more payment methods"),
        entry(10, "c7", "customer customer=eve", chat, "Good morning"),
    ]
    .concat()
}

fn clicks() -> String {
    let text = format!(",\"name\":\"comment\",\"text\":\"{LOVED}\"");
    let robot = ",\"user_agent\":\"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)\"";
    [
        click(20, "v1", ",\"name\":\"page_view\",\"customer\":\"ann\""),
        click(21, "v2", &text),
        click(22, "v3", &format!("{text},\"consent\":false")),
        click(23, "v4", &format!("{text}{robot}")),
    ]
    .concat()
}

#[test]
fn what_people_like_and_dislike_is_one_short_query() {
    if !has_engine("what_people_like_and_dislike_is_one_short_query") {
        return;
    }
    let mut shop = Deployment::new("");
    shop.start_engine();
    let files = [("clicks.jsonl", clicks()), ("support.jsonl", support())].map(|(name, text)| shop.write(name, text));
    let arguments = ["--format".as_ref(), "native".as_ref(), files[0].as_os_str(), files[1].as_os_str()];
    let said = shop.ok("import", arguments);
    assert!(said.contains("balance    read = counted"), "{said}");

    let rows = shop.sql(
        "SELECT day - toDate('2025-10-09') AS day_number, channel, language, topic, text_count, person_count, like_count,
            dislike_count, question_count, complaint_count, suggestion_count, praise_count, friction_count
        FROM topics_daily WHERE site = 'shop' ORDER BY ALL",
    );
    // day channel language topic | texts people likes dislikes | questions complaints suggestions praise friction
    let expected = "\
        0\t\ten\tproduct_quality\t1\t1\t1\t0\t0\t0\t0\t1\t0\n\
        0\tchat\ten\t\t1\t1\t0\t0\t0\t0\t0\t1\t0\n\
        0\tchat\ten\tbilling\t1\t1\t0\t0\t0\t0\t1\t0\t0\n\
        0\tchat\ten\tdelivery\t3\t2\t0\t2\t1\t2\t0\t0\t2\n\
        0\tchat\ten\tprice\t1\t1\t0\t0\t1\t0\t0\t0\t0\n\
        0\tchat\ten\tproduct_quality\t2\t1\t1\t1\t0\t2\t0\t0\t2\n\
        0\tchat\ten\trefund\t1\t1\t0\t1\t0\t1\t0\t0\t1\n\
        0\tchat\tth\tdelivery\t1\t1\t0\t1\t0\t1\t0\t0\t1\n\
        0\tchat\tth\tproduct_quality\t1\t1\t1\t0\t0\t1\t0\t0\t1\n\
        0\treview\tid\tdelivery\t1\t1\t0\t1\t0\t1\t0\t0\t1\n\
        0\treview\tid\tproduct_quality\t1\t1\t0\t1\t0\t1\t0\t0\t1\n\
        0\tticket\ten\tdelivery\t1\t1\t0\t1\t0\t1\t0\t0\t1\n\
        0\tticket\ten\tproduct_quality\t1\t1\t0\t1\t0\t1\t0\t0\t1\n\
        1\treview\tid\tdelivery\t1\t1\t0\t1\t0\t1\t0\t0\t0\n\
        1\treview\tid\tproduct_quality\t1\t1\t1\t0\t0\t1\t0\t0\t0\n";
    assert_eq!(rows, expected);

    let most = "SELECT topic, sum(dislike_count) AS dislikes FROM topics_daily WHERE day >= '2025-10-01' \
        GROUP BY topic HAVING dislikes > 0 ORDER BY dislikes DESC, topic";
    assert_eq!(shop.sql(most), "delivery\t6\nproduct_quality\t3\nrefund\t1\n");

    let row = "SELECT says, likes, dislikes, friction_kinds FROM touchpoints WHERE event_id IN ('e3', 'e6', 'e7', 'e8') \
        ORDER BY event_id";
    assert_eq!(
        shop.sql(row),
        "complaint\t[]\t['delivery','product_quality']\t['damaged']\n\
         complaint\t[]\t['delivery','product_quality']\t['late','damaged']\n\
         complaint\t['product_quality']\t['delivery']\t[]\nquestion\t[]\t[]\t[]\n"
    );
    let of_case = "SELECT likes, dislikes, friction_kinds, question_count, complaint_count, suggestion_count, praise_count \
        FROM conversations WHERE conversation_id IN ('c1', 'c7') ORDER BY conversation_id";
    assert_eq!(
        shop.sql(of_case),
        "['product_quality']\t['delivery','refund']\t['late']\t0\t1\t0\t0\n[]\t[]\t[]\t1\t0\t1\t1\n"
    );
    assert_eq!(shop.sql("SELECT * FROM audit"), "");

    // What the model card tells to ask can be asked. Texts of this month there are none; those that speak of delivery there are.
    let card = std::fs::read_to_string(root().join("docs/sentiment.md")).expect("the model card");
    let queries: Vec<&str> = card.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let answers: Vec<String> = queries.iter().map(|query| shop.sql(query)).collect();
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[1], "chat\ten\t0\t2\t3\nreview\tid\t0\t2\t2\nchat\tth\t0\t1\t1\nticket\ten\t0\t1\t1\n");
    let facts: Vec<&str> = answers[2].lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(facts, ["damaged", "late"]);
}
