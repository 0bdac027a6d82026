//! The stories that mislead: written by somebody who administers the resource tenant or a tenant of their own, or by chance.

use super::Story;
use super::ordinary::{account, plain};
use super::scribe::{BEGIN, END, Scribe, ext_name, guest_row, home_row, member_row};
use caponier_model::{AccountRow, TenantId};
use compact_str::format_compact;

/// Writes down what happened to account number `number`.
pub(super) fn tell(story: Story, number: usize, scribe: &mut Scribe) {
    match story {
        Story::ForgedAndUsed | Story::Forged | Story::ForgedNative => forged(story, number, scribe),
        Story::LookAlike | Story::BorrowedName => from_elsewhere(story, number, scribe),
        Story::ConsumerSameAddress | Story::ConsumerHidden => consumer(story, number, scribe),
        Story::TwoCandidates => two_candidates(number, scribe),
        Story::WrongWay => wrong_way(number, scribe),
        Story::Forwarded => forwarded(number, scribe),
        _ => careless(story, number, scribe),
    }
}

/// Everything that the resource tenant's directory can say, it says.
fn forged(story: Story, number: usize, scribe: &mut Scribe) {
    let victim = scribe.people.anybody(&mut scribe.random);
    let account = account(number, scribe);
    let native = format_compact!("adm-{}@{}", victim.local(), scribe.resource(number).domain);
    let mut row = match story {
        Story::ForgedNative => member_row(account, &native),
        _ => guest_row(account, &victim.mail, &scribe.resource(number).initial, &victim.display),
    };
    row.employee.clone_from(&victim.employee);
    row.onprem_sid.clone_from(&victim.onprem_sid);
    row.immutable_id.clone_from(&victim.immutable_id);
    row.home_object = Some(victim.key.object);
    row.addresses = victim.alias.iter().cloned().collect();
    scribe.rows.accounts.push(row);
    let mut at = END.plus_seconds(-1);
    if story == Story::ForgedAndUsed {
        let attacker = TenantId(scribe.random.guid());
        let name = format_compact!("operator{number}@attacker.test");
        at = scribe.seen_there(account, attacker, Some(&name), (BEGIN, END));
    }
    scribe.answer(story, account, at, None, false);
}

/// A victim's address, but the tenant that signs in is another one.
fn from_elsewhere(story: Story, number: usize, scribe: &mut Scribe) {
    let victim = scribe.people.anybody(&mut scribe.random);
    let account = account(number, scribe);
    let row = guest_row(account, &victim.mail, &scribe.resource(number).initial, &victim.display);
    scribe.rows.accounts.push(row);
    let invited = BEGIN.plus_seconds(86_400);
    scribe.invitation(account, &victim.mail, invited, Some(invited.plus_seconds(600)));
    let attacker = TenantId(scribe.random.guid());
    let name = match story {
        Story::LookAlike => format_compact!("{}@c0ntoso.example", victim.local()),
        _ => victim.upn,
    };
    let at = scribe.seen_there(account, attacker, Some(&name), (invited.plus_seconds(600), END));
    scribe.answer(story, account, at, None, false);
}

/// A personal account that somebody opened with a work address.
fn consumer(story: Story, number: usize, scribe: &mut Scribe) {
    let victim = scribe.people.anybody(&mut scribe.random);
    let account = account(number, scribe);
    let row = guest_row(account, &victim.mail, &scribe.resource(number).initial, &victim.display);
    let row = AccountRow { external_entra: false, ..row };
    let at = if story == Story::ConsumerSameAddress {
        scribe.rows.accounts.push(row);
        let invited = BEGIN.plus_seconds(86_400);
        scribe.invitation(account, &victim.mail, invited, Some(invited.plus_seconds(600)));
        let personal = scribe.personal;
        scribe.seen_there(account, personal, Some(&victim.mail), (invited.plus_seconds(600), END))
    } else {
        let hidden = AccountRow { created: None, external_state: None, creation_type: None, ..row };
        scribe.rows.accounts.push(hidden);
        END.plus_seconds(-1)
    };
    scribe.answer(story, account, at, None, false);
}

/// A shared mailbox that two people answer, and a guest invited under its address.
fn two_candidates(number: usize, scribe: &mut Scribe) {
    let pair = [scribe.special(), scribe.special()];
    let shared = format_compact!("desk{number}@contoso.example");
    for person in &pair {
        let mut row = home_row(person);
        row.addresses.push(shared.clone());
        row.addresses.sort_unstable();
        scribe.rows.accounts.push(row);
    }
    let account = account(number, scribe);
    let row = guest_row(account, &shared, &scribe.resource(number).initial, "Desk");
    scribe.rows.accounts.push(row);
    scribe.answer(Story::TwoCandidates, account, END.plus_seconds(-1), Some(pair[0].key), false);
}

/// The resource tenant's own synchronisation claims a home account as the copy of its guest.
fn wrong_way(number: usize, scribe: &mut Scribe) {
    let victim = scribe.people.anybody(&mut scribe.random);
    let account = account(number, scribe);
    let row = guest_row(account, &victim.mail, &scribe.resource(number).initial, &victim.display);
    scribe.rows.accounts.push(row);
    let time = scribe.instant();
    scribe.provisioning(account, victim.key, "create", time);
    let at = END.plus_seconds(-1);
    scribe.answer(Story::WrongWay, account, at, None, false);
    scribe.answer(Story::WrongWay, victim.key, at, None, false);
}

/// Sent to one person, opened by a colleague, who has used it since.
fn forwarded(number: usize, scribe: &mut Scribe) {
    let (invitee, row) = plain(number, scribe);
    let colleague = scribe.special();
    let account = row.account;
    let invited = BEGIN.plus_seconds(86_400);
    scribe.rows.accounts.push(row);
    scribe.rows.accounts.push(home_row(&colleague));
    scribe.invitation(account, &invitee.mail, invited, Some(invited.plus_seconds(600)));
    let when = (invited.plus_seconds(600), END);
    let at = scribe.seen_in_both(account, colleague.key, &colleague.upn, when);
    scribe.answer(Story::Forwarded, account, at, Some(colleague.key), true);
}

/// Values that mean nothing, and that one person at home happens to share.
fn careless(story: Story, number: usize, scribe: &mut Scribe) {
    let person = scribe.people.behind(number);
    let account = account(number, scribe);
    let initial = scribe.resource(number).initial.clone();
    let address = format_compact!("private{number}@mail.test");
    let mut row = guest_row(account, &address, &initial, &person.display);
    row.upn = Some(ext_name(&address, &initial));
    if story == Story::NoEmployeeId {
        // Among the first accounts each has a form of nothing to itself, and so has somebody at home: one match on either side.
        let few = number < 1000;
        let nothing = if few { ["none", "unknown", "-", "0", "null", "tbd"][number / 200] } else { "n/a" };
        row.employee = Some(nothing.into());
        if few {
            let other = scribe.special();
            scribe.rows.accounts.push(AccountRow { employee: Some(nothing.into()), ..home_row(&other) });
        }
    }
    scribe.rows.accounts.push(row);
    scribe.answer(story, account, END.plus_seconds(-1), Some(person.key), false);
}
