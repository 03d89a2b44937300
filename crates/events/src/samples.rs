//! Small documented mappings of public data sets to our native formats, so that real behaviour can be tried at once.
//! Not for the hot path: each call reads one line or one file and appends native JSON lines.

pub mod abcd;
pub mod otto;

/// Why a sample cannot be mapped: what was expected of it.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The text is not the JSON this data set is made of.
    #[error("not a record of the data set: {0}")]
    Shape(#[from] serde_json::Error),
}

impl SampleError {
    /// A stable label.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            SampleError::Shape(_) => "sample_shape",
        }
    }
}
