//! Why a broker's certificate is not believed. librdkafka says only that it is not; so the broker is asked for it once more, with the
//! same authorities and without Kafka.

use super::fault::Refusal;
use native_tls::{Certificate, HandshakeError, TlsConnector};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long the broker may take to show it.
const WAIT: Duration = Duration::from_secs(5);
const END: &str = "-----END CERTIFICATE-----";

/// Why the first of these brokers is not believed that shows a certificate; none where all that answer are believed.
pub(super) fn refusal(brokers: &str, authorities: Option<&str>) -> Option<(Refusal, String)> {
    brokers.split(',').find_map(|broker| asked(broker.trim(), authorities))
}

/// True where anybody accepts a connection there.
pub(super) fn listens(broker: &str) -> bool {
    let mut to = broker.to_socket_addrs().into_iter().flatten();
    to.any(|to| TcpStream::connect_timeout(&to, WAIT).is_ok())
}

fn asked(broker: &str, authorities: Option<&str>) -> Option<(Refusal, String)> {
    let (host, _) = broker.rsplit_once(':')?;
    let mut builder = TlsConnector::builder();
    if let Some(file) = authorities {
        let text = std::fs::read_to_string(file).ok()?;
        builder.disable_built_in_roots(true);
        for one in text.split_inclusive(END).filter(|one| one.contains(END)) {
            builder.add_root_certificate(Certificate::from_pem(one.trim().as_bytes()).ok()?);
        }
    }
    let connector = builder.build().ok()?;
    let stream = broker.to_socket_addrs().ok()?.find_map(|to| TcpStream::connect_timeout(&to, WAIT).ok())?;
    stream.set_read_timeout(Some(WAIT)).ok()?;
    stream.set_write_timeout(Some(WAIT)).ok()?;
    match connector.connect(host.trim_matches(['[', ']']), stream) {
        Err(HandshakeError::Failure(error)) => Some(read(&error.to_string())),
        _ => None,
    }
}

/// What OpenSSL says, in our kinds: why it does not believe stands in brackets at the end.
fn read(said: &str) -> (Refusal, String) {
    let why = said.rsplit_once('(').map_or(said, |(_, why)| why.trim_end_matches(')'));
    let any = |words: &[&str]| words.iter().any(|word| why.contains(word));
    let refusal = if any(&["expired", "not yet valid"]) {
        Refusal::Expired
    } else if any(&["issuer", "self-signed", "self signed", "first certificate"]) {
        Refusal::Authority
    } else if any(&["mismatch"]) {
        Refusal::Name
    } else {
        Refusal::Tls
    };
    (refusal, why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_openssl_says_is_one_of_our_kinds() {
        let verify = |why: &str| read(&format!("error:0A000086:SSL routines:f:certificate verify failed:c:1: ({why})"));
        assert_eq!(verify("certificate has expired"), (Refusal::Expired, "certificate has expired".to_owned()));
        assert_eq!(verify("unable to get local issuer certificate").0, Refusal::Authority);
        assert_eq!(verify("self-signed certificate in certificate chain").0, Refusal::Authority);
        assert_eq!(verify("hostname mismatch").0, Refusal::Name);
        assert_eq!(verify("IP address mismatch").0, Refusal::Name);
        assert_eq!(read("error:0A00010B:SSL routines:f:wrong version number:c:1").0, Refusal::Tls);
    }
}
