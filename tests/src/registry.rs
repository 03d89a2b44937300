//! A stand-in for a schema registry, as a process of its own, and a door to it that can be shut.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

/// A running registry double; stopped when dropped.
pub struct Registry {
    child: Child,
    /// Its base URL.
    pub url: String,
}

impl Registry {
    /// Starts one on a free port.
    #[must_use]
    pub fn start() -> Registry {
        let mut child = Command::new(crate::binary())
            .args(["registry-double", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the registry double starts");
        let mut url = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut url).expect("its first line");
        Registry { child, url: url.trim().to_owned() }
    }

    /// From now on answers at `address` too, until the test ends.
    pub fn open_at(&self, address: SocketAddr) {
        let listener = TcpListener::bind(address).expect("the address is free");
        let behind = self.url.trim_start_matches("http://").to_owned();
        std::thread::spawn(move || {
            for caller in listener.incoming() {
                let (Ok(caller), Ok(registry)) = (caller, TcpStream::connect(&behind)) else { continue };
                for (mut from, mut to) in
                    [(caller.try_clone(), registry.try_clone()), (Ok(registry), Ok(caller))].map(both)
                {
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(std::net::Shutdown::Both);
                    });
                }
            }
        });
    }
}

fn both((one, other): (std::io::Result<TcpStream>, std::io::Result<TcpStream>)) -> (TcpStream, TcpStream) {
    (one.expect("a handle"), other.expect("a handle"))
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address nobody listens at.
#[must_use]
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}
