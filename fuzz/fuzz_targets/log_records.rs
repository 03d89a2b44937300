//! What processors leave each other in logs and snapshots beside touchpoints: control messages, dead letters, plans of redrives, what a
//! reader holds. What can be read is read the same when it is written again.
#![no_main]

use crumbtrail_intake::dead_letter::DeadLetter;
use crumbtrail_log::Inbox;
use crumbtrail_log::control::Control;
use crumbtrail_runtime::redrive::plan::Word;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(message) = Control::decode(data) {
        assert_eq!(Control::decode(&message.encode()), Ok(message));
    }
    if let Ok(letter) = DeadLetter::decode(data) {
        let mut again = Vec::new();
        letter.encode(&mut again);
        assert_eq!(DeadLetter::decode(&again), Ok(letter));
    }
    if let Ok(word) = Word::decode(data) {
        assert_eq!(Word::decode(&word.encode()).expect("what we write can be read"), word);
    }
    if let Ok(inbox) = Inbox::decode(data) {
        let mut again = Vec::new();
        inbox.encode(&mut again);
        let mut once_more = Vec::new();
        Inbox::decode(&again).expect("what we write can be read").encode(&mut once_more);
        assert_eq!(again, once_more);
    }
});
