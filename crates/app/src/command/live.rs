//! `caponier run`: the live halves of the program, wired.

use super::{not_after, tell};
use crate::cli::Run;
use crate::config::Config;
use crate::failure::{Exit, Failure, failed};
use crate::live::{Asked, Correlator, IntakeLoop, Metrics, Role, Stop, prepare};
use caponier_console::{ConsoleFault, Operations, Server};
use caponier_model::Change;
use caponier_transport::kafka::Cluster;
use compact_str::CompactString;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Topics in, incidents out, until somebody says stop.
pub fn run(args: &Run, config: Option<&Path>) -> Result<Exit, Failure> {
    let path = config;
    let config = told(path)?;
    let cluster = config.live.cluster();
    let stop = Stop::default();
    let asked = Asked::new(path.map(Path::to_owned), config.clone());
    heed_signals(&stop, &asked)?;
    let metrics = Arc::new(Metrics::new(args.role)?);
    let _server = serve(args.listen.as_deref().unwrap_or(&config.operations.listen), &metrics)?;
    let sources = prepare(&config, &cluster)?;
    announce(&config, &cluster, sources.len());
    let headline = |change: &Change| if args.quiet { String::new() } else { headline(&config, change) };
    let expelled = Mutex::new(None);
    let intake = || -> Result<(), Failure> {
        while !stop.is_asked() {
            let now = asked.current();
            let latest = || not_after(&now.config);
            let reading = IntakeLoop {
                config: &now.config,
                asked: &asked,
                generation: now.generation,
                cluster: &cluster,
                instance: &args.instance,
                drain: args.drain,
                stop: &stop,
                not_after: &latest,
                metrics: &metrics,
                expelled: &expelled,
            };
            reading.run()?;
        }
        Ok(())
    };
    let correlator = Correlator {
        config: &config,
        asked: &asked,
        cluster: &cluster,
        instance: &args.instance,
        sources: &sources,
        drain: args.drain,
        stop: &stop,
        headline: &headline,
        metrics: &metrics,
    };
    // A half that fails ends the other: a process that only looks alive helps nobody.
    let ending = |ended: Result<(), Failure>| {
        if ended.is_err() {
            stop.ask();
        }
        ended
    };
    match args.role {
        Role::Intake => intake()?,
        Role::Correlator => correlator.run()?,
        Role::All => {
            let other = std::thread::scope(|scope| {
                let reading =
                    std::thread::Builder::new().name("intake".into()).spawn_scoped(scope, || ending(intake()));
                let reading = reading.map_err(|e| failed("cannot start a thread", e))?;
                let told = ending(correlator.run());
                let read = reading.join().unwrap_or_else(|_| Err(Failure::Failed("intake stopped".into())));
                told.and(read)
            });
            other?;
        }
    }
    Ok(Exit::Done)
}

/// What is read, and where what follows goes.
fn announce(config: &Config, cluster: &Cluster, partitions: usize) {
    tell(&format!(
        "reading {} partition{} at {} into {}; incidents go to {} and {}\n",
        partitions,
        if partitions == 1 { "" } else { "s" },
        cluster.brokers(),
        config.live.journal,
        config.live.changes,
        config.live.incidents
    ));
}

/// Answers those who operate the run; they may ask before there is anything to tell.
fn serve(listen: &str, metrics: &Arc<Metrics>) -> Result<Option<Server>, Failure> {
    if listen == "none" {
        return Ok(None);
    }
    let of = || Arc::clone(metrics);
    let (text, health, readiness) = (of(), of(), of());
    let operations = Operations {
        metrics: Box::new(move || text.text()),
        health: Box::new(move || health.health()),
        readiness: Box::new(move || readiness.readiness()),
    };
    let server = Server::start(listen, operations).map_err(|fault: ConsoleFault| Failure::Usage(fault.to_string()))?;
    tell(&format!("operations at http://{}/: metrics, healthz, readyz\n", server.address()));
    Ok(Some(server))
}

/// One line for whoever watches.
fn headline(config: &Config, change: &Change) -> String {
    let incident = &change.incident;
    let tenants: Vec<CompactString> = incident.tenants.iter().map(|t| config.tenants.name(*t)).collect();
    let title = incident.title.render(|p| p.value.clone());
    format!(
        "{:10} {:13} {:24} {:3} findings  {}  {title}\n",
        change.incident.change.code(),
        incident.severity.code(),
        tenants.join(" + "),
        incident.findings.len(),
        &incident.id[..incident.id.len().min(8)]
    )
}

/// A configuration that says what is read.
pub(super) fn told(config: Option<&Path>) -> Result<Config, Failure> {
    let config = Config::load(config)?;
    if !config.configured {
        let what =
            "a live run assumes nothing: name a configuration with --config, with the tenants and the topics in it";
        return Err(Failure::Usage(what.into()));
    }
    if config.live.topics.is_empty() {
        let what = "the configuration lists no [[topic]]; add one for each topic that holds exports";
        return Err(Failure::Usage(what.into()));
    }
    Ok(config)
}

/// SIGHUP asks to read the configuration anew. The first of the others asks to end, the second ends.
fn heed_signals(stop: &Stop, asked: &Asked) -> Result<(), Failure> {
    let failing = |e| failed("cannot listen for signals", e);
    signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(&asked.again)).map_err(failing)?;
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        // Registered first, so that it acts only on a second one.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop.0))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop.0)))
            .map_err(failing)?;
    }
    Ok(())
}
