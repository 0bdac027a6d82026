//! Two steps further apart than anybody travels. Knows places, times and hashes of values; no signal, no person.
//!
//! Distances are compared as chords, from sines made of sums and products alone: every machine decides alike.

use crate::machine::{Item, Seat};
use crate::scenario::{Apart, SECOND};
use std::f64::consts::PI;

/// The mean radius of the Earth, in kilometres.
const RADIUS: f64 = 6_371.0;

/// A step remembers at most so many different places and networks at once; the oldest leave.
const PLACES_MAX: usize = 64;

/// Degrees are held in millionths.
const SCALE: f64 = 1e6;

/// A signal of one step with its place and the hashes of what must have changed; 0 where the record does not say.
type Stay = (Seat, Vec<i128>);

/// What each of the two steps was last seen with: for one place and one network the latest is the hardest to travel from.
#[derive(Debug, Default)]
pub(crate) struct Stays([Vec<Stay>; 2]);

impl Stays {
    /// Takes a signal; the latest signal of the other step that it is too far from.
    pub(crate) fn take(&mut self, item: &Item, horizon: i64, apart: &Apart) -> Option<[Seat; 2]> {
        let here = (item.at, item.step, item.place);
        let (side, other) = if item.step == 0 { (0, 1) } else { (1, 0) };
        for held in &mut self.0 {
            held.retain(|((at, ..), _)| *at >= horizon);
        }
        if item.values.is_empty() {
            return None;
        }
        let far = self.0[other].iter().filter(|stay| conflict(stay, &here, &item.values, apart));
        let found = far.max_by_key(|(seat, _)| *seat).map(|(seat, _)| [*seat, here]);
        let mine = &mut self.0[side];
        mine.retain(|(_, values)| *values != item.values);
        if mine.len() >= PLACES_MAX {
            mine.remove(0);
        }
        mine.push((here, item.values.clone()));
        found
    }

    pub(crate) fn clear(&mut self) {
        self.0 = Default::default();
    }
}

/// Too far, too soon, and something that travels with a person is not the same.
fn conflict(stay: &Stay, here: &Seat, values: &[i128], apart: &Apart) -> bool {
    let ((at, ..), then) = stay;
    let changed = |(a, b): (&i128, &i128)| *a != 0 && *b != 0 && a != b;
    let moved = apart.change.is_empty() || then.iter().zip(values).skip(1).any(changed);
    let hours = here.0.saturating_sub(*at) as f64 / (3_600 * SECOND) as f64;
    let way = (hours * f64::from(apart.faster)).max(f64::from(apart.beyond));
    moved && chord(then[0], values[0]) > limit(way)
}

/// A place as one number: latitude and longitude in millionths of a degree. `None` where the text is none on Earth.
pub(crate) fn packed(text: &str) -> Option<i128> {
    let (latitude, longitude) = text.split_once(',')?;
    let degrees = |text: &str, most: f64| {
        let degrees: f64 = text.trim().parse().ok()?;
        (degrees.abs() <= most).then(|| (degrees * SCALE).round() as i64)
    };
    let (latitude, longitude) = (degrees(latitude, 90.0)?, degrees(longitude, 180.0)?);
    // Where a source knows no place it may say 0,0: an ocean, and nobody's.
    ((latitude, longitude) != (0, 0)).then(|| (i128::from(latitude) << 64) | i128::from(longitude as u64))
}

/// The straight way through the Earth between two places, in kilometres.
fn chord(a: i128, b: i128) -> f64 {
    let (a, b) = (point(a), point(b));
    let square: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
    RADIUS * square.sqrt()
}

fn point(place: i128) -> [f64; 3] {
    let radians = |millionths: i64| millionths as f64 / SCALE / 180.0 * PI;
    let (latitude, longitude) = (radians((place >> 64) as i64), radians(place as u64 as i64));
    let level = sine(PI / 2.0 - latitude);
    [level * sine(PI / 2.0 - longitude), level * sine(longitude), sine(latitude)]
}

/// The chord of so long a way over the surface, in kilometres; beyond the other side of the Earth there is none.
fn limit(way: f64) -> f64 {
    if way >= PI * RADIUS { f64::INFINITY } else { 2.0 * RADIUS * sine(way / RADIUS / 2.0) }
}

/// The sine, for angles between -2π and 2π, to better than a metre on the Earth.
fn sine(angle: f64) -> f64 {
    let mut x = if angle > PI {
        angle - 2.0 * PI
    } else if angle < -PI {
        angle + 2.0 * PI
    } else {
        angle
    };
    if x > PI / 2.0 {
        x = PI - x;
    } else if x < -PI / 2.0 {
        x = -PI - x;
    }
    let (mut term, mut sum, square) = (x, x, x * x);
    for n in 1..9 {
        let n = f64::from(n);
        term *= -square / ((2.0 * n) * (2.0 * n + 1.0));
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_map() {
        for (a, b, kilometres) in [
            ("52.37,4.9", "52.52,13.40", 577.0),
            ("52.37,4.9", "40.71,-74.01", 5_864.0),
            ("-36.85,174.76", "40.42,-3.70", 19_590.0),
            ("10,179.9", "10,-179.9", 21.9),
        ] {
            let (a, b) = (packed(a).unwrap(), packed(b).unwrap());
            assert!(chord(a, b) > limit(kilometres * 0.99), "{kilometres}");
            assert!(chord(a, b) < limit(kilometres * 1.01), "{kilometres}");
            assert!((chord(a, b) - chord(b, a)).abs() < f64::EPSILON);
        }
        assert!(limit(21_000.0).is_infinite());
    }

    #[test]
    fn what_is_no_place_is_none() {
        for text in ["", "52.37", "91,0", "0,181", "x,y", "0,0", "NaN,1"] {
            assert_eq!(packed(text), None, "{text}");
        }
        assert_ne!(packed("52.37,4.9"), packed("52.37,-4.9"));
    }

    #[test]
    fn sines_are_sines() {
        for step in -200..=200 {
            let angle = f64::from(step) / 100.0 * PI;
            assert!((sine(angle) - angle.sin()).abs() < 1e-9, "{angle}");
        }
    }
}
