//! The people of the home tenant, each a function of the seed and a number, so that none has to be held.

use super::Shape;
use crate::cast::names::{FIRST, LAST};
use crate::random::Random;
use caponier_model::{AccountKey, EventTime, Guid, TenantId};
use compact_str::{CompactString, format_compact};

/// Seven in ten people have this mail domain.
pub(super) const HOT: &str = "contoso.example";
/// The domain that [`Change`](super::Change) renames, and what it becomes.
pub(super) const OLD_DOMAIN: &str = "fabrication.example";
/// See [`OLD_DOMAIN`].
pub(super) const NEW_DOMAIN: &str = "works.example";
/// How many further domains there are.
pub(super) const TAIL: usize = 200;

/// An account of the home tenant.
pub(super) struct Person {
    pub(super) number: usize,
    pub(super) key: AccountKey,
    pub(super) upn: CompactString,
    pub(super) mail: CompactString,
    pub(super) alias: Option<CompactString>,
    pub(super) display: CompactString,
    pub(super) employee: Option<CompactString>,
    pub(super) onprem_sid: Option<CompactString>,
    pub(super) immutable_id: Option<CompactString>,
    pub(super) created: EventTime,
}

impl Person {
    /// The local part of the user name.
    pub(super) fn local(&self) -> &str {
        self.upn.split('@').next().unwrap_or_default()
    }

    /// The PUID that its tokens show, upper case.
    pub(super) fn puid(&self) -> CompactString {
        format_compact!("10032{:011X}", self.number)
    }
}

/// Everybody.
pub(super) struct People {
    seed: u64,
    home: TenantId,
    shape: Shape,
    stride: usize,
}

impl People {
    pub(super) fn new(seed: u64, home: TenantId, shape: Shape) -> Self {
        let range = regulars(shape);
        let stride = (range * 618 / 1000..).find(|s| coprime(*s, range)).unwrap_or(1);
        Self { seed, home, shape, stride }
    }

    /// The person behind guest number `guest`: everyone who is a guest at all is one in up to three tenants.
    pub(super) fn behind(&self, guest: usize) -> Person {
        let range = regulars(self.shape);
        self.numbered(guest % guests_once(self.shape) * self.stride % range)
    }

    /// Anybody, chosen by `random`.
    pub(super) fn anybody(&self, random: &mut Random) -> Person {
        self.numbered(random.below(regulars(self.shape)))
    }

    /// The person of this number.
    pub(super) fn numbered(&self, number: usize) -> Person {
        let mut random = Random::new(self.seed ^ (number as u64).wrapping_mul(0x9e37_79b9), "person");
        let (first, last) = (*random.pick(&FIRST), *random.pick(&LAST));
        let separator = *random.pick(&['.', '.', '.', '_', '-']);
        let local = format_compact!("{first}{separator}{last}{separator}{number}").to_ascii_lowercase();
        let domain = domain(number, &mut random);
        let upn = format_compact!("{local}@{domain}");
        // One in five is written to under another name than the one they sign in with.
        let mail = if random.chance(200) && domain != OLD_DOMAIN {
            format_compact!("{}{separator}{number}@{domain}", last.to_ascii_lowercase())
        } else {
            upn.clone()
        };
        // Most have a second family name, or a directory of a million would consist of namesakes.
        let display = match random.below(5) {
            0 => format_compact!("{first} {last}"),
            _ => format_compact!("{first} {last} {} {}", random.pick(&LAST), char::from(b'A' + (number % 26) as u8)),
        };
        let alias = random.chance(300).then(|| format_compact!("{local}@mail.{HOT}"));
        let employee = random.chance(600).then(|| format_compact!("E{number:07}"));
        let synchronised = random.chance(400);
        let created = EventTime::from_seconds(1_600_000_000 + random.range(0, 100_000_000));
        Person {
            number,
            key: AccountKey { tenant: self.home, object: random.guid() },
            upn,
            mail,
            alias,
            display,
            employee,
            onprem_sid: synchronised.then(|| format_compact!("S-1-5-21-1004336348-1177238915-682003330-{number}")),
            immutable_id: synchronised.then(|| format_compact!("{}==", random.hex(22))),
            created,
        }
    }

    /// Everybody under the domain that is renamed: one person in a thousand.
    pub(super) fn of_renamed_domain(&self) -> impl Iterator<Item = Person> {
        (0..regulars(self.shape)).filter(|n| is_renamed(*n)).map(|n| self.numbered(n))
    }

    /// A tenant that nobody monitors.
    pub(super) fn partner(&self, number: usize) -> TenantId {
        TenantId(Random::new(self.seed ^ number as u64, "partner").guid())
    }
}

/// People to whom nothing happens at home; the others are told about by the stories.
pub(super) const fn regulars(shape: Shape) -> usize {
    shape.people * 7 / 10
}

/// How many people are guests; one in two of them in two tenants.
const fn guests_once(shape: Shape) -> usize {
    if shape.guests < 3 { 1 } else { shape.guests * 2 / 3 }
}

/// A person in a second tenant is there as another guest number: three tenants apart.
pub(super) const fn tenant_of(guest: usize, shape: Shape) -> usize {
    (guest % guests_once(shape) + guest / guests_once(shape)) % 3
}

const fn is_renamed(number: usize) -> bool {
    number % 700 == 7
}

fn domain(number: usize, random: &mut Random) -> CompactString {
    if is_renamed(number) {
        OLD_DOMAIN.into()
    } else if random.chance(700) {
        HOT.into()
    } else {
        let bound = 1 + random.below(TAIL);
        tail_domain(random.below(bound))
    }
}

pub(super) fn tail_domain(index: usize) -> CompactString {
    format_compact!("branch{index}.example")
}

const fn coprime(mut a: usize, mut b: usize) -> bool {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a == 1
}

/// An object id that is nobody's.
pub(super) fn stranger(random: &mut Random, tenant: TenantId) -> AccountKey {
    let object: Guid = random.guid();
    AccountKey { tenant, object }
}
