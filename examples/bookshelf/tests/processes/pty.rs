//! Pseudo-terminals: what a program sees, and what a test holds of it.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// A terminal with so many columns and rows: its keyboard, and its screen, which is nobody's yet.
pub(crate) fn open(size: (u16, u16)) -> (OwnedFd, File) {
    let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&keyboard).unwrap();
    unlockpt(&keyboard).unwrap();
    resize(&keyboard, size);
    let path = ptsname(&keyboard, Vec::new()).unwrap();
    let screen = File::options()
        .read(true)
        .write(true)
        .custom_flags(i32::try_from(OpenptFlags::NOCTTY.bits()).unwrap())
        .open(path.to_str().unwrap())
        .unwrap();
    (keyboard, screen)
}

/// Makes a terminal have so many columns and rows.
pub(crate) fn resize(keyboard: &impl AsFd, (columns, rows): (u16, u16)) {
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(keyboard, size).unwrap();
}
