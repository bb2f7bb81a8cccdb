//! From bytes on a disk or in a pipe to text: counted, unpacked, decoded.
//!
//! Every layer holds one buffer, so that nothing of a file's size is ever in memory.

mod decode;
mod meter;
mod unpack;
mod zst;

pub use decode::Encoding;
pub(crate) use meter::Counted;
pub use meter::Meter;
pub(crate) use zst::Frames;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use crate::error::{self, Error};
use crate::limits::BUFFER_BYTES;

/// Text on its way in.
pub(crate) type Text = Box<dyn BufRead + Send>;

/// The name of standard input.
pub(crate) const STDIN: &str = "-";

/// An opened file: its text, and how far it was read.
pub(crate) struct Input {
    /// The name, for errors.
    pub(crate) file: String,
    /// UTF-8, or nearly: bytes that are none of the encoding stay none.
    pub(crate) text: Text,
    /// Whether the file's encoding is another, or was said to be.
    pub(crate) foreign: bool,
    pub(crate) meter: Arc<Meter>,
}

impl Input {
    /// Opens a file, or standard input for `-`.
    pub(crate) fn open(path: &Path, encoding: Encoding) -> Result<Self, Error> {
        let file = path.display().to_string();
        if file == STDIN {
            let name = "standard input".to_owned();
            return Self::of(name, Box::new(io::stdin()), None, encoding);
        }
        let opened = File::open(path).and_then(|opened| {
            let metadata = opened.metadata()?;
            if metadata.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            Ok((opened, metadata.is_file().then_some(metadata.len())))
        });
        match opened {
            Ok((opened, bytes)) => Self::of(file, Box::new(opened), bytes, encoding),
            Err(why) => Err(Error::Unreadable { file, why }),
        }
    }

    /// Reads from anything.
    pub(crate) fn of(
        file: String,
        raw: Box<dyn Read + Send>,
        bytes_total: Option<u64>,
        encoding: Encoding,
    ) -> Result<Self, Error> {
        let meter = Arc::new(Meter::new(bytes_total));
        let counted = BufReader::with_capacity(BUFFER_BYTES, meter::Counted::new(raw, &meter));
        let unpacked = unpack::unpack(&file, counted, &meter)?;
        let (text, foreign) =
            decode::decode(unpacked, encoding).map_err(|why| error::at(&file, 0, why))?;
        Ok(Self {
            file,
            text,
            foreign,
            meter,
        })
    }
}

/// A file that can be read from any place.
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) bytes: u64,
}

/// Opens a file if it is one on a disk, and begins with these bytes.
pub(crate) fn open_if(path: &Path, first: &[u8]) -> Result<Option<Opened>, Error> {
    let unreadable = |why| Error::Unreadable {
        file: path.display().to_string(),
        why,
    };
    if path.as_os_str() == STDIN {
        return Ok(None);
    }
    let metadata = path.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let mut file = File::open(path).map_err(unreadable)?;
    let mut found = Vec::new();
    let mut begin = (&mut file).take(first.len() as u64);
    begin.read_to_end(&mut found).map_err(unreadable)?;
    let bytes = metadata.len();
    Ok((found == first).then_some(Opened { file, bytes }))
}

/// Reads until there is enough to look at, or the end: what is told apart by its first bytes may
/// come through a pipe, a byte at a time. No more is read than that, so that what is wrong further
/// on is found where it is.
///
/// The bytes are given back by the returned reader.
pub(crate) fn peek(
    mut text: Text,
    is_enough: impl Fn(&[u8]) -> bool,
) -> io::Result<(Vec<u8>, Text)> {
    let mut head = Vec::new();
    while !is_enough(&head) {
        let more = text.fill_buf()?;
        if more.is_empty() {
            break;
        }
        head.extend_from_slice(more);
        let passed = more.len();
        text.consume(passed);
    }
    let again = io::Cursor::new(head.clone()).chain(text);
    Ok((head, Box::new(again)))
}
