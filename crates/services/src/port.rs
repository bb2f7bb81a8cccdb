//! Ports that belong to a server for as long as it lives, also while it is stopped.
//!
//! A port that was free a moment ago may be taken the next, by another test or as the local end of
//! any connection, and a server that is started again needs the port that it had. So a socket stays
//! bound to the port and never listens. Linux gives such a port to nobody who asks for any port,
//! but lets a server have it that asks for it by number with `SO_REUSEADDR`, as servers do; while
//! none listens, a connection is refused.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt,
};

use crate::Error;

/// A port of 127.0.0.1 that is kept.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _bound: OwnedFd,
}

impl Port {
    /// A port that nobody uses.
    ///
    /// # Errors
    /// When the operating system has none left.
    pub(crate) fn reserve() -> Result<Self, Error> {
        reserve().map_err(Error::refused("reserve a port of 127.0.0.1"))
    }

    /// Its number.
    pub(crate) const fn number(&self) -> u16 {
        self.number
    }

    /// Its address.
    pub(crate) const fn address(&self) -> SocketAddr {
        SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.number))
    }
}

fn reserve() -> io::Result<Port> {
    let stream = SocketType::STREAM;
    let bound = socket_with(AddressFamily::INET, stream, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&bound, true)?;
    bind(&bound, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
    let address = SocketAddrV4::try_from(getsockname(&bound)?)?;
    Ok(Port {
        number: address.port(),
        _bound: bound,
    })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_reserved_port_refuses_until_somebody_listens_there() {
        let port = Port::reserve().unwrap();
        let refused = TcpStream::connect(port.address()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        for _ in 0..2 {
            let listener = TcpListener::bind(port.address()).unwrap();
            TcpStream::connect(port.address()).unwrap();
            drop(listener);
        }
    }

    #[test]
    fn every_reservation_is_another_port() {
        let ports: Vec<_> = (0..50).map(|_| Port::reserve().unwrap()).collect();
        let mut numbers: Vec<_> = ports.iter().map(Port::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), ports.len());
    }
}
