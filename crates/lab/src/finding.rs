//! A finding as the simulator knows it: what some product saw, by which roads it will be reported, and the truth about it.

use crate::cast::{Account, Machine};
use caponier_model::{EventTime, Guid, Severity};

/// The names of a product in the exports (exports.md 5.8, 3.7).
#[derive(PartialEq, Eq, Debug)]
pub struct ProductNames {
    /// Our code, the middle of a finding's key.
    pub code: &'static str,
    /// Two letters that Defender puts before the product's own id.
    pub prefix: &'static str,
    /// `ProviderName`, `ProductName` and `ProductComponentName` of SecurityAlert.
    pub sentinel: (&'static str, &'static str, &'static str),
    /// `ServiceSource` and `DetectionSource` of the streaming tables.
    pub stream: (&'static str, &'static str),
    /// `serviceSource` of Graph.
    pub graph: &'static str,
}

/// Products, each with its row in [`Product::names`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Product {
    /// Defender for Endpoint.
    Mde,
    /// Defender for Identity.
    Mdi,
    /// Defender for Office 365.
    Mdo,
    /// Defender for Cloud Apps.
    Mda,
    /// Defender XDR and custom detections.
    Xdr,
    /// Entra ID Protection: a risk detection.
    Idp,
    /// Entra ID Protection: the alert made of one.
    IdpAlert,
    /// A scheduled rule of Sentinel.
    Sentinel,
    /// Defender for Cloud.
    Cloud,
}

const NAMES: [ProductNames; 9] = [
    ProductNames {
        code: "mde",
        prefix: "da",
        sentinel: ("MDATP", "Microsoft Defender Advanced Threat Protection", ""),
        stream: ("Microsoft Defender for Endpoint", "EDR"),
        graph: "microsoftDefenderForEndpoint",
    },
    ProductNames {
        code: "mdi",
        prefix: "aa",
        sentinel: ("Azure Advanced Threat Protection", "Azure Advanced Threat Protection", ""),
        stream: ("Microsoft Defender for Identity", "Microsoft Defender for Identity"),
        graph: "microsoftDefenderForIdentity",
    },
    ProductNames {
        code: "mdo",
        prefix: "fa",
        sentinel: ("OATP", "Office 365 Advanced Threat Protection", ""),
        stream: ("Microsoft Defender for Office 365", "Microsoft Defender for Office 365"),
        graph: "microsoftDefenderForOffice365",
    },
    ProductNames {
        code: "mda",
        prefix: "ca",
        sentinel: ("MCAS", "Microsoft Cloud App Security", ""),
        stream: ("Microsoft Defender for Cloud Apps", "Microsoft Defender for Cloud Apps"),
        graph: "microsoftDefenderForCloudApps",
    },
    ProductNames {
        code: "xdr",
        prefix: "ra",
        sentinel: ("MicrosoftThreatProtection", "Microsoft 365 Defender", ""),
        stream: ("Microsoft 365 Defender", "Microsoft 365 Defender"),
        graph: "microsoft365Defender",
    },
    ProductNames { code: "idp", prefix: "", sentinel: ("", "", ""), stream: ("", ""), graph: "" },
    ProductNames {
        code: "idp-alert",
        prefix: "ad",
        sentinel: ("IPC", "Azure Active Directory Identity Protection", ""),
        stream: ("AAD Identity Protection", "AAD Identity Protection"),
        graph: "azureAdIdentityProtection",
    },
    ProductNames {
        code: "sentinel",
        prefix: "sn",
        sentinel: ("ASI Scheduled Alerts", "Azure Sentinel", "Scheduled Alerts"),
        stream: ("Microsoft Sentinel", "Scheduled Alerts"),
        graph: "microsoftSentinel",
    },
    ProductNames {
        code: "defender-for-cloud",
        prefix: "dc",
        sentinel: ("Azure Security Center", "Azure Security Center", "ResourceManager"),
        stream: ("Microsoft Defender for Cloud", "Microsoft Defender for Cloud"),
        graph: "microsoftDefenderForCloud",
    },
];

impl Product {
    /// Its names everywhere.
    pub const fn names(self) -> &'static ProductNames {
        &NAMES[self as usize]
    }
}

/// How a finding names an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Naming {
    /// By object id, and everything else there is.
    Object,
    /// By its UPN in the finding's tenant alone.
    Upn,
    /// By its on-premises SID and down-level name alone.
    Sid,
}

/// What a finding names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Thing {
    /// An account, and the UPN it bore.
    Account(Account, Naming),
    /// A machine.
    Machine(Machine),
    /// An address.
    Address(String),
    /// A URL.
    Url(String),
    /// A file: name and SHA-256.
    File(String, String),
    /// A mail: network message id, recipient, sender, subject.
    Mail(String, String, String, String),
    /// An Azure resource.
    Resource(String),
}

/// What the truth says a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Label {
    /// A step of an attack.
    Attack,
    /// Noise on a victim's own account or machine inside the attack's window.
    Ambient,
    /// Noise elsewhere.
    Noise,
}

impl Label {
    /// The word in `truth.ndjson`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Attack => "attack",
            Self::Ambient => "ambient",
            Self::Noise => "noise",
        }
    }
}

/// The roads that report a finding. A risk detection has its own road only.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Roads {
    /// Sentinel's SecurityAlert.
    pub sentinel: bool,
    /// Defender's AlertInfo and AlertEvidence.
    pub stream: bool,
    /// Graph's alerts_v2.
    pub graph: bool,
}

/// One finding.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Index of the tenant whose evidence it is.
    pub tenant: usize,
    /// Product.
    pub product: Product,
    /// The product's own id, without prefix.
    pub id: String,
    /// Sentinel's id of it.
    pub system_alert: Guid,
    /// Title.
    pub title: String,
    /// Severity.
    pub severity: Severity,
    /// Tactic, in the matrix's spelling.
    pub tactic: &'static str,
    /// Techniques, comma-separated.
    pub techniques: &'static str,
    /// For a risk detection its type.
    pub detector: &'static str,
    /// First activity.
    pub first: EventTime,
    /// Last activity.
    pub last: EventTime,
    /// What it names.
    pub things: Vec<Thing>,
    /// How it is reported.
    pub roads: Roads,
    /// Truth.
    pub label: Label,
    /// The attack it belongs to (or accompanies), by number.
    pub attack: Option<u32>,
}

impl Finding {
    /// The id as Defender's own transports write it.
    pub fn prefixed(&self) -> String {
        format!("{}{}", self.product.names().prefix, self.id)
    }

    /// Techniques, each apart.
    pub fn technique_list(&self) -> impl Iterator<Item = &'static str> {
        self.techniques.split(',').filter(|t| !t.is_empty())
    }
}

/// Severity as Sentinel and the streaming tables spell it.
pub const fn capitalised(severity: Severity) -> &'static str {
    match severity {
        Severity::High | Severity::Critical => "High",
        Severity::Medium => "Medium",
        Severity::Low => "Low",
        Severity::Informational | Severity::Unknown => "Informational",
    }
}
