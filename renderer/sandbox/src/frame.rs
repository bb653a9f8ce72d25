//! Messages on a pipe: four bytes with the length (big endian), then that much JSON.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Longest message. The largest honest answer is the output limit, escaped; six bytes for one is the worst that
/// JSON does.
pub(crate) const MAX_FRAME_BYTES: usize = 6 * naksha_renderer::template::MAX_OUTPUT_BYTES + (1 << 20);

/// Version of this protocol. A worker of another version is refused, not guessed at.
pub(crate) const PROTOCOL: u32 = 1;

/// The first message of a worker: it is one, and what it enforces on itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) naksha_render_worker: u32,
    pub(crate) enforced: Vec<String>,
    /// Limits that this system did not let it set.
    pub(crate) missing: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    /// The other side closed the pipe between two messages.
    #[error("the pipe was closed")]
    Closed,
    #[error("the pipe failed")]
    Io(#[source] io::Error),
    #[error("a message of {length} bytes was announced, and {MAX_FRAME_BYTES} are allowed")]
    TooLong { length: usize },
    #[error("a message is not what was expected")]
    Garbage(#[source] serde_json::Error),
}

pub(crate) fn write<T: Serialize>(pipe: &mut impl Write, message: &T) -> Result<(), FrameError> {
    let mut bytes = vec![0_u8; 4];
    serde_json::to_writer(&mut bytes, message).map_err(FrameError::Garbage)?;
    let length = bytes.len() - 4;
    let Some(header) = u32::try_from(length).ok().filter(|_| length <= MAX_FRAME_BYTES) else {
        return Err(FrameError::TooLong { length });
    };
    bytes[..4].copy_from_slice(&header.to_be_bytes());
    pipe.write_all(&bytes).and_then(|()| pipe.flush()).map_err(FrameError::Io)
}

pub(crate) fn read<T: DeserializeOwned>(pipe: &mut impl Read) -> Result<T, FrameError> {
    let mut header = [0_u8; 4];
    pipe.read_exact(&mut header).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => FrameError::Closed,
        _ => FrameError::Io(error),
    })?;
    let length = u32::from_be_bytes(header) as usize;
    if length > MAX_FRAME_BYTES {
        return Err(FrameError::TooLong { length });
    }
    // Grows with what arrives: an announced length alone costs no memory.
    let mut bytes = Vec::new();
    let read = pipe.take(length as u64).read_to_end(&mut bytes).map_err(FrameError::Io)?;
    if read < length {
        return Err(FrameError::Closed);
    }
    serde_json::from_slice(&bytes).map_err(FrameError::Garbage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_round_trip_and_garbage_is_named() {
        let mut pipe = Vec::new();
        write(&mut pipe, &vec!["a", "b"]).unwrap();
        assert_eq!(read::<Vec<String>>(&mut pipe.as_slice()).unwrap(), ["a", "b"]);

        let read_of = |bytes: &[u8]| read::<Vec<String>>(&mut &bytes[..]).unwrap_err();
        assert!(matches!(read_of(b""), FrameError::Closed));
        assert!(matches!(read_of(b"\0\0\0\x05ab"), FrameError::Closed));
        assert!(matches!(read_of(b"\0\0\0\x02ab"), FrameError::Garbage(_)));
        assert!(matches!(read_of(b"usage: naksha"), FrameError::TooLong { .. }));
    }
}
