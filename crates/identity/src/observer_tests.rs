//! What is forgotten, what stays, and that neither order nor division decides it.

use super::*;
use caponier_model::{AccountKey, Actor, Body, Caller, DeviceRef, Guid, Outcome, Severity, SignIn, TenantId};

const H: TenantId = TenantId(Guid::from_u128(1));
const R: TenantId = TenantId(Guid::from_u128(2));
const SOMEBODY: Guid = Guid::from_u128(11);

fn event(seconds: i64, id: &str, body: Body<'static>) -> Event<'static> {
    Event {
        format: "test",
        tenant: R,
        time: EventTime::from_seconds(seconds),
        id: Some(id.to_owned().into()),
        operation: None,
        actor: Actor { id: Some(SOMEBODY), ..Actor::default() },
        address: None,
        device: DeviceRef { id: None, name: Some("ws-1".into()) },
        outcome: Some(Outcome::Success),
        severity: Severity::Unknown,
        techniques: Vec::new(),
        content: 0,
        body,
    }
}

fn call(seconds: i64, id: &str, provider: TenantId) -> Event<'static> {
    let caller = Caller {
        tenant: Some(R),
        object: Some(SOMEBODY),
        provider: Some(provider),
        puid: Some("10A".into()),
        ..Caller::default()
    };
    event(seconds, id, Body::Caller(caller))
}

fn principal(seconds: i64, id: &str) -> Event<'static> {
    let sign_in =
        SignIn { principal: Some(SOMEBODY), app: Some(Guid::from_u128(7)), app_owner: Some(H), ..SignIn::default() };
    event(seconds, id, Body::SignIn(sign_in))
}

fn inventory(seconds: i64) -> Event<'static> {
    event(seconds, "", Body::Inventory { defender: Some("d".into()), entra: Some(SOMEBODY), object: None, azure: None })
}

fn collected<'e>(events: impl IntoIterator<Item = &'e Event<'static>>) -> Rows {
    let mut observer = Observer::default();
    for event in events {
        assert!(observer.observe(event), "a repeat says something, too");
    }
    let mut rows = observer.into_rows();
    rows.canonical();
    rows
}

#[test]
fn of_repeats_the_ends_and_the_least_id_stay() {
    let day: Vec<_> = [(10, "d"), (20, "c"), (30, "a"), (40, "b"), (50, "e")].map(|(t, id)| call(t, id, H)).into();
    let ids = |rows: &Rows| rows.callers.iter().map(|r| r.id.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(&collected(&day)), ["d", "a", "e"]);
    let other = [call(15, "x", TenantId(Guid::from_u128(3))), call(3_600, "y", H)];
    assert_eq!(collected(day.iter().chain(&other)).callers.len(), 5, "another home, another hour");
    let principals: Vec<_> = (0..20).map(|i| principal(i * 4_000, &format!("{:02}", 50 - i))).collect();
    assert_eq!(collected(&principals).principals.len(), 2);
    let reports: Vec<_> = (0..20).map(|i| inventory(i * 4_000)).collect();
    assert_eq!(collected(&reports).devices.len(), 2);
}

#[test]
fn sign_ins_stay_one_by_one() {
    let sign_in = SignIn { home: Some(H), resource: Some(R), ..SignIn::default() };
    let all: Vec<_> = (0..9).map(|i| event(i, &i.to_string(), Body::SignIn(sign_in.clone()))).collect();
    assert_eq!(collected(&all).sign_ins.len(), 9);
}

/// Marsaglia's xorshift.
fn shuffle<T>(list: &mut [T], state: &mut u64) {
    for i in (1..list.len()).rev() {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        list.swap(i, (*state % (i as u64 + 1)) as usize);
    }
}

/// What the queries ask of a group, of all rows and of those that stayed.
#[test]
fn neither_order_nor_division_decides_and_no_group_changes() {
    let mut state = 7;
    let homes = [H, TenantId(Guid::from_u128(3))];
    let mut events: Vec<_> =
        (0..400).map(|i| call(i * 37, &format!("{:x}", i * 7_919 % 401), homes[usize::from(i % 90 > 60)])).collect();
    events.extend((0..60).map(|i| principal(i * 1_700, &format!("{:x}", i * 31 % 61))));
    events.extend((0..60).map(|i| inventory(i * 1_700)));
    let whole = collected(&events);
    assert!(whole.callers.len() < 80 && whole.principals.len() < 10 && whole.devices.len() < 5, "{}", whole.len());
    for _ in 0..5 {
        shuffle(&mut events, &mut state);
        let mut parts = [Observer::default(), Observer::default(), Observer::default()];
        for (i, event) in events.iter().enumerate() {
            parts[i % 3].observe(event);
        }
        let [mut all, second, third] = parts;
        all.append(third);
        all.append(second);
        let mut rows = all.into_rows();
        rows.canonical();
        assert!(rows == whole);
    }
    let mut plain = Rows::default();
    for event in &events {
        observe(event, &mut plain);
    }
    let spans = |rows: &Rows| {
        let group = |home| {
            let of = || rows.callers.iter().filter(move |r| r.provider == Some(home));
            (of().map(|r| r.time).min(), of().map(|r| r.time).max(), of().map(|r| r.id.clone()).min())
        };
        homes.map(group)
    };
    assert_eq!(spans(&plain), spans(&whole));
    assert!(plain.callers.iter().all(|r| r.caller == AccountKey { tenant: R, object: SOMEBODY }));
}
