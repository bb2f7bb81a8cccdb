//! Packed files, known by their first bytes.

use std::io::{self, BufReader, Read};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;

use super::meter::Meter;
use super::zst::Frames;
use super::{Text, peek};
use crate::error::{self, Error, Trouble};
use crate::limits::{BUFFER_BYTES, RATIO_FROM_BYTES, RATIO_MAX};

/// How many bytes tell every format apart.
const MAGIC_BYTES: usize = 6;

const GZ: &str = "gz";
const ZST: &str = "zst";

/// What begins like a file that only looks as if it could be read: its first bytes, what it is, and
/// what helps.
const FOREIGN: [(&[u8], &str, &str); 6] = [
    (
        b"PK\x03\x04",
        "a zip or spreadsheet file",
        "unpack it, or save it as CSV",
    ),
    (
        b"\xfd7zXZ\0",
        "an xz file",
        "unpack it, or pack it with gzip or zstd",
    ),
    (
        b"BZh",
        "a bzip2 file",
        "unpack it, or pack it with gzip or zstd",
    ),
    (
        b"\x04\x22\x4d\x18",
        "an lz4 file",
        "unpack it, or pack it with gzip or zstd",
    ),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet", "save it as CSV"),
    (b"%PDF", "a PDF file", "export the table as CSV"),
];

/// The content of a file, whether it is packed or not.
pub(super) fn unpack(
    file: &str,
    raw: impl io::BufRead + Send + 'static,
    meter: &Arc<Meter>,
) -> Result<Text, Error> {
    let (magic, raw) = peek(Box::new(raw), |head| head.len() >= MAGIC_BYTES)
        .map_err(|why| error::at(file, 0, why))?;
    if let Some((_, found, advice)) = FOREIGN.iter().find(|(first, ..)| magic.starts_with(first)) {
        return Err(Error::Foreign {
            file: file.to_owned(),
            found,
            advice,
        });
    }
    if magic.starts_with(b"\x1f\x8b") {
        return Ok(guarded(MultiGzDecoder::new(raw), GZ, meter));
    }
    if Frames::begin_with(&magic) {
        return Ok(guarded(Frames::new(raw), ZST, meter));
    }
    Ok(raw)
}

fn guarded(inner: impl Read + Send + 'static, packing: &'static str, meter: &Arc<Meter>) -> Text {
    let guard = Guard {
        inner,
        packing,
        meter: meter.clone(),
        unpacked: 0,
    };
    Box::new(BufReader::with_capacity(BUFFER_BYTES, guard))
}

/// Ends a file that becomes suspiciously large, and says of what is damaged that it is.
struct Guard<R> {
    inner: R,
    packing: &'static str,
    meter: Arc<Meter>,
    unpacked: u64,
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer).map_err(|why| self.damaged(&why))?;
        self.unpacked += read as u64;
        let packed = self.meter.bytes_read();
        if self.unpacked > RATIO_FROM_BYTES && self.unpacked / RATIO_MAX > packed {
            return Err(Trouble::Bomb.into());
        }
        Ok(read)
    }
}

impl<R> Guard<R> {
    fn damaged(&self, why: &io::Error) -> io::Error {
        if why.kind() == io::ErrorKind::Interrupted {
            return io::ErrorKind::Interrupted.into();
        }
        let why = match why.kind() {
            io::ErrorKind::UnexpectedEof => "it ends too early".to_owned(),
            _ => why.to_string(),
        };
        let packing = self.packing;
        Trouble::Damaged { packing, why }.into()
    }
}
