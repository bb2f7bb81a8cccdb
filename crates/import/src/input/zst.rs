//! Files packed with zstd: any number of frames, one after another.

use std::io::{self, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::Text;
use crate::limits::WINDOW_BYTES_MAX;

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// What begins a frame that holds nothing: the first byte's lower half is free.
const SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];

/// The frames of a file, unpacked.
pub(crate) struct Frames {
    source: Text,
    decoder: FrameDecoder,
    inside: bool,
}

impl Frames {
    /// Whether these first bytes are those of a frame.
    pub(super) fn begin_with(first: &[u8]) -> bool {
        first.starts_with(&MAGIC)
            || (first.len() >= MAGIC.len() && first[0] & 0xf0 == 0x50 && first[1..4] == SKIPPABLE)
    }

    pub(crate) fn new(source: Text) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW_BYTES_MAX);
        Self {
            source,
            decoder,
            inside: false,
        }
    }

    /// Begins the next frame that holds something; whether there is one.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {
                    self.inside = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = self.source.by_ref().take(u64::from(length));
                    let skipped = io::copy(&mut skipped, &mut io::sink())?;
                    if skipped < u64::from(length) {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(plain(&error))),
            }
        }
        Ok(false)
    }

    /// Compares the checksum at the end of a frame, if it has one.
    fn end(&mut self) -> io::Result<()> {
        self.inside = false;
        match (
            self.decoder.get_checksum_from_data(),
            self.decoder.get_calculated_checksum(),
        ) {
            (Some(expected), Some(found)) if expected != found => {
                Err(io::Error::other("its checksum is wrong"))
            }
            _ => Ok(()),
        }
    }
}

/// What the decoder says, without the words about its own inside.
fn plain(error: &FrameDecoderError) -> String {
    match error {
        FrameDecoderError::WindowSizeTooBig { requested, .. } => {
            format!("it asks for {requested} bytes of memory, at most {WINDOW_BYTES_MAX} are given")
        }
        error => error.to_string(),
    }
}

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.inside && !self.begin()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder
                    .decode_blocks(&mut self.source, one)
                    .map_err(|error| io::Error::other(plain(&error)))?;
            }
            match self.decoder.read(buffer)? {
                0 => self.end()?,
                read => return Ok(read),
            }
        }
    }
}
