//! What stands in the end does not depend on when a record or a link came: what was said too early is taken back.

use super::snapshot::tests::{KINDS, Random, story};
use super::*;
use crate::windows::tests::{Linked, rules, signal};
use caponier_model::{Chain, FindingKey, Link, LinkState, Sighting};

/// The findings and chains that stand.
type Standing = (BTreeMap<FindingKey, Sighting>, BTreeMap<CompactString, Chain>);

fn fold(windows: &mut Windows, standing: &mut Standing) {
    while let Some(said) = windows.poll() {
        for key in said.withdrawn {
            assert!(standing.0.remove(&key).is_some(), "{key} was taken back and never said");
        }
        for finding in said.findings {
            let version = finding.version;
            // A version that is not greater would lose against the one that is held.
            if let Some(held) = standing.0.insert(finding.key.clone(), finding) {
                assert!(held.version <= version, "{} came back as an older version", held.key);
            }
        }
        if let Some(chain) = said.chain {
            match chain.steps.is_empty() {
                true => drop(standing.1.remove(&chain.id)),
                false => drop(standing.1.insert(chain.id.clone(), chain)),
            }
        }
    }
}

/// What stands after a story, told in this order, whose guests are (not) linked from signal `turn` on.
fn stands(rules: &Arc<RuleSet>, story: &[String], linked: bool, turn: Option<usize>) -> (Standing, Counts) {
    let mut persons = Linked { broken: !linked, ..Linked::default() };
    let mut windows = Windows::new(Arc::clone(rules), Limits::default());
    let mut standing = Standing::default();
    for (at, text) in story.iter().enumerate() {
        if turn == Some(at) {
            persons.broken = linked;
            for n in 0..3 {
                let account =
                    AccountKey { tenant: TenantId(caponier_model::Guid::from_u128(0xB)), object: of(0xB0 + n) };
                let home = AccountKey { tenant: TenantId(caponier_model::Guid::from_u128(0xA)), object: of(0xA0 + n) };
                let change =
                    if linked { IdentityChange::Unlink(account, home, EventTime::MIN) } else { made(account, home) };
                windows.rebind(&change, &persons);
                fold(&mut windows, &mut standing);
            }
        }
        let signal = signal(text);
        let watermark = signal.key.at;
        windows.take(signal, &persons);
        windows.advance(watermark, &persons);
        fold(&mut windows, &mut standing);
    }
    windows.advance(EventTime::MAX, &persons);
    fold(&mut windows, &mut standing);
    // How often it was completed when it was said last is history.
    standing.0.values_mut().for_each(|finding| finding.version = finding.last);
    (standing, windows.counts())
}

fn of(object: u128) -> caponier_model::Guid {
    caponier_model::Guid::from_u128(object)
}

fn made(account: AccountKey, home: AccountKey) -> IdentityChange {
    IdentityChange::Link(Link {
        account,
        home,
        state: LinkState::Accepted,
        confidence: 990_000,
        kinds: Vec::new(),
        sources: Vec::new(),
        from: EventTime::MIN,
        until: EventTime::MAX,
    })
}

/// The kinds whose signals say the same whenever they are read: what was new to whom is remembered as it was met, and an instance serves
/// other scenarios from when it first appeared and again when it has grown.
fn timeless() -> Arc<RuleSet> {
    let is_met = |kind: &&str| ["seen:", "baseline:", "rules: [together]"].iter().any(|word| kind.contains(word));
    let kinds: Vec<&str> = KINDS.split_inclusive("---\n").filter(|kind| !is_met(kind)).collect();
    rules(&kinds.concat())
}

#[test]
fn a_late_link_a_late_end_of_one_and_late_records_leave_what_stands_as_if_in_time() {
    let rules = timeless();
    let mut withdrawn = 0;
    for seed in 0..60 {
        let late = story(seed);
        let mut story = late.clone();
        let time = |text: &String| signal(text).key;
        story.sort_by_key(time);
        let turn = 20 + Random(seed).below(120) as usize;
        let (with, without) = (stands(&rules, &story, true, None).0, stands(&rules, &story, false, None).0);
        let come = stands(&rules, &story, false, Some(turn));
        assert!(come.0 == with, "seed {seed}: links at signal {turn}\n{}", differs(&come.0, &with));
        let gone = stands(&rules, &story, true, Some(turn));
        assert!(gone.0 == without, "seed {seed}: no links from signal {turn}\n{}", differs(&gone.0, &without));
        let records = stands(&rules, &late, true, None);
        assert!(records.0 == with, "seed {seed}: late records\n{}", differs(&records.0, &with));
        withdrawn += come.1.withdrawn + gone.1.withdrawn + records.1.withdrawn;
    }
    assert!(withdrawn > 100, "nothing much was taken back: {withdrawn}");
}

fn differs(got: &Standing, want: &Standing) -> String {
    let only = |a: &Standing, b: &Standing| {
        let findings = a.0.iter().filter(|(key, finding)| b.0.get(*key) != Some(finding));
        let findings = findings.map(|(key, f)| format!("{key} {:?} {:?}", f.version, f.first));
        let chains = a.1.iter().filter(|(id, chain)| b.1.get(*id) != Some(chain)).map(|(_, c)| format!("{c:?}"));
        findings.chain(chains).take(6).collect::<Vec<_>>().join("\n")
    };
    format!("got\n{}\nwant\n{}", only(got, want), only(want, got))
}
