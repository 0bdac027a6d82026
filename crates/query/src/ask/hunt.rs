//! Questions worth asking of any organisation, by name: the files of `queries/hunt/`.

/// A question with a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hunt {
    /// The file's name without its ending.
    pub name: &'static str,
    /// Its SQL, which opens with a comment that says what it asks.
    pub text: &'static str,
}

impl Hunt {
    /// Every question that comes with the program, by name.
    pub const ALL: [Self; 7] = [
        Self { name: "delegations", text: include_str!("../../../../queries/hunt/delegations.sql") },
        Self { name: "dormant_guests", text: include_str!("../../../../queries/hunt/dormant_guests.sql") },
        Self {
            name: "dormant_guests_with_roles",
            text: include_str!("../../../../queries/hunt/dormant_guests_with_roles.sql"),
        },
        Self {
            name: "guests_of_disabled_homes",
            text: include_str!("../../../../queries/hunt/guests_of_disabled_homes.sql"),
        },
        Self { name: "trust_by_partner", text: include_str!("../../../../queries/hunt/trust_by_partner.sql") },
        Self { name: "unresolved_guests", text: include_str!("../../../../queries/hunt/unresolved_guests.sql") },
        Self { name: "who_acted_where", text: include_str!("../../../../queries/hunt/who_acted_where.sql") },
    ];

    /// The question of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|h| h.name == name)
    }

    /// What it asks: the first line of its comment.
    pub fn about(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches(['-', ' '])
    }
}
