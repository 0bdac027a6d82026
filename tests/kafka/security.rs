//! TLS and SASL against the real broker: the right password works end to end, and what is wrong is told once, by its own name, with
//! what to do about it. All keys are made here, by openssl, and gone with the broker's folder.

use crate::broker::{Broker, free_port};
use crate::scene::{Scene, digests};
use std::path::{Path, PathBuf};
use std::process::Command;

const RIGHT: &str = "open-4711";
const WRONG: &str = "shut-4711";

/// Who listens with which certificate.
const LISTENERS: [&str; 3] = ["good", "expired", "stranger"];

/// A broker that speaks TLS with users and passwords, on a port for each kind of certificate.
struct Secure {
    broker: Broker,
    ports: Vec<u16>,
}

impl Secure {
    fn start() -> Self {
        let mut ports = Vec::new();
        while ports.len() < LISTENERS.len() {
            let port = free_port();
            if !ports.contains(&port) {
                ports.push(port);
            }
        }
        let broker = Broker::prepared("secure", |dir, plain| {
            keys(dir);
            std::fs::write(dir.join("more.properties"), properties(dir, plain, &ports)).unwrap();
            let users = ["SCRAM-SHA-256", "SCRAM-SHA-512"].map(|m| format!("{m}=[name=caponier,password={RIGHT}]"));
            let arguments: String = users.iter().map(|user| format!("--add-scram\n{user}\n")).collect();
            std::fs::write(dir.join("format.arguments"), arguments).unwrap();
        });
        Self { broker, ports }
    }

    fn address(&self, listener: &str) -> String {
        format!("127.0.0.1:{}", self.ports[LISTENERS.iter().position(|l| *l == listener).unwrap()])
    }

    fn settings(&self, mechanism: &str, password: &str) -> String {
        let ca = self.broker.dir().join("ca.crt");
        format!(
            "\"security.protocol\" = \"SASL_SSL\"\n\"sasl.mechanism\" = \"{mechanism}\"\n\"sasl.username\" = \"caponier\"\n\
             \"sasl.password\" = \"{password}\"\n\"ssl.ca.location\" = {ca:?}\n"
        )
    }
}

fn properties(dir: &Path, plain: u16, ports: &[u16]) -> String {
    let of =
        |row: &dyn Fn(&str, u16) -> String| LISTENERS.iter().zip(ports).map(|(l, p)| row(l, *p)).collect::<String>();
    let at = of(&|name, port| format!(",{}://127.0.0.1:{port}", name.to_uppercase()));
    let protocols = of(&|name, _| format!(",{}:SASL_SSL", name.to_uppercase()));
    let mut text = format!(
        "listeners=PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{}{at}\nadvertised.listeners=PLAINTEXT://127.0.0.1:{plain}{at}\n\
         inter.broker.listener.name=PLAINTEXT\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}\n",
        plain + 1
    );
    for name in LISTENERS {
        let (at, file) = (format!("listener.name.{name}"), dir.join(format!("{name}.pem")));
        let module = "org.apache.kafka.common.security";
        text += &format!(
            "{at}.ssl.keystore.type=PEM\n{at}.ssl.keystore.location={}\n\
             {at}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n\
             {at}.plain.sasl.jaas.config={module}.plain.PlainLoginModule required user_caponier=\"{RIGHT}\";\n\
             {at}.scram-sha-256.sasl.jaas.config={module}.scram.ScramLoginModule required;\n\
             {at}.scram-sha-512.sasl.jaas.config={module}.scram.ScramLoginModule required;\n",
            file.display()
        );
    }
    text
}

/// An authority, another that nobody knows, and a broker's key with a certificate of each kind.
pub fn keys(dir: &Path) {
    let openssl = |arguments: &str| {
        let ran = Command::new("openssl").args(arguments.split(' ')).current_dir(dir).output().unwrap();
        assert!(ran.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&ran.stderr));
    };
    std::fs::write(dir.join("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost").unwrap();
    for authority in ["ca", "other"] {
        openssl(&format!(
            "req -x509 -newkey rsa:2048 -nodes -keyout {authority}.key -out {authority}.crt -days 30 -subj /CN={authority}"
        ));
    }
    openssl("req -newkey rsa:2048 -nodes -keyout broker.key -out broker.csr -subj /CN=localhost");
    for (name, authority, days) in [("good", "ca", "30"), ("expired", "ca", "-1"), ("stranger", "other", "30")] {
        openssl(&format!(
            "x509 -req -in broker.csr -CA {authority}.crt -CAkey {authority}.key -CAcreateserial -days {days} -extfile names -out {name}.crt"
        ));
        let read = |file: &str| std::fs::read_to_string(dir.join(file)).unwrap();
        std::fs::write(dir.join(format!("{name}.pem")), read("broker.key") + &read(&format!("{name}.crt"))).unwrap();
    }
}

/// With the right password a capture goes in and the incidents of a replay come out, for each mechanism.
#[test]
fn the_right_password_works_end_to_end() {
    let secure = Secure::start();
    let scene = Scene::simulate(23, 200);
    let replayed = scene.replayed();
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let settings = secure.settings(mechanism, RIGHT);
        let run = scene.live_at(&secure.address("good"), &mechanism.to_lowercase(), &settings).read_at(&secure.broker);
        run.produce(2);
        run.drain();
        assert_eq!(digests(&run.latest()), replayed, "{mechanism}");
    }
}

/// What is wrong is told once, under its own name, with what to do; the process ends with code 4.
#[test]
fn what_is_wrong_is_told_by_its_name() {
    let secure = Secure::start();
    let scene = Scene::simulate(23, 60);
    let nobody = format!("127.0.0.1:{}", free_port());
    let wrong: [(&str, String, String, &[&str]); 6] = [
        (
            "password",
            secure.address("good"),
            secure.settings("PLAIN", WRONG),
            &["user or password", "check sasl.username"],
        ),
        (
            "scram",
            secure.address("good"),
            secure.settings("SCRAM-SHA-512", WRONG),
            &["user or password", "check sasl.username"],
        ),
        (
            "expired",
            secure.address("expired"),
            secure.settings("PLAIN", RIGHT),
            &["has expired", "renew the certificate"],
        ),
        (
            "stranger",
            secure.address("stranger"),
            secure.settings("PLAIN", RIGHT),
            &["authority that is not known", "ssl.ca.location"],
        ),
        (
            "plaintext",
            secure.broker.address(),
            secure.settings("PLAIN", RIGHT),
            &["closes the connection", "check security.protocol"],
        ),
        ("nobody", nobody, secure.settings("PLAIN", RIGHT), &["no kafka broker answers", "check kafka.brokers"]),
    ];
    let (mut told, cases) = (Vec::new(), wrong.len());
    for (name, address, settings, wanted) in wrong {
        let (code, said) = scene.live_at(&address, name, &settings).fails();
        assert_eq!(code, Some(4), "{name}: {said}");
        let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("caponier: ")).collect();
        assert_eq!(lines.len(), 1, "{name}: {said}");
        for word in wanted.iter().copied().chain([address.as_str()]) {
            assert!(lines[0].contains(word), "{name}: {said}");
        }
        assert!(!said.contains(RIGHT) && !said.contains("wrong\""), "a password is told: {said}");
        told.push(lines[0].replace(&address, ""));
    }
    told.sort();
    told.dedup();
    assert_eq!(told.len(), cases, "two causes sound alike: {told:?}");
}

/// A file of authorities that is not there is told before anything is opened.
#[test]
fn a_file_that_is_missing_is_a_fault_of_the_configuration() {
    let scene = Scene::simulate(23, 60);
    let missing = PathBuf::from("/nowhere/ca.crt");
    let (code, said) = scene.live_at("127.0.0.1:1", "missing", &format!("\"ssl.ca.location\" = {missing:?}\n")).fails();
    assert!(code == Some(2) && said.contains("/nowhere/ca.crt"), "{code:?}: {said}");
}
