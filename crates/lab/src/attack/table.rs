//! The attacks as data: one row a scenario of scenarios.md 4, one row a step. How a step becomes a finding is `attack`'s.

use crate::finding::Product::{self, Cloud, Idp, Mda, Mde, Mdi, Mdo, Sentinel, Xdr};
use caponier_model::Severity::{self, High, Low, Medium};

/// Which half of the attack sees a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The home tenant.
    Home,
    /// The resource tenant.
    Resource,
}
use Side::{Home, Resource};

/// What a step's finding names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Named {
    /// The victim's account in the step's tenant.
    Account,
    /// The victim's workstation, or the attack's server.
    Machine,
    /// The attacker's address.
    Exit,
    /// The lure.
    Mail,
    /// Its link.
    Link,
    /// The attacker's tool.
    Tool,
    /// The server as an Azure resource.
    Resource,
}
use Named as N;

/// What the raw logs show beside a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trace {
    /// Nothing more.
    None,
    /// A risky sign-in of the victim's account, in both tenants' logs where it crosses.
    SignIn,
    /// A role given by the victim's account.
    Role,
    /// A control-plane operation by the victim's account.
    Activity,
    /// A logon to the machine.
    Logon,
}

/// One step.
#[derive(Debug)]
pub struct Step {
    /// Who sees it.
    pub side: Side,
    /// With what.
    pub product: Product,
    /// Title of the alert; for a risk detection its type.
    pub title: &'static str,
    /// Severity.
    pub severity: Severity,
    /// Tactic.
    pub tactic: &'static str,
    /// Techniques, comma-separated.
    pub techniques: &'static str,
    /// What it names.
    pub names: &'static [Named],
    /// Seconds since the step before, least and most.
    pub gap: (i64, i64),
    /// How often it happens, in permille of the attacks of this kind.
    pub chance: u32,
    /// Raw records.
    pub trace: Trace,
}

/// Whose account carries the attack across.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carrier {
    /// A guest or external member.
    Guest,
    /// A delegate: the home account itself.
    Delegate,
}

/// One scenario.
#[derive(Debug)]
pub struct Scenario {
    /// Its id in scenarios.md.
    pub code: &'static str,
    /// One sentence.
    pub story: &'static str,
    /// What carries it.
    pub carrier: Carrier,
    /// Its steps, in order.
    pub steps: &'static [Step],
}

const MINUTES: (i64, i64) = (120, 1500);
const HOURS: (i64, i64) = (1800, 7200);
const WHO: &[Named] = &[N::Account];
/// An address and nothing else: no account to follow, so such a step may be attached, or lost.
const FROM: &[Named] = &[N::Exit];
const WHO_FROM: &[Named] = &[N::Account, N::Exit];
const WHO_ON: &[Named] = &[N::Account, N::Machine];
const LURE: &[Named] = &[N::Account, N::Mail, N::Link];
const TOOL: &[Named] = &[N::Account, N::Machine, N::Tool];

#[rustfmt::skip]
const fn step(
    side: Side, product: Product, title: &'static str, severity: Severity, tactic: &'static str,
    techniques: &'static str, names: &'static [Named],
) -> Step {
    Step { side, product, title, severity, tactic, techniques, names, gap: MINUTES, chance: 1000, trace: Trace::None }
}

impl Step {
    const fn after(mut self, gap: (i64, i64)) -> Self {
        self.gap = gap;
        self
    }

    const fn sometimes(mut self, chance: u32) -> Self {
        self.chance = chance;
        self
    }

    const fn trace(mut self, trace: Trace) -> Self {
        self.trace = trace;
        self
    }
}

/// The catalogue.
#[rustfmt::skip]
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        code: "X02", carrier: Carrier::Guest,
        story: "Credentials leak at home; the guest signs in from the thief's address and is given a role.",
        steps: &[
            step(Home, Idp, "leakedCredentials", High, "CredentialAccess", "T1589.001", WHO_FROM),
            step(Home, Xdr, "User compromised in AiTM phishing attack", High, "CredentialAccess", "T1557", WHO_FROM).sometimes(600),
            step(Resource, Sentinel, "Guest sign-in from an address new to this person", Medium, "InitialAccess", "T1078.004", WHO_FROM).trace(Trace::SignIn),
            step(Resource, Sentinel, "Privileged role assigned by a guest", High, "PrivilegeEscalation", "T1098.003", WHO).trace(Trace::Role),
            step(Resource, Mda, "Unusual administrative activity by an external user", Medium, "Persistence", "T1098", WHO_FROM).sometimes(500),
        ],
    },
    Scenario {
        code: "X07", carrier: Carrier::Guest,
        story: "Push fatigue ends in one approval; minutes later the guest is used next door.",
        steps: &[
            step(Home, Sentinel, "MFA prompts denied repeatedly, then approved", Medium, "CredentialAccess", "T1621", WHO_FROM),
            step(Home, Idp, "unfamiliarFeatures", Medium, "InitialAccess", "T1078.004", WHO_FROM).trace(Trace::SignIn),
            step(Resource, Sentinel, "First use of the portal by a guest", Medium, "InitialAccess", "T1199", WHO_FROM).trace(Trace::SignIn),
            step(Resource, Cloud, "Suspicious invocation of a high-risk operation", High, "Execution", "T1651", &[N::Account, N::Exit, N::Resource]).after(HOURS).sometimes(700).trace(Trace::Activity),
        ],
    },
    Scenario {
        code: "X10", carrier: Carrier::Guest,
        story: "A token issued at home is replayed against the resource tenant.",
        steps: &[
            step(Home, Mde, "Browser cookies accessed by an unusual process", Medium, "CredentialAccess", "T1539", TOOL),
            step(Home, Idp, "anomalousToken", High, "CredentialAccess", "T1550.001", WHO_FROM),
            step(Resource, Sentinel, "Session continued from another network", Medium, "LateralMovement", "T1550.001", WHO_FROM).trace(Trace::SignIn),
            step(Resource, Mda, "Mass listing of storage accounts by an external user", Medium, "Discovery", "T1526", WHO).after(HOURS),
        ],
    },
    Scenario {
        code: "X11", carrier: Carrier::Guest,
        story: "A compromised guest invites an accomplice and makes them an administrator.",
        steps: &[
            step(Home, Idp, "anomalousToken", High, "InitialAccess", "T1539", WHO_FROM),
            step(Resource, Sentinel, "External user invited by a guest", Medium, "Persistence", "T1136.003", WHO_FROM).trace(Trace::SignIn),
            step(Resource, Sentinel, "New guest made administrator", High, "Persistence", "T1098.003", WHO).trace(Trace::Role),
            step(Resource, Xdr, "Suspicious directory changes by one account", High, "PrivilegeEscalation", "T1098.003", WHO).after(HOURS).sometimes(600),
        ],
    },
    Scenario {
        code: "X33", carrier: Carrier::Delegate,
        story: "A delegate's home identity is at risk and operates the customer's subscription.",
        steps: &[
            step(Home, Idp, "attackerinTheMiddle", High, "CredentialAccess", "T1557", WHO_FROM).trace(Trace::SignIn),
            step(Home, Mda, "Activity from an anonymous proxy", Medium, "InitialAccess", "T1090.003", WHO_FROM).sometimes(500),
            step(Resource, Cloud, "Delegated principal ran a command on a virtual machine", High, "Execution", "T1651", &[N::Account, N::Exit, N::Resource]).trace(Trace::Activity),
            step(Resource, Sentinel, "Delegated principal exported a disk", High, "Exfiltration", "T1537", WHO_FROM).after(HOURS).sometimes(700).trace(Trace::Activity),
        ],
    },
    Scenario {
        code: "X35", carrier: Carrier::Guest,
        story: "A guest elevates to owner of the subscription.",
        steps: &[
            step(Home, Idp, "maliciousIPAddress", Medium, "InitialAccess", "T1078.004", WHO_FROM).trace(Trace::SignIn),
            step(Resource, Sentinel, "Guest sign-in from a hosting provider", Low, "InitialAccess", "T1078.004", WHO_FROM).trace(Trace::SignIn),
            step(Resource, Cloud, "Access elevated to subscription owner", High, "PrivilegeEscalation", "T1548.005", WHO_FROM).trace(Trace::Activity),
            step(Resource, Sentinel, "Storage read from an address never seen before", Low, "Collection", "T1530", FROM).sometimes(400),
            step(Resource, Sentinel, "Owner role granted to an external account", High, "Persistence", "T1098.003", WHO).after(HOURS).trace(Trace::Activity),
        ],
    },
    Scenario {
        code: "X39", carrier: Carrier::Guest,
        story: "A risky guest deletes backups and storage in a burst.",
        steps: &[
            step(Home, Xdr, "Possible token theft from a managed device", Medium, "CredentialAccess", "T1539", WHO_ON),
            step(Home, Idp, "unlikelyTravel", Medium, "InitialAccess", "T1078.004", WHO_FROM).sometimes(700),
            step(Resource, Cloud, "Backup vault protection disabled", High, "DefenseEvasion", "T1562.001", WHO_FROM).trace(Trace::Activity),
            step(Resource, Sentinel, "Burst of delete operations by an external account", High, "Impact", "T1485", WHO_FROM).trace(Trace::Activity),
            step(Resource, Cloud, "Mass deletion of storage accounts", High, "Impact", "T1485", &[N::Account, N::Resource]).sometimes(600).trace(Trace::Activity),
        ],
    },
    Scenario {
        code: "X40", carrier: Carrier::Guest,
        story: "The workstation falls, then the server next door, by the same person's accounts.",
        steps: &[
            step(Home, Mde, "Suspicious PowerShell command line", Medium, "Execution", "T1059.001", TOOL).trace(Trace::Logon),
            step(Home, Mde, "Credential dumping tool prevented", High, "CredentialAccess", "T1003.001", &[N::Machine, N::Tool]).sometimes(700),
            step(Resource, Mde, "Remote logon followed by discovery on a server", Medium, "LateralMovement", "T1021.001", WHO_ON).after(HOURS).trace(Trace::Logon),
            step(Resource, Mde, "Suspicious service installed on a server", High, "Persistence", "T1543.003", &[N::Machine, N::Tool]),
            step(Resource, Sentinel, "Unusual outbound volume from a server", Medium, "Exfiltration", "T1048", WHO_ON).after(HOURS).sometimes(600),
        ],
    },
    Scenario {
        code: "X41", carrier: Carrier::Guest,
        story: "Secrets are read from a workstation and used as a guest.",
        steps: &[
            step(Home, Mde, "Credentials read from memory", High, "CredentialAccess", "T1003.001", WHO_ON).trace(Trace::Logon),
            step(Home, Mdi, "Suspected overpass-the-hash attack", High, "LateralMovement", "T1550.002", WHO_ON).sometimes(500),
            step(Resource, Sentinel, "Guest sign-in from an unmanaged device", Medium, "InitialAccess", "T1078.004", WHO_FROM).after(HOURS).trace(Trace::SignIn),
            step(Resource, Mda, "Unusual file access by an external user", Medium, "Collection", "T1530", WHO_FROM),
        ],
    },
    Scenario {
        code: "X42", carrier: Carrier::Guest,
        story: "A lure at home, a pivot through the guest, a download next door.",
        steps: &[
            step(Home, Mdo, "Malicious URL click detected after delivery", High, "InitialAccess", "T1566.002", LURE),
            step(Home, Idp, "unfamiliarFeatures", Medium, "InitialAccess", "T1078.004", WHO_FROM).sometimes(700).trace(Trace::SignIn),
            step(Resource, Sentinel, "Guest sign-in soon after a click at home", Medium, "InitialAccess", "T1199", WHO_FROM).after(HOURS).trace(Trace::SignIn),
            step(Resource, Mda, "Mass download by an external user", High, "Exfiltration", "T1567.002", WHO_FROM),
            step(Resource, Sentinel, "Unusual outbound transfer to one address", Low, "Exfiltration", "T1048", FROM).sometimes(400),
            step(Resource, Sentinel, "Anonymous sharing links created by a guest", Medium, "Exfiltration", "T1537", WHO).after(HOURS).sometimes(500),
        ],
    },
    Scenario {
        code: "X45", carrier: Carrier::Guest,
        story: "Many small steps of many kinds, in both tenants, over an afternoon.",
        steps: &[
            step(Home, Mdo, "Phishing mail removed after delivery", Low, "InitialAccess", "T1566.002", LURE),
            step(Home, Mde, "Script host started by a mail client", Medium, "Execution", "T1204.002", TOOL),
            step(Home, Mdi, "Account enumeration reconnaissance", Medium, "Discovery", "T1087.002", WHO_ON).after(HOURS),
            step(Home, Idp, "anomalousToken", Medium, "CredentialAccess", "T1550.001", WHO_FROM),
            step(Resource, Sentinel, "Guest enumerated the directory", Medium, "Discovery", "T1087.004", WHO_FROM).after(HOURS).trace(Trace::SignIn),
            step(Resource, Cloud, "Run command invoked on a server", High, "Execution", "T1651", &[N::Account, N::Resource, N::Machine]).trace(Trace::Activity),
            step(Resource, Mde, "Possible data staging on a server", Medium, "Collection", "T1074.001", TOOL).trace(Trace::Logon),
            step(Resource, Sentinel, "Large transfer to an unknown destination", High, "Exfiltration", "T1048", &[N::Machine, N::Exit]).after(HOURS),
        ],
    },
];
