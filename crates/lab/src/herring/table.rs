//! The red herrings as data: for each guard of scenarios.md 3 what would mislead an engine without it. How a row becomes findings is
//! `herring`'s.

/// What is planted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Two attacks in one tenant name its built-in administrator.
    BuiltIn,
    /// Two attacks use one gateway and tools at one time, and a crowd uses that gateway, too.
    Gateway {
        /// Hours from the attacks to the crowd; less than zero where the crowd came before.
        crowd: i64,
    },
    /// A machine on which only this attack runs now; weeks later a crowd works on it.
    Kiosk,
    /// Two attacks use the break-glass account, which the configuration names as shared.
    BreakGlass,
    /// Two attacks come from one address that hardly anybody else has.
    Neighbours,
    /// Hundreds of alerts of one automation account reach from the server of one attack to that of another.
    Flood,
    /// Alerts of one account, each less than two days after the one before, for longer than two weeks, from attack to attack.
    SlowBurn,
    /// Two large attacks have one address with one file in common, once.
    WeakBridge,
    /// Two attacks on one server at one time, of which people found one to be an exercise.
    Exercise,
    /// The victim is also a guest of a tenant that no pair joins to the attacked one, and something happens there.
    ThirdTenant,
    /// Words of one tenant that no reader of an unrelated tenant may see.
    Canary,
    /// One alert names more mails and links than an engine should ever index.
    Campaign,
}

/// One herring.
#[derive(Debug)]
pub struct Herring {
    /// The guard without which it misleads.
    pub guard: &'static str,
    /// One sentence.
    pub story: &'static str,
    /// What is planted.
    pub shape: Shape,
    /// Days that a plan must have for it.
    pub days: u32,
}

/// All of them, one row each; first those that few attacks are fit for.
#[rustfmt::skip]
pub const HERRINGS: &[Herring] = &[
    Herring { guard: "G10", shape: Shape::ThirdTenant, days: 2,
        story: "The victim is a guest of a third tenant as well, which nobody allowed to be joined to the attacked one." },
    Herring { guard: "G11", shape: Shape::Canary, days: 1,
        story: "An alert's title, file and link bear a word of the attacked tenant." },
    Herring { guard: "G1", shape: Shape::BuiltIn, days: 2,
        story: "Two attacks in one tenant name its built-in administrator, as every server's alerts do." },
    Herring { guard: "G2", shape: Shape::Gateway { crowd: -60 }, days: 8,
        story: "Two attackers leave by one VPN gateway with two common tools; two dozen people left by it the days before." },
    Herring { guard: "G3", shape: Shape::Gateway { crowd: 60 }, days: 8,
        story: "Two attackers leave by one gateway with two common tools; the crowd that makes it common comes days later." },
    Herring { guard: "G3", shape: Shape::Kiosk, days: 20,
        story: "The victim's workstation becomes a kiosk two weeks after the attack: what it joined before stays joined." },
    Herring { guard: "G4", shape: Shape::BreakGlass, days: 2,
        story: "Two attackers use the break-glass account of one tenant within an hour." },
    Herring { guard: "G5", shape: Shape::Neighbours, days: 2,
        story: "Two attackers rent at one hosting provider: one address, within minutes, and nothing else in common." },
    Herring { guard: "G6", shape: Shape::Flood, days: 3,
        story: "An automation account runs wild: hundreds of alerts from the server of one attack to that of another." },
    Herring { guard: "G7", shape: Shape::SlowBurn, days: 24,
        story: "An account raises an alert every other day for three weeks, at both ends on a server under attack." },
    Herring { guard: "G8", shape: Shape::WeakBridge, days: 2,
        story: "Two large attacks share one address and one file in one alert each." },
    Herring { guard: "G9", shape: Shape::Exercise, days: 2,
        story: "A real attack and an exercise reach one server in one afternoon; people have told them apart." },
    Herring { guard: "G12", shape: Shape::Campaign, days: 1,
        story: "One alert of a mail campaign lists a thousand links." },
];
