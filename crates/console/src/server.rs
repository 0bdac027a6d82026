//! The server: one thread, one port.

use crate::operations::{Operations, routes};
use std::net::SocketAddr;
use std::thread::JoinHandle;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Why it does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleFault {
    /// The port cannot be had.
    #[error("cannot listen on {address}: {why}; choose another with operations.listen, or \"\" for none")]
    Listen {
        /// As configured.
        address: String,
        /// What the system says.
        why: std::io::Error,
    },
    /// The thread cannot be had.
    #[error("cannot start the thread that serves {address}: {why}")]
    Thread {
        /// As configured.
        address: String,
        /// What the system says.
        why: std::io::Error,
    },
}

/// A server that runs until it is dropped.
pub struct Server {
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on `address` (`host:port`; port 0 takes any that is free) and answers from there on. The port is open when this
    /// returns.
    ///
    /// # Errors
    /// The port or a thread cannot be had.
    pub fn start(address: &str, operations: Operations) -> Result<Self, ConsoleFault> {
        let no_port = |why| ConsoleFault::Listen { address: address.to_owned(), why };
        let no_thread = |why| ConsoleFault::Thread { address: address.to_owned(), why };
        // Scrapes are few: one thread answers them beside everything else that runs.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_thread)?;
        let listener = runtime.block_on(TcpListener::bind(address)).map_err(no_port)?;
        let bound = listener.local_addr().map_err(no_port)?;
        let (end, ended) = oneshot::channel();
        let serve = move || {
            runtime.block_on(async {
                tokio::select! {
                    // Not a graceful end: a client that keeps its connection open must not keep the process.
                    served = axum::serve(listener, routes(operations)).into_future() => drop(served),
                    _ = ended => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name("console".into()).spawn(serve).map_err(no_thread)?;
        Ok(Self { address: bound, end: Some(end), thread: Some(thread) })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Check;
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    fn operations(holds: bool) -> Operations {
        let checks = move |name| move || vec![Check { name, holds, seen: "as told".into() }];
        Operations {
            metrics: Box::new(|| "caponier_records_total 7\n".into()),
            health: Box::new(checks("intake")),
            readiness: Box::new(checks("journal")),
        }
    }

    fn ask(server: &Server, request: &str) -> String {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }

    fn get(server: &Server, path: &str) -> String {
        ask(server, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    }

    #[test]
    fn what_holds_is_said_with_200_and_what_does_not_with_503() {
        let well = Server::start("127.0.0.1:0", operations(true)).unwrap();
        let ill = Server::start("127.0.0.1:0", operations(false)).unwrap();
        for (path, name) in [("/healthz", "intake"), ("/readyz", "journal")] {
            let (yes, no) = (get(&well, path), get(&ill, path));
            assert!(yes.starts_with("HTTP/1.1 200") && no.starts_with("HTTP/1.1 503"), "{yes}\n{no}");
            for answer in [yes, no] {
                assert!(answer.contains(name) && answer.contains("as told"), "{answer}");
            }
        }
    }

    #[test]
    fn metrics_are_text_and_nothing_else_is_there() {
        let server = Server::start("127.0.0.1:0", operations(true)).unwrap();
        let metrics = get(&server, "/metrics");
        assert!(metrics.contains("text/plain; version=0.0.4") && metrics.ends_with("caponier_records_total 7\n"));
        assert!(get(&server, "/").contains("/readyz"));
        assert!(get(&server, "/etc/passwd").starts_with("HTTP/1.1 404"));
        let posted =
            ask(&server, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        assert!(posted.starts_with("HTTP/1.1 405"), "{posted}");
        assert!(ask(&server, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
    }

    #[test]
    fn a_client_that_stays_does_not_keep_the_server() {
        let server = Server::start("127.0.0.1:0", operations(true)).unwrap();
        let mut idle = TcpStream::connect(server.address()).unwrap();
        idle.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        idle.read_exact(&mut [0; 16]).unwrap();
        let address = server.address();
        drop(server);
        assert!(TcpStream::connect(address).is_err(), "it still listens");
    }

    #[test]
    fn a_port_that_is_taken_is_named() {
        let server = Server::start("127.0.0.1:0", operations(true)).unwrap();
        let address = server.address().to_string();
        let fault = Server::start(&address, operations(true)).map(|_| ()).unwrap_err().to_string();
        assert!(fault.contains(&address) && fault.contains("operations.listen"), "{fault}");
    }
}
