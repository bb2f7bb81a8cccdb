//! Text in any encoding, as UTF-8.

use std::io::{self, BufRead, Read};
use std::str::FromStr;

use encoding_rs::{Decoder, DecoderResult};
use serde::{Deserialize, Serialize};

use super::{Text, peek};
use crate::error::Error;
use crate::limits::BUFFER_BYTES;

/// The longest byte order mark.
const MARK_BYTES: usize = 3;

/// Stands for bytes that the encoding does not know. No UTF-8 has it, so the row that it is in is
/// rejected, and no other.
const NO_TEXT: u8 = 0xff;

/// The encoding of a file: UTF-8 unless something else is said. A byte order mark knows better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Encoding(&'static encoding_rs::Encoding);

impl Default for Encoding {
    fn default() -> Self {
        Self(encoding_rs::UTF_8)
    }
}

impl Encoding {
    /// The name of the encoding: `windows-1252`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

impl FromStr for Encoding {
    type Err = Error;

    fn from_str(label: &str) -> Result<Self, Error> {
        let found = encoding_rs::Encoding::for_label_no_replacement(label.as_bytes());
        found.map(Self).ok_or_else(|| Error::Option {
            expected: "an encoding such as utf-8, utf-16le, windows-1252 or shift_jis".to_owned(),
            found: label.to_owned(),
        })
    }
}

impl TryFrom<String> for Encoding {
    type Error = Error;

    fn try_from(label: String) -> Result<Self, Error> {
        label.parse()
    }
}

impl From<Encoding> for String {
    fn from(encoding: Encoding) -> Self {
        encoding.name().to_owned()
    }
}

/// The bytes as UTF-8, without a byte order mark; and whether they were, or were said to be,
/// something else.
pub(super) fn decode(bytes: Text, declared: Encoding) -> io::Result<(Text, bool)> {
    let (head, mut bytes) = peek(bytes, |head| head.len() >= MARK_BYTES)?;
    let encoding = match encoding_rs::Encoding::for_bom(&head) {
        Some((encoding, mark)) => {
            // Two reads where the mark and the rest come from different buffers.
            io::copy(&mut bytes.by_ref().take(mark as u64), &mut io::sink())?;
            encoding
        }
        None => declared.0,
    };
    if encoding == encoding_rs::UTF_8 {
        return Ok((bytes, declared.0 != encoding_rs::UTF_8));
    }
    let decoded = Decoded {
        bytes,
        decoder: encoding.new_decoder_without_bom_handling(),
        text: vec![0; BUFFER_BYTES],
        taken: 0,
        filled: 0,
        ended: false,
    };
    Ok((Box::new(decoded), true))
}

/// Bytes of another encoding, as UTF-8.
struct Decoded {
    bytes: Text,
    decoder: Decoder,
    text: Vec<u8>,
    taken: usize,
    filled: usize,
    ended: bool,
}

impl Decoded {
    fn refill(&mut self) -> io::Result<()> {
        self.taken = 0;
        self.filled = 0;
        while self.filled == 0 && !self.ended {
            let bytes = self.bytes.fill_buf()?;
            let last = bytes.is_empty();
            // Room for the mark of what is no text is left at the end.
            let room = self.text.len() - 1;
            let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(
                bytes,
                &mut self.text[..room],
                last,
            );
            self.bytes.consume(read);
            self.filled = written;
            match result {
                DecoderResult::Malformed(..) => {
                    self.text[self.filled] = NO_TEXT;
                    self.filled += 1;
                }
                DecoderResult::InputEmpty => self.ended = last,
                DecoderResult::OutputFull => {}
            }
        }
        Ok(())
    }
}

impl BufRead for Decoded {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken == self.filled {
            self.refill()?;
        }
        Ok(&self.text[self.taken..self.filled])
    }

    fn consume(&mut self, bytes: usize) {
        self.taken = (self.taken + bytes).min(self.filled);
    }
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let text = self.fill_buf()?;
        let bytes = text.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&text[..bytes]);
        self.consume(bytes);
        Ok(bytes)
    }
}
