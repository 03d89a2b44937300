//! From a text to the numbers a model was trained on, as its `tokenizer.json` says (WordPiece, Unigram or BPE).
//!
//! The tokens are made by `kitoken`; what stands around them (`[CLS]` … `[SEP]`, `<s>` … `</s>`) is read here, since that
//! crate leaves it out. Padding and truncation are not done: a text is read alone, and whole or not at all.

use kitoken::Kitoken;
use serde_json::Value;

/// A tokenizer.
pub struct Tokens {
    inner: Kitoken,
    frame: Frame,
}

/// Tokens before and after every text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Frame {
    before: Vec<u32>,
    after: Vec<u32>,
}

impl Tokens {
    /// Reads the bytes of a `tokenizer.json`.
    ///
    /// # Errors
    /// It is none, or does something that is not known here.
    pub fn from_json(bytes: &[u8]) -> Result<Tokens, String> {
        let mut file: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let Some(members) = file.as_object_mut() else { return Err("it is no object".to_owned()) };
        members.insert("padding".to_owned(), Value::Null);
        members.insert("truncation".to_owned(), Value::Null);
        let frame = frame(members.get("post_processor").unwrap_or(&Value::Null))?;
        let definition =
            kitoken::convert::convert_tokenizers(file.to_string().as_bytes()).map_err(|error| error.to_string())?;
        let inner = Kitoken::try_from(definition).map_err(|error| error.to_string())?;
        Ok(Tokens { inner, frame })
    }

    /// The numbers of a text, with those around it.
    ///
    /// # Errors
    /// The text has a part that the tokenizer has no number for.
    pub fn encode(&self, text: &str) -> Result<Vec<i64>, String> {
        let inner = self.inner.encode(text, true).map_err(|error| error.to_string())?;
        let Frame { before, after } = &self.frame;
        Ok(before.iter().chain(&inner).chain(after).map(|id| i64::from(*id)).collect())
    }
}

/// What a post-processor puts around one text.
fn frame(processor: &Value) -> Result<Frame, String> {
    let kind = processor["type"].as_str().unwrap_or_default();
    match kind {
        "" if processor.is_null() => Ok(Frame::default()),
        // It moves offsets only.
        "ByteLevel" => Ok(Frame::default()),
        "BertProcessing" | "RobertaProcessing" => {
            let id = |name: &str| number(&processor[name][1]).ok_or_else(|| format!("post_processor: no id of {name}"));
            Ok(Frame { before: vec![id("cls")?], after: vec![id("sep")?] })
        }
        "TemplateProcessing" => template(processor),
        "Sequence" => {
            let mut whole = Frame::default();
            for inner in processor["processors"].as_array().into_iter().flatten() {
                let Frame { mut before, after } = frame(inner)?;
                before.append(&mut whole.before);
                whole.before = before;
                whole.after.extend(after);
            }
            Ok(whole)
        }
        other => Err(format!("post_processor: {other:?} is not known")),
    }
}

fn template(processor: &Value) -> Result<Frame, String> {
    let mut frame = Frame::default();
    let mut is_past_text = false;
    for piece in processor["single"].as_array().into_iter().flatten() {
        if piece.get("Sequence").is_some() {
            is_past_text = true;
            continue;
        }
        let name = piece["SpecialToken"]["id"].as_str().unwrap_or_default();
        let ids = processor["special_tokens"][name]["ids"].as_array();
        let ids = ids.ok_or_else(|| format!("post_processor: no ids of {name:?}"))?.iter().filter_map(number);
        if is_past_text { &mut frame.after } else { &mut frame.before }.extend(ids);
    }
    if is_past_text { Ok(frame) } else { Err("post_processor: its template has no place for a text".to_owned()) }
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|id| u32::try_from(id).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wordpiece(post_processor: &str) -> String {
        format!(
            r###"{{"version":"1.0","truncation":{{"max_length":4,"strategy":"LongestFirst","stride":0,"direction":"Right"}},
            "padding":{{"strategy":{{"Fixed":16}},"direction":"Right","pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,
            "pad_token":"[PAD]"}},"added_tokens":[{{"id":1,"content":"[UNK]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,
            "special":true}},{{"id":0,"content":"[PAD]","single_word":false,"lstrip":false,"rstrip":false,
            "normalized":false,"special":true}}],"normalizer":{{"type":"BertNormalizer","clean_text":true,
            "handle_chinese_chars":true,"strip_accents":null,"lowercase":true}},"pre_tokenizer":{{"type":"BertPreTokenizer"}},
            "post_processor":{post_processor},"decoder":{{"type":"WordPiece","prefix":"##","cleanup":true}},
            "model":{{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,
            "vocab":{{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"late":4,"##r":5,"never":6,"!":7}}}}}}"###
        )
    }

    #[test]
    fn a_text_is_framed_and_neither_padded_nor_cut() {
        let bert = r#"{"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]}"#;
        let tokens = Tokens::from_json(wordpiece(bert).as_bytes()).unwrap();
        assert_eq!(tokens.encode("Never later, LATE!").unwrap(), [2, 6, 4, 5, 1, 4, 7, 3]);
        assert_eq!(tokens.encode("").unwrap(), [2, 3]);
    }

    #[test]
    fn a_frame_is_read_from_every_known_post_processor() {
        let of = |json: &str| frame(&serde_json::from_str(json).unwrap());
        let around = Frame { before: vec![0], after: vec![2] };
        let template = r#"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},
            {"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],"pair":[],
            "special_tokens":{"<s>":{"id":"<s>","ids":[0],"tokens":["<s>"]},"</s>":{"id":"</s>","ids":[2],"tokens":["</s>"]}}}"#;
        assert_eq!(of(template), Ok(around.clone()));
        let sequence = format!(r#"{{"type":"Sequence","processors":[{{"type":"ByteLevel"}},{template}]}}"#);
        assert_eq!(of(&sequence), Ok(around.clone()));
        assert_eq!(of(r#"{"type":"RobertaProcessing","sep":["</s>",2],"cls":["<s>",0]}"#), Ok(around));
        assert_eq!(of("null"), Ok(Frame::default()));
        assert!(of(r#"{"type":"Other"}"#).unwrap_err().contains("Other"));
    }

    #[test]
    fn what_is_no_tokenizer_is_said() {
        for bytes in [&b"no json"[..], b"[]", b"{}", br#"{"model":{"type":"Other"}}"#] {
            assert!(Tokens::from_json(bytes).is_err());
        }
    }
}
