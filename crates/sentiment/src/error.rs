//! Why a model cannot be loaded.

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Not a file of this kind.
    #[error("not a model file, or one of another version")]
    Magic,
    /// Shorter or longer than its header says.
    #[error("model file has the wrong length")]
    Truncated,
    /// The checksum does not fit.
    #[error("model file is damaged: its checksum does not fit")]
    Checksum,
    /// The phrase rules that belong to the model could not be read.
    #[error("topic rules: {0}")]
    Topics(#[from] crate::TopicError),
}

impl ModelError {
    /// Stable name of the failure, for metric labels.
    pub fn kind(&self) -> &'static str {
        match self {
            ModelError::Magic => "magic",
            ModelError::Truncated => "truncated",
            ModelError::Checksum => "checksum",
            ModelError::Topics(_) => "topics",
        }
    }
}
