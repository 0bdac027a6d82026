//! What the verbs of the scripts write: one event in, the records it leaves out, in the formats of the real exports.

use super::script::{Event, Side};
use super::{Play, Player, office, thing};
use crate::attack::product_id;
use crate::book::Book;
use crate::cast::{Account, Application, Cast, TenantCast};
use crate::day::put;
use crate::finding::{Finding, Label, Naming, Product, Roads, Thing};
use crate::random::Random;
use crate::record::activity::{self, Operation};
use crate::record::audit;
use crate::record::change::{Change, Target};
use crate::record::office::{self as office_record, Deed, What, Who};
use crate::record::principal;
use crate::record::provisioning;
use crate::record::risk;
use crate::record::sign_in::{AMSTERDAM, App, NEW_YORK, PORTAL, Place, SignIn};
use crate::report;
use caponier_model::{EventTime, Guid, Severity};

const POWERSHELL: App = App {
    id: "1950a258-227b-4e31-a9cf-717495945fc2",
    name: "Microsoft Azure PowerShell",
    resource: "797f4846-ba00-4fd7-ba43-dac1f8f63013",
    resource_name: "Windows Azure Service Management API",
};

impl Play {
    /// Writes one event. A verb or a player that there is not writes nothing; the tests of the scripts look for those.
    pub(super) fn act(&self, event: &Event, cast: &Cast, book: &mut Book<'_>, random: &mut Random) {
        if let Some(application) = event.actor.strip_prefix("app-") {
            return self.application(event, application, cast, book, random);
        }
        let Some(player) = self.player(event.side, &event.actor) else { return };
        let at = self.at(event.offset, random);
        match event.verb.as_str() {
            "signin" => self.sign_in(event, player, at, cast, book, random),
            "risk" => self.risk(event, player, at, cast, book, random),
            "audit" => self.audit(event, player, at, cast, book, random),
            "activity" => self.activity(event, player, at, cast, book, random),
            "alert" => self.alert(event, player, at, cast, book, random),
            "provisioned" => self.provisioned(event, player, at, cast, book, random),
            "office" => self.office(event, player, at, cast, book, random),
            _ => {}
        }
    }

    fn tenant(&self, event: &Event) -> usize {
        if event.side == Side::Home { 0 } else { self.resource }
    }

    fn place(&self, event: &Event) -> &str {
        let name = event.options.get("from").cloned().unwrap_or_else(|| office(&event.actor));
        self.places.get(&name).map_or("192.0.2.1", String::as_str)
    }

    /// Who acts in the event's tenant: the guest, or on the home side (and for a delegate) the home account.
    fn account<'a>(&self, event: &Event, player: &'a Player) -> &'a Account {
        let here = event.side == Side::Resource && !event.options.contains_key("delegate");
        player.guest.as_ref().filter(|_| here).map_or(&player.home, |guest| &guest.account)
    }

    fn sign_in(
        &self,
        event: &Event,
        player: &Player,
        at: EventTime,
        cast: &Cast,
        book: &mut Book<'_>,
        random: &mut Random,
    ) {
        let tenant = self.tenant(event);
        let account = self.account(event, player);
        let log = cast.tenants[tenant].id;
        let error = option(event, "code").and_then(|c| c.parse().ok()).unwrap_or(0);
        let session = option(event, "session").map(|name| thing("session", &self.part, name));
        let row = SignIn {
            log,
            home: player.owner,
            resource: log,
            object: account.key.object,
            name: &player.home.upn,
            display: &player.home.display,
            user_type: account.user_type,
            time: at,
            id: random.guid(),
            correlation: random.guid(),
            app: if option(event, "app") == Some("powershell") { POWERSHELL } else { PORTAL },
            address: self.place(event),
            place: place(event),
            machine: None,
            interactive: true,
            error,
            risk: option(event, "risk").map(|level| (level, "unfamiliarFeatures")),
            through: None,
            single_factor: option(event, "auth") == Some("single"),
            session,
        };
        put(cast, tenant, &row, book);
        // A guest's sign-in that succeeds is logged at home, too (exports.md 4.4).
        if tenant != 0 && error == 0 && player.owner == cast.tenants[0].id {
            let home = SignIn {
                log: player.owner,
                object: player.home.key.object,
                user_type: "Member",
                time: EventTime::from_nanos(at.nanos() + random.range(-3_000, 3_000) * 1_000_000),
                id: random.guid(),
                risk: None,
                ..row
            };
            put(cast, 0, &home, book);
        }
    }

    fn risk(
        &self,
        event: &Event,
        player: &Player,
        at: EventTime,
        cast: &Cast,
        book: &mut Book<'_>,
        random: &mut Random,
    ) {
        let id = random.hex(64);
        let detection = risk::Detection {
            account: self.account(event, player),
            upn: &player.home.upn,
            id: &id,
            request: random.guid(),
            kind: option(event, "type").unwrap_or("anonymizedIPAddress"),
            level: option(event, "level").unwrap_or("high"),
            address: self.place(event),
            activity: at,
            detected: at,
            techniques: "T1078.004",
            state: option(event, "state").unwrap_or("atRisk"),
        };
        let tenant = cast.tenants[self.tenant(event)].id;
        book.put(&risk::DETECTIONS, tenant, at, |envelope| detection.diagnostic(envelope));
        book.put(&risk::USERS, tenant, at, |envelope| detection.risky_user(envelope));
    }

    fn audit(
        &self,
        event: &Event,
        player: &Player,
        at: EventTime,
        cast: &Cast,
        book: &mut Book<'_>,
        random: &mut Random,
    ) {
        let tenant = self.tenant(event);
        let activity = option(event, "op").unwrap_or_default();
        let users = activity.contains("user") || activity.contains("User");
        let mut targets = vec![self.target(event, users, cast)];
        if activity.contains("member to role") {
            let role = "62e90394-69f5-4237-9190-012177145e10".to_owned();
            targets[0].changed.push(("Role.DisplayName".into(), String::new(), "\"Global Administrator\"".into()));
            let (display, kind) = ("Global Administrator".to_owned(), "Role".to_owned());
            targets.push(Target { id: role, display, kind, upn: None, changed: Vec::new() });
        }
        let details = self.key_added(event, &mut targets[0]);
        let row = Change {
            tenant: cast.tenants[tenant].id,
            activity,
            category: option(event, "category").unwrap_or(if users { "UserManagement" } else { "Policy" }),
            result: option(event, "result").unwrap_or("success"),
            time: at,
            correlation: random.guid(),
            by: (self.account(event, player), self.place(event)),
            targets,
            details,
        };
        book.put(&audit::TABLE, row.tenant, at, |envelope| row.diagnostic(envelope));
    }

    /// `target=q` is somebody of the script, `target=Policy:name` a thing; `set=property:before:after` what changed, `;` between.
    fn target(&self, event: &Event, users: bool, cast: &Cast) -> Target {
        let named = option(event, "target").unwrap_or_default();
        let changed = option(event, "set").into_iter().flat_map(|all| all.split(';')).filter_map(|one| {
            let mut parts = one.splitn(3, ':');
            let (name, before, after) = (parts.next()?, parts.next()?, parts.next()?);
            // Properties of users are lists, those of everything else are not.
            let text = |value: &str| match (self.filled(value, cast), users) {
                (value, _) if value.is_empty() => "[]".to_owned(),
                // A policy is shown whole, with its state in it.
                (value, _) if name == "ConditionalAccessPolicy" => format!("{{\"state\":\"{value}\"}}"),
                (value, true) => format!("[\"{value}\"]"),
                (value, false) => format!("\"{value}\""),
            };
            Some((name.to_owned(), text(before), text(after)))
        });
        let changed = changed.collect();
        if let Some((kind, name)) = named.split_once(':') {
            let display = self.filled(name, cast);
            let id = thing(kind, &self.part, name).to_string();
            let id = if kind == "Other" { display.clone() } else { id };
            return Target { id, display, kind: kind.to_owned(), upn: None, changed };
        }
        let account = self.player(event.side, named).map(|player| {
            let guest = player.guest.as_ref().filter(|_| event.side == Side::Resource);
            guest.map_or(&player.home, |g| &g.account)
        });
        Target {
            id: account.map(|a| a.key.object.to_string()).unwrap_or_default(),
            display: account.map(|a| a.display.clone()).unwrap_or_default(),
            kind: "User".to_owned(),
            upn: account.map(|a| a.upn.clone()),
            changed,
        }
    }

    /// Of an application, its id; with `key=` the key that it has from now on beside an old one.
    fn key_added(&self, event: &Event, target: &mut Target) -> Vec<(&'static str, String)> {
        if !matches!(target.kind.as_str(), "Application" | "ServicePrincipal") {
            return Vec::new();
        }
        if let Some(key) = option(event, "key") {
            let shown = |name| format!("[KeyIdentifier={},KeyType=Password,KeyUsage=Verify]", self.key(name));
            let (before, after) =
                (format!("[\"{}\"]", shown("old")), format!("[\"{}\",\"{}\"]", shown("old"), shown(key)));
            target.changed.push(("KeyDescription".into(), before, after));
        }
        vec![("AppId", thing("application", &self.part, &target.display).to_string())]
    }

    fn key(&self, name: &str) -> Guid {
        thing("key", &self.part, name)
    }

    /// What an application of the home tenant does by itself.
    fn application(&self, event: &Event, name: &str, cast: &Cast, book: &mut Book<'_>, random: &mut Random) {
        let at = self.at(event.offset, random);
        let index = self.tenant(event);
        let tenant = &cast.tenants[index];
        let app = thing("application", &self.part, name);
        let object = thing(&format!("principal in {index}"), &self.part, name);
        if event.verb == "office" {
            let mailbox = thing("mailbox", &self.part, option(event, "box").unwrap_or_default());
            let what = What::Mailbox(mailbox);
            return self.deed(event, (tenant, at), Who::Application(app, object), what, (book, random));
        }
        let application =
            Application { app, name: name.to_owned(), owner: cast.tenants[0].id, managed: false, objects: Vec::new() };
        let (id, key) = (random.guid(), option(event, "key").map(|key| self.key(key)));
        let address = self.place(event);
        let row = principal::SignIn { tenant, application: &application, object, time: at, id, address, key };
        book.put(row.table(), tenant.id, at, |envelope| row.record(envelope));
    }

    fn office(
        &self,
        event: &Event,
        player: &Player,
        at: EventTime,
        cast: &Cast,
        book: &mut Book<'_>,
        random: &mut Random,
    ) {
        let who = Who::User(&self.account(event, player).upn, &player.home.puid);
        let what = option(event, "url").map_or(What::File(option(event, "file").unwrap_or("plan.docx")), What::Link);
        self.deed(event, (&cast.tenants[self.tenant(event)], at), who, what, (book, random));
    }

    fn deed(
        &self,
        event: &Event,
        (tenant, time): (&TenantCast, EventTime),
        who: Who<'_>,
        what: What<'_>,
        (book, random): (&mut Book<'_>, &mut Random),
    ) {
        let operation = option(event, "op").unwrap_or_default();
        let deed = Deed { tenant, operation, who, what, address: self.place(event), time, id: random.guid() };
        book.put(&office_record::TABLE, tenant.id, time, |_| deed.record());
    }

    /// `{home}` is the home tenant, `{f}` the tenant that the player f comes from, `{domain}` the home tenant's domain.
    fn filled(&self, value: &str, cast: &Cast) -> String {
        let Some(name) = value.strip_prefix('{').and_then(|v| v.strip_suffix('}')) else { return value.to_owned() };
        match name {
            "home" => cast.tenants[0].id.to_string(),
            "domain" => cast.tenants[0].domains[0].clone(),
            player => self.player(Side::Home, player).map(|p| p.owner.to_string()).unwrap_or_default(),
        }
    }

    fn activity(
        &self,
        event: &Event,
        player: &Player,
        at: EventTime,
        cast: &Cast,
        book: &mut Book<'_>,
        random: &mut Random,
    ) {
        let tenant = &cast.tenants[self.tenant(event)];
        let caller = self.account(event, player);
        let resource = format!(
            "/subscriptions/{}/resourceGroups/rg-stage/providers/Microsoft.Compute/virtualMachines/vm-{}",
            tenant.subscription, self.part.scenario
        );
        let operation = Operation {
            tenant,
            caller,
            guest_of: (caller.key != player.home.key).then_some((player.owner, player.home.puid.as_str())),
            name: &player.home.upn,
            operation: option(event, "op").unwrap_or_default(),
            resource: &resource,
            address: self.place(event),
            time: at,
            correlation: random.guid(),
        };
        book.put(&activity::TABLE, tenant.id, at, |_| operation.record());
    }

    fn alert(
        &self,
        event: &Event,
        player: &Player,
        at: EventTime,
        cast: &Cast,
        book: &mut Book<'_>,
        random: &mut Random,
    ) {
        let product = match option(event, "product") {
            Some("mde") => Product::Mde,
            Some("mdo") => Product::Mdo,
            Some("mda") => Product::Mda,
            Some("cloud") => Product::Cloud,
            _ => Product::Sentinel,
        };
        let mut things = vec![Thing::Account(self.account(event, player).clone(), Naming::Object)];
        things.push(Thing::Address(self.place(event).to_owned()));
        things.extend(option(event, "url").map(|url| Thing::Url(url.to_owned())));
        if product == Product::Mde {
            let tenant = self.tenant(event);
            let mut machine = player.machine.clone();
            if tenant != 0 {
                let (name, defender) = (format!("srv-{}", machine.name), machine.defender.chars().rev().collect());
                let entra: Guid = thing("server", &self.part, &machine.name);
                machine = crate::cast::Machine { tenant, name, defender, entra, ..machine };
            }
            things.push(Thing::Machine(machine));
        }
        let (tactic, technique) =
            (option(event, "tactic").unwrap_or("Execution"), option(event, "technique").unwrap_or("T1059"));
        let finding = Finding {
            tenant: self.tenant(event),
            product,
            id: product_id(product, random),
            system_alert: random.guid(),
            title: option(event, "title")
                .map_or_else(|| format!("{tactic} on the stage of {}", self.part.scenario), str::to_owned),
            severity: match option(event, "severity") {
                Some("low") => Severity::Low,
                Some("high") => Severity::High,
                _ => Severity::Medium,
            },
            tactic: TACTICS.iter().find(|t| **t == tactic).copied().unwrap_or("Execution"),
            techniques: TECHNIQUES.iter().find(|t| **t == technique).copied().unwrap_or("T1059"),
            detector: "",
            first: at,
            last: at,
            things,
            roads: Roads { sentinel: true, ..Roads::default() },
            label: Label::Noise,
            attack: None,
        };
        report::finding(&finding, cast, book);
    }

    fn provisioned(
        &self,
        event: &Event,
        player: &Player,
        at: EventTime,
        cast: &Cast,
        book: &mut Book<'_>,
        random: &mut Random,
    ) {
        let Some(guest) = &player.guest else { return };
        let row = provisioning::Row {
            source: &player.home,
            target: &guest.account,
            resource: &cast.tenants[guest.resource],
            action: option(event, "action").unwrap_or("create"),
            time: at,
            change: random.guid(),
        };
        book.put(&provisioning::TABLE, cast.tenants[0].id, at, |envelope| row.diagnostic(envelope));
    }
}

/// The tactics that a script may name, in the matrix's spelling.
const TACTICS: [&str; 8] = [
    "Collection",
    "CredentialAccess",
    "Discovery",
    "Execution",
    "Exfiltration",
    "InitialAccess",
    "LateralMovement",
    "Persistence",
];

/// The techniques that a script may name.
const TECHNIQUES: [&str; 6] = ["T1003.001", "T1021.001", "T1059", "T1530", "T1566.002", "T1567.002"];

/// `place=newyork` is far away behind another network, `place=branch` as far behind the company's own.
fn place(event: &Event) -> Place {
    match option(event, "place") {
        Some("newyork") => NEW_YORK,
        Some("branch") => Place { network: AMSTERDAM.network, ..NEW_YORK },
        _ => AMSTERDAM,
    }
}

fn option<'e>(event: &'e Event, key: &str) -> Option<&'e str> {
    event.options.get(key).map(String::as_str)
}
