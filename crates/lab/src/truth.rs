//! `truth.ndjson`: what happened, as the simulator knows it. One line for each finding, link and attack.

use crate::attack::Attack;
use crate::cast::{Account, Application, Cast, Proof, Satellite, Sort, Special};
use crate::finding::{Finding, Label, Product};
use crate::herring::Planted;
use crate::json::{Object, object};
use crate::plan::{HOUR, Plan};
use crate::record::principal;
use caponier_model::Guid;

/// The first line: what this file is, and that everything in it is invented.
pub fn plan(plan: &Plan) -> String {
    object(|o| {
        o.text("type", "plan").truth("generated", true).text("by", "caponier simulate");
        o.number("seed", plan.seed.cast_signed()).number("people", i64::from(plan.people));
        o.number("days", i64::from(plan.days)).number("tenants", i64::from(plan.tenants));
        o.number("attacks", i64::from(plan.attacks)).show("start", plan.start);
    })
}

/// Number of an attack as text.
pub fn attack_id(number: u32) -> String {
    format!("A{number:03}")
}

/// A finding, and the id by which each road names it.
pub fn finding(finding: &Finding, cast: &Cast) -> String {
    object(|o| {
        o.text("type", "finding").show("tenant", cast.tenants[finding.tenant].id);
        o.text("product", finding.product.names().code).text("id", &finding.id);
        o.array("sightings", |a| {
            let mut sighting = |format: &str, id: String| {
                a.object(|s| {
                    s.text("format", format).text("id", id);
                });
            };
            if finding.product == Product::Idp {
                sighting("UserRiskEvents", finding.id.clone());
            }
            if finding.roads.sentinel {
                sighting("SecurityAlert", finding.system_alert.to_string());
            }
            if finding.roads.stream {
                sighting("AlertInfo", finding.prefixed());
            }
            if finding.roads.graph {
                sighting("alerts_v2", finding.prefixed());
            }
        });
        o.show("first", finding.first).text("label", finding.label.code());
        match finding.attack.filter(|_| finding.label != Label::Noise) {
            Some(number) => o.text("attack", attack_id(number)),
            None => o.null("attack"),
        };
    })
}

/// Whose a satellite account is.
pub fn link(satellite: &Satellite, cast: &Cast) -> String {
    object(|o| {
        o.text("type", "link").object("account", |a| account(a, &satellite.account));
        match satellite.person {
            Some(person) => o.object("home", |a| account(a, &cast.people[person].account)),
            None => o.null("home"),
        };
        o.text("kind", satellite.kind.code()).text("proof", proof(satellite.proof));
        o.truth("provable", satellite.provable());
    })
}

/// Whose a rarer account is, and until when or since when: a line for each object that stood there.
pub fn special(special: &Special) -> Vec<String> {
    let line = |account_: &Account, since: bool, until: bool| {
        object(|o| {
            o.text("type", "link").object("account", |a| account(a, account_));
            match &special.home {
                Some(home) => o.object("home", |a| account(a, home)),
                None => o.null("home"),
            };
            o.text("kind", special.sort.code()).text("proof", special.sort.proof());
            o.truth("provable", special.sort.proof() != "directory" && special.home.is_some());
            if since {
                o.show("since", special.turn);
            }
            if until {
                o.show("until", special.turn);
            }
        })
    };
    match (special.sort, &special.earlier) {
        (Sort::Invited, Some(earlier)) => {
            vec![line(earlier, false, true), line(&special.account, true, false)]
        }
        (sort, _) => vec![line(&special.account, false, matches!(sort, Sort::Converted | Sort::Reused))],
    }
}

/// The service principals of an application: whose they are. `score` knows people only and passes these over.
pub fn principals(application: &Application, cast: &Cast) -> Vec<String> {
    let home = principal::home(application, &cast.tenants);
    let line = |(tenant, object_id): &(usize, Guid)| {
        let tenant = cast.tenants[*tenant].id;
        object(|o| {
            o.text("type", "principal").object("account", |a| {
                a.show("tenant", tenant).show("object", object_id);
            });
            match home.filter(|h| *h != (tenant, *object_id)) {
                Some((owner, object_id)) => o.object("home", |a| {
                    a.show("tenant", owner).show("object", object_id);
                }),
                None => o.null("home"),
            };
            o.show("app", application.app).show("owner", application.owner);
            o.text("kind", if application.managed { "managed_identity" } else { "service_principal" });
        })
    };
    application.objects.iter().map(line).collect()
}

/// An attack.
pub fn attack(attack: &Attack, cast: &Cast) -> String {
    let satellite = &cast.satellites[attack.satellite];
    object(|o| {
        o.text("type", "attack").text("id", attack_id(attack.number)).text("scenario", attack.scenario.code);
        o.array("persons", |a| a.object(|p| account(p, &cast.people[attack.person].account)));
        o.show("resource", cast.tenants[satellite.resource].id).truth("provable", satellite.provable());
        o.text("story", attack.scenario.story);
    })
}

/// A red herring, and the attacks that it makes look like one.
pub fn herring(planted: &Planted, cast: &Cast) -> String {
    object(|o| {
        o.text("type", "herring").text("guard", planted.guard).text("story", planted.story);
        o.texts("attacks", planted.attacks.iter().map(|n| attack_id(*n)));
        if !planted.verdicts.is_empty() {
            o.texts("verdicts", planted.verdicts.iter().map(|v| if *v { "true_positive" } else { "false_positive" }));
        }
        if let Some((owner, word)) = &planted.canary {
            o.text("canary", word).show("owner", cast.tenants[*owner].id);
        }
    })
}

/// What analysts said of the attacks of a herring, as soon as all of each was seen: lines that `--decisions` reads.
pub fn verdicts(planted: &Planted, attacks: &[Attack], cast: &Cast) -> Vec<String> {
    let said = |(number, genuine): (&u32, &bool)| {
        let attack = attacks.iter().find(|a| a.number == *number)?;
        let own = || attack.findings.iter().filter(|f| f.label == Label::Attack);
        let seen = own().map(|f| f.last).max()?.plus_seconds(HOUR);
        Some(object(|o| {
            o.text("schema_version", "1.0").text("kind", "incident.verdict").show("at", seen);
            o.text("author", "analyst@generated.example");
            o.text("reason", if *genuine { "confirmed with the owner" } else { "an exercise, by its announcement" });
            o.array("findings", |list| {
                own().for_each(|f| {
                    list.object(|k| {
                        k.show("tenant", cast.tenants[f.tenant].id).text("product", f.product.names().code);
                        k.text("id", &f.id);
                    });
                });
            });
            o.text("verdict", if *genuine { "truePositive" } else { "falsePositive" });
        }))
    };
    planted.attacks.iter().zip(&planted.verdicts).filter_map(said).collect()
}

fn account(o: &mut Object<'_>, account: &Account) {
    o.show("tenant", account.key.tenant).show("object", account.key.object);
}

const fn proof(proof: Proof) -> &'static str {
    match proof {
        Proof::SignIns => "sign_ins",
        Proof::Redemption => "redemption",
        Proof::Provisioning => "provisioning",
        Proof::Claims => "claims",
        Proof::Directory => "directory",
        Proof::Elsewhere => "elsewhere",
    }
}
