//! A simulated capture, what a replay makes of it, and live runs over it.

use crate::broker::{Broker, signal};
use caponier_transport::kafka::{Cluster, Follower, Heard, Profile, Writer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A capture and its configuration.
pub struct Scene {
    dir: tempfile::TempDir,
    tenants: String,
}

/// A live run over a capture, with topics of its own.
pub struct Live<'s> {
    scene: &'s Scene,
    cluster: Cluster,
    config: PathBuf,
    changes: String,
    incidents: String,
    environment: Option<(String, PathBuf)>,
}

/// A process that runs until it is told to stop, and whose words are kept.
pub struct Open {
    running: Running,
    words: PathBuf,
}

impl Open {
    /// What it said on stderr so far.
    pub fn told(&self) -> String {
        std::fs::read_to_string(&self.words).unwrap()
    }

    /// Asks it to read its configuration anew.
    pub fn reads_anew(&self) {
        done(Command::new("kill").args(["-HUP", &self.running.0.id().to_string()]));
    }

    /// Asks it to stop, and waits until it has.
    pub fn stops(self) {
        self.running.stops();
    }

    /// As [`Running::lives_for`].
    pub fn lives_for(&mut self, millis: u64) -> bool {
        self.running.lives_for(millis)
    }

    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        self.running.signal(name);
    }
}

/// A process that runs; killed where it is let go of.
pub struct Running(Child, Option<PathBuf>);

impl Running {
    /// Lets it run for so long; false where it ended before.
    pub fn lives_for(&mut self, millis: u64) -> bool {
        let until = Instant::now() + Duration::from_millis(millis);
        while Instant::now() < until {
            if self.0.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        true
    }

    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        signal(&self.0, name);
    }

    /// Asks it to stop, and waits until it has.
    pub fn stops(mut self) {
        done(Command::new("kill").args(["-TERM", &self.0.id().to_string()]));
        let status = self.0.wait().unwrap();
        assert!(status.success(), "{status}");
    }

    /// Waits for it to end by itself.
    pub fn ends(mut self) {
        let status = self.0.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.told());
    }

    /// What it said on stderr so far, where that is kept.
    pub fn told(&self) -> String {
        self.1.as_ref().and_then(|words| std::fs::read_to_string(words).ok()).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Scene {
    /// Two tenants under attack.
    pub fn simulate(seed: u64, people: u32) -> Self {
        let dir = tempfile::Builder::new().prefix("caponier-scene-").tempdir().unwrap();
        let scene = Self { dir, tenants: String::new() };
        let (seed, people) = (seed.to_string(), people.to_string());
        let lab = scene.path("lab");
        let arguments = ["simulate", "--seed", &seed, "--people", &people, "--days", "1", "--attacks", "6", "--out"];
        done(caponier().args(arguments).arg(&lab));
        let tenants = std::fs::read_to_string(lab.join("caponier.toml")).unwrap();
        Self { tenants, ..scene }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn captures(&self) -> PathBuf {
        self.path("lab/captures")
    }

    /// The same files in a folder whose names tell the table and nothing of a tenant.
    pub fn flattened(&self) -> PathBuf {
        let flat = self.path("flat");
        let mut folders = vec![self.captures()];
        let mut count = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
                if entry.is_dir() {
                    folders.push(entry);
                    continue;
                }
                let below = entry.strip_prefix(self.captures()).unwrap();
                let to = flat.join(below.components().next().unwrap());
                std::fs::create_dir_all(&to).unwrap();
                count += 1;
                std::fs::copy(&entry, to.join(format!("{count}-{}", entry.file_name().unwrap().display()))).unwrap();
            }
        }
        flat
    }

    /// Records of one table, as they stand in its largest file.
    pub fn records_of(&self, table: &str) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.captures().join(table)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                if entry.path().is_dir() { folders.push(entry.path()) } else { files.push(entry.path()) }
            }
        }
        files.sort();
        let largest = files.iter().max_by_key(|f| f.metadata().unwrap().len()).unwrap();
        let text = std::fs::read_to_string(largest).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let one_or_many = |line: Value| line["records"].as_array().cloned().unwrap_or_else(|| vec![line.clone()]);
        lines.flat_map(one_or_many).map(|record| record.to_string()).collect()
    }

    /// Digests of the final forms that a replay of the files ends in.
    pub fn replayed(&self) -> Vec<String> {
        self.replayed_of(&self.captures())
    }

    /// The same of the files in a folder.
    pub fn replayed_of(&self, captures: &Path) -> Vec<String> {
        let (config, out) = (self.path("lab/caponier.toml"), self.path("replayed.ndjson"));
        done(caponier().arg("replay").arg(captures).arg("--config").arg(config).arg("--out").arg(&out));
        let lines = std::fs::read_to_string(out).unwrap();
        digests(&lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>())
    }

    /// The same of a replay that heeds these lines.
    pub fn replayed_heeding(&self, said: &[String]) -> Vec<String> {
        self.replayed_under(&self.path("lab/caponier.toml"), said)
    }

    fn replayed_under(&self, config: &Path, said: &[String]) -> Vec<String> {
        let out = self.path("heeded.ndjson");
        let decisions = self.path("decisions.ndjson");
        std::fs::write(&decisions, said.join("\n")).unwrap();
        let mut command = caponier();
        command.arg("replay").arg(self.captures()).arg("--config").arg(config).arg("--out").arg(&out);
        done(command.arg("--decisions").arg(decisions).arg("--without-ledger"));
        let lines = std::fs::read_to_string(out).unwrap();
        digests(&lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>())
    }

    /// A run with topics whose names begin so.
    pub fn live(&self, broker: &Broker, name: &str) -> Live<'_> {
        self.configured(broker, name, &format!("{name}.journal"))
    }

    fn configured(&self, broker: &Broker, name: &str, journal: &str) -> Live<'_> {
        self.at(&broker.address(), name, journal, "")
    }

    /// The same at an address, with more settings of the client.
    pub fn live_at(&self, address: &str, name: &str, client: &str) -> Live<'_> {
        self.at(address, name, &format!("{name}.journal"), client)
    }

    fn at(&self, brokers: &str, name: &str, journal: &str, client: &str) -> Live<'_> {
        let (changes, incidents) = (format!("{name}.changes"), format!("{name}.incidents"));
        let mut text = format!(
            "{}\n[operations]\nlisten = \"127.0.0.1:0\"\n[kafka]\nbrokers = \"{brokers}\"\ngroup = \"{name}\"\njournal = \"{journal}\"\nchanges = \"{changes}\"\n\
             incidents = \"{incidents}\"\ndead_letters = \"{name}.dead\"\ndecisions = \"{name}.decisions\"\noperational = \"{name}.operational\"\nlate = \"{name}.late\"\n\
             state = {:?}\nsnapshot_seconds = 1\n[kafka.client]\n\"session.timeout.ms\" = 6000\n{client}[[topic]]\nname = \"{name}.shared\"\n",
            self.tenants,
            self.path(&format!("{name}-state"))
        );
        let parsed: toml::Table = self.tenants.parse().unwrap();
        for tenant in parsed["tenant"].as_array().unwrap() {
            let tenant = tenant["name"].as_str().unwrap();
            text += &format!("[[topic]]\nname = \"{name}.{tenant}\"\ntenant = \"{tenant}\"\n");
        }
        let config = self.path(&format!("{name}.toml"));
        std::fs::write(&config, text).unwrap();
        let cluster = Cluster::new(brokers, Profile::Kafka, &[]);
        Live { scene: self, cluster, config, changes, incidents, environment: None }
    }
}

impl Live<'_> {
    fn command(&self, name: &str) -> Command {
        let mut command = caponier();
        command.arg(name).arg("--config").arg(&self.config);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Puts the capture on topics of so many partitions; how many messages it is.
    pub fn produce(&self, partitions: u32) -> u64 {
        self.produce_from(&self.scene.captures(), partitions)
    }

    /// The same of the files in a folder.
    pub fn produce_from(&self, captures: &Path, partitions: u32) -> u64 {
        let mut command = self.command("produce");
        let said = done(command.arg(captures).args(["--partitions", &partitions.to_string()]));
        let counted =
            said.lines().filter_map(|line| line.split_once(": ")?.1.split_once(" messages")?.0.parse::<u64>().ok());
        counted.sum()
    }

    /// Starts a run that goes on until it is asked to end, and can be asked how it is.
    pub fn watched(&self) -> Watched {
        let mut command = self.command("run");
        let mut child = command.arg("--quiet").stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = said.find_map(|l| Some(l.unwrap().strip_prefix("operations at http://")?.to_owned())).unwrap();
        // Whoever writes into a pipe that nobody reads stands still.
        std::thread::spawn(move || said.for_each(drop));
        Watched { running: Running(child, None), address: line.split('/').next().unwrap().to_owned() }
    }

    /// How many snapshots there are.
    pub fn snapshots(&self) -> usize {
        std::fs::read_dir(self.state()).unwrap().count()
    }

    fn state(&self) -> String {
        let config: toml::Table = std::fs::read_to_string(&self.config).unwrap().parse().unwrap();
        config["kafka"]["state"].as_str().unwrap().to_owned()
    }

    /// Runs to the end of everything.
    pub fn drain(&self) {
        done(self.command("run").args(["--drain", "--quiet"]));
    }

    /// The same run, whose topics are read at this broker's open port.
    pub fn read_at(self, broker: &Broker) -> Self {
        Self { cluster: Cluster::new(&broker.address(), Profile::Kafka, &[]), ..self }
    }

    /// The same run, whose processes are told this by their environment.
    pub fn told(self, name: &str, value: &Path) -> Self {
        Self { environment: Some((name.to_owned(), value.to_owned())), ..self }
    }

    /// Runs where it is to fail: the code and what was told.
    pub fn fails(&self) -> (Option<i32>, String) {
        let ended = self.command("run").args(["--drain", "--quiet"]).stdin(Stdio::null()).output().unwrap();
        (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
    }

    /// Another correlator, that has seen nothing yet, for the journal of this run.
    pub fn reader_of_its_journal(&self, name: &str) -> Live<'_> {
        let journal = self.changes.replace(".changes", ".journal");
        self.scene.at(self.cluster.brokers(), name, &journal, "")
    }

    /// Runs a correlator alone to the end of its journal; its topics exist, though nothing is read from them.
    pub fn correlate(&self) {
        self.produce(1);
        done(self.command("run").args(["--drain", "--quiet", "--role", "correlator"]));
    }

    /// Starts a run and kills it; false where it had ended by itself before.
    pub fn killed_after(&self, millis: u64) -> bool {
        let mut command = self.command("run");
        let mut run = Running(command.args(["--drain", "--quiet"]).stderr(Stdio::null()).spawn().unwrap(), None);
        run.lives_for(millis)
    }

    /// Starts a run and kills it while it writes a snapshot, or is about to end; false where it had ended by itself before. Whether it was
    /// caught: what it wrote is left there.
    pub fn killed_in_a_snapshot(&self) -> (bool, bool) {
        let aside = || -> Vec<String> {
            let names = std::fs::read_dir(self.state()).into_iter().flatten().flatten().map(|e| e.file_name());
            names.filter_map(|n| n.into_string().ok()).filter(|n| n.starts_with(".caponier-")).collect()
        };
        let before = aside();
        let killed = self.killed_when(&mut || aside().iter().any(|name| !before.contains(name)));
        (killed, killed && aside().iter().any(|name| !before.contains(name)))
    }

    /// The same while it delivers: brokers hold more of the changes than they did, whatever of it is committed.
    pub fn killed_in_a_delivery(&self, broker: &Broker) -> bool {
        let held = || -> u64 {
            let folder = std::fs::read_dir(broker.dir().join("data").join(format!("{}-0", self.changes)));
            let files =
                folder.into_iter().flatten().flatten().filter(|e| e.path().extension().is_some_and(|x| x == "log"));
            files.filter_map(|e| e.metadata().ok()).map(|m| m.len()).sum()
        };
        // Who wrote before may be taken back first, which writes a mark of less than this.
        let before = held() + 1024;
        self.killed_when(&mut || held() > before)
    }

    fn killed_when(&self, now: &mut dyn FnMut() -> bool) -> bool {
        let mut command = self.command("run");
        let mut run = Running(command.args(["--drain", "--quiet"]).stderr(Stdio::null()).spawn().unwrap(), None);
        while !now() {
            if run.0.try_wait().unwrap().is_some() {
                return false;
            }
        }
        true
    }

    /// Starts a process under a name of its own.
    pub fn start(&self, instance: &str) -> Running {
        let mut command = self.command("run");
        let words = self.config.with_extension(format!("{instance}.log"));
        command.args(["--drain", "--quiet", "--instance", instance]).stderr(File::create(&words).unwrap());
        Running(command.spawn().unwrap(), Some(words))
    }

    /// Starts a process that runs until it is told to stop.
    pub fn start_open(&self, instance: &str) -> Open {
        let mut command = self.command("run");
        let words = self.config.with_extension(format!("{instance}.log"));
        command.args(["--quiet", "--instance", instance]).stderr(File::create(&words).unwrap());
        Open { running: Running(command.spawn().unwrap(), None), words }
    }

    /// Adds to the configuration.
    pub fn append(&self, text: &str) {
        let before = std::fs::read_to_string(&self.config).unwrap();
        std::fs::write(&self.config, before + text).unwrap();
    }

    /// Puts one text of the configuration in place of another.
    pub fn replace(&self, old: &str, new: &str) {
        let before = std::fs::read_to_string(&self.config).unwrap();
        assert!(before.contains(old), "{before}");
        std::fs::write(&self.config, before.replace(old, new)).unwrap();
    }

    /// Digests of the final forms that a replay ends in under the configuration as it is now.
    pub fn replayed(&self) -> Vec<String> {
        self.scene.replayed_under(&self.config, &[])
    }

    /// The rules of the program in a folder, without one of their files.
    pub fn rules_without(&self, file: &str) -> PathBuf {
        let (from, to) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules"), self.scene.path("rules"));
        done(Command::new("cp").arg("-r").arg(&from).arg(&to));
        let found = std::fs::read_dir(&to).unwrap().map(|e| e.unwrap().path().join(file)).find(|p| p.exists()).unwrap();
        std::fs::remove_file(found).unwrap();
        to
    }

    /// Decides something; what was said of it.
    pub fn decide(&self, words: &[&str]) -> String {
        let mut command = self.command("decide");
        let ended = command.args(words).args(["--by", "ada", "--reason", "ticket 7"]).output().unwrap();
        assert!(ended.status.success(), "{words:?}: {}", String::from_utf8_lossy(&ended.stderr));
        String::from_utf8_lossy(&ended.stdout).into_owned()
    }

    /// Puts a line on the topic of decisions, whatever it says.
    pub fn say(&self, line: &str) {
        self.put(&self.topic("decisions"), line);
    }

    /// A message with sign-ins, and its topic.
    pub fn a_sign_in(&self) -> (String, String) {
        let config: toml::Table = std::fs::read_to_string(&self.config).unwrap().parse().unwrap();
        let topics = config["topic"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap().to_owned());
        for topic in topics {
            let lines = self.lines_of(&topic).into_iter().map(|m| String::from_utf8_lossy(&m).into_owned());
            if let Some(line) = lines.into_iter().find(|line| line.contains("SignInLogs") && line.contains("2026-")) {
                return (topic, line);
            }
        }
        panic!("no topic holds a sign-in");
    }

    /// Puts a message on a topic of one partition.
    pub fn put(&self, topic: &str, message: &str) {
        let writer = Writer::open_plain(&self.cluster).unwrap();
        writer.send(topic, Some(0), &[], message.as_bytes()).unwrap();
        writer.commit(Duration::from_secs(30)).unwrap();
    }

    /// Every record of the late lane.
    pub fn late(&self) -> Vec<Value> {
        self.all_of(&self.topic("late"))
    }

    /// Names and ids of the tenants.
    pub fn tenants(&self) -> Vec<(String, String)> {
        let parsed: toml::Table = self.scene.tenants.parse().unwrap();
        let text = |tenant: &toml::Value, key: &str| tenant[key].as_str().unwrap().to_owned();
        parsed["tenant"].as_array().unwrap().iter().map(|t| (text(t, "name"), text(t, "id"))).collect()
    }

    /// Name and id of a tenant that is not the first.
    pub fn second_tenant(&self) -> (String, String) {
        self.tenants().remove(1)
    }

    /// A run that reads the same topics into topics of its own.
    pub fn shadow(&self, name: &str) -> Live<'_> {
        let shadow = self.scene.at(self.cluster.brokers(), name, &format!("{name}.journal"), "");
        let own = self.changes.trim_end_matches("changes");
        let text = std::fs::read_to_string(&shadow.config).unwrap();
        let (head, topics) = text.split_once("[[topic]]").unwrap();
        let topics = topics.replace(&format!("\"{name}."), &format!("\"{own}"));
        std::fs::write(&shadow.config, format!("{head}[[topic]]{topics}")).unwrap();
        shadow
    }

    /// Takes the topic of a tenant out of the configuration.
    pub fn without_topics_of(&self, tenant: &str) {
        let topic = self.topic(tenant);
        self.replace(&format!("[[topic]]\nname = \"{topic}\"\ntenant = \"{tenant}\"\n"), "");
    }

    /// Purges a tenant; what was said of it.
    pub fn purges(&self, tenant: &str) -> Result<String, String> {
        let mut command = self.command("purge");
        let ended = command.args(["--tenant", tenant, "--by", "ada", "--reason", "ticket 9"]).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        if ended.status.success() { Ok(String::from_utf8_lossy(&ended.stdout).into_owned()) } else { Err(said) }
    }

    /// The names of its snapshots.
    pub fn kept(&self) -> Vec<String> {
        let config: toml::Table = std::fs::read_to_string(&self.config).unwrap().parse().unwrap();
        let folder = std::fs::read_dir(config["kafka"]["state"].as_str().unwrap()).unwrap();
        folder.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    /// Every line of the topic of decisions.
    pub fn said(&self) -> Vec<String> {
        self.lines_of(&self.topic("decisions")).iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }

    /// Every dead letter.
    pub fn dead_letters(&self) -> Vec<Value> {
        self.all_of(&self.topic("dead"))
    }

    /// The dead letters of the shared topic.
    pub fn shared_letters(&self) -> Vec<Value> {
        let shared = format!("{}/", self.topic("shared"));
        self.dead_letters().into_iter().filter(|l| text(l, "source").starts_with(&shared)).collect()
    }

    /// A topic of one tenant.
    pub fn a_topic(&self) -> String {
        let parsed: toml::Table = self.scene.tenants.parse().unwrap();
        self.topic(parsed["tenant"][0]["name"].as_str().unwrap())
    }

    /// Puts a message on a partition of a topic.
    pub fn put_on(&self, topic: &str, partition: i32, message: &[u8]) {
        let writer = Writer::open_plain(&self.cluster).unwrap();
        writer.send(topic, Some(partition), &[], message).unwrap();
        writer.commit(Duration::from_secs(60)).unwrap();
    }

    fn topic(&self, kind: &str) -> String {
        self.changes.replace(".changes", &format!(".{kind}"))
    }

    /// Breaks every snapshot in its middle; how many there were.
    pub fn damage_snapshots(&self) -> usize {
        let files: Vec<PathBuf> = std::fs::read_dir(self.state()).unwrap().map(|e| e.unwrap().path()).collect();
        for file in &files {
            let mut bytes = std::fs::read(file).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(file, bytes).unwrap();
        }
        files.len()
    }

    /// Every change, as committed, in order.
    pub fn changes(&self) -> Vec<Value> {
        self.all_of(&self.changes)
    }

    /// The latest form of each incident that is not redirected.
    pub fn latest(&self) -> Vec<Value> {
        let mut latest: BTreeMap<String, Value> = BTreeMap::new();
        self.each_of(&self.incidents, |key, line| {
            // An incident without bytes is no more.
            match serde_json::from_slice(line) {
                Ok(incident) => drop(latest.insert(key, incident)),
                Err(_) => drop(latest.remove(&key)),
            }
        });
        latest.into_values().filter(|i| text(i, "state") != "redirected").collect()
    }

    fn all_of(&self, topic: &str) -> Vec<Value> {
        self.lines_of(topic).iter().map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    fn lines_of(&self, topic: &str) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        self.each_of(topic, |_, line| out.push(line.to_vec()));
        out
    }

    fn each_of(&self, topic: &str, mut see: impl FnMut(String, &[u8])) {
        let follower = Follower::open(&self.cluster, topic, None).unwrap();
        loop {
            match follower.hear(Duration::from_secs(60)).unwrap() {
                Heard::Message(message) => {
                    see(String::from_utf8_lossy(message.key()).into_owned(), message.payload());
                }
                Heard::End(_) => return,
                Heard::Silence => panic!("{topic} has no end"),
            }
        }
    }
}

/// A run that can be asked how it is.
pub struct Watched {
    /// The process.
    pub running: Running,
    address: String,
}

impl Watched {
    /// The answer to a question, head and all.
    pub fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: caponier\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Asks it to end, once; it must end well.
    pub fn asked_to_end(mut self) {
        let asked = Command::new("kill").arg(self.running.0.id().to_string()).status().unwrap();
        assert!(asked.success());
        assert!(self.running.0.wait().unwrap().success());
    }
}

/// The digests of final forms, in order.
pub fn digests(incidents: &[Value]) -> Vec<String> {
    let mut digests: Vec<String> = incidents.iter().map(|i| text(i, "digest")).collect();
    digests.sort();
    digests
}

/// A text of an object.
pub fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

/// A number of an object.
pub fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_default()
}

fn caponier() -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Command::new(std::env::var_os("CAPONIER").map_or_else(|| target.join("debug/caponier"), PathBuf::from))
}

fn done(command: &mut Command) -> String {
    let ended = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{command:?}: {}\n{said}", ended.status);
    said
}
