//! Where a model of the operator's own comes in: it reads the feeling of some texts in place of the tables.

use crumbtrail_events::vocabulary::Channel;
use crumbtrail_sentiment::Language;

/// A model that reads some support texts. It may be slow, and it may say nothing: the tables' reading stands then.
///
/// A text is told of ahead of its turn where that is possible, so that a slow one can begin. What it says goes into the log, so
/// a replay doesn't ask it again.
pub trait Plugin: Send {
    /// Whether it reads texts of this channel and language.
    fn reads(&self, channel: Channel, language: Language) -> bool;

    /// A text that is to be read soon. Never waits.
    fn ahead(&mut self, text: &str);

    /// Forgets the texts it was told of and has not read.
    fn forget(&mut self);

    /// Probabilities of negative, neutral, positive; `None` where the tables' reading stands.
    fn read(&mut self, text: &str) -> Option<[f32; 3]>;

    /// Names the model, as it stands in the touchpoints.
    fn model_version(&self) -> &str;
}
