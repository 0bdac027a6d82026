//! `caponier decide`: what analysts say to a live run, written to the topic of decisions. Incidents are looked up in the topic of
//! their latest forms, and what is said stands for the findings that they have there.

use super::identity::{Made, always, made};
use super::{identity, incident, print};
use crate::cli::{DecideAction, Sent, Spoken, Stating, Verb};
use crate::config::Config;
use crate::decisions::{self, Either};
use crate::failure::{Exit, Failure, failed};
use crate::live::{PATIENCE, each_message, open_decisions};
use caponier_model::{Call, Verdict};
use caponier_transport::kafka::{Cluster, Writer};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// Says what was asked.
pub fn run(action: &DecideAction, config: Option<&Path>) -> Result<Exit, Failure> {
    let mut config = super::live::told(config)?;
    let desk = Desk::open(&config)?;
    let (lines, told) = match action {
        DecideAction::Incident(verb) => {
            let call = desk.call(verb, &config)?;
            (vec![decisions::call_line(&call)], incident::words(&call))
        }
        DecideAction::Link(args) => desk.statement(args, Verdict::Same, &mut config)?,
        DecideAction::Unlink(args) => desk.statement(args, Verdict::Different, &mut config)?,
        DecideAction::Unsay(couple) => desk.statement(&always(couple.clone()), Verdict::Withdrawn, &mut config)?,
        DecideAction::Send(args) => {
            let lines = lines_of(args)?;
            let count = lines.len();
            (lines, format!("{count} decision{}\n", if count == 1 { "" } else { "s" }))
        }
    };
    if lines.is_empty() {
        return print(&told);
    }
    let writer = Writer::open_plain(&desk.cluster).map_err(|e| failed("cannot write", e))?;
    let topic = config.live.decisions.as_str();
    let sent = lines.iter().try_for_each(|line| writer.send(topic, Some(0), &[], line.as_bytes()));
    sent.and_then(|()| writer.commit(PATIENCE)).map_err(|e| failed(&format!("cannot write to {topic}"), e))?;
    print(&format!("written to {topic} at {}\n{told}", desk.cluster.brokers()))
}

/// The topics, and what was said there already.
struct Desk {
    cluster: Cluster,
    said: Vec<Either>,
}

impl Desk {
    fn open(config: &Config) -> Result<Self, Failure> {
        let cluster = open_decisions(config)?;
        let mut said = Vec::new();
        each_message(&cluster, &config.live.decisions, &mut |message| {
            let text = String::from_utf8_lossy(message.payload());
            said.extend(text.lines().filter_map(|line| decisions::read_any(line).ok()));
        })?;
        Ok(Self { cluster, said })
    }

    fn call(&self, verb: &Verb<Spoken>, config: &Config) -> Result<Call, Failure> {
        let Spoken { author, reason, incidents } = verb.said();
        let act = match incidents {
            Some(file) => incident::act(verb, file)?,
            None => {
                let found = self.incidents(verb, config)?;
                incident::act(verb, found.path())?
            }
        };
        let calls =
            self.said.iter().filter_map(|said| if let Either::Call(call) = said { Some(&**call) } else { None });
        let before: Vec<Call> = calls.cloned().collect();
        incident::decided(act, author, reason, &before, &config.live.decisions)
    }

    /// The latest forms of the incidents that are named or hold what is sought, as a file like those of a replay.
    fn incidents(&self, verb: &Verb<Spoken>, config: &Config) -> Result<tempfile::NamedTempFile, Failure> {
        #[derive(Deserialize)]
        struct Brief {
            id: String,
            #[serde(default)]
            state: String,
            #[serde(default)]
            redirect_to: Option<String>,
        }
        let (named, sought) = (verb.incidents(), verb.sought());
        let mut latest: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut gone: BTreeMap<String, String> = BTreeMap::new();
        let topic = &config.live.incidents;
        let holds = |bytes: &[u8]| {
            sought.iter().any(|id| !id.is_empty() && bytes.windows(id.len()).any(|part| part == id.as_bytes()))
        };
        if !named.is_empty() {
            each_message(&self.cluster, topic, &mut |message| {
                let bytes = message.payload();
                let Ok(told) = serde_json::from_slice::<Brief>(bytes) else { return };
                latest.remove(&told.id);
                gone.remove(&told.id);
                let is_named = named.iter().any(|name| told.id.starts_with(name));
                match told.redirect_to.filter(|_| told.state == "redirected") {
                    Some(to) if is_named => drop(gone.insert(told.id, to)),
                    Some(_) => {}
                    None if is_named || holds(bytes) => drop(latest.insert(told.id, bytes.to_vec())),
                    None => {}
                }
            })?;
        }
        for name in named {
            let held = latest.keys().any(|id| id.starts_with(name));
            if let Some((id, to)) = gone.iter().find(|(id, _)| id.starts_with(name)).filter(|_| !held) {
                return Err(Failure::Usage(format!("incident {id} is part of {to} now; name that one")));
            }
            if !held {
                return Err(Failure::Usage(format!("no incident in topic {topic} begins with {name:?}")));
            }
        }
        let writing = |e| failed("cannot keep the incidents that are named", e);
        let mut file = tempfile::NamedTempFile::new().map_err(writing)?;
        for line in latest.into_values() {
            file.write_all(&line).and_then(|()| file.write_all(b"\n")).map_err(writing)?;
        }
        Ok(file)
    }

    fn statement(
        &self,
        args: &Stating,
        verdict: Verdict,
        config: &mut Config,
    ) -> Result<(Vec<String>, String), Failure> {
        let said = self.said.iter().filter_map(|said| if let Either::Statement(s) = said { Some(&**s) } else { None });
        config.decisions = said.cloned().collect();
        Ok(match made(args, verdict, config)? {
            Ok(Made { statement, before }) => {
                let told = identity::words(&statement, config, before.as_ref());
                (vec![decisions::line(&statement)], told)
            }
            Err(stands) => (Vec::new(), stands),
        })
    }
}

/// The lines of files, all of them good ones.
fn lines_of(args: &Sent) -> Result<Vec<String>, Failure> {
    let (mut lines, mut faults) = (Vec::new(), String::new());
    for path in &args.files {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Failure::Usage(format!("cannot read {}: {e}", path.display())))?;
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            match decisions::read_any(line) {
                Ok(_) => lines.push(line.to_owned()),
                Err(what) => drop(writeln!(faults, "{}, line {}: {what}", path.display(), number + 1)),
            }
        }
    }
    if faults.is_empty() { Ok(lines) } else { Err(Failure::Usage(faults.trim_end().to_owned())) }
}
