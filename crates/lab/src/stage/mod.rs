//! The stage: of each scenario of the rules an attack, told in raw records of real shapes, and an innocent twin of the same shape.
//!
//! What happens is data ([`script`], `scenes.txt`); who it happens to are people invented for it, who appear in nothing else, so
//! that a rule's firing on them tells for itself. They play amid the plan's ordinary life and its noise. Knows no rule.

mod act;
mod script;

use crate::book::Book;
use crate::cast::{Account, Cast, Kind, Machine, Proof, Satellite, TenantCast, build_place};
use crate::json::object;
use crate::plan::{HOUR, LabError, Plan};
use crate::random::Random;
use crate::record::{directory, provisioning};
use caponier_model::{AccountKey, EventTime, Guid, TenantId};
use script::{Part, Side};
use std::collections::BTreeMap;

/// Who plays a letter of a script.
#[derive(Debug)]
struct Player {
    /// At home, or in the tenant that an administrator administers.
    home: Account,
    /// In the resource tenant; none for an administrator.
    guest: Option<Satellite>,
    /// The home tenant that sign-ins name.
    owner: TenantId,
    /// What they work at.
    machine: Machine,
}

/// One part with its players.
#[derive(Debug)]
struct Play {
    part: Part,
    /// Index of the tenant where the part's resources are.
    resource: usize,
    begins: EventTime,
    players: BTreeMap<(Side, String), Player>,
    /// Addresses by the names that the script gives them.
    places: BTreeMap<String, String>,
}

/// Everything staged.
#[derive(Debug, Default)]
pub struct Stage {
    plays: Vec<Play>,
}

/// The scenarios that are staged, as their rules are named, in order.
pub fn scenarios() -> Vec<String> {
    let mut names: Vec<_> = script::parts().unwrap_or_default().into_iter().map(|part| part.scenario).collect();
    names.sort();
    names.dedup();
    names
}

/// Casts the scripts; nothing where the plan wants none of it.
///
/// # Errors
/// [`LabError::Plan`] for a script that cannot be read.
pub fn stage(plan: &Plan, cast: &Cast) -> Result<Stage, LabError> {
    if !plan.scenarios {
        return Ok(Stage::default());
    }
    let mut random = Random::new(plan.seed, "stage");
    let parts = script::parts().map_err(LabError::Plan)?;
    Ok(Stage { plays: parts.into_iter().map(|part| play(plan, cast, part, &mut random)).collect() })
}

fn play(plan: &Plan, cast: &Cast, part: Part, random: &mut Random) -> Play {
    let resource = if part.attack { 1 } else { 2 };
    let begins = plan.start.plus_seconds(part.begins);
    let (mut players, mut places) = (BTreeMap::new(), BTreeMap::new());
    for event in &part.events {
        let target = event.options.get("target").filter(|t| !t.contains(':'));
        for name in std::iter::once(&event.actor).chain(target).filter(|name| !name.starts_with("app-")) {
            // People are one on both sides; each side has its own administrators and look-alikes.
            let side = if is_local(name) { event.side } else { Side::Home };
            let key = (side, name.clone());
            players.entry(key).or_insert_with(|| {
                let tenant = if side == Side::Home { 0 } else { resource };
                player(cast, (&part, name), (tenant, resource), random)
            });
        }
        let place = event.options.get("from").cloned().unwrap_or_else(|| office(&event.actor));
        places.entry(place).or_insert_with(|| build_place(random));
    }
    Play { part, resource, begins, players, places }
}

/// An administrator, or a second account of somebody that no directory joins to the first.
fn is_local(name: &str) -> bool {
    name.starts_with("adm") || name.starts_with(LOOK_ALIKE)
}

/// `like-p` bears the name of p.
const LOOK_ALIKE: &str = "like-";

/// Where somebody works who is nowhere else.
fn office(actor: &str) -> String {
    format!("office of {actor}")
}

fn player(cast: &Cast, (part, name): (&Part, &str), (tenant, resource): (usize, usize), random: &mut Random) -> Player {
    let tag = format!("{}{}", part.scenario, if part.attack { "a" } else { "b" });
    let (bare, ending) = name.strip_prefix(LOOK_ALIKE).map_or((name, ""), |like| (like, ".adm"));
    let local = format!("{bare}.{tag}{ending}");
    let foreign = name.starts_with('f');
    let owner = if foreign { TenantId(random.guid()) } else { cast.tenants[tenant].id };
    let domain = if foreign { "elsewhere.example" } else { &cast.tenants[tenant].domains[0] };
    let account = |key: AccountKey, tenant: usize, upn: String, user_type: &'static str, random: &mut Random| Account {
        tenant,
        key,
        upn,
        mail: format!("{local}@{domain}"),
        others: Vec::new(),
        display: format!("{} {}", bare.to_uppercase(), tag.to_uppercase()),
        user_type,
        sid: String::new(),
        puid: format!("10032000{}", random.hex(8).to_uppercase()),
        employee: None,
        created: cast.start.plus_seconds(-400 * 24 * HOUR),
    };
    let key = AccountKey { tenant: owner, object: random.guid() };
    let home = account(key, tenant, format!("{local}@{domain}"), "Member", random);
    let guest = (!is_local(name)).then(|| {
        let there = &cast.tenants[resource];
        let key = AccountKey { tenant: there.id, object: random.guid() };
        let upn = format!("{local}_{domain}#EXT#@{}", there.initial);
        Satellite {
            account: account(key, resource, upn, "Guest", random),
            person: None,
            claims: None,
            resource,
            kind: Kind::Guest,
            proof: if foreign { Proof::Elsewhere } else { Proof::Provisioning },
            sign_in_name: home.upn.clone(),
            home: owner,
            first_hour: 0,
        }
    });
    let machine = Machine {
        tenant,
        name: format!("ws-{tag}-{name}"),
        domain: format!("{}.internal", cast.tenants[tenant].name),
        defender: random.hex(40),
        entra: random.guid(),
        azure: None,
        address: format!("10.9.{}.{}", random.below(250), 1 + random.below(250)),
    };
    Player { home, guest, owner, machine }
}

impl Stage {
    /// Directory rows of the stage's people in one tenant.
    pub fn rows(&self, index: usize, tenant: &TenantCast) -> Vec<String> {
        let mut out = Vec::new();
        for player in self.players() {
            // A foreign home has no directory that anybody reads.
            if player.home.tenant == index && player.owner == tenant.id {
                out.push(directory::member(&player.home, tenant));
            }
            out.extend(
                player.guest.iter().filter(|g| g.account.tenant == index).map(|g| directory::satellite(g, tenant)),
            );
        }
        out
    }

    fn players(&self) -> impl Iterator<Item = &Player> {
        self.plays.iter().flat_map(|play| play.players.values())
    }

    /// Lines of the truth: whose the guests are, and who plays in what.
    pub fn truth(&self) -> Vec<String> {
        let mut out = Vec::new();
        for player in self.players() {
            let Some(guest) = player.guest.as_ref().filter(|g| g.proof == Proof::Provisioning) else { continue };
            out.push(object(|o| {
                o.text("type", "link").object("account", |a| key(a, guest.account.key));
                o.object("home", |a| key(a, player.home.key)).text("kind", "guest").text("proof", "provisioning");
                o.truth("provable", true);
            }));
        }
        out.extend(self.plays.iter().map(Play::truth));
        out
    }

    /// Writes what is staged. To be called before the plan's first hour: some of it happens long before.
    pub fn write(&self, seed: u64, cast: &Cast, book: &mut Book<'_>) {
        let mut random = Random::new(seed, "staged records");
        for play in &self.plays {
            play.links(cast, book, &mut random);
            for event in &play.part.events {
                play.act(event, cast, book, &mut random);
            }
        }
    }
}

impl Play {
    fn player(&self, side: Side, name: &str) -> Option<&Player> {
        self.players.get(&(Side::Home, name.to_owned())).or_else(|| self.players.get(&(side, name.to_owned())))
    }

    fn at(&self, offset: i64, random: &mut Random) -> EventTime {
        // Whole milliseconds, as the coarsest of the formats has them.
        EventTime::from_nanos(self.begins.plus_seconds(offset).nanos() + random.range(0, 999) * 1_000_000)
    }

    /// Synchronisation says who the guests are, an hour before anything happens.
    fn links(&self, cast: &Cast, book: &mut Book<'_>, random: &mut Random) {
        let first = self.part.events.iter().map(|e| e.offset).min().unwrap_or(0);
        for player in self.players.values() {
            let Some(guest) = player.guest.as_ref().filter(|g| g.proof == Proof::Provisioning) else { continue };
            let row = provisioning::Row {
                source: &player.home,
                target: &guest.account,
                resource: &cast.tenants[guest.resource],
                action: "update",
                time: self.at(first - HOUR, random),
                change: random.guid(),
            };
            book.put(&provisioning::TABLE, cast.tenants[0].id, row.time, |envelope| row.diagnostic(envelope));
        }
    }

    fn truth(&self) -> String {
        object(|o| {
            o.text("type", "scene").text("scenario", &self.part.scenario);
            o.text("part", if self.part.attack { "attack" } else { "twin" });
            o.array("accounts", |a| {
                for player in self.players.values() {
                    a.object(|p| key(p, player.home.key));
                    if let Some(guest) = &player.guest {
                        a.object(|p| key(p, guest.account.key));
                    }
                }
            });
            o.text("story", &self.part.story);
        })
    }
}

fn key(o: &mut crate::json::Object<'_>, key: AccountKey) {
    o.show("tenant", key.tenant).show("object", key.object);
}

/// The id of a thing that a script names: the same wherever its part names it.
fn thing(seed: &str, part: &Part, name: &str) -> Guid {
    Random::new(0, &format!("{seed}/{}/{}/{name}", part.scenario, part.attack)).guid()
}
