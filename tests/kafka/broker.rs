//! One broker, started for a test and gone with it.

use caponier_transport::kafka::{Cluster, Profile};
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A broker of its own, with data of its own.
pub struct Broker {
    process: Child,
    dir: tempfile::TempDir,
    port: u16,
}

impl Broker {
    /// Starts one and waits until it answers.
    pub fn start(name: &str) -> Self {
        Self::prepared(name, |_, _| {})
    }

    /// The same, where `more.properties` and other files are laid in its folder first; it is told folder and port.
    pub fn prepared(name: &str, prepare: impl FnOnce(&Path, u16)) -> Self {
        let dir = tempfile::Builder::new().prefix(&format!("caponier-{name}-")).tempdir().unwrap();
        let port = free_port();
        prepare(dir.path(), port);
        let mut broker = Self { process: spawn(dir.path(), port), dir, port };
        broker.wait();
        broker
    }

    /// Makes, changes and deletes topics, as an operator does.
    pub fn topics(&self, arguments: &[&str]) {
        let libs = format!("{}/*", libraries());
        let mut command = Command::new("java");
        command.args(["-cp", &libs, "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", &self.address()]);
        let ran = command.args(arguments).output().unwrap();
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stdout));
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Ends it as an operator does, and waits until it is gone; its data stay.
    pub fn stop(&mut self) {
        self.signal("TERM");
        drop(self.process.wait());
    }

    /// Starts it again with the data that it had.
    pub fn again(&mut self) {
        self.process = spawn(self.dir.path(), self.port);
        self.wait();
    }

    /// Sends it a signal by name: STOP freezes it, CONT lets it go on.
    pub fn signal(&self, name: &str) {
        signal(&self.process, name);
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn wait(&mut self) {
        // The client goes on trying until then; nobody sleeps here.
        let said = Cluster::new(&self.address(), Profile::Kafka, &[]).topics(Duration::from_secs(120));
        assert!(said.is_ok(), "{:?}: {}", said, log(self.dir.path()));
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Sends a process of ours a signal by name.
pub fn signal(process: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.id().to_string()]).status().unwrap();
    assert!(sent.success(), "kill -{name}: {sent}");
}

fn spawn(dir: &Path, port: u16) -> Child {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("kafka/broker.sh");
    let libs = libraries();
    let out = File::create(log_of(dir)).unwrap();
    let mut command = Command::new(script);
    command.arg(dir).arg(port.to_string()).env("LIBS", libs).stdin(Stdio::null());
    command.stdout(out.try_clone().unwrap()).stderr(out).spawn().unwrap()
}

fn libraries() -> String {
    std::env::var("CAPONIER_KAFKA_LIBS").expect("CAPONIER_KAFKA_LIBS: run these tests by make test-kafka")
}

fn log_of(dir: &Path) -> PathBuf {
    dir.join("broker.log")
}

fn log(dir: &Path) -> String {
    std::fs::read_to_string(log_of(dir)).unwrap_or_default()
}

/// A port that nobody listens on, nor on the one above it.
pub fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
}
