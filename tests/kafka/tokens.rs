//! Tokens of Entra: an endpoint of ours stands for Entra and issues what Apache Kafka's own check of unsigned tokens takes; a whole run
//! goes through it. Against Entra itself and against Event Hubs nothing of this was tried.

use crate::broker::{Broker, free_port};
use crate::scene::{Scene, digests};
use crate::security::keys;
use native_tls::{Identity, TlsAcceptor};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

/// What stands for Entra: one answer to everybody who asks, and what was asked.
struct Authority {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Authority {
    /// Secrets are sent to it, so it speaks TLS, with keys of the broker's folder.
    fn start(dir: &Path, status: &'static str, answer: fn() -> String) -> Self {
        let read = |file: &str| std::fs::read(dir.join(file)).unwrap();
        let identity = Identity::from_pkcs8(&read("good.crt"), &read("broker.key")).unwrap();
        let acceptor = TlsAcceptor::new(identity).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = acceptor.accept(stream.unwrap()) else { continue };
                let mut reader = BufReader::new(stream);
                let (mut head, mut length) = (String::new(), 0);
                while reader.read_line(&mut head).is_ok_and(|read| read > 2) {
                    let last = head.lines().last().unwrap_or_default().to_ascii_lowercase();
                    if let Some(bytes) = last.strip_prefix("content-length: ") {
                        length = bytes.trim().parse().unwrap();
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                heard.lock().unwrap().push(format!(
                    "{}{}",
                    head.lines().next().unwrap(),
                    String::from_utf8_lossy(&body)
                ));
                let told = answer();
                let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n");
                let told = format!("{head}Content-Length: {}\r\n\r\n{told}", told.len());
                drop(reader.get_mut().write_all(told.as_bytes()));
            }
        });
        Self { address, asked }
    }
}

/// An unsigned token that holds for an hour, as Entra would answer.
fn token() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = format!("{{\"sub\":\"caponier\",\"iat\":{now},\"exp\":{}}}", now + 3600);
    let token = format!("{}.{}.", base64("{\"alg\":\"none\"}"), base64(&claims));
    format!("{{\"token_type\":\"Bearer\",\"expires_in\":3600,\"ext_expires_in\":3600,\"access_token\":\"{token}\"}}")
}

fn refusal() -> String {
    let why = "AADSTS7000215: Invalid client secret provided.";
    format!("{{\"error\":\"invalid_client\",\"error_description\":\"{why}\",\"error_codes\":[7000215]}}")
}

/// Base64 for addresses, without padding.
fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for three in text.as_bytes().chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for digit in 0..=three.len() {
            out.push(DIGITS[(bits >> (18 - 6 * digit) & 63) as usize] as char);
        }
    }
    out
}

/// A broker that takes tokens at a port of its own.
fn broker(port: u16) -> Broker {
    Broker::prepared("tokens", |dir, plain| {
        keys(dir);
        let at = format!("PLAINTEXT://127.0.0.1:{plain},TOKENS://127.0.0.1:{port}");
        let text = format!(
            "listeners={at},CONTROLLER://127.0.0.1:{}\nadvertised.listeners={at}\ninter.broker.listener.name=PLAINTEXT\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,TOKENS:SASL_PLAINTEXT\n\
             listener.name.tokens.sasl.enabled.mechanisms=OAUTHBEARER\n\
             listener.name.tokens.oauthbearer.sasl.jaas.config=\
             org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"broker\";\n",
            plain + 1
        );
        std::fs::write(dir.join("more.properties"), text).unwrap();
    })
}

fn settings(authority: &Authority, secret: &Path) -> String {
    format!(
        "\"security.protocol\" = \"SASL_PLAINTEXT\"\n[kafka.entra]\ntenant = \"77777777-7777-4777-8777-777777777777\"\n\
         client_id = \"88888888-8888-4888-8888-888888888888\"\nsecret_file = {secret:?}\nauthority = \"{}\"\n\
         scope = \"https://n.servicebus.windows.net/.default\"\n",
        authority.address
    )
}

/// The token that the endpoint issues opens every connection of a run: those that read, those that write, and the first question.
#[test]
fn a_token_opens_the_brokers() {
    let port = free_port();
    let broker = broker(port);
    let scene = Scene::simulate(47, 100);
    let secret = broker.dir().join("secret");
    std::fs::write(&secret, "open-4711\n").unwrap();
    scene.live(&broker, "tokens").produce(2);
    for topic in ["journal", "changes", "incidents", "dead", "decisions", "operational", "late"] {
        let topic = format!("tokens.{topic}");
        broker.topics(&["--create", "--topic", &topic, "--partitions", "1", "--config", "max.message.bytes=67108864"]);
    }
    let authority = Authority::start(broker.dir(), "200 OK", token);
    let run = scene.live_at(&format!("127.0.0.1:{port}"), "tokens", &settings(&authority, &secret)).read_at(&broker);
    let run = run.told("SSL_CERT_FILE", &broker.dir().join("ca.crt"));
    run.drain();
    assert_eq!(digests(&run.latest()), scene.replayed());
    let asked = authority.asked.lock().unwrap();
    let first = &asked[0];
    for wanted in [
        "POST /77777777-7777-4777-8777-777777777777/oauth2/v2.0/token",
        "client_id=88888888-",
        "client_secret=open-4711",
    ] {
        assert!(first.contains(wanted), "{first}");
    }
    assert!(first.contains("scope=https%3A%2F%2Fn.servicebus.windows.net%2F.default"), "{first}");
    assert!(asked.len() <= 3, "each process asks once while a token holds, not {} times", asked.len());
}

/// What Entra says of a wrong secret is told, once, and the process ends with code 4.
#[test]
fn a_wrong_secret_is_told_as_entra_tells_it() {
    let port = free_port();
    let broker = broker(port);
    let scene = Scene::simulate(47, 60);
    let secret = broker.dir().join("secret");
    std::fs::write(&secret, "shut-4711").unwrap();
    let authority = Authority::start(broker.dir(), "401 Unauthorized", refusal);
    let run = scene.live_at(&format!("127.0.0.1:{port}"), "refused", &settings(&authority, &secret));
    let (code, said) = run.told("SSL_CERT_FILE", &broker.dir().join("ca.crt")).fails();
    assert_eq!(code, Some(4), "{said}");
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("caponier: ")).collect();
    assert!(lines.len() == 1 && lines[0].contains("AADSTS7000215") && lines[0].contains("[kafka.entra]"), "{said}");
    assert!(!said.contains("shut-4711"), "a secret is told: {said}");
}
