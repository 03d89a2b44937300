//! The frames of a stretch of a partition, one after the other.

use std::ops::Range;

use crate::error::LogError;
use crate::frame::FrameView;
use crate::log::Log;
use crate::position::{Offset, PartitionId};

/// Bytes asked of the log at once.
const READ_BYTES: usize = 8 << 20;

/// Hands every frame at an offset of `stretch` to `visit`, in order. A home may leave offsets out.
///
/// # Errors
/// The log or a frame of it cannot be read; and what `visit` says.
pub fn walk<E: From<LogError>>(
    log: &dyn Log,
    partition: PartitionId,
    stretch: Range<Offset>,
    mut visit: impl FnMut(Offset, &FrameView<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let (mut next, mut scratch) = (stretch.start, Vec::new());
    while next < stretch.end {
        let frames = log.read(partition, next, READ_BYTES)?;
        let Some(&(last, _)) = frames.last() else { break };
        for (offset, bytes) in frames.into_iter().take_while(|(offset, _)| *offset < stretch.end) {
            let view = FrameView::parse(&bytes, &mut scratch).map_err(|source| LogError::Frame {
                log: log.name().to_owned(),
                partition,
                offset,
                source,
            })?;
            visit(offset, &view)?;
        }
        next = Offset(last.0 + 1);
    }
    Ok(())
}
