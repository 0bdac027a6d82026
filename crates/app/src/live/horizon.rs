//! Before when records come too late: nothing that happened further back than findings are held can change anything any more. Intake
//! reads no journal; it learns how far event time has come from the note that the correlator leaves beside its offset.

use super::{PATIENCE, broken};
use crate::config::Config;
use crate::failure::Failure;
use caponier_model::{Body, Event, EventTime};
use caponier_transport::kafka::{Cluster, Mark};
use std::time::{Duration, Instant};

/// How old what is known of event time may be.
const EVERY: Duration = Duration::from_secs(5);

/// Where lateness begins, as last heard.
pub struct Horizon<'h> {
    config: &'h Config,
    mark: Mark,
    asked: Option<Instant>,
    at: Option<EventTime>,
}

impl<'h> Horizon<'h> {
    /// Nobody has been asked yet.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn open(config: &'h Config, cluster: &Cluster) -> Result<Self, Failure> {
        let mark = Mark::open(cluster, &format!("{}-correlator", config.live.group));
        let mark = mark.map_err(|e| broken("cannot ask how far event time has come", &e))?;
        Ok(Self { config, mark, asked: None, at: None })
    }

    /// Where lateness begins; asked again now and then. Whoever cannot be asked is asked later: what is late is not lost by it, the engine
    /// counts it.
    pub fn at(&mut self) -> Option<EventTime> {
        if self.asked.is_none_or(|asked| asked.elapsed() > EVERY) {
            self.asked = Some(Instant::now());
            if let Ok(note) = self.mark.note(&self.config.live.journal, 0, PATIENCE) {
                self.at = note.and_then(|note| before(&note, self.config.engine.retention_days));
            }
        }
        self.at
    }
}

/// Where lateness begins when event time is where a note says.
fn before(note: &str, days: Option<u32>) -> Option<EventTime> {
    let now = note.parse().ok().map(EventTime::from_nanos)?;
    // Time that has not begun, or has ended with a drain, says nothing of what comes.
    if now == EventTime::MIN || now == EventTime::MAX {
        return None;
    }
    Some(now.plus_seconds(-i64::from(days?) * 86_400))
}

/// True for a record of which nothing can follow any more. How things are, as a directory tells it, is never late.
pub fn is_late(event: &Event<'_>, horizon: Option<EventTime>) -> bool {
    let last = match &event.body {
        Body::Sighting(sighting) => sighting.last,
        Body::Incident(incident) => incident.last.max(incident.version),
        _ => event.time,
    };
    super::intake::moves_time(event) && horizon.is_some_and(|horizon| last < horizon)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_begins_where_nothing_is_held() {
        let at = |seconds| EventTime::from_seconds(seconds);
        let note = |time: EventTime| time.nanos().to_string();
        assert_eq!(before(&note(at(20 * 86_400)), Some(15)), Some(at(5 * 86_400)));
        assert_eq!(before(&note(at(20 * 86_400)), None), None);
        assert_eq!(before(&note(EventTime::MIN), Some(15)), None);
        assert_eq!(before(&note(EventTime::MAX), Some(15)), None);
        assert_eq!(before("soon", Some(15)), None);
    }
}
